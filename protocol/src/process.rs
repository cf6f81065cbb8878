//! What the supervisor in a pod keeps running.

use crate::Timestamp;
use serde::{Deserialize, Serialize};

/// How a process of a pod is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProcessState {
    /// It waits for another one, or has only been begun.
    Starting,
    /// It runs.
    Running,
    /// It ended and is started again.
    Restarting,
    /// It ended soon several times in a row; it is still tried again.
    Failed,
    /// Somebody stopped it.
    Stopped,
}

impl ProcessState {
    /// Returns the word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Restarting => "restarting",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        }
    }
}

/// A process of a pod, or one of its services, as its supervisor says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessView {
    /// Its name in the spec.
    pub name: String,
    /// How it is.
    pub state: ProcessState,
    /// Its process id in the pod; `None` while it does not run.
    pub pid: Option<u32>,
    /// How often it was started again since the pod was started.
    pub restarts: u64,
    /// Since when it is up, or down; by the host's clock, in whole seconds.
    pub since: Timestamp,
}
