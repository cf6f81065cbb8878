//! A stretch of lines: their text in one piece, or only the place of it.

use super::{Kind, Parser};
use pinacle_protocol::{Cursor, JournalRecord};
use std::collections::{BTreeMap, BTreeSet};

/// One line as it is kept.
#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Where it ends in the text.
    end: u32,
    kind: Kind,
    command: u64,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LineRef<'a> {
    /// What it is.
    pub kind: Kind,
    /// Whose it is.
    pub command: u64,
    /// Its text, with SGR sequences and tabs and nothing else of that sort.
    pub text: &'a str,
}

#[derive(Debug, Default)]
struct Body {
    text: String,
    entries: Vec<Entry>,
}

/// A stretch.
#[derive(Debug)]
pub struct Stretch {
    /// Number of its first line.
    pub first: u64,
    /// The last record before it.
    pub after: Cursor,
    /// Its last record.
    pub until: u64,
    lines: u64,
    began: Parser,
    /// Lines that fold, by command.
    output: BTreeMap<u64, u64>,
    body: Option<Body>,
}

impl Stretch {
    pub(super) fn new(first: u64, after: Cursor, began: Parser) -> Self {
        let (output, body) = (BTreeMap::new(), Some(Body::default()));
        Self { first, after, until: after.seq, lines: 0, began, output, body }
    }

    /// Returns how many lines it has.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns whether its text is here.
    pub fn is_loaded(&self) -> bool {
        self.body.is_some()
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |b: &Body| b.text.len() + b.entries.len() * size_of::<Entry>();
        self.body.as_ref().map_or(0, of)
    }

    pub(super) fn add(&mut self, kind: Kind, command: u64, text: &str) {
        let Some(body) = &mut self.body else { return };
        body.text.push_str(text);
        let end = u32::try_from(body.text.len()).unwrap_or(u32::MAX);
        body.entries.push(Entry { end, kind, command });
        self.lines += 1;
        if kind.folds() {
            *self.output.entry(command).or_default() += 1;
        }
    }

    pub(super) fn line(&self, at: u64) -> Option<LineRef<'_>> {
        let body = self.body.as_ref()?;
        let at = usize::try_from(at).ok()?;
        let entry = body.entries.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| body.entries[before].end);
        let text = body.text.get(start as usize..entry.end as usize)?;
        Some(LineRef { kind: entry.kind, command: entry.command, text })
    }

    /// Returns the command that begins at a line.
    pub(super) fn head_at(&self, at: u64) -> Option<u64> {
        let line = self.line(at)?;
        let before = at.checked_sub(1).and_then(|b| self.line(b));
        let headed = before.is_some_and(|b| b.kind == Kind::Heading && b.command == line.command);
        match line.kind {
            Kind::Heading => Some(line.command),
            Kind::Command if !headed => Some(line.command),
            _ => None,
        }
    }

    pub(super) fn output_of(&self, command: u64) -> u64 {
        self.output.get(&command).copied().unwrap_or(0)
    }

    pub(super) fn output_of_any(&self, commands: &BTreeSet<u64>) -> u64 {
        self.output.iter().filter(|(c, _)| commands.contains(c)).map(|(_, n)| n).sum()
    }

    /// Lets the text go; returns how many bytes that are.
    pub(super) fn let_go(&mut self) -> usize {
        let bytes = self.bytes();
        self.body = None;
        bytes
    }

    /// Makes the text again; returns how many bytes it has.
    pub(super) fn refill(&mut self, records: &[JournalRecord]) -> usize {
        if self.is_loaded() {
            return 0;
        }
        let lines = self.lines;
        let mut again = Self::new(self.first, self.after, self.began.clone());
        let mut parser = self.began.clone();
        for record in records.iter().filter(|r| r.seq > self.after.seq && r.seq <= self.until) {
            parser.push(record, &mut again);
        }
        // Records may have been cleared away since: the numbers of lines stay.
        while again.lines < lines {
            again.add(Kind::Gap, 0, "[no longer kept]");
        }
        if let Some(body) = &mut again.body {
            body.entries.truncate(usize::try_from(lines).unwrap_or(usize::MAX));
        }
        self.body = again.body;
        self.bytes()
    }
}
