//! The `stream` mode: events, or a pod's journal.
//!
//! Nothing is queued here: the next frame is made when the last one was taken, from
//! the ring or from the files. A reader that is slower than the ring gets a gap.

use super::resolve;
use crate::backend::Backend;
use futures::{SinkExt, StreamExt};
use pinacle_protocol::wire::{JsonLines, Line, LineError};
use pinacle_protocol::{ApiError, Cursor, ErrorKind, PodId, PodRef, StreamFrame, StreamRequest};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

/// Events put on the wire between two looks at the ring.
const EVENTS: usize = 64;
/// Records of one frame.
const RECORDS: u32 = 500;
/// How long a client may take to say what it wants.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);

type Lines = Framed<UnixStream, JsonLines>;

pub(super) async fn serve(mut lines: Lines, backend: Backend) {
    let result = tokio::select! {
        result = answer(&mut lines, &backend) => result,
        () = backend.stop.triggered() => send(&mut lines, &StreamFrame::End).await,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a stream ended");
    }
}

async fn answer(lines: &mut Lines, backend: &Backend) -> Result<(), LineError> {
    let first = tokio::time::timeout(REQUEST_LIMIT, lines.next()).await;
    let request = match first {
        Ok(Some(Ok(Line::Whole(line)))) => serde_json::from_slice::<StreamRequest>(&line),
        Ok(Some(Ok(Line::TooLong))) => return refuse(lines, "the line is too long").await,
        Ok(Some(Err(error))) => return Err(error),
        Ok(None) => return Ok(()),
        Err(_) => return refuse(lines, "nothing was asked for").await,
    };
    match request {
        Ok(StreamRequest::Events { after }) => events(lines, backend, after).await,
        Ok(StreamRequest::Journal { pod, after, infra, follow }) => {
            let after = resolve::cursor(after.unwrap_or_default());
            let query = Query { after, infra, follow };
            journal(lines, backend, &pod, query).await
        }
        Err(error) => refuse(lines, &format!("not a stream request: {error}")).await,
    }
}

async fn refuse(lines: &mut Lines, why: &str) -> Result<(), LineError> {
    let error = ApiError::new(ErrorKind::InvalidRequest, why)
        .hint("ask for example for {\"stream\":\"events\"}; see protocol/README.md");
    send(lines, &StreamFrame::Error(error)).await
}

async fn send(lines: &mut Lines, frame: &StreamFrame) -> Result<(), LineError> {
    // These types always serialise.
    lines.send(serde_json::to_string(frame).unwrap_or_default()).await
}

/// Waits until the client closes its side; anything it sends is passed over.
async fn client_gone(lines: &mut Lines) {
    while let Some(Ok(_)) = lines.next().await {}
}

/// Returns the place behind which this one comes first: whoever loses the connection
/// right after a gap must not lose what follows it too.
fn before(cursor: Cursor) -> Cursor {
    Cursor { seq: cursor.seq.saturating_sub(1), ..cursor }
}

async fn events(
    lines: &mut Lines,
    backend: &Backend,
    after: Option<Cursor>,
) -> Result<(), LineError> {
    let hub = backend.driver.events();
    let mut head = hub.subscribe();
    let mut cursor = after.map_or_else(|| hub.head(), resolve::cursor);
    let mut caught_up = false;
    loop {
        let now = *head.borrow_and_update();
        let slice = hub.after(cursor, EVENTS);
        if slice.gap {
            let resume = slice.events.first().map_or(slice.next, |event| before(event.cursor));
            send(lines, &StreamFrame::Gap { resume, missed: None }).await?;
        }
        for event in &slice.events {
            let frame = StreamFrame::Event(Box::new((**event).clone()));
            lines.feed(serde_json::to_string(&frame).unwrap_or_default()).await?;
        }
        cursor = slice.next;
        if cursor.seq < now.seq {
            continue;
        }
        if !std::mem::replace(&mut caught_up, true) {
            send(lines, &StreamFrame::CaughtUp { cursor }).await?;
        }
        lines.flush().await?;
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok(()) },
            () = client_gone(lines) => return Ok(()),
        }
    }
}

struct Query {
    after: Cursor,
    infra: bool,
    follow: bool,
}

async fn journal(
    lines: &mut Lines,
    backend: &Backend,
    pod: &PodRef,
    query: Query,
) -> Result<(), LineError> {
    let pod = match resolve::pod(&backend.driver.published(), pod) {
        Ok(entry) => entry.record.id.clone(),
        Err(error) => return send(lines, &StreamFrame::Error(error)).await,
    };
    match follow(lines, backend, &pod, query).await {
        Err(Ended::Line(error)) => Err(error),
        Err(Ended::Journal(error)) => {
            let error = ApiError::from_error(ErrorKind::Storage, &error);
            send(lines, &StreamFrame::Error(error)).await
        }
        Ok(()) => send(lines, &StreamFrame::End).await,
    }
}

#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Line(#[from] LineError),
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
}

async fn follow(
    lines: &mut Lines,
    backend: &Backend,
    pod: &PodId,
    query: Query,
) -> Result<(), Ended> {
    let mut head = backend.journal.subscribe(pod).await?;
    let mut published = backend.driver.watch();
    let mut cursor = query.after;
    let mut caught_up = false;
    loop {
        head.borrow_and_update();
        let page = backend.journal.read(pod, cursor, RECORDS, query.infra).await?;
        if page.missed > 0 {
            let first = page.records.first().map(|record| Cursor { seq: record.seq, ..page.next });
            let resume = first.map_or(page.next, before);
            let frame = StreamFrame::Gap { resume, missed: Some(page.missed) };
            send(lines, &frame).await?;
        }
        cursor = page.next;
        if !page.records.is_empty() {
            send(lines, &StreamFrame::Journal { cursor, records: page.records }).await?;
        }
        if !page.at_end {
            continue;
        }
        if !query.follow {
            return Ok(());
        }
        if !std::mem::replace(&mut caught_up, true) {
            send(lines, &StreamFrame::CaughtUp { cursor }).await?;
        }
        // A pod that is gone will not write any more.
        tokio::select! {
            changed = head.changed() => if changed.is_err() { return Ok(()) },
            gone = published.wait_for(|now| !now.pods.contains_key(pod)) => {
                drop(gone);
                if !head.has_changed().unwrap_or(false) {
                    return Ok(());
                }
            }
            () = client_gone(lines) => return Ok(()),
        }
    }
}
