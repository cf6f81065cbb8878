//! One pod and its journal.

mod view;

pub use view::{ROWS_ABOVE, journal_height, view};

use crate::journal::{Direction, Journal, Kind, Missing, Pattern, Piece, Search};
use crate::widgets::ansi::{self, Wrap};
use pinacle_protocol::PodId;

/// Bytes that are copied at the most: what terminals take in one sequence.
const COPY_BYTES: usize = 74_000;

/// Lines shown above what was searched for.
const ABOVE: usize = 3;

/// Whether the end is followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// The last line is at the bottom.
    Following,
    /// This line is at the top; so many there were when it was scrolled to.
    At {
        /// The line.
        top: u64,
        /// Lines there were.
        seen: u64,
    },
}

/// Size of the journal's part of the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Columns.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
}

/// The screen's state.
#[derive(Debug)]
pub struct Pod {
    /// The pod.
    pub id: PodId,
    /// Tells what comes of its journal from an earlier one.
    pub number: u64,
    /// Its lines.
    pub journal: Journal,
    /// What part of them is looked at.
    pub view: View,
    /// Whether infrastructure commands are among them.
    pub infra: bool,
    /// Whether long lines are broken.
    pub wrap: Wrap,
    /// What is searched for.
    pub pattern: Option<Pattern>,
    /// The line it was found in last.
    pub hit: Option<u64>,
    /// A search that waits for lines to be read: from where, which way.
    pub pending: Option<(u64, Direction)>,
    /// Whether all that was written before has come.
    pub caught_up: bool,
    /// Whether a part of it could not be had.
    pub refused: bool,
    /// Why nothing comes.
    pub lost: Option<String>,
}

impl Pod {
    /// Begins at the end of an empty journal.
    pub fn new(id: PodId, number: u64) -> Self {
        Self {
            journal: Journal::new(id.clone()),
            id,
            number,
            view: View::Following,
            infra: false,
            wrap: Wrap::Rows,
            pattern: None,
            hit: None,
            pending: None,
            caught_up: false,
            refused: false,
            lost: None,
        }
    }

    /// Begins the journal anew under another number.
    pub fn restart(&mut self, number: u64) {
        self.journal = Journal::new(self.id.clone());
        (self.number, self.view, self.caught_up) = (number, View::Following, false);
        (self.hit, self.pending, self.lost) = (None, None, None);
        self.refused = false;
    }

    /// Begins the journal anew with its end.
    pub fn open(&mut self, piece: &Piece) {
        self.restart(self.number);
        self.journal = Journal::open(self.id.clone(), piece);
    }

    /// Takes in a part of the journal; what is looked at stays where it is.
    pub fn refill(&mut self, missing: Missing, piece: &Piece) {
        let near = match self.view {
            View::Following => u64::MAX,
            View::At { top, .. } => top,
        };
        let Some(now) = self.journal.refill(missing, piece, near) else { return };
        if let View::At { top, seen } = self.view {
            self.view = View::At { top: now.line(top), seen: now.line(seen) };
        }
        self.hit = self.hit.map(|line| now.line(line));
        self.pending = self.pending.map(|(line, direction)| (now.line(line), direction));
    }

    /// What could not be had is wanted again.
    pub fn ask_again(&mut self) {
        if std::mem::take(&mut self.refused) {
            self.journal.ask_again();
        }
    }

    /// Returns how many rows a line takes.
    fn height(&self, line: u64, extent: Extent) -> usize {
        let Some(line) = self.journal.line(line) else { return 1 };
        if self.wrap == Wrap::Cut || line.text.len() <= extent.columns && !line.text.contains('\t')
        {
            return 1;
        }
        let look = ansi::Look {
            base: ratatui::style::Style::new(),
            theme: crate::theme::Theme::Plain,
            columns: extent.columns,
            wrap: self.wrap,
            marks: &[],
        };
        ansi::rows(line.text, look).len()
    }

    /// Returns the line at the top.
    pub fn top(&self, extent: Extent) -> u64 {
        match self.view {
            View::At { top, .. } => self.journal.shown_from(top).unwrap_or(top),
            View::Following => self.last_top(extent),
        }
    }

