//! Which key does what: one table, from which the help, the hints at the
//! bottom, the palette and `tui/KEYS.md` are made. Keys become actions here
//! and nowhere else.

mod config;
mod key;
mod table;

pub use config::{KeysError, read};
pub use key::{Code, Key, NAMES, UnknownKey};
pub use table::{TABLE, TEXT_KEYS};

use crate::msg::Pointer;
use std::fmt::Write;

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Context {
    /// Everywhere. Where text is typed, only keys that type nothing.
    Global,
    /// In everything that scrolls.
    Move,
    /// On a pod, in the list and on its own screen.
    OnPod,
    /// In the list of pods.
    Pods,
    /// In a pod's journal.
    Journal,
    /// In a pod's details.
    Details,
    /// In what a process printed.
    Output,
    /// In the spec editor.
    Editor,
    /// In the findings about a host.
    Doctor,
    /// In dialogs above all of them.
    Dialog,
}

impl Context {
    /// Every context, in the order of the help.
    pub const ALL: [Self; 10] = [
        Self::Global,
        Self::Move,
        Self::OnPod,
        Self::Pods,
        Self::Journal,
        Self::Details,
        Self::Output,
        Self::Editor,
        Self::Doctor,
        Self::Dialog,
    ];

    /// Returns the name of its section in `keys.toml`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Global => "global",
            Self::Move => "move",
            Self::OnPod => "on_pod",
            Self::Pods => "pods",
            Self::Journal => "journal",
            Self::Details => "details",
            Self::Output => "output",
            Self::Editor => "editor",
            Self::Doctor => "doctor",
            Self::Dialog => "dialog",
        }
    }

    /// Returns its heading in the help.
    pub fn title(self) -> &'static str {
        match self {
            Self::Global => "Everywhere",
            Self::Move => "Moving",
            Self::OnPod => "On a pod",
            Self::Pods => "List of pods",
            Self::Journal => "Journal",
            Self::Details => "Details of a pod",
            Self::Output => "Output of a process",
            Self::Editor => "Spec editor",
            Self::Doctor => "Host check",
            Self::Dialog => "Dialogs",
        }
    }
}

/// Everything a key can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "each is described in the table")]
pub enum Action {
    Quit,
    Back,
    Help,
    Palette,
    Doctor,
    Redraw,
    Suspend,
    Record,
    StartDaemon,
    Mouse,
    Up,
    Down,
    PageUp,
    PageDown,
    Top,
    Bottom,
    Start,
    Stop,
    Restart,
    Delete,
    Shell,
    OpenUrl,
    CopyUrl,
    Edit,
    Open,
    Details,
    Output,
    OutputAgain,
    New,
    Filter,
    Mark,
    MarkAll,
    Group,
    SortNext,
    SortReverse,
    Follow,
    Infra,
    Fold,
    FoldAll,
    NextCommand,
    PreviousCommand,
    Search,
    NextMatch,
    PreviousMatch,
    Copy,
    Save,
    Wrap,
    Apply,
    Preview,
    PreviewUp,
    PreviewDown,
    PreviewPageUp,
    PreviewPageDown,
    External,
    NextFinding,
    Reload,
    Recheck,
    NextHost,
    Accept,
    Complete,
    Close,
    Yes,
    No,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Where it holds.
    pub context: Context,
    /// What it does.
    pub action: Action,
    /// Its name in `keys.toml` and in the palette.
    pub name: &'static str,
    /// Its keys unless they are rebound.
    pub keys: &'static [&'static str],
    /// The word in the line of hints; `None` keeps it out of that.
    pub hint: Option<&'static str>,
    /// What it does, for the help.
    pub help: &'static str,
}

/// A word in the line of hints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The key.
    pub key: String,
    /// The word.
    pub word: &'static str,
    /// What it does.
    pub action: Action,
}

/// The keys in force.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct Keymap {
    /// Whether clicks are taken from the terminal to begin with.
    pub pointer: Pointer,
    /// Beside each row of the table, its keys.
    keys: Vec<Vec<Key>>,
}

impl Default for Keymap {
    fn default() -> Self {
        let parse = |keys: &[&str]| keys.iter().filter_map(|k| k.parse().ok()).collect();
        let keys = TABLE.iter().map(|row| parse(row.keys)).collect();
        Self { pointer: Pointer::Taken, keys }
    }
}

