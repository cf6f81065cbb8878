//! The client's end.

use super::frames::PtyCodec;
use super::line::{JsonLines, Line, LineError};
use super::replies::Replies;
use super::{HELLO_LIMIT, MAX_IN_FLIGHT, MAX_LINE};
use crate::{
    ApiError, ClientHello, ErrorKind, Mode, PROTOCOL_VERSION, PinacleClient, PtyReply, PtyRequest,
    ServerHello, StreamFrame, StreamRequest,
};
use futures::future::BoxFuture;
use futures::{FutureExt, SinkExt, StreamExt};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

/// The daemon cannot be talked to.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// There is no socket.
    #[error("there is no daemon at {path}")]
    NoSocket {
        /// Where.
        path: PathBuf,
    },
    /// There is a socket and nobody behind it.
    #[error("nobody answers at {path}")]
    Refused {
        /// Where.
        path: PathBuf,
    },
    /// The socket is somebody else's.
    #[error("no permission to use {path}")]
    Denied {
        /// Where.
        path: PathBuf,
    },
    /// The daemon accepted and then said nothing.
    #[error("the daemon at {path} did not answer within {HELLO_LIMIT:?}")]
    TimedOut {
        /// Where.
        path: PathBuf,
    },
    /// The daemon does not serve us.
    #[error("{0}")]
    NotServed(ApiError),
    /// What answers is no daemon.
    #[error("what answers at {path} is not pinacled")]
    NotPinacle {
        /// Where.
        path: PathBuf,
    },
    /// The daemon closed the connection instead of answering.
    #[error("the daemon at {path} closed the connection")]
    Closed {
        /// Where.
        path: PathBuf,
    },
    /// The connection failed.
    #[error("the connection to {path} failed")]
    Failed {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: LineError,
    },
}

impl ConnectError {
    /// Returns whether a daemon may just not be running.
    pub fn is_absent(&self) -> bool {
        matches!(self, Self::NoSocket { .. } | Self::Refused { .. })
    }

    /// Returns it in the shape every error has for clients.
    pub fn to_api(&self) -> ApiError {
        if let Self::NotServed(error) = self {
            return error.clone();
        }
        let error = ApiError::from_error(ErrorKind::DaemonUnreachable, self);
        error.hint(match self {
            Self::NoSocket { .. } | Self::Refused { .. } => {
                "start it with `pinacle-tui daemon start`".to_owned()
            }
            Self::Denied { .. } => {
                "it belongs to another user: choose your own with PINACLE_SOCKET or --socket".into()
            }
            Self::NotPinacle { .. } => {
                "name the daemon's own socket with PINACLE_SOCKET or --socket".to_owned()
            }
            _ => "see the daemon's log, or `pinacle-tui daemon restart`".to_owned(),
        })
    }
}

/// Pause before another attempt when the daemon's queue of connections is full.
const QUEUE_PAUSE: Duration = Duration::from_millis(50);

/// A connection behind its hello.
#[derive(Debug)]
pub struct ClientConnection {
    lines: Framed<UnixStream, JsonLines>,
    path: PathBuf,
    server: String,
}

/// Connects and says hello.
///
/// # Errors
///
/// [`ConnectError`]. *Ok* means that a daemon of the same protocol version serves us.
///
/// # Cancel safety
///
/// Cancel safe: the connection goes with the future.
pub async fn connect(path: &Path, mode: Mode) -> Result<ClientConnection, ConnectError> {
    let hello = tokio::time::timeout(HELLO_LIMIT, say_hello(path, mode)).await;
    hello.unwrap_or_else(|_| Err(ConnectError::TimedOut { path: path.to_owned() }))
}

