//! How a command ends when it does not succeed, and the exit code of that.

use pinacle_protocol::{ApiError, ErrorKind};

/// Exit code of wrong usage, as of clap's own errors.
pub const USAGE: u8 = 2;

/// Exit code after Ctrl-C, as of a command that the signal ends.
pub const INTERRUPTED: u8 = 130;

/// Exit code when the reader of our output is gone: 128 and the number of SIGPIPE.
pub const OUTPUT_CLOSED: u8 = 141;

/// Why a command ends early.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// An error to be shown.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// The command line asks for something that makes no sense together.
    #[error("{0}")]
    Usage(String),
    /// Whoever read our output has gone; nobody is left to be told.
    #[error("the reader of the output is gone")]
    OutputClosed,
    /// Everything has been said already; only the exit code is left.
    #[error("exit code {0}")]
    Exit(u8),
}

impl Failure {
    /// Returns the process's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Api(error) => error.kind.exit_code(),
            Self::Usage(_) => USAGE,
            Self::OutputClosed => OUTPUT_CLOSED,
            Self::Exit(code) => *code,
        }
    }

    /// Makes the error of a file or program of this machine that does not do.
    pub fn local(message: impl Into<String>, cause: &dyn std::error::Error) -> Self {
        Self::Api(ApiError {
            message: message.into(),
            ..ApiError::new(ErrorKind::Internal, "").cause(cause.to_string())
        })
    }

    /// Makes the end after Ctrl-C.
    pub fn interrupted() -> Self {
        Self::Exit(INTERRUPTED)
    }
}