    /// Returns the first line of the last screenful.
    fn last_top(&self, extent: Extent) -> u64 {
        let (mut top, mut used) = (self.journal.len(), 0);
        let hole = self.journal.hole().map(|(_, bottom)| bottom);
        while let Some(before) = self.journal.shown_before(top) {
            used += self.height(before, extent);
            if used > extent.rows || hole == Some(top) {
                break;
            }
            top = before;
        }
        top
    }

    /// Moves by lines that are shown.
    pub fn step(&mut self, by: isize, extent: Extent) {
        let mut top = self.top(extent);
        // What was not read is not passed over.
        let wall = self.journal.hole().map(|(top, bottom)| if by < 0 { bottom } else { top });
        for _ in 0..by.unsigned_abs() {
            if wall == Some(top) {
                break;
            }
            let next = if by < 0 {
                self.journal.shown_before(top)
            } else {
                self.journal.shown_from(top + 1)
            };
            let Some(next) = next else { break };
            top = next;
        }
        self.go(top, extent);
    }

    /// Puts a line at the top; at the end it is followed from there.
    pub fn go(&mut self, top: u64, extent: Extent) {
        if top >= self.last_top(extent) {
            self.view = View::Following;
            return;
        }
        let seen = match self.view {
            View::Following => self.journal.len(),
            View::At { seen, .. } => seen,
        };
        self.view = View::At { top, seen };
    }

    /// Follows the end, or stands still.
    pub fn toggle_follow(&mut self, extent: Extent) {
        self.view = match self.view {
            View::Following => View::At { top: self.top(extent), seen: self.journal.len() },
            View::At { .. } => View::Following,
        };
    }

    /// Returns how many lines came since the user scrolled away.
    pub fn unseen(&self) -> u64 {
        match self.view {
            View::Following => 0,
            View::At { seen, .. } => self.journal.len().saturating_sub(seen),
        }
    }

    /// Returns the command that keys are about: the one at the top, or the
    /// last when the end is followed.
    pub fn current(&self, extent: Extent) -> Option<u64> {
        let line = match self.view {
            View::Following => self.journal.len(),
            View::At { .. } => self.top(extent),
        };
        let found = self.journal.command_at(line).or_else(|| self.journal.heads().next());
        found.map(|h| h.command)
    }

    /// Goes to the beginning of the next command, or of the one before.
    pub fn command(&mut self, direction: Direction, extent: Extent) {
        let top = self.top(extent);
        let to = match direction {
            Direction::Forward => self.journal.heads().find(|h| h.line > top),
            Direction::Backward => self.journal.heads().rev().find(|h| h.line < top),
        };
        if let Some(head) = to {
            self.go(head.line, extent);
        }
    }

    /// Folds or unfolds the current command; returns whether there is anything to hide.
    pub fn fold(&mut self, extent: Extent) -> bool {
        let foldable = |command: &u64| self.journal.hidden_lines(*command) > 0;
        let Some(command) = self.current(extent).filter(foldable) else { return false };
        self.journal.toggle(command);
        self.stay_with(command, extent);
        true
    }

    /// Folds all commands, or none.
    pub fn fold_all(&mut self, extent: Extent) {
        let current = self.current(extent);
        self.journal.toggle_all();
        if let Some(command) = current {
            self.stay_with(command, extent);
        }
    }

    /// Goes to the beginning of a command whose lines were folded away.
    fn stay_with(&mut self, command: u64, extent: Extent) {
        let View::At { top, .. } = self.view else { return };
        let head = self.journal.heads().find(|h| h.command == command);
        if let Some(head) = head.filter(|_| self.journal.shown_from(top) != Some(top)) {
            self.go(head.line, extent);
        }
    }

    /// Folds or unfolds the command whose heading is in a row of the screen.
    pub fn click(&mut self, row: usize, extent: Extent) {
        let mut next = self.journal.shown_from(self.top(extent));
        let mut used = 0;
        while let Some(number) = next {
            used += self.height(number, extent);
            if used > row {
                let head = self.journal.line(number);
                let heading = |kind| matches!(kind, Kind::Heading | Kind::Command | Kind::Script);
                let head = head.filter(|l| heading(l.kind));
                if let Some(command) = head.map(|l| l.command) {
                    self.journal.toggle(command);
                }
                return;
            }
            next = self.journal.shown_from(number + 1);
        }
    }

