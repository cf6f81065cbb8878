//! What a client may see of an operation.

use crate::{OperationId, PodId, Timestamp};
use serde::{Deserialize, Serialize};

/// What an operation does to its pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Makes the pod on its host and starts it.
    Create,
    /// Starts it.
    Start,
    /// Stops it, files kept.
    Stop,
    /// Stops and starts it.
    Restart,
    /// Removes everything of it.
    Delete,
    /// Brings a changed spec into force.
    Reconfigure,
    /// Makes the container again after it was removed behind our back.
    Recreate,
}

impl OperationKind {
    /// Returns the verb shown to people and used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Restart => "restart",
            Self::Delete => "delete",
            Self::Reconfigure => "reconfigure",
            Self::Recreate => "recreate",
        }
    }
}

/// How far an operation is; derived from its steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationStatus {
    /// Accepted; waits for the pod's operation before it.
    Queued,
    /// Under way.
    Running,
    /// A step failed; what was done is being undone.
    Undoing,
    /// Done.
    Succeeded,
    /// Given up; what it had made is gone again.
    Failed,
    /// A newer request took its place.
    Cancelled,
}

impl OperationStatus {
    /// Returns whether nothing more will happen.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// How far a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepStatus {
    /// Not begun.
    Planned,
    /// Asked for; its outcome is not known yet, perhaps for ever if the link
    /// was lost: it is settled by looking at the host.
    Started,
    /// Done.
    Succeeded,
    /// Refused or gone wrong.
    Failed,
    /// Its effect was taken back.
    Undone,
    /// Not needed, or not reached before the operation ended.
    Skipped,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// What it does, for people.
    pub label: String,
    /// How far it is.
    pub status: StepStatus,
    /// When it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When its outcome was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// One operation and its steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationView {
    /// Its id.
    pub id: OperationId,
    /// The pod it changes.
    pub pod: PodId,
    /// What it does.
    pub kind: OperationKind,
    /// How far it is.
    pub status: OperationStatus,
    /// Why it failed, or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::ApiError>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// Its steps in order.
    pub steps: Vec<StepView>,
}
