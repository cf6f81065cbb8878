//! The `stream` and `pty` modes.
//!
//! `pty` frames are binary: one byte of [`PtyFrameKind`], a big-endian `u32`
//! length of at most [`MAX_PTY_FRAME`], then that many bytes.

use crate::{ApiError, Cursor, EventRecord, JournalRecord, PodRef};
use serde::{Deserialize, Serialize};

/// What a `stream` connection is to carry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stream", rename_all = "snake_case")]
pub enum StreamRequest {
    /// Events after a cursor; from now on when `None`.
    Events {
        /// Where to go on.
        #[serde(default)]
        after: Option<Cursor>,
    },
    /// A pod's journal after a cursor; from its beginning when `None`.
    Journal {
        /// Which pod.
        pod: PodRef,
        /// Where to go on.
        #[serde(default)]
        after: Option<Cursor>,
        /// Whether infrastructure commands are among it.
        #[serde(default)]
        infra: bool,
        /// Whether to wait for more at the end.
        #[serde(default)]
        follow: bool,
    },
}

/// One line of a `stream` connection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum StreamFrame {
    /// An event.
    Event(Box<EventRecord>),
    /// Journal records, with the cursor after the last.
    Journal {
        /// Where a new connection would go on.
        cursor: Cursor,
        /// The records, oldest first.
        records: Vec<JournalRecord>,
    },
    /// Something was left out between the frames around this one.
    Gap {
        /// Where a new connection would go on: what follows the gap comes after it.
        resume: Cursor,
        /// How many records or events are missing, when that is known.
        missed: Option<u64>,
    },
    /// All that was there has been sent; what comes now is new.
    CaughtUp {
        /// Where a new connection would go on.
        cursor: Cursor,
    },
    /// The stream ends here, whole.
    End,
    /// The stream ends here because of this.
    Error(ApiError),
}

/// What a `pty` connection is to run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PtyRequest {
    /// In which pod.
    pub pod: PodRef,
    /// The command and its arguments; the pod's login shell when empty.
    #[serde(default)]
    pub command: Vec<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// The terminal's size.
    #[serde(default)]
    pub size: Option<TerminalSize>,
    /// Environment on top of the pod's.
    #[serde(default)]
    pub env: Vec<(String, String)>,
    /// Working directory; the spec's when `None`.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// User; the spec's when `None`.
    #[serde(default)]
    pub user: Option<String>,
}

impl std::fmt::Debug for PtyRequest {
    /// Leaves out the environment's values and the command, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PtyRequest")
            .field("pod", &self.pod)
            .field("tty", &self.tty)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// A terminal's size in cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TerminalSize {
    /// Columns.
    pub columns: u16,
    /// Rows.
    pub rows: u16,
}

/// The daemon's answer to a [`PtyRequest`], one line, before the first frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "pty", rename_all = "snake_case")]
pub enum PtyReply {
    /// The command runs.
    Started,
    /// It does not.
    Error(ApiError),
}

/// Largest payload of one `pty` frame, in bytes: two pipe buffers, so that a
/// fast writer costs few frames and a slow reader little memory.
pub const MAX_PTY_FRAME: usize = 128 * 1024;

/// What a `pty` frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum PtyFrameKind {
    /// To the command: bytes for its standard input.
    Stdin = 0,
    /// From the command: bytes of its standard output, or of its terminal.
    Stdout = 1,
    /// From the command: bytes of its standard error.
    Stderr = 2,
    /// To the command: end of its standard input. No payload.
    StdinEnd = 3,
    /// To the command: columns and rows as two big-endian `u16`.
    Resize = 4,
    /// From the command: it ended; exit code as a big-endian `i32`. Last frame.
    Exit = 5,
    /// From the daemon: JSON of an [`ApiError`]; the session is over. Last frame.
    Error = 6,
    /// To the daemon: the command goes on when this connection closes, which it
    /// does next. No payload.
    Detach = 7,
}

impl PtyFrameKind {
    /// Returns the kind with this number on the wire.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Stdin,
            1 => Self::Stdout,
            2 => Self::Stderr,
            3 => Self::StdinEnd,
            4 => Self::Resize,
            5 => Self::Exit,
            6 => Self::Error,
            7 => Self::Detach,
            _ => return None,
        })
    }
}
