//! `events`: what happens to pods, hosts and operations. With `--json` one
//! `Event` of the protocol's README a line, and `{"type":"gap","missed":N}` where some are gone.

use crate::args::EventsArgs;
use crate::failure::Failure;
use crate::follow::Follower;
use crate::output::time::rfc3339;
use crate::sanitize::plain_line;
use crate::session::Session;
use pinacle_protocol::{Cursor, Event, EventRecord, StreamFrame, StreamRequest};

/// Prints what the daemon still knows, and goes on with `--follow`.
///
/// # Errors
///
/// The daemon's; `daemon_unreachable` when it ends while it is followed and does not come back.
pub async fn run(session: &mut Session, args: EventsArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let request = StreamRequest::Events { after: Some(Cursor::default()) };
    if args.follow {
        let mut following = Follower::open(session, &client, request).await?;
        while let Some(frame) = following.next(session, &client).await? {
            print(session, frame)?;
        }
        return Ok(());
    }
    let mut frames = client.stream(request).await?;
    while let Some(frame) = frames.next().await? {
        match frame {
            StreamFrame::CaughtUp { .. } | StreamFrame::End => break,
            frame => print(session, frame)?,
        }
    }
    Ok(())
}

fn print(session: &mut Session, frame: StreamFrame) -> Result<(), Failure> {
    match frame {
        StreamFrame::Event(record) if session.console.is_json() => session.console.json(&record),
        StreamFrame::Event(record) => session.console.line(&render(&record)),
        StreamFrame::Gap { missed, .. } if session.console.is_json() => {
            session.console.json(&serde_json::json!({ "type": "gap", "missed": missed }))
        }
        StreamFrame::Gap { .. } => session.console.line("[earlier events are gone]"),
        StreamFrame::Error(error) => Err(error.into()),
        StreamFrame::CaughtUp { .. } | StreamFrame::End | StreamFrame::Journal { .. } => Ok(()),
    }
}

/// Returns an event on one line.
pub fn render(record: &EventRecord) -> String {
    let what = match &record.event {
        Event::PodChanged { pod } => {
            let reason = pod.reason.as_deref().map(|r| format!(": {}", plain_line(r)));
            let unknown = if pod.unknown_since.is_some() { " (out of reach)" } else { "" };
            format!(
                "pod {} {}{unknown}{}",
                pod.slug,
                pod.phase.as_str(),
                reason.unwrap_or_default()
            )
        }
        Event::PodRemoved { id } => format!("pod {id} removed"),
        Event::HostChanged { host } => {
            let status = serde_json::to_value(host.status).unwrap_or_default();
            let error = host.error.as_ref().map(|e| format!(": {}", plain_line(&e.chain())));
            let status = status.as_str().unwrap_or_default();
            format!("host {} {status}{}", host.id, error.unwrap_or_default())
        }
        Event::OperationChanged { operation } => {
            let status = serde_json::to_value(operation.status).unwrap_or_default();
            let error = operation.error.as_ref().map(|e| format!(": {}", plain_line(&e.chain())));
            format!(
                "operation {} {} of {} {}{}",
                operation.id,
                operation.kind.as_str(),
                operation.pod,
                status.as_str().unwrap_or_default(),
                error.unwrap_or_default()
            )
        }
    };
    format!("{} {what}", rfc3339(record.time))
}
