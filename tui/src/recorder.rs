//! Remembers what happened lately, so that it can be seen again: a ring of
//! messages, each part of it beginning with all the list shows. Typed and
//! pasted text, specs and values in them are masked before they are kept.

mod part;

use crate::keymap::{Code, Key, Keymap};
use crate::model::{Link, Model, Setting, Toast};
use crate::msg::{Focus, Msg, Pointer};
use crate::screens::pods::Pods;
use crate::theme::Theme;
use crate::update::update;
use crate::view::view;
use part::{Holds, Part};
use pinacle_protocol::{
    ApiError, Cursor, HostReport, Inventory, OperationView, PodDetail, PodUsage, Revision,
    Timestamp,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// Bytes of one of the ring's two parts,
const PART_BYTES: usize = 2 * 1024 * 1024;

/// after which it is begun anew on the list, as after this many messages,
const PART_MESSAGES: usize = 5_000;

/// and after these wherever the screen is.
const MOST_BYTES: usize = 2 * PART_BYTES;

/// One line of a recording.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Entry {
    /// All there was to see. Dialogs and screens above the list are closed.
    Begin(Box<Beginning>),
    /// A message.
    Msg(Msg),
}

/// The same, to be written.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Borrowed<'a> {
    Msg(&'a Msg),
}

/// All there is to see while only the list is.
#[derive(Debug, Serialize, Deserialize)]
struct Beginning {
    size: (u16, u16),
    now: Timestamp,
    keymap: Keymap,
    cwd: String,
    inventory: Option<Inventory>,
    lost: Option<(Timestamp, String)>,
    usage: Vec<PodUsage>,
    operations: Vec<OperationView>,
    report: Option<Result<HostReport, ApiError>>,
    list: Pods,
    toast: Option<Toast>,
    focus: Focus,
    pointer: Pointer,
    touched: Timestamp,
    number: u64,
    asked_host: bool,
    usage_asked: Option<Timestamp>,
    usage_waiting: bool,
}

/// The ring.
#[derive(Debug, Default)]
pub struct Recorder {
    before: Part,
    now: Part,
}

impl Recorder {
    /// Makes an empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps a message that the model is about to take in.
    pub fn note(&mut self, model: &Model, msg: &Msg) {
        let full = self.now.bytes > PART_BYTES || self.now.lines.len() > PART_MESSAGES;
        // Where a replay can begin: on the list.
        let begins = model.screens.is_empty() && model.layers.is_empty();
        if full && !begins && self.now.printed > PART_BYTES / 2 {
            self.now.cut(PART_BYTES / 4);
        }
        if self.now.lines.is_empty() || full && begins || self.now.bytes > MOST_BYTES {
            self.before = std::mem::take(&mut self.now);
            self.now.put(Holds::Other, &Entry::Begin(Box::new(beginning(model))));
        }
        self.now.put(Holds::of(msg), &Borrowed::Msg(&masked(msg, is_typing(model))));
    }

    /// Returns the recording, one JSON value a line.
    pub fn dump(&self) -> String {
        let lines = self.before.lines.iter().chain(&self.now.lines);
        lines.flat_map(|line| [&line.text, "\n"]).collect()
    }
}

fn beginning(model: &Model) -> Beginning {
    let world = &model.world;
    let inventory = (world.link != Link::Loading).then(|| Inventory {
        revision: Revision::default(),
        cursor: Cursor::default(),
        pods: world.pods.clone(),
        hosts: world.hosts.clone(),
    });
    let lost = match &world.link {
        Link::Lost(since, why) => Some((*since, why.clone())),
        Link::Loading | Link::Live => None,
    };
    Beginning {
        size: model.size,
        now: world.now,
        keymap: model.setting.keymap.clone(),
        cwd: model.setting.cwd.clone(),
        inventory,
        lost,
        usage: world.usage.values().cloned().collect(),
        operations: world.operations.values().cloned().collect(),
        report: world.report.clone(),
        list: model.pods.clone(),
        toast: model.toast.clone(),
        focus: model.focus,
        pointer: model.pointer,
        touched: model.touched,
        number: model.number,
        asked_host: model.asked_host,
        usage_asked: model.usage_asked,
        usage_waiting: model.usage_waiting,
    }
}

fn begun(from: Beginning) -> Model {
    let Beginning { keymap, cwd, size, now, .. } = from;
    // What is played is shown as text.
    let setting = Setting { keymap, theme: Theme::Plain, cwd, ..Setting::default() };
    let mut model = Model::new(setting, size, now);
    if let Some(inventory) = from.inventory {
        model.world.replace(inventory);
    }
    if let Some((since, why)) = from.lost {
        model.world.link = Link::Lost(since, why);
    }
    model.world.usage = from.usage.into_iter().map(|u| (u.pod.clone(), u)).collect();
    model.world.operations = from.operations.into_iter().map(|o| (o.pod.clone(), o)).collect();
    model.world.report = from.report;
    (model.pods, model.toast, model.focus) = (from.list, from.toast, from.focus);
    (model.pointer, model.touched, model.number) = (from.pointer, from.touched, from.number);
    (model.asked_host, model.usage_asked) = (from.asked_host, from.usage_asked);
    model.usage_waiting = from.usage_waiting;
    model
}

fn is_typing(model: &Model) -> bool {
    let editor = matches!(model.screens.last(), Some(crate::model::Screen::Editor(_)));
    editor && model.layers.is_empty()
}

fn masked(msg: &Msg, typing: bool) -> Cow<'_, Msg> {
    Cow::Owned(match msg {
        Msg::Key(key) if typing && key.typed().is_some_and(char::is_alphanumeric) => {
            Msg::Key(Key::plain(Code::Char('x')))
        }
        Msg::Paste(text) => Msg::Paste(mask(text)),
        Msg::Detail(id, Ok(detail)) => Msg::Detail(id.clone(), Ok(without_values(detail))),
        Msg::Looked(id, Ok(detail)) => Msg::Looked(id.clone(), Ok(without_values(detail))),
        // Not what went through the journal, which secrets are cut out of.
        Msg::Printed(id, process, Ok(text)) => {
            Msg::Printed(id.clone(), process.clone(), Ok(mask(text)))
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
        other => return Cow::Borrowed(other),
    })
}

fn without_values(detail: &PodDetail) -> Box<PodDetail> {
    let spec_text = mask_values(&detail.spec_text);
    Box::new(PodDetail { spec_text, effective_spec: String::new(), ..detail.clone() })
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

/// Plays a recording; returns its last frame as text. `each` gets those after every
/// message, with the key it was, when it was one.
///
/// # Errors
///
/// [`ReplayError`] for the first line that cannot be read.
pub fn replay(
    text: &str,
    mut each: impl FnMut(Option<Key>, &Model),
) -> Result<String, ReplayError> {
    let mut model = Model::new(Setting::default(), (80, 24), Timestamp(0));
    for (index, line) in text.lines().enumerate() {
        let entry =
            serde_json::from_str(line).map_err(|source| ReplayError { line: index + 1, source })?;
        match entry {
            Entry::Begin(beginning) => model = begun(*beginning),
            Entry::Msg(msg) => {
                let key = match msg {
                    Msg::Key(key) => Some(key),
                    _ => None,
                };
                update(&mut model, msg);
                each(key, &model);
            }
        }
    }
    Ok(frame(&model))
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
