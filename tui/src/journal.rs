//! A pod's journal in memory: a million lines in a bounded space.
//!
//! Records become lines as they come. Lines are kept in stretches; when the
//! text of all is too much, the stretches far from what is looked at are let
//! go but for their place, and read from the daemon again when they are
//! needed. Each stretch remembers how it began, so that it is the same again.
//! What stands above the part a journal was opened with is in `hole`.

mod hole;
mod parser;
mod run;
mod search;
mod stretch;

pub use hole::{Missing, Piece, Renumbered, Way};
pub use parser::{Kind, Parser};
pub use search::{Direction, Pattern, Search};
pub use stretch::{LineRef, Stretch};

use pinacle_protocol::{Cursor, JournalRecord, PodId};
use run::Run;
use std::collections::BTreeSet;

/// Bytes of text kept in memory: some hundred thousand short lines.
const KEPT_BYTES: usize = 12 * 1024 * 1024;

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

/// The lines of one journal.
#[derive(Debug)]
pub struct Journal {
    /// Whose.
    pub pod: PodId,
    /// What is above the hole, while there is one.
    above: Option<Run>,
    run: Run,
    folded: BTreeSet<u64>,
    /// What was asked for.
    wanted: BTreeSet<Missing>,
}

impl Journal {
    /// Makes an empty one.
    pub fn new(pod: PodId) -> Self {
        let run = Run::new(Cursor::default(), 0, Parser::default());
        Self { pod, above: None, run, folded: BTreeSet::new(), wanted: BTreeSet::new() }
    }

    /// Returns the number behind the last line, the one that is not complete among them.
    pub fn len(&self) -> u64 {
        self.run.end + u64::from(self.run.parser.tail().is_some())
    }

    /// Returns whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how many lines were read, of those above the hole and those below.
    pub fn counts(&self) -> (u64, u64) {
        (self.above.as_ref().map_or(0, |a| a.end), self.len() - self.run.first)
    }

    /// Returns the bytes of text in memory.
    pub fn bytes(&self) -> usize {
        self.stretches().map(Stretch::bytes).sum()
    }

    fn stretches(&self) -> impl DoubleEndedIterator<Item = &Stretch> {
        let above = self.above.as_ref().map_or(&[][..], |a| &a.stretches);
        above.iter().chain(&self.run.stretches)
    }

    /// Returns the commands by the line they begin at.
    pub fn heads(&self) -> impl DoubleEndedIterator<Item = Head> + '_ {
        self.stretches().flat_map(Stretch::heads)
    }

    /// Takes records in that come at the end; `near` is a line that is looked at.
    pub fn push(&mut self, records: &[JournalRecord], cursor: Cursor, near: u64) {
        self.run.push(records, cursor);
        self.let_go(near);
    }

    /// Takes in where commands began of which nothing was seen so far.
    pub fn introduce(&mut self, context: &[JournalRecord]) {
        self.run.introduce(context);
    }

    /// Says that records are missing at the end.
    pub fn gap(&mut self, missed: Option<u64>, cursor: Cursor) {
        self.run.gap(missed, cursor);
    }

    /// Lets stretches go until the rest fits, the farthest from `near` first.
    fn let_go(&mut self, near: u64) {
        let mut bytes = self.bytes();
        while bytes > KEPT_BYTES {
            let old = self.run.stretches.len().saturating_sub(NEWEST);
            let above = self.above.iter_mut().flat_map(|a| &mut a.stretches);
            let all = above.chain(&mut self.run.stretches[..old]);
            let far = all.filter(|s| s.is_loaded()).max_by_key(|s| s.first.abs_diff(near));
            let Some(stretch) = far else { return };
            bytes -= stretch.let_go();
        }
    }

    /// Returns the part that a line is in.
    fn run_of(&self, line: u64) -> &Run {
        self.above.as_ref().filter(|above| line < above.end).unwrap_or(&self.run)
    }

    /// Returns a line; `None` beyond the end and while it is not here.
    pub fn line(&self, line: u64) -> Option<LineRef<'_>> {
        if line == self.run.end {
            let (command, text) = self.run.parser.tail()?;
            return Some(LineRef { kind: Kind::Output, command, text });
        }
        self.run_of(line).line(line)
    }

    /// Returns what has to be read for a line to be here, and remembers that it was asked for.
    pub fn want(&mut self, line: u64) -> Option<Missing> {
        let line = self.clamp(line);
        let run = self.run_of(line);
        let missing = match run.at(line).map(|at| &run.stretches[at]) {
            None => self.want_hole(line)?,
            Some(here) if here.is_loaded() => return None,
            Some(gone) => Missing { after: gone.after, until: gone.until, way: Way::Again },
        };
        self.wanted.insert(missing).then_some(missing)
    }

    /// Takes in what was asked for; says which lines got other numbers by it. `near` is a
    /// line that is looked at.
    pub fn refill(&mut self, missing: Missing, piece: &Piece, near: u64) -> Option<Renumbered> {
        self.wanted.remove(&missing);
        let renumbered = if missing.way == Way::Again {
            let runs = self.above.iter_mut().chain(std::iter::once(&mut self.run));
            let mut stretches = runs.flat_map(|run| &mut run.stretches);
            let same = |s: &&mut Stretch| (s.after, s.until) == (missing.after, missing.until);
            if let Some(stretch) = stretches.find(same) {
                stretch.refill(&piece.records);
            }
            None
        } else {
            self.fill(missing, piece)
        };
        self.let_go(renumbered.map_or(near, |r| r.line(near)));
        renumbered
    }

    /// Forgets what was asked for in vain, so that it is asked for again.
    pub fn ask_again(&mut self) {
        self.wanted.clear();
    }

    /// Returns the command that a line belongs to, as far as headings tell.
    pub fn command_at(&self, line: u64) -> Option<Head> {
        self.heads().rev().find(|h| h.line <= line)
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
            self.folded = self.heads().map(|h| h.command).collect();
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
        self.stretches().map(|s| s.output_of(command)).sum()
    }

    fn is_hidden(&self, line: u64) -> bool {
        !self.folded.is_empty()
            && self.line(line).is_some_and(|l| l.kind.folds() && self.is_folded(l.command))
    }

    /// Returns the first line from `line` on that is shown.
    pub fn shown_from(&self, line: u64) -> Option<u64> {
        let mut line = line;
        if let Some((top, bottom)) = self.hole()
            && line > top
        {
            line = line.max(bottom);
        }
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
            if let Some((top, bottom)) = self.hole()
                && line < bottom
            {
                line = line.min(top);
            }
            if !self.is_hidden(line) {
                return Some(line);
            }
            line = self.skip(line, Direction::Backward);
        }
        None
    }

    /// Returns where to look next: a stretch that is hidden whole is passed at once.
    fn skip(&self, line: u64, direction: Direction) -> u64 {
        let run = self.run_of(line);
        let whole = run.at(line).map(|at| &run.stretches[at]);
        let whole = whole.filter(|s| s.lines() == s.output_of_any(&self.folded));
        match (direction, whole) {
            (Direction::Forward, Some(stretch)) => stretch.first + stretch.lines(),
            (Direction::Forward, None) => line + 1,
            (Direction::Backward, Some(stretch)) => stretch.first,
            (Direction::Backward, None) => line,
        }
    }
}
