//! What clients ask for and get back, beside the views.

use crate::diagnostic::Diagnostic;
use crate::{
    Cursor, HostId, HostView, Isolation, OperationId, OwnerId, PodId, PodView, RequestId, Revision,
};
use serde::{Deserialize, Serialize};

/// Largest spec that is read, in bytes; a long real one has a few thousand.
pub const MAX_SPEC_BYTES: usize = 256 * 1024;

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerInfo {
    /// The daemon's version: `0.1.0`.
    pub version: String,
    /// The protocol version it speaks.
    pub protocol: u32,
    /// Its process id.
    pub pid: u32,
    /// Its owner id, the label on all it creates.
    pub owner: OwnerId,
    /// Its state directory.
    pub state_dir: String,
    /// When it started.
    pub started_at: crate::Timestamp,
    /// Path of the executable, to tell two installations apart.
    pub executable: String,
    /// Why nothing can be stored at present: requests for changes are refused with this
    /// until it can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<crate::ApiError>,
}

/// All pods and hosts at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Inventory {
    /// Counts the changes since the daemon started.
    pub revision: Revision,
    /// Events after this cursor are later than this inventory.
    pub cursor: Cursor,
    /// Pods by slug.
    pub pods: Vec<PodView>,
    /// Hosts by name.
    pub hosts: Vec<HostView>,
}

/// Asks for a new pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreatePod {
    /// The client's name for this request.
    pub request_id: RequestId,
    /// The spec file's text.
    pub spec_text: String,
    /// Name when the spec has none: usually the directory's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_name: Option<String>,
    /// The host; `local` when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// Isolation that overrides the spec's, because the user said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolation: Option<Isolation>,
    /// Directory on the daemon's machine whose files are copied into the pod's
    /// working directory before `install` runs; absolute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_dir: Option<String>,
}

/// A pod as people name it: its id, the start of its id (at least 4
/// characters, when only one fits), or its slug.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PodRef(pub String);

/// Asks for something to be done with a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodAction {
    /// The client's name for this request.
    pub request_id: RequestId,
    /// Which pod.
    pub pod: PodRef,
}

/// The request is on disk and will be carried out. How it went is seen by
/// watching the operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The pod.
    pub pod: PodId,
    /// What will be done; `None` when all was already as wanted.
    pub operation: Option<OperationId>,
}

/// A spec, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigReport {
    /// Whether a pod could be made from it: no diagnostic is an error.
    pub valid: bool,
    /// What is wrong, by position.
    pub diagnostics: Vec<Diagnostic>,
    /// The spec with every default filled in, when valid.
    pub effective: Option<String>,
}

/// What applying a changed spec would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigPlan {
    /// The revision the plan starts from; give it to `config_apply`.
    pub base: Revision,
    /// The changes, by key.
    pub changes: Vec<ConfigChange>,
    /// Processes and services that restart.
    pub restarts: Vec<String>,
    /// Whether the container is made again.
    pub recreates: bool,
    /// What would be lost, in words; empty when nothing is. Not empty means
    /// `config_apply` needs `accept_loss`.
    pub lost: Vec<String>,
    /// Warnings about the new spec.
    pub diagnostics: Vec<Diagnostic>,
}

/// One change of a spec.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChange {
    /// The key's path.
    pub path: String,
    /// Its value before; `None` when it is new. Values of `env` are never shown.
    pub before: Option<String>,
    /// Its value after; `None` when it goes.
    pub after: Option<String>,
    /// What follows, in words.
    pub impact: String,
}

/// Asks for a changed spec to be brought into force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigApply {
    /// The client's name for this request.
    pub request_id: RequestId,
    /// Which pod.
    pub pod: PodRef,
    /// The revision that was edited; another one by now is a `conflict`.
    pub expected: Revision,
    /// The whole new text.
    pub spec_text: String,
    /// The user saw what the plan says is lost.
    #[serde(default)]
    pub accept_loss: bool,
}

/// Asks for a pod of another daemon to become this one's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptPod {
    /// The client's name for this request.
    pub request_id: RequestId,
    /// The host; `local` when `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<HostId>,
    /// The pod's id, from the host report.
    pub pod: PodId,
}

/// What lets one browser in to a port behind which a shell waits, once.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodTicket {
    /// Path and query to ask for instead of `/`; `None` when the port needs none.
    pub path: Option<String>,
    /// How long it can be used, in seconds from now.
    pub seconds: Option<u64>,
}

impl std::fmt::Debug for PodTicket {
    /// Leaves out what lets somebody in.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.as_ref().map(|_| "hidden");
        f.debug_struct("PodTicket").field("path", &path).field("seconds", &self.seconds).finish()
    }
}

/// What a pod uses now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodUsage {
    /// The pod.
    pub pod: PodId,
    /// Processor time per second of time, in thousandths of one processor: 1000
    /// is one processor busy throughout. `None` until two readings exist.
    pub cpu_milli: Option<u64>,
    /// Memory in use, without page cache, in bytes.
    pub memory_bytes: u64,
    /// Memory it may use, in bytes.
    pub memory_limit_bytes: u64,
}
