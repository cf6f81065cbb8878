//! `keys.toml`: keys bound anew. All that is wrong is found at once.

use super::{Action, Binding, Context, Key, Keymap, TABLE};
use crate::msg::Pointer;
use std::collections::BTreeMap;

/// What is wrong with a `keys.toml`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeysError {
    /// It is no TOML, or not of the expected form.
    #[error("keys.toml cannot be read{place}: {why}")]
    Form {
        /// The line, where one is to blame.
        place: String,
        /// Why.
        why: String,
    },
    /// A section that is none.
    #[error("keys.toml has a section [{section}], which is none of {known}")]
    Section {
        /// As written.
        section: String,
        /// The sections there are.
        known: String,
    },
    /// An action that the section does not have.
    #[error("keys.toml: [{section}] has no action {name}{hint}")]
    Action {
        /// The section.
        section: &'static str,
        /// As written.
        name: String,
        /// What is near it.
        hint: String,
    },
    /// A key that is none.
    #[error("keys.toml: {action} in [{section}]: {error}")]
    Key {
        /// The section.
        section: &'static str,
        /// The action.
        action: &'static str,
        /// Why.
        error: String,
    },
    /// A key that would be typed as text.
    #[error(
        "keys.toml: {key} types text, so {action} in [{section}] cannot have it; add ctrl- or alt-"
    )]
    Types {
        /// The section.
        section: &'static str,
        /// The key.
        key: Key,
        /// The action.
        action: &'static str,
    },
    /// A key with two meanings in one place.
    #[error("keys.toml: {key} is both {first} and {second}; give one of them another key")]
    Clash {
        /// The key.
        key: Key,
        /// An action.
        first: &'static str,
        /// The other.
        second: &'static str,
    },
    /// An action that has to have a key.
    #[error("keys.toml: {action} in [{section}] needs a key: nothing else does it")]
    Needed {
        /// The section.
        section: &'static str,
        /// The action.
        action: &'static str,
    },
    /// No key leads out of the editor.
    #[error(
        "keys.toml: back in [global] needs a key that types no text: nothing else leaves the editor"
    )]
    NoWayBack,
}

impl KeysError {
    fn of(text: &str, error: &toml::de::Error) -> Self {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|before| before.matches('\n').count() + 1);
        let place = line.map(|line| format!(", line {line}")).unwrap_or_default();
        Self::Form { place, why: error.message().lines().collect::<Vec<_>>().join(" ") }
    }
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum Written {
    One(String),
    Several(Vec<String>),
}

#[derive(serde::Deserialize)]
struct File {
    mouse: Option<bool>,
    #[serde(flatten)]
    sections: BTreeMap<String, BTreeMap<String, Written>>,
}

/// Reads a `keys.toml` over the default keys.
///
/// # Errors
///
/// Everything that is wrong with it, in order.
pub fn read(text: &str) -> Result<Keymap, Vec<KeysError>> {
    let parsed: File = toml::from_str(text).map_err(|e| vec![KeysError::of(text, &e)])?;
    let mut keymap = Keymap::default();
    if parsed.mouse == Some(false) {
        keymap.pointer = Pointer::Left;
    }
    let mut errors = Vec::new();
    for (section, actions) in parsed.sections {
        let Some(context) = Context::ALL.into_iter().find(|c| c.name() == section) else {
            let known = Context::ALL.map(Context::name).join(", ");
            errors.push(KeysError::Section { section, known });
            continue;
        };
        for (name, written) in actions {
            rebind(&mut keymap, context, name, written, &mut errors);
        }
    }
    clashes(&keymap, &mut errors);
    needs(&keymap, &mut errors);
    if errors.is_empty() { Ok(keymap) } else { Err(errors) }
}

fn rebind(
    keymap: &mut Keymap,
    context: Context,
    name: String,
    written: Written,
    errors: &mut Vec<KeysError>,
) {
    let here = |row: &&Binding| row.context == context;
    let Some(at) = TABLE.iter().position(|row| row.context == context && row.name == name) else {
        let near = TABLE.iter().filter(here).map(|row| row.name);
        let near = near.max_by(|a, b| strsim::jaro(a, &name).total_cmp(&strsim::jaro(b, &name)));
        let hint = near.map(|n| format!("; did you mean {n}?")).unwrap_or_default();
        errors.push(KeysError::Action { section: context.name(), name, hint });
        return;
    };
    let action = TABLE[at].name;
    let words = match written {
        Written::One(word) => vec![word],
        Written::Several(words) => words,
    };
    let mut keys = Vec::new();
    for word in words {
        match word.parse::<Key>() {
            Ok(key) if is_for_text(&TABLE[at]) && key.typed().is_some() => {
                errors.push(KeysError::Types { section: context.name(), key, action });
            }
            Ok(key) => keys.push(key),
            Err(error) => {
                let (section, error) = (context.name(), error.to_string());
                errors.push(KeysError::Key { section, action, error });
            }
        }
    }
    keymap.keys[at] = keys;
}

/// Returns whether it is for where text is typed.
fn is_for_text(row: &Binding) -> bool {
    row.context == Context::Editor
        || matches!(row.action, Action::Accept | Action::Complete | Action::Close)
}

/// Nobody is to be locked into a place.
fn needs(keymap: &Keymap, errors: &mut Vec<KeysError>) {
    for (row, keys) in keymap.rows() {
        let needed = row.context == Context::Dialog && row.action != Action::Complete;
        if needed && keys.is_empty() {
            errors.push(KeysError::Needed { section: row.context.name(), action: row.name });
        }
    }
    if keymap.shown_in_text(Action::Back).is_empty() {
        errors.push(KeysError::NoWayBack);
    }
}

/// Returns whether two contexts hold at the same time.
fn meet(a: Context, b: Context) -> bool {
    use Context::{Details, Dialog, Doctor, Global, Journal, Move, OnPod, Output, Pods};
    let together = |a, b| {
        matches!(
            (a, b),
            (Global, OnPod | Pods | Journal | Details | Output | Doctor | Move)
                | (Move, OnPod | Pods | Journal | Details | Output | Doctor | Dialog)
                | (OnPod, Pods | Journal | Details)
        )
    };
    // Where text is typed, its own keys go before those that hold everywhere, as in dialogs.
    a == b || together(a, b) || together(b, a)
}

fn clashes(keymap: &Keymap, errors: &mut Vec<KeysError>) {
    let rows: Vec<_> = keymap.rows().collect();
    for (index, (first, keys)) in rows.iter().enumerate() {
        for (second, others) in &rows[index + 1..] {
            let both = keys.iter().find(|key| others.contains(key));
            if let Some(key) = both.filter(|_| meet(first.context, second.context)) {
                let (first, second) = (first.name, second.name);
                errors.push(KeysError::Clash { key: *key, first, second });
            }
        }
    }
}
