//! `logs`: what was run for a pod. With `--json` one `Record` a line,
//! and `{"type":"gap","missed":N}` where records are gone.

use crate::args::LogsArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::follow::Follower;
use crate::locate;
use crate::output::Paint;
use crate::session::Session;
use crate::transcript::{Escapes, Transcript};
use pinacle_protocol::{
    JournalEntry, JournalRecord, OperationKind, PodView, StreamFrame, StreamRequest, Timestamp,
};
use std::collections::BTreeSet;

/// Prints the journal, and follows it with `--follow`.
///
/// # Errors
///
/// `not_found`, and the daemon's; `daemon_unreachable` when it ends while it is followed and
/// does not come back.
pub async fn run(session: &mut Session, args: LogsArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let pod = locate::pod(session, &client, args.pod.as_deref()).await?;
    let since = if args.since_start { last_start(&client, &pod).await? } else { None };
    let request = StreamRequest::Journal {
        pod: locate::reference(&pod),
        after: None,
        infra: args.infra,
        follow: args.follow,
    };
    let mut printer = Printer::new(session, args.raw, since);
    if args.follow {
        let mut following = Follower::open(session, &client, request).await?;
        while let Some(frame) = following.next(session, &client).await? {
            printer.frame(session, frame)?;
        }
        return printer.finish(session);
    }
    let mut frames = client.stream(request).await?;
    while let Some(frame) = frames.next().await? {
        match frame {
            StreamFrame::End => break,
            frame => printer.frame(session, frame)?,
        }
    }
    printer.finish(session)
}

/// Returns when the pod was last started.
async fn last_start(client: &Client, pod: &PodView) -> Result<Option<Timestamp>, Failure> {
    let detail = client.pod(locate::reference(pod)).await?;
    let starts = [
        OperationKind::Create,
        OperationKind::Start,
        OperationKind::Restart,
        OperationKind::Recreate,
    ];
    Ok(detail.operations.iter().find(|o| starts.contains(&o.kind)).map(|o| o.created_at))
}

struct Printer {
    transcript: Transcript,
    since: Option<Timestamp>,
    /// Commands begun before `since`, whose other records do not count either.
    earlier: BTreeSet<u64>,
}

impl Printer {
    fn new(session: &Session, raw: bool, since: Option<Timestamp>) -> Self {
        let paint = session.console.paint();
        let escapes = match (raw, paint) {
            (true, _) => Escapes::Raw,
            (false, Paint::Color) => Escapes::KeepColors,
            (false, Paint::Plain) => Escapes::Strip,
        };
        Self { transcript: Transcript::new(paint, escapes), since, earlier: BTreeSet::new() }
    }

    fn frame(&mut self, session: &mut Session, frame: StreamFrame) -> Result<(), Failure> {
        match frame {
            StreamFrame::Journal { records, .. } => self.records(session, &records),
            StreamFrame::Gap { missed, .. } => self.gap(session, missed),
            StreamFrame::Error(error) => Err(error.into()),
            StreamFrame::End | StreamFrame::CaughtUp { .. } | StreamFrame::Event(_) => Ok(()),
        }
    }

    fn records(&mut self, session: &mut Session, records: &[JournalRecord]) -> Result<(), Failure> {
        let mut text = String::new();
        for record in records {
            if !self.is_wanted(record) {
                continue;
            }
            if session.console.is_json() {
                session.console.json(record)?;
            } else {
                self.transcript.push(record, &mut text);
            }
        }
        session.console.write(text.as_bytes())
    }

    fn is_wanted(&mut self, record: &JournalRecord) -> bool {
        let late = self.since.is_none_or(|since| record.time >= since);
        match &record.entry {
            JournalEntry::Begin { command, .. } if !late => {
                self.earlier.insert(*command);
                false
            }
            JournalEntry::Begin { .. } | JournalEntry::Note { .. } => late,
            JournalEntry::Output { command, .. } => !self.earlier.contains(command),
            JournalEntry::End { command, .. } => !self.earlier.remove(command),
        }
    }

    fn gap(&mut self, session: &mut Session, missed: Option<u64>) -> Result<(), Failure> {
        if session.console.is_json() {
            return session.console.json(&serde_json::json!({ "type": "gap", "missed": missed }));
        }
        let mut text = String::new();
        self.transcript.gap(missed, &mut text);
        session.console.write(text.as_bytes())
    }

    fn finish(&mut self, session: &mut Session) -> Result<(), Failure> {
        let mut text = String::new();
        self.transcript.finish(&mut text);
        session.console.write(text.as_bytes())
    }
}
