//! The `stream` mode: events and journals as they come.

use super::link_lost;
use super::wire::{ClientConnection, JsonCodec};
use futures::StreamExt;
use pinacle_protocol::{ApiError, StreamFrame, StreamRequest};
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

/// The frames of one stream.
pub struct Frames {
    frames: Framed<UnixStream, JsonCodec<StreamFrame, StreamFrame>>,
}

impl Frames {
    pub(super) async fn open(
        mut connection: ClientConnection,
        request: StreamRequest,
    ) -> Result<Self, ApiError> {
        connection.send(&request).await.map_err(|e| link_lost(&e))?;
        Ok(Self { frames: Framed::new(connection.into_inner(), JsonCodec::default()) })
    }

    /// Returns the next frame; `None` when the daemon closed the stream.
    ///
    /// # Errors
    ///
    /// `daemon_unreachable` when the link is lost.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Result<Option<StreamFrame>, ApiError> {
        self.frames.next().await.transpose().map_err(|e| link_lost(&e))
    }
}