async fn say_hello(path: &Path, mode: Mode) -> Result<ClientConnection, ConnectError> {
    let stream = open(path).await?;
    let path = path.to_owned();
    let mut lines = Framed::new(stream, JsonLines::new(MAX_LINE));
    let hello = ClientHello {
        pinacle: PROTOCOL_VERSION,
        mode,
        client: Some(env!("CARGO_PKG_VERSION").to_owned()),
    };
    let text = serde_json::to_string(&hello).unwrap_or_default();
    // A daemon that refuses may have closed its side by now, and what it said is
    // still there to be read.
    let sent = lines.send(text).await;
    let answer = match lines.next().await.transpose() {
        Ok(Some(Line::Whole(line))) => line,
        Ok(Some(Line::TooLong)) => return Err(ConnectError::NotPinacle { path }),
        Ok(None) => return Err(ConnectError::Refused { path }),
        Err(source) => return Err(ConnectError::Failed { path, source }),
    };
    sent.or_else(|source| match read_hello(&answer) {
        Some(Err(_)) => Ok(()),
        _ => Err(ConnectError::Failed { path: path.clone(), source }),
    })?;
    match read_hello(&answer) {
        Some(Ok(server)) => Ok(ClientConnection { lines, path, server }),
        Some(Err(error)) => Err(ConnectError::NotServed(error)),
        None => Err(ConnectError::NotPinacle { path }),
    }
}

/// Connects; waits while the daemon has more connections waiting than the kernel queues.
async fn open(path: &Path) -> Result<UnixStream, ConnectError> {
    loop {
        match UnixStream::connect(path).await {
            Ok(stream) => return Ok(stream),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(QUEUE_PAUSE).await;
            }
            Err(error) => return Err(cannot_connect(path.to_owned(), error)),
        }
    }
}

/// Returns the daemon's version, or why it does not serve us; `None` when the line is
/// no hello. A daemon of another version may say things this build cannot read.
fn read_hello(line: &[u8]) -> Option<Result<String, ApiError>> {
    match serde_json::from_slice(line) {
        Ok(ServerHello::Welcome { pinacle: PROTOCOL_VERSION, server, .. }) => Some(Ok(server)),
        Ok(ServerHello::Welcome { pinacle, .. }) => Some(Err(other_version(&pinacle.to_string()))),
        Ok(ServerHello::Refused { error, .. }) => Some(Err(error)),
        Err(_) => {
            let value: Value = serde_json::from_slice(line).ok()?;
            let speaks = value.get("supported").or_else(|| value.get("pinacle"))?;
            Some(Err(other_version(&speaks.to_string())))
        }
    }
}

fn other_version(daemon: &str) -> ApiError {
    let daemon: String = daemon.chars().take(40).collect();
    let message =
        format!("the client speaks protocol version {PROTOCOL_VERSION}, the daemon {daemon}");
    ApiError::new(ErrorKind::VersionMismatch, message).hint(
        "bring both to one version, then run `pinacle-tui daemon restart`; \
         running pods are not touched",
    )
}

fn cannot_connect(path: PathBuf, error: std::io::Error) -> ConnectError {
    match error.kind() {
        std::io::ErrorKind::NotFound => ConnectError::NoSocket { path },
        std::io::ErrorKind::ConnectionRefused => ConnectError::Refused { path },
        std::io::ErrorKind::PermissionDenied => ConnectError::Denied { path },
        _ => ConnectError::Failed { path, source: error.into() },
    }
}

impl ClientConnection {
    /// Returns the daemon's version.
    pub fn server_version(&self) -> &str {
        &self.server
    }

    /// Turns an `rpc` connection into a client and the future that moves its messages;
    /// the caller spawns the future, and it ends with the last clone of the client.
    pub fn into_rpc(self) -> (PinacleClient, BoxFuture<'static, ()>) {
        let mut config = tarpc::client::Config::default();
        config.max_in_flight_requests = MAX_IN_FLIGHT;
        let made = PinacleClient::new(config, Replies::new(self.lines));
        // The error is that of every call under way, which have it already.
        (made.client, made.dispatch.map(|_ended| ()).boxed())
    }

