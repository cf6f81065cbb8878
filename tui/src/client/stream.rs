//! The `stream` mode: events and journals as they come, across lost links.

use super::{RECONNECT_LIMIT, connect, link_lost};
use pinacle_protocol::wire::StreamReader;
use pinacle_protocol::{ApiError, Cursor, ErrorKind, Mode, StreamFrame, StreamRequest};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// The frames of one stream. A lost connection is made anew, and the stream
/// goes on after the last frame that was seen.
#[derive(Debug)]
pub struct Frames {
    reader: StreamReader,
    socket: PathBuf,
    /// What to ask for to go on from here.
    request: StreamRequest,
    /// Whether the daemon said that there is no more.
    ended: bool,
    lost: WhenLost,
}

/// What becomes of a stream whose connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenLost {
    /// It is made anew.
    Reopen,
    /// Whoever reads it is told.
    Fail,
}

impl Frames {
    pub(super) async fn open(
        socket: &Path,
        request: StreamRequest,
        lost: WhenLost,
    ) -> Result<Self, ApiError> {
        let reader = open(socket, &request).await?;
        Ok(Self { reader, socket: socket.to_owned(), request, ended: false, lost })
    }

    /// Returns the next frame; `None` after the last.
    ///
    /// # Errors
    ///
    /// `daemon_unreachable` when the link is lost and cannot be had again.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<Option<StreamFrame>, ApiError> {
        loop {
            let lost = match self.reader.next_frame().await {
                Ok(Some(frame)) => {
                    self.note(&frame);
                    return Ok(Some(frame));
                }
                Ok(None) if self.ended => return Ok(None),
                Ok(None) => ApiError::new(
                    ErrorKind::DaemonUnreachable,
                    "the connection to the daemon was lost",
                ),
                Err(error) => link_lost(&error),
            };
            if self.lost == WhenLost::Fail {
                return Err(lost);
            }
            self.reopen().await.map_err(|_| lost)?;
        }
    }

    fn note(&mut self, frame: &StreamFrame) {
        let seen: Cursor = match frame {
            StreamFrame::Event(record) => record.cursor,
            StreamFrame::Journal { cursor, .. } | StreamFrame::CaughtUp { cursor } => *cursor,
            StreamFrame::Gap { resume, .. } => *resume,
            StreamFrame::End | StreamFrame::Error(_) => {
                self.ended = true;
                return;
            }
        };
        match &mut self.request {
            StreamRequest::Events { after } | StreamRequest::Journal { after, .. } => {
                *after = Some(seen);
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), ApiError> {
        let until = Instant::now() + RECONNECT_LIMIT;
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            match open(&self.socket, &self.request).await {
                Ok(reader) => {
                    self.reader = reader;
                    return Ok(());
                }
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => {}
            }
        }
    }
}

async fn open(socket: &Path, request: &StreamRequest) -> Result<StreamReader, ApiError> {
    let connection = connect(socket, Mode::Stream).await.map_err(ApiError::from)?;
    connection.into_stream(request).await.map_err(|e| link_lost(&e))
}
