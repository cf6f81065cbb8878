//! One of the two parts of the ring. What pods print is most of it: that is cut when it
//! is too much, the oldest first, and what people did and saw beside it stays.

use super::Borrowed;
use crate::msg::{Feed, Msg};
use pinacle_protocol::Cursor;
use serde::Serialize;

/// What a line holds, as far as it can be cut.
#[derive(Debug, Clone, Copy)]
pub(super) enum Holds {
    /// Records of the journal with this number, so many, up to a cursor.
    Records(u64, u64, Cursor),
    /// What was left of such: that they are missing.
    Gap(u64, u64, Cursor),
    /// A part of a journal that was looked at again.
    Page,
    /// The time.
    Tick,
    /// Something that stays.
    Other,
}

impl Holds {
    pub(super) fn of(msg: &Msg) -> Self {
        match msg {
            Msg::Journal(number, Feed::Records(records, cursor)) => {
                Self::Records(*number, records.len() as u64, *cursor)
            }
            Msg::Page(..) => Self::Page,
            Msg::Tick(_) => Self::Tick,
            _ => Self::Other,
        }
    }

    fn is_printed(self) -> bool {
        matches!(self, Self::Records(..) | Self::Page)
    }
}

/// A message as it is kept.
#[derive(Debug)]
pub(super) struct Line {
    /// One JSON value.
    pub(super) text: Box<str>,
    holds: Holds,
}

impl Line {
    /// Returns one; what cannot be written as JSON is not in our messages.
    fn new(holds: Holds, entry: &impl Serialize) -> Option<Self> {
        let text = serde_json::to_string(entry).ok()?.into_boxed_str();
        Some(Self { text, holds })
    }

    fn gap(number: u64, missed: u64, cursor: Cursor) -> Option<Self> {
        let msg = Msg::Journal(number, Feed::Gap(Some(missed), cursor));
        Self::new(Holds::Gap(number, missed, cursor), &Borrowed::Msg(&msg))
    }
}

/// A part.
#[derive(Debug, Default)]
pub(super) struct Part {
    pub(super) lines: Vec<Line>,
    /// Bytes of all lines,
    pub(super) bytes: usize,
    /// and of those among them that can be cut.
    pub(super) printed: usize,
}

impl Part {
    pub(super) fn put(&mut self, holds: Holds, entry: &impl Serialize) {
        let Some(line) = Line::new(holds, entry) else { return };
        self.bytes += line.text.len();
        self.printed += if holds.is_printed() { line.text.len() } else { 0 };
        self.lines.push(line);
    }

    /// Cuts what was printed until so many bytes of it are left. Records that were cut
    /// with nothing but time between them become one gap.
    pub(super) fn cut(&mut self, left: usize) {
        let mut cut: Vec<Line> = Vec::with_capacity(self.lines.len());
        for line in std::mem::take(&mut self.lines) {
            let length = line.text.len();
            let over = self.printed > left;
            let gap = match line.holds {
                Holds::Records(number, records, cursor) if over => Some((number, records, cursor)),
                Holds::Gap(number, missed, cursor) => Some((number, missed, cursor)),
                Holds::Page if over => None,
                _ => {
                    cut.push(line);
                    continue;
                }
            };
            self.printed -= if line.holds.is_printed() { length } else { 0 };
            let Some((number, mut missed, cursor)) = gap else { continue };
            let before = cut.iter().rposition(|l| !matches!(l.holds, Holds::Tick));
            if let Some(at) = before
                && let Holds::Gap(same, earlier, _) = cut[at].holds
                && same == number
            {
                missed += earlier;
                cut.remove(at);
            }
            cut.extend(Line::gap(number, missed, cursor));
        }
        self.bytes = cut.iter().map(|line| line.text.len()).sum();
        self.lines = cut;
    }
}
