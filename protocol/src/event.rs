//! What happened, for those who watch.

use crate::{Cursor, HostView, OperationView, PodId, PodView, Timestamp};
use serde::{Deserialize, Serialize};

/// One change of what [`Inventory`](crate::Inventory) shows, or a lasting word about it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// Its place among the events; resumable for as long as the daemon keeps it.
    pub cursor: Cursor,
    /// When.
    pub time: Timestamp,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened. Carries the new state whole, so a watcher needs no second call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    /// A pod is new, or something of it changed.
    PodChanged {
        /// As it is now.
        pod: Box<PodView>,
    },
    /// A pod is gone, from its host and from the list.
    PodRemoved {
        /// Which.
        id: PodId,
    },
    /// A host changed.
    HostChanged {
        /// As it is now.
        host: Box<HostView>,
    },
    /// An operation began, moved on or ended.
    OperationChanged {
        /// As it is now.
        operation: Box<OperationView>,
    },
}

/// Answer of a long poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventBatch {
    /// Events after the cursor asked for, oldest first; empty when the wait ended.
    pub events: Vec<EventRecord>,
    /// Where to go on.
    pub next: Cursor,
    /// Whether events between the cursor and the first one here are gone: read
    /// the inventory again.
    pub gap: bool,
}
