//! Everything that can happen to the full screen. Closed, and written down by
//! the recorder, so a recording replays to the same frames.

use crate::journal::{Missing, Piece};
use crate::keymap::Key;
use pinacle_protocol::{
    Accepted, ApiError, ConfigPlan, ConfigReport, Cursor, Event, HostReport, Inventory,
    JournalRecord, PodDetail, PodId, PodUsage, ProcessView, Timestamp,
};
use serde::{Deserialize, Serialize};

/// What can be done with a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Start it.
    Start,
    /// Stop it.
    Stop,
    /// Stop and start it.
    Restart,
    /// Remove it with all its files.
    Delete,
}

impl Verb {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Delete => "delete",
        }
    }
}

/// A spec as it was found for a new pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Its text; a minimal one where there is no file.
    pub text: String,
    /// Where it came from, for people.
    pub shown: String,
    /// Name of the pod when the spec has none.
    pub default_name: Option<String>,
    /// The directory whose files are copied; `None` when none are.
    pub source_dir: Option<String>,
    /// The directory it belongs to.
    pub dir: Option<String>,
    /// Whether there was a file.
    pub found: bool,
}

/// What comes of a journal that is followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Feed {
    /// The end of it, to begin with; also when it is another journal now.
    Opened(Piece),
    /// Where commands began that are among the next records.
    Context(Vec<JournalRecord>),
    /// Records, and the cursor after the last.
    Records(Vec<JournalRecord>, Cursor),
    /// Records are missing here, this many when that is known; then the cursor.
    Gap(Option<u64>, Cursor),
    /// All that was there has come.
    CaughtUp,
    /// It broke off, because of this; tried again by itself.
    Lost(String),
}

/// Whether the terminal is looked at, where it says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Focus {
    /// It is.
    Gained,
    /// It is not.
    Lost,
}

/// What was done with the mouse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MouseKind {
    /// The left button was pressed.
    Click,
    /// The wheel was turned up.
    WheelUp,
    /// The wheel was turned down.
    WheelDown,
}

/// The mouse, and where it points.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mouse {
    /// What was done.
    pub kind: MouseKind,
    /// The column, from 0.
    pub column: u16,
    /// The row, from 0.
    pub row: u16,
}

/// Whether clicks are taken from the terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pointer {
    /// They do what they point at.
    #[default]
    Taken,
    /// The terminal has them, for selecting text.
    Left,
}

/// Everything that can happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Msg {
    /// A key was pressed.
    Key(Key),
    /// The mouse was used.
    Mouse(Mouse),
    /// Text was pasted.
    Paste(String),
    /// The terminal has another size: columns and rows.
    Resized(u16, u16),
    /// The terminal is looked at, or no longer.
    Focus(Focus),
    /// It is now this late.
    Tick(Timestamp),
    /// The whole list, read anew.
    Inventory(Box<Inventory>),
    /// Something changed.
    Changed(Box<Event>),
    /// The link to the daemon is lost, because of this.
    Lost(String),
    /// What pods use.
    Usage(Result<Vec<PodUsage>, ApiError>),
    /// All about a pod whose spec is edited.
    Detail(PodId, Result<Box<PodDetail>, ApiError>),
    /// All about a pod, to be shown.
    Looked(PodId, Result<Box<PodDetail>, ApiError>),
    /// What a pod's supervisor keeps.
    Processes(PodId, Result<Vec<ProcessView>, ApiError>),
    /// What a process of a pod printed.
    Printed(PodId, String, Result<String, ApiError>),
    /// Of the journal that is followed; the number tells it from an earlier one.
    Journal(u64, Feed),
    /// A part of the journal that was asked for; the number is the journal's.
    Page(u64, Missing, Result<Piece, ApiError>),
    /// What became of an action.
    Acted(Verb, PodId, Result<Accepted, ApiError>),
    /// Findings about the text with this number.
    Checked(u64, Result<ConfigReport, ApiError>),
    /// What applying the text with this number would do.
    Planned(u64, Result<ConfigPlan, ApiError>),
    /// What became of the text that was to be applied.
    Applied(Result<Accepted, ApiError>),
    /// What became of the pod that was to be made.
    Created(Result<Accepted, ApiError>),
    /// The spec for a new pod.
    Source(Result<Source, ApiError>),
    /// What a path that is being typed may become.
    Completed(String, Vec<String>),
    /// Findings about a host.
    HostChecked(Result<HostReport, ApiError>),
    /// The text as an editor left it; `None` when it was left unchanged.
    Edited(Result<Option<String>, String>),
    /// A draft that was kept under this name.
    Draft(String, Option<String>),
    /// Something was done elsewhere: words about it.
    Said(Result<String, String>),
}
