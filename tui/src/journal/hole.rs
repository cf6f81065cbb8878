//! What was not read yet. A journal is opened at its end: above that may be a
//! hole, which is read from either side, as far as somebody looks. In the place
//! of its lines stand two: one that goes on from its top, one from its bottom.

use super::run::Run;
use super::{Journal, Parser};
use pinacle_protocol::{Cursor, JournalEntry, JournalRecord};
use serde::{Deserialize, Serialize};

/// Number of the first line below a hole: far beyond all that can stand above it.
const BELOW: u64 = 1 << 40;

/// Records of the stretch at the bottom of a hole: enough for lines cut at its top to have ended.
const SEAM: usize = 50;

/// The same in bytes of output, so that a page read with it again brings much that is new.
const SEAM_BYTES: usize = 32 * 1024;

/// A part of a journal as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    /// Its records.
    pub records: Vec<JournalRecord>,
    /// Where the commands begin that had begun before.
    pub context: Vec<JournalRecord>,
    /// Its records are those after this,
    pub from: Cursor,
    /// up to this one.
    pub next: Cursor,
    /// Records among them that are gone.
    pub missed: u64,
}

/// Where a part is read that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// A stretch that had been let go.
    Again,
    /// A page from the top of the hole; all to the end when it gets as far as this record.
    Onwards(u64),
    /// Pages from the bottom of the hole upwards, until one begins before this record.
    Back(u64),
}

/// A part to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Missing {
    /// Its records are those after this,
    pub after: Cursor,
    /// up to this one.
    pub until: u64,
    /// How.
    pub way: Way,
}

/// Lines got other numbers: from this one on, now this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renumbered {
    from: u64,
    to: u64,
}

impl Renumbered {
    /// Returns a line's number now.
    pub fn line(self, line: u64) -> u64 {
        if line > BELOW / 2 { (line + self.to).saturating_sub(self.from) } else { line }
    }
}

impl Journal {
    /// Begins with the end of a journal.
    pub fn open(pod: pinacle_protocol::PodId, piece: &Piece) -> Self {
        let mut journal = Self::new(pod);
        let first = if piece.from.seq > 0 { BELOW } else { 0 };
        journal.above = (first > 0).then(|| {
            let top = Cursor { seq: 0, ..piece.from };
            Run::new(top, 0, Parser::default())
        });
        journal.run = part(piece, first);
        journal.run.cursor = piece.next;
        journal.run.seal();
        journal
    }

    /// Returns the lines that stand for the hole.
    pub fn hole(&self) -> Option<(u64, u64)> {
        self.above.as_ref().map(|above| (above.end, self.run.first - 1))
    }

    /// Returns a line that there is, near one in the hole.
    pub(super) fn clamp(&self, line: u64) -> u64 {
        match self.hole() {
            Some((top, bottom)) if (top..=bottom).contains(&line) => {
                if line - top < bottom - line {
                    top
                } else {
                    bottom
                }
            }
            _ => line,
        }
    }

    /// Returns what has to be read for a line of the hole.
    pub(super) fn want_hole(&self, line: u64) -> Option<Missing> {
        let (above, (top, bottom)) = (self.above.as_ref()?, self.hole()?);
        let front = self.run.stretches.first()?;
        let reach = front.after.seq;
        if line == top {
            let way = Way::Onwards(reach);
            Some(Missing { after: above.cursor, until: front.until, way })
        } else {
            let way = Way::Back(reach);
            (line == bottom).then_some(Missing { after: above.cursor, until: front.until, way })
        }
    }

    /// Takes a part of the hole in.
    pub(super) fn fill(&mut self, missing: Missing, piece: &Piece) -> Option<Renumbered> {
        let front = self.run.stretches.first()?;
        if front.until != missing.until {
            return None;
        }
        let above = self.above.as_mut()?;
        let onwards = matches!(missing.way, Way::Onwards(_));
        if onwards && piece.from != above.cursor {
            return None;
        }
        if onwards || piece.from.seq <= above.cursor.seq {
            if piece.missed > 0 {
                above.gap(Some(piece.missed), Cursor { seq: above.cursor.seq, ..piece.next });
            }
            above.push(&piece.records, piece.next);
            return (above.cursor.seq >= missing.until).then(|| self.close()).flatten();
        }
        // The stretch at the bottom is made again: it began in the middle of something.
        let end = front.first + front.lines();
        let mut more = part(piece, 0);
        if self.is_seam(&more.parser) {
            self.widen();
            return None;
        }
        more.begin_at(end - more.end);
        more.seal();
        if self.run.stretches.len() == 1 {
            self.run.parser = more.parser;
        }
        self.run.first = more.first;
        self.run.stretches.splice(..1, more.stretches);
        None
    }

    /// Returns whether the second stretch below the hole would have other lines, too,
    /// after the first was made again.
    fn is_seam(&self, parser: &Parser) -> bool {
        self.run.stretches.get(1).is_some_and(|next| !parser.goes_on_as(next.began()))
    }

    /// Has the first stretch below the hole be read once more, with the second.
    fn widen(&mut self) {
        let first = self.run.stretches.remove(0);
        self.run.first = first.first + first.lines();
        if self.run.stretches.len() == 1 {
            self.run.seal();
        }
    }

    /// Joins what is above the hole with what is below; the stretch at its bottom was
    /// read from above.
    fn close(&mut self) -> Option<Renumbered> {
        let parser = self.above.as_ref()?.parser.clone();
        if self.is_seam(&parser) {
            self.widen();
            return None;
        }
        let mut above = self.above.take()?;
        let first = self.run.stretches.remove(0);
        let from = first.first + first.lines();
        let to = above.end;
        if self.run.stretches.is_empty() {
            self.run.parser = parser;
        }
        self.run.first = from;
        self.run.begin_at(to);
        above.stretches.append(&mut self.run.stretches);
        self.run.stretches = above.stretches;
        self.run.first = 0;
        Some(Renumbered { from, to })
    }
}

/// Returns the lines of a part, the first with this number.
fn part(piece: &Piece, first: u64) -> Run {
    let mut run = Run::new(piece.from, first, Parser::within(&piece.context));
    if piece.missed > 0 {
        run.gap(Some(piece.missed), piece.from);
    }
    // Read again with what is above it: the less, the better.
    let mut bytes = 0;
    let seam = piece.records.iter().take(SEAM).take_while(|record| {
        let fits = bytes < SEAM_BYTES;
        if let JournalEntry::Output { text, .. } = &record.entry {
            bytes += text.len();
        }
        fits
    });
    let (first, rest) = piece.records.split_at(seam.count());
    run.push(first, Cursor { seq: first.last().map_or(0, |r| r.seq), ..piece.next });
    run.seal();
    run.push(rest, piece.next);
    run
}
