//! Records that follow one another as lines: stretches, and how it goes on.

use super::{LineRef, Parser, Stretch};
use pinacle_protocol::{Cursor, JournalRecord};

/// Lines of one run of records without a hole.
#[derive(Debug, Clone)]
pub(super) struct Run {
    pub(super) stretches: Vec<Stretch>,
    /// How it goes on.
    pub(super) parser: Parser,
    /// The last record that is in it, shown or not.
    pub(super) cursor: Cursor,
    /// Number of its first line,
    pub(super) first: u64,
    /// and of the one after its last whole one.
    pub(super) end: u64,
}

impl Run {
    /// Begins after a record, at a line.
    pub(super) fn new(cursor: Cursor, first: u64, parser: Parser) -> Self {
        Self { stretches: Vec::new(), parser, cursor, first, end: first }
    }

    /// Takes records in, but for those it has already: they are sent again after a lost link.
    pub(super) fn push(&mut self, records: &[JournalRecord], cursor: Cursor) {
        let had = self.cursor.seq;
        for record in records.iter().filter(|r| r.seq > had) {
            self.open_stretch();
            let Some(last) = self.stretches.last_mut() else { continue };
            let before = last.lines();
            last.take(record, &mut self.parser);
            self.end += last.lines() - before;
        }
        self.cursor = Cursor { epoch: cursor.epoch, seq: cursor.seq.max(self.cursor.seq) };
    }

    /// Takes in where commands began that said nothing so far.
    pub(super) fn introduce(&mut self, context: &[JournalRecord]) {
        self.parser.introduce(context);
        if let Some(last) = self.stretches.last_mut() {
            last.introduce(context);
        }
    }

    /// Says that records are missing here.
    pub(super) fn gap(&mut self, missed: Option<u64>, cursor: Cursor) {
        self.open_stretch();
        if let Some(last) = self.stretches.last_mut() {
            let before = last.lines();
            last.take_gap(missed, &mut self.parser);
            self.end += last.lines() - before;
        }
        self.cursor = cursor;
    }

    /// Has the next record begin a stretch of its own.
    pub(super) fn seal(&mut self) {
        if let Some(last) = self.stretches.last_mut() {
            last.seal();
        }
    }

    fn open_stretch(&mut self) {
        if self.stretches.last().is_none_or(Stretch::is_full) {
            self.stretches.push(Stretch::new(self.end, self.cursor, self.parser.clone()));
        }
    }

    pub(super) fn at(&self, line: u64) -> Option<usize> {
        let after = self.stretches.partition_point(|s| s.first <= line);
        let at = after.checked_sub(1)?;
        (line < self.stretches[at].first + self.stretches[at].lines()).then_some(at)
    }

    pub(super) fn line(&self, line: u64) -> Option<LineRef<'_>> {
        let stretch = &self.stretches[self.at(line)?];
        stretch.line(line - stretch.first)
    }

    /// Numbers its lines from another one on.
    pub(super) fn begin_at(&mut self, first: u64) {
        for stretch in &mut self.stretches {
            stretch.first = stretch.first - self.first + first;
        }
        (self.first, self.end) = (first, self.end - self.first + first);
    }
}
