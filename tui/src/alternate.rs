//! Which of the terminal's two screens a program in a pod is on, told from its output.
//! Whoever leaves it there has to bring the terminal back; whoever does so on the first
//! screen puts the cursor where it stood long ago, over what was printed since.

/// Modes that change to the other screen and back.
const MODES: [u32; 3] = [47, 1047, 1049];

/// Parameters of one sequence that are looked at; no program sends as many.
const MOST: usize = 16;

/// Where in a sequence the output is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// In none.
    #[default]
    Text,
    /// Behind an escape.
    Escape,
    /// Behind its bracket.
    Bracket,
    /// In the numbers of a private mode.
    Modes,
}

/// Looks at output as it passes.
#[derive(Debug, Clone, Default)]
pub struct AlternateScreen {
    shown: bool,
    at: At,
    modes: Vec<u32>,
}

impl AlternateScreen {
    /// Returns whether the other screen is shown.
    pub fn is_shown(&self) -> bool {
        self.shown
    }

    /// Takes in what is passed on, however it is cut up.
    pub fn see(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        loop {
            if self.at == At::Text {
                // Nearly all there is.
                let Some(escape) = rest.iter().position(|byte| *byte == 0x1b) else { return };
                rest = &rest[escape..];
            }
            let Some((byte, after)) = rest.split_first() else { return };
            rest = after;
            self.at = self.step(*byte);
        }
    }

    fn step(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (_, 0x1b) => At::Escape,
            (At::Escape, b'[') => At::Bracket,
            (At::Escape, b'c') => {
                // The terminal begins anew.
                self.shown = false;
                At::Text
            }
            (At::Bracket, b'?') => {
                self.modes.clear();
                self.modes.push(0);
                At::Modes
            }
            (At::Modes, b'0'..=b'9') => {
                if let Some(mode) = self.modes.last_mut() {
                    *mode = mode.saturating_mul(10).saturating_add(u32::from(byte - b'0'));
                }
                At::Modes
            }
            (At::Modes, b';') if self.modes.len() < MOST => {
                self.modes.push(0);
                At::Modes
            }
            (At::Modes, b'h' | b'l') => {
                if self.modes.iter().any(|mode| MODES.contains(mode)) {
                    self.shown = byte == b'h';
                }
                At::Text
            }
            _ => At::Text,
        }
    }
}
