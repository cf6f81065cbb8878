//! The client's end.

use super::frames::PtyCodec;
use super::line::{JsonLines, Line, LineError};
use super::{HELLO_LIMIT, MAX_IN_FLIGHT, MAX_LINE};
use crate::{
    ApiError, ClientHello, ErrorKind, Mode, PROTOCOL_VERSION, PinacleClient, PinacleRequest,
    PinacleResponse, PtyReply, PtyRequest, ServerHello, StreamFrame, StreamRequest,
};
use futures::future::BoxFuture;
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context, Poll};
use tarpc::{ClientMessage, Response};
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
    let path = path.to_owned();
    let stream = match UnixStream::connect(&path).await {
        Ok(stream) => stream,
        Err(error) => return Err(cannot_connect(path, error)),
    };
    let mut lines = Framed::new(stream, JsonLines::new(MAX_LINE));
    let hello = ClientHello {
        pinacle: PROTOCOL_VERSION,
        mode,
        client: Some(env!("CARGO_PKG_VERSION").to_owned()),
    };
    let text = serde_json::to_string(&hello).unwrap_or_default();
    let exchange = async {
        lines.send(text).await?;
        lines.next().await.transpose()
    };
    let answer = match tokio::time::timeout(HELLO_LIMIT, exchange).await {
        Err(_) => return Err(ConnectError::TimedOut { path }),
        Ok(Err(source)) => return Err(ConnectError::Failed { path, source }),
        Ok(Ok(None)) => return Err(ConnectError::Refused { path }),
        Ok(Ok(Some(Line::TooLong))) => return Err(ConnectError::NotPinacle { path }),
        Ok(Ok(Some(Line::Whole(line)))) => line,
    };
    match serde_json::from_slice(&answer) {
        Ok(ServerHello::Welcome { server, .. }) => Ok(ClientConnection { lines, path, server }),
        Ok(ServerHello::Refused { error, .. }) => Err(ConnectError::NotServed(error)),
        Err(_) => Err(ConnectError::NotPinacle { path }),
    }
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
        let made = PinacleClient::new(config, RpcClientTransport { lines: self.lines });
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
        let lost = |path: &Path| {
            let message = format!("the connection to {} was lost", path.display());
            ApiError::new(ErrorKind::DaemonUnreachable, message)
        };
        let text = serde_json::to_string(request).unwrap_or_default();
        self.lines.send(text).await.map_err(|_| lost(&self.path))?;
        let Some(Ok(Line::Whole(line))) = self.lines.next().await else {
            return Err(lost(&self.path));
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
    /// Waits for the next frame; `None` when the daemon ended the connection. Frames of
    /// kinds this build does not know are passed over.
    ///
    /// # Errors
    ///
    /// The connection failed.
    ///
    /// # Cancel safety
    ///
    /// Cancel safe: nothing read is lost.
    pub async fn next_frame(&mut self) -> Result<Option<StreamFrame>, LineError> {
        loop {
            match self.lines.next().await.transpose()? {
                None => return Ok(None),
                Some(Line::TooLong) => {}
                Some(Line::Whole(line)) => {
                    if let Ok(frame) = serde_json::from_slice(&line) {
                        return Ok(Some(frame));
                    }
                }
            }
        }
    }
}

struct RpcClientTransport {
    lines: Framed<UnixStream, JsonLines>,
}

impl Stream for RpcClientTransport {
    type Item = Result<Response<PinacleResponse>, LineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match std::task::ready!(self.lines.poll_next_unpin(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(Line::TooLong)) => {}
                Some(Ok(Line::Whole(line))) => match serde_json::from_slice(&line) {
                    Ok(response) => return Poll::Ready(Some(Ok(response))),
                    Err(error) => {
                        let error = std::io::Error::new(std::io::ErrorKind::InvalidData, error);
                        return Poll::Ready(Some(Err(error.into())));
                    }
                },
            }
        }
    }
}

impl Sink<ClientMessage<PinacleRequest>> for RpcClientTransport {
    type Error = LineError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_ready_unpin(cx)
    }

    fn start_send(
        mut self: Pin<&mut Self>,
        message: ClientMessage<PinacleRequest>,
    ) -> Result<(), LineError> {
        let text = serde_json::to_string(&message).map_err(std::io::Error::other)?;
        self.lines.start_send_unpin(text)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_close_unpin(cx)
    }
}
