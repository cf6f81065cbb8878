//! A line that is typed into.

use crate::keymap::Key;

/// Longest line that is taken, in characters.
const MAX: usize = 1_000;

/// The text and where the cursor is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineInput {
    text: String,
    /// In characters.
    cursor: usize,
}

impl LineInput {
    /// Begins with a text, the cursor behind it.
    pub fn new(text: impl Into<String>) -> Self {
        let text = text.into();
        let cursor = text.chars().count();
        Self { text, cursor }
    }

    /// Returns the text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the text before the cursor and from it on.
    pub fn parts(&self) -> (&str, &str) {
        self.text.split_at(self.at(self.cursor))
    }

    fn at(&self, characters: usize) -> usize {
        self.text.char_indices().nth(characters).map_or(self.text.len(), |(at, _)| at)
    }

    /// Inserts text as one line.
    pub fn insert(&mut self, text: &str) {
        let text = crate::sanitize::plain_line(text);
        for c in text.chars() {
            if self.text.chars().count() < MAX {
                self.text.insert(self.at(self.cursor), c);
                self.cursor += 1;
            }
        }
    }

    /// Takes a key; returns whether it was one for editing.
    pub fn key(&mut self, key: Key) -> bool {
        let count = self.text.chars().count();
        if let Some(c) = key.typed() {
            if count < MAX && !c.is_control() {
                self.text.insert(self.at(self.cursor), c);
                self.cursor += 1;
            }
        } else if key.is("backspace") && self.cursor > 0 {
            self.cursor -= 1;
            self.text.remove(self.at(self.cursor));
        } else if key.is("delete") && self.cursor < count {
            self.text.remove(self.at(self.cursor));
        } else if key.is("left") {
            self.cursor = self.cursor.saturating_sub(1);
        } else if key.is("right") {
            self.cursor = (self.cursor + 1).min(count);
        } else if key.is("home") {
            self.cursor = 0;
        } else if key.is("end") {
            self.cursor = count;
        } else {
            return self.control(key);
        }
        true
    }

    fn control(&mut self, key: Key) -> bool {
        match key.to_string().as_str() {
            "ctrl-a" => self.cursor = 0,
            "ctrl-e" => self.cursor = self.text.chars().count(),
            "ctrl-u" => {
                self.text.drain(..self.at(self.cursor));
                self.cursor = 0;
            }
            "ctrl-w" => {
                let before = self.parts().0.trim_end();
                let from = before.rfind([' ', '/']).map_or(0, |at| at + 1);
                let from = if before.ends_with('/') {
                    before.trim_end_matches('/').rfind('/').map_or(0, |at| at + 1)
                } else {
                    from
                };
                let end = self.at(self.cursor);
                self.cursor = self.text[..from].chars().count();
                self.text.drain(from..end);
            }
            _ => return false,
        }
        true
    }
}
