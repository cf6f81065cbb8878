//! The journal: what was run for a pod, shown like a terminal.
//!
//! A command is a [`JournalEntry::Begin`], any number of
//! [`JournalEntry::Output`]s as they arrive, and one [`JournalEntry::End`].
//! Commands of one pod may overlap; `command` ties their records together.

use crate::{Cursor, PodId, Timestamp};
use serde::{Deserialize, Serialize};

/// The `error` of a command that nothing is wrong with: who had begun it left while it ran,
/// and how it ends is not looked at.
pub const LEFT_RUNNING: &str = "left while it ran";

/// One record of a pod's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// Its place; grows by one for each record of the pod, from 1, never reused.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// What it says.
    #[serde(flatten)]
    pub entry: JournalEntry,
}

/// Which stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a record says. Secrets were taken out before it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JournalEntry {
    /// A command was begun.
    Begin {
        /// Its number: the `seq` of this record.
        command: u64,
        /// The whole command as run on the host (`docker exec …`); engine calls
        /// as the docker command they stand for.
        line: String,
        /// The command inside the pod, which is what users see; `None` for
        /// infrastructure commands, shown only on request.
        container_line: Option<String>,
        /// What it is for, for people.
        label: Option<String>,
    },
    /// Some of its output, in the order it came. Not cut at line ends.
    Output {
        /// Which command.
        command: u64,
        /// Which stream.
        stream: OutputStream,
        /// The bytes; what is not UTF-8 was replaced by U+FFFD.
        text: String,
    },
    /// It ended.
    End {
        /// Which command.
        command: u64,
        /// Its exit code; 0 for an engine call that succeeded, `None` when it is not
        /// known (the daemon was killed, the link was lost).
        exit_code: Option<i64>,
        /// How long it took, in milliseconds.
        duration_ms: u64,
        /// Why it failed where there is no exit code to say so; [`LEFT_RUNNING`] when it
        /// did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// Bytes of output left out because the command reached its cap.
        #[serde(default, skip_serializing_if = "is_zero")]
        dropped_bytes: u64,
    },
    /// Words of the daemon itself: a state change, a decision.
    Note {
        /// The words.
        text: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl JournalEntry {
    /// Returns whether the record is of an infrastructure command. Only a `Begin`
    /// can tell; the other records go with their command's.
    pub fn is_infra_begin(&self) -> bool {
        matches!(self, Self::Begin { container_line: None, .. })
    }
}

/// A stretch of a pod's journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalPage {
    /// The pod.
    pub pod: PodId,
    /// The records, oldest first.
    pub records: Vec<JournalRecord>,
    /// All there is after this, up to `next`, is in `records` or counted in `missed`;
    /// its `seq` is 0 when nothing before is kept.
    #[serde(default)]
    pub from: Cursor,
    /// Where to go on.
    pub next: Cursor,
    /// How many records between `from` and `next` are gone (retention, caps). Never silent.
    #[serde(default)]
    pub missed: u64,
    /// Whether `next` is the end of what is written now.
    pub at_end: bool,
}
