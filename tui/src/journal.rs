//! A pod's journal in memory: a million lines in a bounded space.
//!
//! Records become lines as they come. Lines are kept in stretches; when the
//! text of all is too much, the stretches far from what is looked at are let
//! go but for their place, and read from the daemon again when they are
//! needed. Each stretch remembers how it began, so that it is the same again.

mod parser;
mod search;
mod stretch;

pub use parser::{Kind, Parser};
pub use search::{Direction, Pattern, Search};
pub use stretch::{LineRef, Stretch};

use pinacle_protocol::{Cursor, JournalRecord, PodId};
use std::collections::BTreeSet;

/// Bytes of text kept in memory: some hundred thousand short lines.
const KEPT_BYTES: usize = 12 * 1024 * 1024;

/// A stretch is closed when it has this many lines,
const STRETCH_LINES: usize = 4_000;

/// or this many bytes.
const STRETCH_BYTES: usize = 256 * 1024;

/// Stretches at the end that are never let go: they are what is followed.
const NEWEST: usize = 4;

/// A command and the line it begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The line.
    pub line: u64,
    /// The command.
    pub command: u64,
}

/// A stretch to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missing {
    /// Its number.
    pub stretch: u64,
    /// Records after this,
    pub after: Cursor,
    /// up to this one.
    pub until: u64,
}

/// The lines of one journal.
#[derive(Debug)]
pub struct Journal {
    /// Whose.
    pub pod: PodId,
    stretches: Vec<Stretch>,
    parser: Parser,
    /// Lines that are complete.
    total: u64,
    /// Bytes of text in memory.
    bytes: usize,
    cursor: Cursor,
    heads: Vec<Head>,
    folded: BTreeSet<u64>,
    wanted: BTreeSet<u64>,
}

impl Journal {
    /// Makes an empty one.
    pub fn new(pod: PodId) -> Self {
        Self {
            pod,
            stretches: Vec::new(),
            parser: Parser::default(),
            total: 0,
            bytes: 0,
            cursor: Cursor::default(),
            heads: Vec::new(),
            folded: BTreeSet::new(),
            wanted: BTreeSet::new(),
        }
    }

    /// Returns how many lines there are, with the one that is not complete.
    pub fn len(&self) -> u64 {
        self.total + u64::from(self.parser.tail().is_some())
    }

    /// Returns whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bytes of text in memory.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the commands by the line they begin at.
    pub fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Takes records in; `near` is a line that is looked at.
    pub fn push(&mut self, records: &[JournalRecord], cursor: Cursor, near: u64) {
        for record in records {
            // Sent again after a lost link.
            if record.seq <= self.cursor.seq && self.cursor.seq > 0 {
                continue;
            }
            self.open_stretch();
            let Some(last) = self.stretches.last_mut() else { continue };
            let before = (last.bytes(), last.lines());
            self.parser.push(record, last);
            last.until = record.seq;
            self.cursor = Cursor { epoch: cursor.epoch, seq: record.seq };
            let (bytes, lines) = (last.bytes() - before.0, last.lines() - before.1);
            for at in before.1..last.lines() {
                if let Some(head) = last.head_at(at) {
                    self.heads.push(Head { line: last.first + at, command: head });
                }
            }
            self.bytes += bytes;
            self.total += lines;
        }
        self.cursor.epoch = cursor.epoch;
        self.let_go(near);
    }

    /// Says that records are missing here.
    pub fn gap(&mut self, missed: Option<u64>, cursor: Cursor) {
        self.open_stretch();
        if let Some(last) = self.stretches.last_mut() {
            let (before, lines) = (last.bytes(), last.lines());
            self.parser.gap(missed, last);
            self.bytes += last.bytes() - before;
            self.total += last.lines() - lines;
            self.cursor = cursor;
        }
    }

    fn open_stretch(&mut self) {
        let full = |s: &Stretch| s.lines() >= STRETCH_LINES as u64 || s.bytes() >= STRETCH_BYTES;
        if self.stretches.last().is_none_or(full) {
            self.stretches.push(Stretch::new(self.total, self.cursor, self.parser.clone()));
        }
    }

    /// Lets stretches go until the rest fits, the farthest from `near` first.
    fn let_go(&mut self, near: u64) {
        while self.bytes > KEPT_BYTES && self.stretches.len() > NEWEST {
            let old = &self.stretches[..self.stretches.len() - NEWEST];
            let far = old.iter().enumerate().filter(|(_, s)| s.is_loaded());
            let Some((at, _)) = far.max_by_key(|(_, s)| s.first.abs_diff(near)) else { return };
            self.bytes -= self.stretches[at].let_go();
        }
    }

