//! Keeps the full screen fed with what the daemon says, across lost links.

use super::model::Msg;
use crate::client::Client;
use pinacle_protocol::{ApiError, Cursor, StreamFrame, StreamRequest};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Pause between attempts to reach the daemon.
const AGAIN: Duration = Duration::from_secs(1);

/// The screen is gone; there is nobody left to feed.
struct Gone;

/// Follows the daemon's events from a cursor until the screen is gone.
pub(super) async fn follow(socket: PathBuf, cursor: Cursor, screen: Sender<Msg>) {
    let mut after = Some(cursor);
    loop {
        let lost = match attempt(&socket, after.take(), &screen).await {
            Ok(Gone) => return,
            Err(error) => error.chain(),
        };
        if screen.send(Msg::Lost(lost)).await.is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// Feeds until the link is lost. Without a cursor, and after a gap, the whole
/// list is read anew first.
async fn attempt(
    socket: &std::path::Path,
    after: Option<Cursor>,
    screen: &Sender<Msg>,
) -> Result<Gone, ApiError> {
    let client = Client::connect(socket).await.map_err(ApiError::from)?;
    let mut after = after;
    loop {
        let from = match after.take() {
            Some(cursor) => cursor,
            None => {
                let inventory = client.inventory().await?;
                let cursor = inventory.cursor;
                if screen.send(Msg::Inventory(Box::new(inventory))).await.is_err() {
                    return Ok(Gone);
                }
                cursor
            }
        };
        let mut frames = client.stream(StreamRequest::Events { after: Some(from) }).await?;
        loop {
            let msg = match frames.next().await? {
                Some(StreamFrame::Event(record)) => Msg::Changed(Box::new(record.event)),
                Some(StreamFrame::Error(error)) => return Err(error),
                Some(StreamFrame::Gap { .. } | StreamFrame::End) | None => break,
                Some(StreamFrame::CaughtUp { .. } | StreamFrame::Journal { .. }) => continue,
            };
            if screen.send(msg).await.is_err() {
                return Ok(Gone);
            }
        }
    }
}
