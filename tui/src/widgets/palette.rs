//! Actions found by their name.

use crate::keymap::{Action, Binding, Context, Keymap};
use crate::widgets::input::LineInput;

/// The palette's state.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// What was typed.
    pub input: LineInput,
    /// The row the cursor is on.
    pub selected: usize,
}

impl Palette {
    /// Returns the actions that fit, of those that can be had here.
    pub fn rows<'a>(
        &self,
        keymap: &'a Keymap,
        contexts: &[Context],
    ) -> Vec<(&'static Binding, &'a [crate::keymap::Key])> {
        let wanted = self.input.text().to_lowercase();
        let fits = |row: &Binding| {
            let text = format!("{} {}", row.name.replace('_', " "), row.help).to_lowercase();
            wanted.split_whitespace().all(|word| text.contains(word))
        };
        let here = |row: &Binding| {
            contexts.contains(&row.context)
                && row.context != Context::Move
                && row.action != Action::Palette
        };
        keymap.rows().filter(|(row, _)| here(row) && fits(row)).collect()
    }

    /// Moves the cursor by rows.
    pub fn step(&mut self, by: isize, rows: usize) {
        self.selected = self.selected.saturating_add_signed(by).min(rows.saturating_sub(1));
    }
}
