//! Writing: one command, or a word of the daemon's own.

use super::redact::{StreamRedactor, Text};
use super::writer::Command;
use super::{Journal, MAX_TEXT};
use pinacle_protocol::{JournalEntry, OutputStream, PodId};
use std::sync::Mutex;

/// A pod's journal, for writing. Cheap to clone.
#[derive(Debug, Clone)]
pub struct PodJournal {
    journal: Journal,
    pod: PodId,
}

/// A command about to run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandStart {
    /// The whole command as run on the host.
    pub line: String,
    /// The command inside the pod; `None` for infrastructure.
    pub container_line: Option<String>,
    /// What it is for.
    pub label: Option<String>,
}

impl PodJournal {
    pub(super) fn new(journal: Journal, pod: PodId) -> Self {
        Self { journal, pod }
    }

    /// Writes that a command is begun. Output that cannot be written is counted, not
    /// reported: the command matters more than its journal.
    pub async fn begin(&self, start: CommandStart) -> CommandJournal {
        let redactor = self.journal.redactor(&self.pod);
        let infra = start.container_line.is_none();
        let line = redactor.redact(&start.line);
        let container_line = start.container_line.map(|line| redactor.redact(&line));
        let label = start.label.map(|label| redactor.redact(&label));
        let pod = self.pod.clone();
        let begun =
            self.journal.ask(|answer| Command::Begin { pod, line, container_line, label, answer });
        // Without a number the command's records are left out, as on a full disk.
        let begun = begun.await.ok().flatten();
        let streams = [OutputStream::Stdout, OutputStream::Stderr];
        CommandJournal {
            journal: self.journal.clone(),
            pod: self.pod.clone(),
            infra,
            begun,
            kept: Mutex::new(Kept {
                streams: streams.map(|_| StreamRedactor::new(redactor.clone())),
                bytes: 0,
                dropped: 0,
            }),
        }
    }

    /// Writes a word of the daemon's own.
    pub async fn note(&self, text: impl Into<String>) {
        let text = self.journal.redactor(&self.pod).redact(&text.into());
        let entry = JournalEntry::Note { text };
        // The journal has stopped only when the daemon is ending.
        let _ =
            self.journal.send(Command::Append { pod: self.pod.clone(), infra: false, entry }).await;
    }
}

/// A command being written. Dropped without [`CommandJournal::end`] it is written as
/// interrupted.
pub struct CommandJournal {
    journal: Journal,
    pod: PodId,
    infra: bool,
    begun: Option<Begun>,
    // Two readers, one for each stream, write to one command.
    kept: Mutex<Kept>,
}

/// A command's number and start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Begun {
    pub(crate) command: u64,
    pub(crate) started_ms: u64,
}

struct Kept {
    streams: [StreamRedactor; 2],
    bytes: u64,
    dropped: u64,
}

impl CommandJournal {
    /// Writes some output. Waits when the disk is slower than the command.
    ///
    /// # Cancel safety
    ///
    /// What was not yet taken over when the future is dropped is left out.
    pub async fn output(&self, stream: OutputStream, bytes: &[u8]) {
        let texts = self.clean(stream, |redactor| redactor.feed(bytes));
        self.write(stream, texts).await;
    }

    fn clean(
        &self,
        stream: OutputStream,
        read: impl FnOnce(&mut StreamRedactor) -> Text,
    ) -> Vec<String> {
        let mut kept = super::lock(&self.kept);
        let index = usize::from(stream == OutputStream::Stderr);
        let text = read(&mut kept.streams[index]).0;
        let room = self.journal.limits().per_command.saturating_sub(kept.bytes);
        let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
        let fits = room.min(length);
        kept.bytes += fits;
        kept.dropped += length - fits;
        let mut fits = usize::try_from(fits).unwrap_or(usize::MAX);
        while !text.is_char_boundary(fits) {
            fits -= 1;
        }
        pieces(&text[..fits])
    }

    async fn write(&self, stream: OutputStream, texts: Vec<String>) {
        let Some(begun) = self.begun else { return };
        for text in texts {
            let entry = JournalEntry::Output { command: begun.command, stream, text };
            // The journal has stopped only when the daemon is ending.
            let _ = self.journal.send(self.append(entry)).await;
        }
    }

    fn append(&self, entry: JournalEntry) -> Command {
        Command::Append { pod: self.pod.clone(), infra: self.infra, entry }
    }

    /// Writes that it ended.
    pub async fn end(mut self, exit_code: Option<i64>, error: Option<String>) {
        for stream in [OutputStream::Stdout, OutputStream::Stderr] {
            let rest = self.clean(stream, StreamRedactor::finish);
            self.write(stream, rest).await;
        }
        if let Some(command) = self.last(exit_code, error) {
            let _ = self.journal.send(command).await;
        }
        self.begun = None;
    }

    fn last(&self, exit_code: Option<i64>, error: Option<String>) -> Option<Command> {
        let begun = self.begun?;
        let error = error.map(|text| self.journal.redactor(&self.pod).redact(&text));
        let dropped_bytes = super::lock(&self.kept).dropped;
        Some(Command::End {
            pod: self.pod.clone(),
            infra: self.infra,
            begun,
            exit_code,
            error,
            dropped_bytes,
        })
    }
}

impl Drop for CommandJournal {
    fn drop(&mut self) {
        if let Some(command) = self.last(None, Some("interrupted".to_owned())) {
            // When the queue is full the next daemon writes the end.
            let _ = self.journal.try_send(command);
        }
    }
}

/// Cuts text into pieces that fit a record.
fn pieces(text: &str) -> Vec<String> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let mut at = rest.len().min(MAX_TEXT);
        while !rest.is_char_boundary(at) {
            at -= 1;
        }
        let (piece, after) = rest.split_at(at);
        pieces.push(piece.to_owned());
        rest = after;
    }
    pieces
}
