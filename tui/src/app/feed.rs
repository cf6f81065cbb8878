//! Keeps the full screen fed with what the daemon tells, across lost links.

use super::reader::{Reader, Strangers};
use crate::client::Client;
use crate::msg::{Feed, Msg};
use pinacle_protocol::{
    ApiError, Cursor, ErrorKind, JournalEntry, JournalRecord, PodId, PodRef, StreamFrame,
    StreamRequest,
};
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

/// Most text of one message, in bytes: a key pressed while a pod floods us waits
/// for no more than this.
const BATCH_BYTES: usize = 64 * 1024;

/// A journal that is followed.
pub(super) struct Followed {
    /// Whose.
    pub(super) pod: PodId,
    /// Told with all that comes of it.
    pub(super) number: u64,
    /// Whether infrastructure commands are among it.
    pub(super) infra: bool,
}

/// Why a journal is no longer read over this connection.
enum Ended {
    /// There is nobody left to feed.
    Gone,
    /// Nothing more will come of it.
    Whole,
    /// Another journal stands in its place.
    Another,
}

/// Follows a pod's journal, from its end on, until the screen is gone.
pub(super) async fn journal(socket: PathBuf, followed: Followed, screen: Sender<Msg>) {
    let mut after = None;
    loop {
        let lost = match attempt_journal(&socket, &followed, &mut after, &screen).await {
            Ok(Ended::Gone) => return,
            Ok(Ended::Whole) => return screen.closed().await,
            Ok(Ended::Another) => {
                after = None;
                continue;
            }
            Err(error) => error.chain(),
        };
        if screen.send(Msg::Journal(followed.number, Feed::Lost(lost))).await.is_err() {
            return;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

async fn attempt_journal(
    socket: &Path,
    followed: &Followed,
    after: &mut Option<Cursor>,
    screen: &Sender<Msg>,
) -> Result<Ended, ApiError> {
    let client = Client::connect(socket).await.map_err(ApiError::from)?;
    let pod = || PodRef(followed.pod.to_string());
    match follow(&client, pod(), followed, after, screen).await {
        // It is told that the pod is gone, or that the daemon ends.
        Ok(Ended::Whole) => match client.pod(pod()).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(Ended::Whole),
            Err(error) => Err(error),
            Ok(_) => Err(ApiError::new(ErrorKind::DaemonUnreachable, "the daemon ended it")),
        },
        // Nobody has its journal any more.
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Ended::Whole),
        other => other,
    }
}

async fn follow(
    client: &Client,
    pod: PodRef,
    followed: &Followed,
    after: &mut Option<Cursor>,
    screen: &Sender<Msg>,
) -> Result<Ended, ApiError> {
    let tell = async |feed: Feed| screen.send(Msg::Journal(followed.number, feed)).await.is_err();
    let Followed { pod: id, infra, .. } = followed;
    let reader = Reader::new(client, id, *infra);
    let mut strangers = Strangers::default();
    let mut cursor = match *after {
        Some(cursor) => cursor,
        None => {
            let piece = reader.end().await?;
            let next = piece.next;
            strangers.know(&piece.context);
            strangers.know(&piece.records);
            if tell(Feed::Opened(piece)).await {
                return Ok(Ended::Gone);
            }
            next
        }
    };
    *after = Some(cursor);
    let request = StreamRequest::Journal { pod, after: *after, infra: *infra, follow: true };
    let mut frames = client.stream_once(request).await?;
    loop {
        let (now, feeds) = match frames.next().await? {
            Some(StreamFrame::Journal { cursor: now, records }) => {
                let unknown = strangers.among(&records);
                let context = match unknown.is_empty() {
                    true => None,
                    false => Some(Feed::Context(reader.beginnings(cursor, unknown).await?)),
                };
                (now, context.into_iter().chain(batches(records, now)).collect())
            }
            Some(StreamFrame::Gap { resume, missed }) => (resume, vec![Feed::Gap(missed, resume)]),
            Some(StreamFrame::CaughtUp { cursor }) => (cursor, vec![Feed::CaughtUp]),
            Some(StreamFrame::Error(error)) => return Err(error),
            Some(StreamFrame::End) | None => return Ok(Ended::Whole),
            Some(StreamFrame::Event(_)) => continue,
        };
        if now.epoch != cursor.epoch {
            return Ok(Ended::Another);
        }
        cursor = now;
        *after = Some(now);
        for feed in feeds {
            if tell(feed).await {
                return Ok(Ended::Gone);
            }
        }
    }
}

/// Returns records in parts that are quickly taken in.
fn batches(records: Vec<JournalRecord>, cursor: Cursor) -> Vec<Feed> {
    let mut feeds = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for record in records {
        let length = match &record.entry {
            JournalEntry::Output { text, .. } => text.len(),
            _ => 0,
        };
        if bytes + length > BATCH_BYTES && !batch.is_empty() {
            let seq = record.seq - 1;
            feeds.push(Feed::Records(std::mem::take(&mut batch), Cursor { seq, ..cursor }));
            bytes = 0;
        }
        bytes += length;
        batch.push(record);
    }
    feeds.push(Feed::Records(batch, cursor));
    feeds
}
