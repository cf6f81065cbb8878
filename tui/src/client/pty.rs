//! The `pty` mode: the bytes of one command in a pod.

use super::link_lost;
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use pinacle_protocol::wire::{PtyCodec, PtyFrame};
use pinacle_protocol::{ApiError, ErrorKind, MAX_PTY_FRAME, PtyFrameKind, TerminalSize};
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

type Session = Framed<UnixStream, PtyCodec>;

/// What comes from a command.
#[derive(Debug)]
pub enum SessionFrame {
    /// Bytes of its standard output, or of its terminal.
    Stdout(Bytes),
    /// Bytes of its standard error.
    Stderr(Bytes),
    /// It ended with this code.
    Exit(i32),
    /// The session ended because of this.
    Error(ApiError),
    /// The connection ended without a word.
    Closed,
}

/// What a command says.
#[derive(Debug)]
pub struct PtyReader(SplitStream<Session>);

/// What a command is told.
#[derive(Debug)]
pub struct PtyWriter(SplitSink<Session, PtyFrame>);

pub(super) fn split(session: Session) -> (PtyReader, PtyWriter) {
    let (sink, stream) = session.split();
    (PtyReader(stream), PtyWriter(sink))
}

impl PtyReader {
    /// Returns the next frame. After `Exit`, `Error` or `Closed` there is none.
    ///
    /// # Errors
    ///
    /// `daemon_unreachable` when the link is lost.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<SessionFrame, ApiError> {
        loop {
            let Some(frame) = self.0.next().await else {
                return Ok(SessionFrame::Closed);
            };
            let frame = frame.map_err(|e| link_lost(&e))?;
            return Ok(match frame.kind {
                PtyFrameKind::Stdout => SessionFrame::Stdout(frame.payload),
                PtyFrameKind::Stderr => SessionFrame::Stderr(frame.payload),
                PtyFrameKind::Exit => {
                    frame.exit_code().map_or(SessionFrame::Closed, SessionFrame::Exit)
                }
                PtyFrameKind::Error => SessionFrame::Error(
                    serde_json::from_slice(&frame.payload)
                        .unwrap_or_else(|e| ApiError::from_error(ErrorKind::Internal, &e)),
                ),
                // Only ever sent by us.
                PtyFrameKind::Stdin
                | PtyFrameKind::StdinEnd
                | PtyFrameKind::Resize
                | PtyFrameKind::Detach => continue,
            });
        }
    }
}

impl PtyWriter {
    /// Sends bytes for standard input; returns once there is room for them.
    ///
    /// # Errors
    ///
    /// `daemon_unreachable` when the session has ended.
    pub async fn stdin(&mut self, bytes: &[u8]) -> Result<(), ApiError> {
        for piece in bytes.chunks(MAX_PTY_FRAME) {
            let frame = PtyFrame::new(PtyFrameKind::Stdin, Bytes::copy_from_slice(piece));
            self.send(frame).await?;
        }
        Ok(())
    }

    /// Sends the end of standard input.
    ///
    /// # Errors
    ///
    /// As [`PtyWriter::stdin`].
    pub async fn end_stdin(&mut self) -> Result<(), ApiError> {
        self.send(PtyFrame::new(PtyFrameKind::StdinEnd, Bytes::new())).await
    }

    /// Sends the terminal's size.
    ///
    /// # Errors
    ///
    /// As [`PtyWriter::stdin`].
    pub async fn resize(&mut self, size: TerminalSize) -> Result<(), ApiError> {
        self.send(PtyFrame::resize(size)).await
    }

    /// Says that the command is to go on without us.
    ///
    /// # Errors
    ///
    /// As [`PtyWriter::stdin`].
    pub async fn detach(&mut self) -> Result<(), ApiError> {
        self.send(PtyFrame::new(PtyFrameKind::Detach, Bytes::new())).await
    }

    async fn send(&mut self, frame: PtyFrame) -> Result<(), ApiError> {
        self.0.send(frame).await.map_err(|e| link_lost(&e))
    }
}
