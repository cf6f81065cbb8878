//! Keeps the full screen fed with what the daemon tells, across lost links.

use crate::client::Client;
use crate::msg::{Feed, Msg};
use pinacle_protocol::{ApiError, Cursor, PodId, PodRef, StreamFrame, StreamRequest};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::mpsc::Sender;

/// Pause before the daemon is tried again.
const AGAIN: Duration = Duration::from_millis(300);

/// The screen is gone; there is nobody left to feed.
struct Gone;

/// Follows the daemon's events from a cursor until the screen is gone.
pub(super) async fn events(socket: PathBuf, after: Option<Cursor>, screen: Sender<Msg>) {
    let mut after = after;
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
    socket: &Path,
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
        let mut frames = client.stream_once(StreamRequest::Events { after: Some(from) }).await?;
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

/// Follows a pod's journal from its beginning until the screen is gone.
pub(super) async fn journal(
    socket: PathBuf,
    pod: PodId,
    number: u64,
    infra: bool,
    screen: Sender<Msg>,
) {
    let mut after = None;
    loop {
        let lost = match attempt_journal(&socket, &pod, number, infra, &mut after, &screen).await {
            Ok(Gone) => return,
            Err(error) => error.chain(),
        };
        if screen.send(Msg::Journal(number, Feed::Lost(lost))).await.is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn attempt_journal(
    socket: &Path,
    pod: &PodId,
    number: u64,
    infra: bool,
    after: &mut Option<Cursor>,
    screen: &Sender<Msg>,
) -> Result<Gone, ApiError> {
    let client = Client::connect(socket).await.map_err(ApiError::from)?;
    let pod = PodRef(pod.to_string());
    let request = StreamRequest::Journal { pod, after: *after, infra, follow: true };
    let mut frames = client.stream_once(request).await?;
    loop {
        let feed = match frames.next().await? {
            Some(StreamFrame::Journal { cursor, records }) => {
                *after = Some(cursor);
                Feed::Records(records, cursor)
            }
            Some(StreamFrame::Gap { resume, missed }) => {
                *after = Some(resume);
                Feed::Gap(missed, resume)
            }
            Some(StreamFrame::CaughtUp { cursor }) => {
                *after = Some(cursor);
                Feed::CaughtUp
            }
            Some(StreamFrame::Error(error)) => return Err(error),
            Some(StreamFrame::End) | None => {
                // The pod is gone: nothing more will come of it.
                std::future::pending::<()>().await;
                continue;
            }
            Some(StreamFrame::Event(_)) => continue,
        };
        if screen.send(Msg::Journal(number, feed)).await.is_err() {
            return Ok(Gone);
        }
    }
}