    /// Searches from a line on. `None` while lines have to be read for it.
    pub fn search(&mut self, from: u64, direction: Direction, extent: Extent) -> Option<Search> {
        let pattern = self.pattern.clone()?;
        let found = self.journal.search(&pattern, from, direction);
        self.pending = None;
        match found {
            Search::Found(line) => {
                self.hit = Some(line);
                if let Some(shown) = self.journal.line(line) {
                    let command = shown.command;
                    self.journal.unfold(command);
                }
                self.reveal(line, extent);
            }
            Search::Unread(line) => self.pending = Some((line, direction)),
            Search::Nowhere => {}
        }
        Some(found)
    }

    /// Returns whether a line is seen, from its first row to its last or as far as it fits.
    fn shows(&self, line: u64, extent: Extent) -> bool {
        let mut next = self.journal.shown_from(self.top(extent));
        let mut used = 0;
        while let Some(number) = next.filter(|number| *number <= line && used < extent.rows) {
            used += self.height(number, extent);
            if number == line {
                return used <= extent.rows || self.top(extent) == line;
            }
            next = self.journal.shown_from(number + 1);
        }
        false
    }

    /// Keeps what was found on a screen that has another size now, if it was there before.
    pub fn keep_hit(&mut self, before: Extent, now: Extent) {
        let Some(hit) = self.hit.filter(|_| self.pattern.is_some()) else { return };
        let moves = matches!(self.view, View::At { .. }) && self.shows(hit, before);
        if moves && !self.shows(hit, now) {
            let seen = self.view;
            self.reveal(hit, now);
            // It was not the user who scrolled: lines that came stay unseen.
            if let (View::At { seen, .. }, View::At { seen: new, .. }) = (seen, &mut self.view) {
                *new = seen;
            }
        }
    }

    /// Scrolls so that a line is seen with some lines above it, as far as there is room,
    /// and stands still there.
    fn reveal(&mut self, line: u64, extent: Extent) {
        let (mut top, mut used) = (line, self.height(line, extent));
        for _ in 0..ABOVE {
            let Some(above) = self.journal.shown_before(top) else { break };
            used += self.height(above, extent);
            if used > extent.rows {
                break;
            }
            top = above;
        }
        let seen = self.journal.len();
        self.view = View::At { top: top.min(self.last_top(extent)), seen };
    }

    /// Returns from where the next search in a direction begins.
    pub fn search_from(&self, direction: Direction, extent: Extent) -> u64 {
        match (self.hit, direction) {
            (Some(hit), Direction::Forward) => hit + 1,
            (Some(hit), Direction::Backward) => hit.saturating_sub(1),
            (None, _) => self.top(extent),
        }
    }

    /// Returns the text of the current command, without colours, and how much that is.
    pub fn copy(&self, extent: Extent) -> Option<(String, Copied)> {
        let command = self.current(extent)?;
        let first = self.journal.heads().find(|h| h.command == command)?.line;
        let (mut text, mut copied) = (String::new(), Copied::Whole);
        let mut next = Some(first);
        while let Some(number) = next {
            next = Some(number + 1).filter(|n| *n < self.journal.len());
            let Some(line) = self.journal.line(number) else {
                copied = Copied::Begun;
                break;
            };
            let plain = ansi::strip(line.text);
            if line.command != command {
                if line.kind == Kind::Heading || line.kind == Kind::Command {
                    break;
                }
                continue;
            }
            if text.len() + plain.len() >= COPY_BYTES {
                copied = Copied::Begun;
                break;
            }
            if line.kind != Kind::Continued && !text.is_empty() {
                text.push('\n');
            }
            text.push_str(&plain);
        }
        text.push('\n');
        Some((text, copied))
    }
}

/// How much of a command was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copied {
    /// All of it.
    Whole,
    /// Its beginning: the rest is more than terminals take, or not read yet.
    Begun,
}
