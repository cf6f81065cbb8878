//! What a client may see of a host, and what a check of it found.

use crate::{HostId, PodId, Slug, Timestamp};
use serde::{Deserialize, Serialize};

/// Whether a host can be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostStatus {
    /// Being reached for the first time since the daemon started.
    Connecting,
    /// Its engine answers.
    Up,
    /// Its engine does not answer; tried again with growing pauses.
    Down,
}

/// One host in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostView {
    /// Its name.
    pub id: HostId,
    /// Whether it can be used now.
    pub status: HostStatus,
    /// Since when.
    pub since: Timestamp,
    /// Why it is down, and what to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<crate::ApiError>,
    /// What it is, once it has been reached; from then on as last seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineView>,
}

/// The engine of a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineView {
    /// As the engine says: `20.10.24`.
    pub version: String,
    /// The newest API version it speaks: `1.41`.
    pub api_version: String,
    /// Names of its container runtimes, sorted.
    pub runtimes: Vec<String>,
    /// Processors it may use.
    pub cpus: u32,
    /// Memory it may use, in bytes.
    pub memory_bytes: u64,
}

/// What a check found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckStatus {
    /// As it should be.
    Ok,
    /// Could not be looked at, because an earlier one failed.
    Skipped,
    /// Works, but something is missing or worth knowing.
    Warning,
    /// Pods cannot run, or not as safely as asked for, until this is mended.
    Failed,
}

/// One thing looked at on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Stable name for programs: `engine`, `gvisor`, `gvisor_keeps_files`, `dns` …
    pub check: String,
    /// What was found.
    pub status: CheckStatus,
    /// The same in words.
    pub message: String,
    /// How to mend it, for every status but `Ok`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// Everything that was looked at on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostReport {
    /// The host.
    pub host: HostId,
    /// When.
    pub checked_at: Timestamp,
    /// The findings, in the order they build on each other.
    pub checks: Vec<CheckResult>,
    /// Name of the engine's runtime that gVisor pods are given; `None` when no
    /// runtime passed every check.
    pub gvisor_runtime: Option<String>,
    /// Pods on this host that another daemon created.
    pub foreign: Vec<ForeignPod>,
}

/// A pod of another daemon: never touched unless adopted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForeignPod {
    /// Its id.
    pub id: PodId,
    /// Its slug, when its labels still say.
    pub slug: Option<Slug>,
    /// Who owns it, as its label says.
    pub owner: String,
}
