//! The `stream` mode: events and journals as they come.

use super::link_lost;
use pinacle_protocol::wire::StreamReader;
use pinacle_protocol::{ApiError, StreamFrame};

/// The frames of one stream.
#[derive(Debug)]
pub struct Frames(StreamReader);

impl Frames {
    pub(super) fn new(reader: StreamReader) -> Self {
        Self(reader)
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
        self.0.next_frame().await.map_err(|e| link_lost(&e))
    }
}
