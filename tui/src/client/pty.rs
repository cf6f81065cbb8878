//! The `pty` mode: the bytes of one command in a pod.

use super::link_lost;
use super::wire::{ClientConnection, Pty, PtyCodec};
use bytes::Bytes;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use pinacle_protocol::{
    ApiError, ErrorKind, MAX_PTY_FRAME, PtyFrameKind, PtyReply, PtyRequest, TerminalSize,
};
use tokio_util::codec::Framed;

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
pub struct PtyReader(SplitStream<Pty>);

/// What a command is told.
pub struct PtyWriter(SplitSink<Pty, (PtyFrameKind, Bytes)>);

pub(super) async fn open(
    mut connection: ClientConnection,
    request: PtyRequest,
) -> Result<(PtyReader, PtyWriter), ApiError> {
    connection.send(&request).await.map_err(|e| link_lost(&e))?;
    let reply = connection.line().await.map_err(|e| link_lost(&e))?;
    match serde_json::from_slice(&reply) {
        Ok(PtyReply::Started) => {}
        Ok(PtyReply::Error(error)) => return Err(error),
        Err(error) => return Err(ApiError::from_error(ErrorKind::Internal, &error)),
    }
    let (sink, stream) = Framed::new(connection.into_inner(), PtyCodec).split();
    Ok((PtyReader(stream), PtyWriter(sink)))
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
            let (kind, payload) = frame.map_err(|e| link_lost(&e))?;
            return Ok(match kind {
                PtyFrameKind::Stdout => SessionFrame::Stdout(payload),
                PtyFrameKind::Stderr => SessionFrame::Stderr(payload),
                PtyFrameKind::Exit => match <[u8; 4]>::try_from(payload.as_ref()) {
                    Ok(code) => SessionFrame::Exit(i32::from_be_bytes(code)),
                    Err(_) => SessionFrame::Closed,
                },
                PtyFrameKind::Error => SessionFrame::Error(
                    serde_json::from_slice(&payload)
                        .unwrap_or_else(|e| ApiError::from_error(ErrorKind::Internal, &e)),
                ),
                // Only ever sent by us.
                PtyFrameKind::Stdin | PtyFrameKind::StdinEnd | PtyFrameKind::Resize => continue,
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
            self.send(PtyFrameKind::Stdin, Bytes::copy_from_slice(piece)).await?;
        }
        Ok(())
    }

    /// Sends the end of standard input.
    ///
    /// # Errors
    ///
    /// As [`PtyWriter::stdin`].
    pub async fn end_stdin(&mut self) -> Result<(), ApiError> {
        self.send(PtyFrameKind::StdinEnd, Bytes::new()).await
    }

    /// Sends the terminal's size.
    ///
    /// # Errors
    ///
    /// As [`PtyWriter::stdin`].
    pub async fn resize(&mut self, size: TerminalSize) -> Result<(), ApiError> {
        let bytes = [size.columns.to_be_bytes(), size.rows.to_be_bytes()].concat();
        self.send(PtyFrameKind::Resize, Bytes::from(bytes)).await
    }

    async fn send(&mut self, kind: PtyFrameKind, payload: Bytes) -> Result<(), ApiError> {
        self.0.send((kind, payload)).await.map_err(|e| link_lost(&e))
    }
}
