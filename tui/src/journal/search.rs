//! Looks for a word in a journal, also in the parts that are not in memory.

use super::Journal;
use crate::widgets::ansi;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To the end.
    Forward,
    /// To the beginning.
    Backward,
}

/// What is looked for. Capitals count when there are any in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    exact: bool,
}

/// How far a search has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// It is in this line.
    Found(u64),
    /// This line has to be read first.
    Unread(u64),
    /// It is nowhere on this way.
    Nowhere,
}

impl Pattern {
    /// Makes a pattern; `None` of nothing.
    pub fn new(text: &str) -> Option<Self> {
        let exact = text.chars().any(char::is_uppercase);
        let text = if exact { text.to_owned() } else { text.to_lowercase() };
        (!text.is_empty()).then_some(Self { text, exact })
    }

    /// Returns what was typed.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns where it is in a text without sequences: first and one past the
    /// last character of each place.
    pub fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let lower = |c: char| if self.exact { c } else { c.to_lowercase().next().unwrap_or(c) };
        let text: Vec<char> = text.chars().map(lower).collect();
        let wanted: Vec<char> = self.text.chars().collect();
        let mut places = Vec::new();
        let mut at = 0;
        while at + wanted.len() <= text.len() {
            if text[at..at + wanted.len()] == wanted[..] {
                places.push((at, at + wanted.len()));
                at += wanted.len();
            } else {
                at += 1;
            }
        }
        places
    }

    fn is_in(&self, text: &str) -> bool {
        let stripped = text.contains('\x1b').then(|| ansi::strip(text));
        let plain = stripped.as_deref().unwrap_or(text);
        let (text, wanted) = (plain.as_bytes(), self.text.as_bytes());
        match self.exact {
            true => plain.contains(&self.text),
            // Most of a million lines are looked through without another copy of each.
            false if plain.is_ascii() => {
                text.windows(wanted.len()).any(|part| part.eq_ignore_ascii_case(wanted))
            }
            false => plain.to_lowercase().contains(&self.text),
        }
    }
}

impl Journal {
    /// Looks from a line on, that line among them.
    pub fn search(&self, pattern: &Pattern, from: u64, direction: Direction) -> Search {
        let mut line = from.min(self.len().saturating_sub(1));
        if from >= self.len() && direction == Direction::Forward {
            return Search::Nowhere;
        }
        loop {
            match self.line(line) {
                Some(found) if pattern.is_in(found.text) => return Search::Found(line),
                Some(_) => {}
                None if line < self.len() => return Search::Unread(line),
                None => return Search::Nowhere,
            }
            let next = match direction {
                Direction::Forward => Some(line + 1).filter(|n| *n < self.len()),
                Direction::Backward => line.checked_sub(1),
            };
            let Some(next) = next else { return Search::Nowhere };
            line = next;
        }
    }
}
