//! A stretch of lines: their text in one piece, or only the place of it.

use super::{Head, Kind, Parser};
use pinacle_protocol::{Cursor, JournalEntry, JournalRecord};
use std::collections::{BTreeMap, BTreeSet};

/// A stretch is full when it has this many lines,
const LINES: u64 = 4_000;

/// or this many bytes, kept or read.
const BYTES: usize = 256 * 1024;

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

#[derive(Debug, Clone, Default)]
struct Body {
    text: String,
    entries: Vec<Entry>,
}

/// A stretch.
#[derive(Debug, Clone)]
pub struct Stretch {
    /// Number of its first line.
    pub first: u64,
    /// The last record before it.
    pub after: Cursor,
    /// Its last record.
    pub until: u64,
    lines: u64,
    /// Bytes of output that were read for it: most may be gone, as with a progress bar.
    read: usize,
    sealed: bool,
    began: Parser,
    /// Commands that begin in it, by the line from its first.
    heads: Vec<Head>,
    /// What is missing, behind which record.
    gaps: Vec<(u64, Option<u64>)>,
    /// Lines that fold, by command.
    output: BTreeMap<u64, u64>,
    body: Option<Body>,
}

impl Stretch {
    pub(super) fn new(first: u64, after: Cursor, began: Parser) -> Self {
        Self {
            first,
            after,
            until: after.seq,
            lines: 0,
            read: 0,
            sealed: false,
            began,
            heads: Vec::new(),
            gaps: Vec::new(),
            output: BTreeMap::new(),
            body: Some(Body::default()),
        }
    }

    /// Returns how many lines it has.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Returns whether its text is here.
    pub fn is_loaded(&self) -> bool {
        self.body.is_some()
    }

    pub(super) fn began(&self) -> &Parser {
        &self.began
    }

    /// Takes in where commands began that said nothing in it so far.
    pub(super) fn introduce(&mut self, context: &[JournalRecord]) {
        self.began.introduce(context);
    }

    pub(super) fn is_full(&self) -> bool {
        let much = self.bytes().max(self.read) >= BYTES;
        self.sealed || self.lines >= LINES || much || !self.is_loaded()
    }

    pub(super) fn seal(&mut self) {
        self.sealed = true;
    }

    pub(super) fn bytes(&self) -> usize {
        let of = |b: &Body| b.text.len() + b.entries.len() * size_of::<Entry>();
        self.body.as_ref().map_or(0, of)
    }

    /// Takes a record in.
    pub(super) fn take(&mut self, record: &JournalRecord, parser: &mut Parser) {
        if let JournalEntry::Output { text, .. } = &record.entry {
            self.read += text.len();
        }
        parser.push(record, self);
        self.until = record.seq;
    }

    /// Says that records are missing here.
    pub(super) fn take_gap(&mut self, missed: Option<u64>, parser: &mut Parser) {
        self.gaps.push((self.until, missed));
        parser.gap(missed, self);
    }

    pub(super) fn add(&mut self, kind: Kind, command: u64, text: &str) {
        let Some(body) = &mut self.body else { return };
        let headed =
            body.entries.last().is_some_and(|e| (e.kind, e.command) == (Kind::Heading, command));
        if kind == Kind::Heading || kind == Kind::Command && !headed {
            self.heads.push(Head { line: self.lines, command });
        }
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

    /// Returns the commands that begin in it.
    pub(super) fn heads(&self) -> impl DoubleEndedIterator<Item = Head> + '_ {
        self.heads.iter().map(|h| Head { line: self.first + h.line, command: h.command })
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
        let mut again = Self::new(self.first, self.after, self.began.clone());
        let mut parser = self.began.clone();
        let mut gaps = self.gaps.iter().peekable();
        for record in records.iter().filter(|r| r.seq > self.after.seq && r.seq <= self.until) {
            while let Some((_, missed)) = gaps.next_if(|(behind, _)| *behind < record.seq) {
                parser.gap(*missed, &mut again);
            }
            parser.push(record, &mut again);
        }
        gaps.for_each(|(_, missed)| parser.gap(*missed, &mut again));
        // Records may have been cleared away since: the numbers of lines stay.
        while again.lines < self.lines {
            again.add(Kind::Gap, 0, "[no longer kept]");
        }
        if let Some(body) = &mut again.body {
            body.entries.truncate(usize::try_from(self.lines).unwrap_or(usize::MAX));
        }
        self.body = again.body;
        self.bytes()
    }
}
