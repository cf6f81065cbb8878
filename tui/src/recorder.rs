//! Remembers what happened lately, so that it can be seen again: a ring of
//! messages, each part of it beginning with all the list shows. Typed and
//! pasted text, specs and values in them are masked before they are kept.

use crate::keymap::{Code, Key};
use crate::model::{Link, Model, Setting};
use crate::msg::Msg;
use crate::theme::Theme;
use crate::update::update;
use crate::view::view;
use pinacle_protocol::{Cursor, Inventory, Revision, Timestamp};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde::{Deserialize, Serialize};

/// Bytes of one of the ring's two parts.
const PART_BYTES: usize = 2 * 1024 * 1024;

/// Messages of one of the ring's two parts.
const PART_MESSAGES: usize = 5_000;

/// One line of a recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// The screen at this moment: size, time, list. Dialogs and other screens are closed.
    Begin(u16, u16, Timestamp, Option<Box<Inventory>>),
    /// A message.
    Msg(Msg),
}

/// The ring.
#[derive(Debug, Default)]
pub struct Recorder {
    before: String,
    now: String,
    messages: usize,
}

impl Recorder {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a message that the model is about to take in.
    pub fn note(&mut self, model: &Model, msg: &Msg) {
        if self.now.is_empty() || self.now.len() > PART_BYTES || self.messages > PART_MESSAGES {
            // Only where a replay can begin: on the list.
            if self.now.is_empty()
                || model.screens.is_empty() && model.layers.is_empty()
                || self.now.len() > 4 * PART_BYTES
            {
                self.before = std::mem::take(&mut self.now);
                self.messages = 0;
                self.put(&begin(model));
            }
        }
        self.messages += 1;
        self.put(&Entry::Msg(masked(msg, is_typing(model))));
    }

    fn put(&mut self, entry: &Entry) {
        // What cannot be written as JSON is not in our messages.
        if let Ok(line) = serde_json::to_string(entry) {
            self.now.push_str(&line);
            self.now.push('\n');
        }
    }

    /// Returns the recording, one JSON value a line.
    pub fn dump(&self) -> String {
        format!("{}{}", self.before, self.now)
    }
}

fn begin(model: &Model) -> Entry {
    let world = &model.world;
    let inventory = (world.link != Link::Loading).then(|| {
        Box::new(Inventory {
            revision: Revision::default(),
            cursor: Cursor::default(),
            pods: world.pods.clone(),
            hosts: world.hosts.clone(),
        })
    });
    Entry::Begin(model.size.0, model.size.1, world.now, inventory)
}

fn is_typing(model: &Model) -> bool {
    let editor = matches!(model.screens.last(), Some(crate::model::Screen::Editor(_)));
    editor && model.layers.is_empty()
}

fn masked(msg: &Msg, typing: bool) -> Msg {
    match msg {
        Msg::Key(key) if typing && key.typed().is_some_and(char::is_alphanumeric) => {
            Msg::Key(Key::plain(Code::Char('x')))
        }
        Msg::Paste(text) => Msg::Paste(mask(text)),
        Msg::Detail(id, Ok(detail)) => {
            let mut detail = detail.clone();
            detail.spec_text = mask_values(&detail.spec_text);
            detail.effective_spec = String::new();
            Msg::Detail(id.clone(), Ok(detail))
        }
        Msg::Source(Ok(source)) => {
            let mut source = source.clone();
            source.text = mask_values(&source.text);
            Msg::Source(Ok(source))
        }
        Msg::Checked(serial, Ok(report)) => {
            let mut report = report.clone();
            report.effective = report.effective.as_deref().map(mask_values);
            Msg::Checked(*serial, Ok(report))
        }
        Msg::Draft(name, text) => Msg::Draft(name.clone(), text.as_deref().map(mask_values)),
        Msg::Edited(Ok(Some(text))) => Msg::Edited(Ok(Some(mask_values(text)))),
        other => other.clone(),
    }
}

fn mask(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() { 'x' } else { c }).collect()
}

/// Masks what stands behind the first colon of each line, and lines without one.
fn mask_values(text: &str) -> String {
    let line = |line: &str| match line.split_once(": ") {
        Some((key, value)) => format!("{key}: {}", mask(value)),
        None if line.trim_end().ends_with(':') => line.to_owned(),
        None => mask(line),
    };
    text.lines().map(|l| line(l) + "\n").collect()
}

/// A line of a recording that is none.
#[derive(Debug, thiserror::Error)]
#[error("line {line} is not of a recording")]
pub struct ReplayError {
    /// Its number, from 1.
    line: usize,
    #[source]
    source: serde_json::Error,
}

/// Plays a recording; returns its last frame as text, and those after each key
/// when `each` says so.
///
/// # Errors
///
/// [`ReplayError`] for the first line that cannot be read.
pub fn replay(text: &str, mut each: impl FnMut(&str)) -> Result<String, ReplayError> {
    let mut model = Model::new(setting(), (80, 24), Timestamp(0));
    for (index, line) in text.lines().enumerate() {
        let entry =
            serde_json::from_str(line).map_err(|source| ReplayError { line: index + 1, source })?;
        match entry {
            Entry::Begin(columns, rows, now, inventory) => {
                model = Model::new(setting(), (columns, rows), now);
                if let Some(inventory) = inventory {
                    update(&mut model, Msg::Inventory(inventory));
                }
            }
            Entry::Msg(msg) => {
                let is_key = matches!(msg, Msg::Key(_));
                update(&mut model, msg);
                if is_key {
                    each(&frame(&model));
                }
            }
        }
    }
    Ok(frame(&model))
}

fn setting() -> Setting {
    Setting { theme: Theme::Plain, ..Setting::default() }
}

/// Returns a model as a screen of text.
pub fn frame(model: &Model) -> String {
    let Ok(mut terminal) = Terminal::new(TestBackend::new(model.size.0, model.size.1));
    let Ok(_) = terminal.draw(|frame| view(model, frame));
    let buffer = terminal.backend().buffer();
    let mut text = String::new();
    for row in buffer.content().chunks(usize::from(buffer.area.width.max(1))) {
        let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