    fn stretch_of(&self, line: u64) -> Option<usize> {
        let after = self.stretches.partition_point(|s| s.first <= line);
        let at = after.checked_sub(1)?;
        (line < self.stretches[at].first + self.stretches[at].lines()).then_some(at)
    }

    /// Returns a line; `None` beyond the end and while its stretch is not here.
    pub fn line(&self, line: u64) -> Option<LineRef<'_>> {
        if line == self.total {
            let (command, text) = self.parser.tail()?;
            return Some(LineRef { kind: Kind::Output, command, text });
        }
        let stretch = &self.stretches[self.stretch_of(line)?];
        stretch.line(line - stretch.first)
    }

    /// Returns what has to be read for a line to be here, and remembers that it was asked for.
    pub fn want(&mut self, line: u64) -> Option<Missing> {
        let at = self.stretch_of(line)?;
        let stretch = &self.stretches[at];
        let number = at as u64;
        if stretch.is_loaded() || !self.wanted.insert(number) {
            return None;
        }
        Some(Missing { stretch: number, after: stretch.after, until: stretch.until })
    }

    /// Takes the records of a stretch in again.
    pub fn refill(&mut self, number: u64, records: &[JournalRecord]) {
        self.wanted.remove(&number);
        let Some(stretch) = usize::try_from(number).ok().and_then(|n| self.stretches.get_mut(n))
        else {
            return;
        };
        self.bytes += stretch.refill(records);
        let near = stretch.first;
        self.let_go(near);
    }

    /// Says that a stretch could not be read.
    pub fn refused(&mut self, number: u64) {
        self.wanted.remove(&number);
    }

    /// Returns the command that a line belongs to, as far as headings tell.
    pub fn command_at(&self, line: u64) -> Option<Head> {
        let after = self.heads.partition_point(|h| h.line <= line);
        self.heads.get(after.checked_sub(1)?).copied()
    }

    /// Folds or unfolds a command.
    pub fn toggle(&mut self, command: u64) {
        if !self.folded.remove(&command) {
            self.folded.insert(command);
        }
    }

    /// Unfolds a command.
    pub fn unfold(&mut self, command: u64) {
        self.folded.remove(&command);
    }

    /// Folds all commands, or none when any is folded.
    pub fn toggle_all(&mut self) {
        if self.folded.is_empty() {
            self.folded = self.heads.iter().map(|h| h.command).collect();
        } else {
            self.folded.clear();
        }
    }

    /// Returns whether a command is folded.
    pub fn is_folded(&self, command: u64) -> bool {
        self.folded.contains(&command)
    }

    /// Returns how many lines of a command are hidden when it is folded.
    pub fn hidden_lines(&self, command: u64) -> u64 {
        self.stretches.iter().map(|s| s.output_of(command)).sum()
    }

    fn is_hidden(&self, line: u64) -> bool {
        !self.folded.is_empty()
            && self.line(line).is_some_and(|l| l.kind.folds() && self.is_folded(l.command))
    }

    /// Returns the first line from `line` on that is shown.
    pub fn shown_from(&self, line: u64) -> Option<u64> {
        let mut line = line;
        while line < self.len() {
            if !self.is_hidden(line) {
                return Some(line);
            }
            line = self.skip(line, Direction::Forward);
        }
        None
    }

    /// Returns the last line before `line` that is shown.
    pub fn shown_before(&self, line: u64) -> Option<u64> {
        let mut line = line.min(self.len());
        while line > 0 {
            line -= 1;
            if !self.is_hidden(line) {
                return Some(line);
            }
            line = self.skip(line, Direction::Backward);
        }
        None
    }

    /// Returns where to look next: a stretch that is hidden whole is passed at once.
    fn skip(&self, line: u64, direction: Direction) -> u64 {
        let whole = self.stretch_of(line).map(|at| &self.stretches[at]);
        let whole = whole.filter(|s| s.lines() == s.output_of_any(&self.folded));
        match (direction, whole) {
            (Direction::Forward, Some(stretch)) => stretch.first + stretch.lines(),
            (Direction::Forward, None) => line + 1,
            (Direction::Backward, Some(stretch)) => stretch.first,
            (Direction::Backward, None) => line,
        }
    }
}
