//! The first line of every connection, from each side.

use crate::ApiError;
use serde::{Deserialize, Serialize};

/// The protocol version this build speaks. Raised when an older peer could
/// misread a newer one; added fields and calls do not raise it.
pub const PROTOCOL_VERSION: u32 = 1;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Calls and answers: newline-delimited JSON, see [`crate::Pinacle`].
    Rpc,
    /// One [`crate::StreamRequest`] line, then [`crate::StreamFrame`] lines.
    Stream,
    /// One [`crate::PtyRequest`] line, then binary frames both ways.
    Pty,
}

/// The client's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientHello {
    /// The protocol version it speaks.
    pub pinacle: u32,
    /// What the connection is for.
    pub mode: Mode,
    /// Its own version, for the daemon's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
}

/// The daemon's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ServerHello {
    /// Go on.
    Welcome {
        /// The protocol version of the connection.
        pinacle: u32,
        /// The daemon's version.
        server: String,
        /// What it can do beyond the first release; unknown words are ignored.
        features: Vec<String>,
    },
    /// The connection ends here.
    Refused {
        /// Why.
        error: ApiError,
        /// Protocol versions it speaks.
        supported: Vec<u32>,
    },
}
