//! One key as it is pressed, written in a file and recorded. The rest of the
//! program knows no other form of it.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Which key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Code {
    /// A character, with its case.
    Char(char),
    /// A function key, from 1.
    F(u8),
    /// A key with a name: one of [`NAMES`].
    Named(&'static str),
}

/// Keys that have names, as they are written.
pub const NAMES: [&str; 16] = [
    "enter",
    "esc",
    "tab",
    "backtab",
    "backspace",
    "delete",
    "insert",
    "home",
    "end",
    "pageup",
    "pagedown",
    "up",
    "down",
    "left",
    "right",
    "space",
];

/// A key with what is held beside it. Written `ctrl-alt-x`, `shift-up`, `G`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// Which key.
    pub code: Code,
    /// Whether Control is held.
    pub ctrl: bool,
    /// Whether Alt is held.
    pub alt: bool,
    /// Whether Shift is held; never set for characters, whose case says so.
    pub shift: bool,
}

/// Text that names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no key; write a character, f1 to f12, or a name such as enter, with ctrl-, alt- or shift- before it"
)]
pub struct UnknownKey(String);

impl Key {
    /// Makes a plain key.
    pub fn plain(code: Code) -> Self {
        Self { code, ctrl: false, alt: false, shift: false }
    }

    /// Returns the key of an event; `None` for releases and keys without a use here.
    pub fn of_event(event: &KeyEvent) -> Option<Self> {
        if event.kind == KeyEventKind::Release {
            return None;
        }
        let code = match event.code {
            KeyCode::Char(' ') => Code::Named("space"),
            KeyCode::Char(c) => Code::Char(c),
            KeyCode::F(number) => Code::F(number),
            other => Code::Named(name_of(other)?),
        };
        let held = event.modifiers;
        let is_char = matches!(code, Code::Char(_) | Code::Named("backtab"));
        Some(Self {
            code,
            ctrl: held.contains(KeyModifiers::CONTROL),
            alt: held.contains(KeyModifiers::ALT),
            shift: held.contains(KeyModifiers::SHIFT) && !is_char,
        })
    }

    /// Returns the text it types; `None` for every other key.
    pub fn typed(self) -> Option<char> {
        match self.code {
            _ if self.ctrl || self.alt => None,
            Code::Char(c) => Some(c),
            Code::Named("space") => Some(' '),
            _ => None,
        }
    }

    /// Returns whether it is this named key with nothing held.
    pub fn is(self, name: &str) -> bool {
        matches!(self.code, Code::Named(n) if n == name) && !self.ctrl && !self.alt
    }
}

fn name_of(code: KeyCode) -> Option<&'static str> {
    Some(match code {
        KeyCode::Enter => "enter",
        KeyCode::Esc => "esc",
        KeyCode::Tab => "tab",
        KeyCode::BackTab => "backtab",
        KeyCode::Backspace => "backspace",
        KeyCode::Delete => "delete",
        KeyCode::Insert => "insert",
        KeyCode::Home => "home",
        KeyCode::End => "end",
        KeyCode::PageUp => "pageup",
        KeyCode::PageDown => "pagedown",
        KeyCode::Up => "up",
        KeyCode::Down => "down",
        KeyCode::Left => "left",
        KeyCode::Right => "right",
        _ => return None,
    })
}

impl FromStr for Key {
    type Err = UnknownKey;

    fn from_str(text: &str) -> Result<Self, UnknownKey> {
        let unknown = || UnknownKey(text.chars().take(40).collect());
        let mut rest = text;
        let (mut ctrl, mut alt, mut shift) = (false, false, false);
        loop {
            let held = [("ctrl-", &mut ctrl), ("alt-", &mut alt), ("shift-", &mut shift)];
            let Some((prefix, flag)) = held.into_iter().find(|(p, _)| rest.starts_with(p)) else {
                break;
            };
            *flag = true;
            rest = &rest[prefix.len()..];
        }
        let mut chars = rest.chars();
        let code = match (chars.next(), chars.next()) {
            (Some(c), None) if !c.is_control() && c != ' ' => Code::Char(c),
            (Some('f' | 'F'), Some(_)) if rest[1..].parse::<u8>().is_ok() => {
                Code::F(rest[1..].parse().map_err(|_| unknown())?)
            }
            _ => {
                let name = rest.to_ascii_lowercase();
                Code::Named(NAMES.into_iter().find(|n| *n == name).ok_or_else(unknown)?)
            }
        };
        match code {
            Code::F(0 | 13..) => Err(unknown()),
            Code::Char(c) if shift => {
                Ok(Self { code: Code::Char(c.to_ascii_uppercase()), ctrl, alt, shift: false })
            }
            code => Ok(Self { code, ctrl, alt, shift }),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (held, word) in [(self.ctrl, "ctrl-"), (self.alt, "alt-"), (self.shift, "shift-")] {
            if held {
                f.write_str(word)?;
            }
        }
        match self.code {
            Code::Char(c) => write!(f, "{c}"),
            Code::F(number) => write!(f, "f{number}"),
            Code::Named(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for Key {
    type Error = UnknownKey;

    fn try_from(text: String) -> Result<Self, UnknownKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> String {
        key.to_string()
    }
}
