//! What a client may see of a pod.

use crate::{
    HostId, HostPort, OperationId, OperationKind, OwnerId, PodId, Revision, Slug, Timestamp,
};
use serde::{Deserialize, Serialize};

/// Where a pod is in its life. The allowed changes are a table in the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PodPhase {
    /// Accepted, nothing made on the host yet.
    Pending,
    /// Network, volume and container are being made.
    Provisioning,
    /// The container starts, then its install, hooks and processes.
    Starting,
    /// Up, and answering on its port.
    Running,
    /// On the way to stopped.
    Stopping,
    /// The container exists, with its files, and does not run.
    Stopped,
    /// The last operation gave up; `PodView::reason` says why.
    Failed,
    /// Everything of it is being removed.
    Terminating,
}

impl PodPhase {
    /// Every phase, in the order of a pod's life.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Provisioning,
        Self::Starting,
        Self::Running,
        Self::Stopping,
        Self::Stopped,
        Self::Failed,
        Self::Terminating,
    ];

    /// Returns the word shown to people and used on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Provisioning => "provisioning",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
            Self::Failed => "failed",
            Self::Terminating => "terminating",
        }
    }
}

/// What the user asked for; reconcile works until it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Desired {
    /// Up.
    Running,
    /// Down, with every file kept.
    Stopped,
    /// Removed from the host and the list.
    Gone,
}

/// How strongly a pod is walled off from its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// gVisor's user-space kernel (`runsc`).
    #[default]
    Gvisor,
    /// A plain container on the host's kernel, asked for by name.
    Runc,
}

impl Isolation {
    /// Returns the word used in spec files and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Gvisor => "gvisor",
            Self::Runc => "runc",
        }
    }
}

/// One pod in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodView {
    /// The pod's id.
    pub id: PodId,
    /// The name a person gave it, from the spec or its directory.
    pub name: String,
    /// Its part of the hostnames; unique per daemon, accepted wherever an id is.
    pub slug: Slug,
    /// The host it lives on.
    pub host: HostId,
    /// Where it is in its life, as last seen.
    pub phase: PodPhase,
    /// Since when it has been in `phase`.
    pub phase_since: Timestamp,
    /// What the user asked for.
    pub desired: Desired,
    /// Why it is in this phase when that is not plain: an error, or what is amiss
    /// in a running pod (a process that is not healthy).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What to do about `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Set while the host is out of reach: `phase` is from before then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown_since: Option<Timestamp>,
    /// The tier's name, as in the spec (`dev.small`).
    pub tier: String,
    /// How it is isolated in truth, from the container once there is one.
    pub isolation: Isolation,
    /// The published port; `None` until one is reserved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<HostPort>,
    /// Address of the pod's default port; `None` without `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// When the daemon accepted it.
    pub created_at: Timestamp,
    /// The spec's revision that is wanted.
    pub spec_revision: Revision,
    /// The operation under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationSummary>,
}

/// The operation under way, for one line of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationSummary {
    /// Its id.
    pub id: OperationId,
    /// What it does.
    pub kind: OperationKind,
    /// The step it is at, in words for people; empty between steps.
    pub step: String,
    /// Steps finished.
    pub done: u32,
    /// Steps in all.
    pub total: u32,
    /// When it was accepted.
    pub started_at: Timestamp,
}

/// A named way into the pod: what a browser tab shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TabView {
    /// The tab's name.
    pub name: String,
    /// The port inside the pod.
    pub port: u16,
    /// The address to open from this machine.
    pub url: String,
}

/// All there is to know about one pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodDetail {
    /// What the list shows.
    pub pod: PodView,
    /// The spec as the author wrote it.
    pub spec_text: String,
    /// The same, with every default filled in.
    pub effective_spec: String,
    /// Its tabs, first the one that is opened.
    pub tabs: Vec<TabView>,
    /// Container, network, volume and image names on the host.
    pub objects: PodObjects,
    /// Who created it; another daemon's when it was adopted from one.
    pub owner: OwnerId,
    /// The newest operations, newest first, at most 20.
    pub operations: Vec<crate::OperationView>,
}

/// What the pod is called on its host's engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodObjects {
    /// The container's name.
    pub container: String,
    /// The network's name.
    pub network: String,
    /// The bridge interface's name.
    pub bridge: String,
    /// The network's range, `None` until one is reserved.
    pub subnet: Option<String>,
    /// The volumes' names.
    pub volumes: Vec<String>,
    /// The image it was made from, `None` before.
    pub image: Option<String>,
}