impl Keymap {
    /// Returns the rows with their keys.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Binding, &[Key])> {
        TABLE.iter().zip(self.keys.iter().map(Vec::as_slice))
    }

    /// Returns what a key does in the first of these contexts that knows it.
    pub fn action(&self, contexts: &[Context], key: Key) -> Option<Action> {
        contexts.iter().find_map(|context| {
            let fits =
                |(row, keys): &(&Binding, &[Key])| row.context == *context && keys.contains(&key);
            self.rows().find(fits).map(|(row, _)| row.action)
        })
    }

    /// Returns what a key does where text is typed: its own keys, and of those that hold
    /// everywhere the ones that neither type nor edit. There is no way to lose text.
    pub fn action_in_text(&self, key: Key) -> Option<Action> {
        let global = || match self.action(&[Context::Global], key)? {
            _ if key.typed().is_some() => None,
            action @ (Action::Back | Action::Suspend) => Some(action),
            Action::Quit => Some(Action::Back),
            action => Some(action).filter(|_| !key.ctrl),
        };
        self.action(&[Context::Editor], key).or_else(global)
    }

    /// Returns the first key of an action that does it where text is typed; empty when
    /// there is none.
    pub fn shown_in_text(&self, action: Action) -> String {
        let of = |row: Action| {
            let (_, keys) = self.rows().find(|(r, _)| r.action == row)?;
            keys.iter().find(|key| self.action_in_text(**key) == Some(action))
        };
        of(action).or_else(|| of(Action::Quit)).map(Key::to_string).unwrap_or_default()
    }

    /// Returns the first key of an action, as it is written; empty when it has none.
    pub fn shown(&self, action: Action) -> String {
        let row = self.rows().find(|(row, _)| row.action == action);
        row.and_then(|(_, keys)| keys.first()).map(Key::to_string).unwrap_or_default()
    }

    /// Returns what `text` makes of the first key of an action; nothing when it has none.
    pub fn told(&self, action: Action, text: impl FnOnce(&str) -> String) -> String {
        match self.shown(action) {
            key if key.is_empty() => key,
            key => text(&key),
        }
    }

    /// Returns the hints for these contexts.
    pub fn hints(&self, contexts: &[Context]) -> Vec<Hint> {
        let hint = |(row, keys): (&'static Binding, &[Key])| {
            Some(Hint { key: keys.first()?.to_string(), word: row.hint?, action: row.action })
        };
        let of = |context: &Context| {
            let context = *context;
            self.rows().filter(move |(row, _)| row.context == context).filter_map(hint)
        };
        contexts.iter().flat_map(of).collect()
    }

    /// Returns the keys of the text that is edited, those that are given to no action.
    pub fn text_keys(&self) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
        let free = |key: &str| key.parse().is_ok_and(|key| self.action_in_text(key).is_none());
        TEXT_KEYS.iter().copied().filter(move |(key, _)| free(key))
    }

    /// Returns the page that lists every key, as Markdown.
    pub fn page(&self) -> String {
        let mut page = String::from(PAGE);
        for context in Context::ALL {
            // Writing to a string does not fail.
            let _ = write!(
                page,
                "\n## {} (`[{}]`)\n\n| key | name | what it does |\n|---|---|---|\n",
                context.title(),
                context.name()
            );
            for (row, keys) in self.rows().filter(|(row, _)| row.context == context) {
                let keys: Vec<String> = keys
                    .iter()
                    .map(|k| format!("`{}`", k.to_string().replace('|', "\\|")))
                    .collect();
                let _ = writeln!(page, "| {} | `{}` | {} |", keys.join(" "), row.name, row.help);
            }
            if context == Context::Editor {
                let keys: Vec<_> =
                    self.text_keys().map(|(key, help)| format!("`{key}` {help}")).collect();
                let _ = writeln!(page, "\nIn the text itself: {}.", keys.join(", "));
            }
        }
        page
    }
}

const PAGE: &str = "\
# Keys of the full screen

Made from the table in `src/keymap/table.rs`; a test keeps it so. `?` shows the same on the screen,
`:` finds an action by its name.

Every key can be bound anew in `keys.toml` in the configuration directory (`$XDG_CONFIG_HOME/pinacle`,
else `~/.config/pinacle`). A section for each heading below, in it the action's name and one key or a list;
an empty list takes its keys away:

```toml
[pods]
new = [\"n\", \"ctrl-n\"]

[on_pod]
delete = \"f8\"
```

A key is a character (`x`, `G`), a name (`enter`, `esc`, `tab`, `backtab`, `backspace`, `delete`, `insert`,
`home`, `end`, `pageup`, `pagedown`, `up`, `down`, `left`, `right`, `space`) or `f1` to `f12`, with `ctrl-`, `alt-`
or `shift-` before it.

A click selects, on the heading of a column it sorts, on a command of a journal it folds, in the line of hints and in
dialogs it does what is written there; a double click opens, the wheel scrolls. Most terminals still select text while
shift is held. `f9` leaves the mouse to the terminal for now, and a first line `mouse = false` in `keys.toml` for good.
In GNU screen the terminal has the mouse until `f9` takes it: while a program has it, screen keeps `esc` back until the next key.

What is wrong in the file is said when the program starts, and then the keys are as listed here.
";
