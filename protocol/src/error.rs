//! The one shape of every error a client gets.

use serde::{Deserialize, Serialize};

/// What sort of error it is, for programs. Each has its own exit code in the
/// command line; the numbers are documented in `protocol/README.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request itself is wrong; do not repeat it as it is.
    InvalidRequest,
    /// The spec file is wrong; see the diagnostics.
    InvalidSpec,
    /// No such pod, operation or host.
    NotFound,
    /// The name is taken, or the spec changed since it was read.
    Conflict,
    /// The pod is in a phase in which this cannot be done.
    WrongPhase,
    /// The host's engine cannot be reached.
    HostUnreachable,
    /// The host lacks what is asked for: too old an engine, no gVisor, no image.
    HostUnfit,
    /// No port or subnet is free.
    Exhausted,
    /// The engine refused or failed.
    Engine,
    /// A command in the pod ended with another code than zero.
    CommandFailed,
    /// The daemon has more to do than it takes on; repeat later.
    Busy,
    /// Client and daemon do not speak the same protocol version.
    VersionMismatch,
    /// The daemon cannot be reached, or could not be started.
    DaemonUnreachable,
    /// The daemon's own store or journal failed.
    Storage,
    /// The caller gave up or was told to stop.
    Cancelled,
    /// A promise of ours is broken; please report it.
    Internal,
}

impl ErrorKind {
    /// Returns the command line's exit code for it.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::InvalidRequest | Self::InvalidSpec => 3,
            Self::NotFound => 4,
            Self::Conflict | Self::WrongPhase => 5,
            Self::HostUnreachable | Self::HostUnfit | Self::Exhausted | Self::Engine => 6,
            Self::CommandFailed => 7,
            Self::Busy => 8,
            Self::VersionMismatch => 9,
            Self::DaemonUnreachable => 10,
            Self::Storage => 11,
            Self::Cancelled => 12,
        }
    }
}

/// An error as it crosses the socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    /// For the program.
    pub kind: ErrorKind,
    /// For the person: what could not be done, and to what. Lower case, no full stop.
    pub message: String,
    /// Why, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The next step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// What is wrong with a spec, with `InvalidSpec`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diagnostics: Vec<crate::diagnostic::Diagnostic>,
}

impl ApiError {
    /// Makes an error without causes.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            hint: None,
            diagnostics: Vec::new(),
        }
    }

    /// Makes an error from another, its whole source chain as causes.
    pub fn from_error(kind: ErrorKind, error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |e| e.source())
            .map(ToString::to_string)
            .collect();
        Self { causes, ..Self::new(kind, error.to_string()) }
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a cause below those there are.
    #[must_use]
    pub fn cause(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    /// Returns message and causes on one line, the way a person reads them.
    pub fn chain(&self) -> String {
        let mut text = self.message.clone();
        for cause in &self.causes {
            text.push_str(": ");
            text.push_str(cause);
        }
        text
    }
}