    /// Asks for a stream on a `stream` connection.
    ///
    /// # Errors
    ///
    /// The connection failed.
    pub async fn into_stream(mut self, request: &StreamRequest) -> Result<StreamReader, LineError> {
        let text = serde_json::to_string(request).unwrap_or_default();
        self.lines.send(text).await?;
        Ok(StreamReader { lines: self.lines })
    }

    /// Asks for a command on a `pty` connection. *Ok* means that it runs.
    ///
    /// # Errors
    ///
    /// What the daemon says, or `daemon_unreachable`.
    pub async fn into_pty(
        mut self,
        request: &PtyRequest,
    ) -> Result<Framed<UnixStream, PtyCodec>, ApiError> {
        let text = serde_json::to_string(request).unwrap_or_default();
        // As with the hello, a reply may be there although nobody reads any more.
        let sent = self.lines.send(text).await;
        let line = match (self.lines.next().await.transpose(), sent) {
            (Ok(Some(Line::Whole(line))), _) => line,
            (Ok(_), Ok(())) => return Err(ConnectError::Closed { path: self.path }.to_api()),
            (Ok(_), Err(source)) | (Err(source), _) => {
                return Err(ConnectError::Failed { path: self.path, source }.to_api());
            }
        };
        match serde_json::from_slice(&line) {
            Ok(PtyReply::Started) => Ok(self.lines.map_codec(|_| PtyCodec)),
            Ok(PtyReply::Error(error)) => Err(error),
            Err(_) => Err(ConnectError::NotPinacle { path: self.path }.to_api()),
        }
    }
}

/// Frames of a stream.
#[derive(Debug)]
pub struct StreamReader {
    lines: Framed<UnixStream, JsonLines>,
}

impl StreamReader {
    /// Waits for the next frame; `None` when the daemon ended the connection, which it
    /// does without [`StreamFrame::End`] or [`StreamFrame::Error`] before it only when it
    /// was killed. Frames of kinds this build does not know are passed over.
    ///
    /// # Errors
    ///
    /// The connection failed, or a frame makes no sense: what came after the last cursor
    /// can be asked for anew.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing read is lost.
    pub async fn next_frame(&mut self) -> Result<Option<StreamFrame>, LineError> {
        loop {
            match self.lines.next().await.transpose()? {
                None => return Ok(None),
                Some(Line::TooLong) => return Err(senseless("a frame is too long")),
                Some(Line::Whole(line)) => match serde_json::from_slice(&line) {
                    Ok(frame) => return Ok(Some(frame)),
                    Err(_) if is_new_kind(&line) => {}
                    Err(error) => return Err(senseless(error)),
                },
            }
        }
    }
}

fn senseless(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LineError {
    std::io::Error::new(std::io::ErrorKind::InvalidData, error).into()
}

/// Returns whether a line is a frame of a kind that came after this build.
fn is_new_kind(line: &[u8]) -> bool {
    const KNOWN: [&str; 6] = ["event", "journal", "gap", "caught_up", "end", "error"];
    let value: Value = serde_json::from_slice(line).unwrap_or_default();
    value.get("frame").and_then(Value::as_str).is_some_and(|kind| !KNOWN.contains(&kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_reasons_lead_to_different_next_steps() {
        let hint = |kind: std::io::ErrorKind| {
            let error = cannot_connect("/run/p.sock".into(), kind.into());
            let api = error.to_api();
            assert_eq!(api.kind, ErrorKind::DaemonUnreachable);
            assert!(api.message.contains("/run/p.sock"), "{}", api.message);
            (error.is_absent(), api.hint.expect("a hint"))
        };
        assert!(
            matches!(hint(std::io::ErrorKind::NotFound), (true, h) if h.contains("daemon start"))
        );
        assert!(
            matches!(hint(std::io::ErrorKind::ConnectionRefused), (true, h) if h.contains("daemon start"))
        );
        assert!(
            matches!(hint(std::io::ErrorKind::PermissionDenied), (false, h) if h.contains("another user"))
        );
        assert!(
            matches!(hint(std::io::ErrorKind::Other), (false, h) if h.contains("daemon's log"))
        );
    }
}
