//! What was seen on a host, in the core's words.

use super::Subnet;
use pinacle_protocol::{HostPort, Isolation, PodId, Revision, Slug};

/// A container's state, as the engine says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ContainerState {
    /// Made and never started.
    Created,
    /// Running (or restarting by the engine's own policy).
    Running,
    /// Frozen by `docker pause`.
    Paused,
    /// Ended.
    Exited,
    /// Being removed, or broken beyond use.
    Dead,
}

impl ContainerState {
    /// Returns whether its processes are there, frozen or not.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Returns whether it ran once and can again: its files are then worth keeping.
    pub fn has_run(self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Exited)
    }
}

/// A container as seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedContainer {
    /// Its name, without the engine's leading slash.
    pub name: String,
    /// Its state.
    pub state: ContainerState,
    /// Its last exit code, once it has ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it for memory.
    pub oom_killed: bool,
    /// The published port it is set to, running or not.
    pub port: Option<HostPort>,
    /// How it is isolated, by its runtime's name.
    pub isolation: Isolation,
    /// The runtime's name.
    pub runtime: String,
    /// The image reference it was made from.
    pub image: String,
}

/// What of one pod was seen on a host. Objects without a legible pod label are
/// nobody's and never reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedPod {
    /// From its label.
    pub id: PodId,
    /// From its label, as text because another program may have written it.
    pub owner: String,
    /// The container under the pod's own name, if there is one.
    pub container: Option<ObservedContainer>,
    /// A container kept aside while it is being replaced, if there is one.
    pub previous: Option<ObservedContainer>,
    /// Containers with the pod's label and another name: somebody renamed them.
    pub strays: Vec<ObservedContainer>,
    /// The network's range, if the network is there.
    pub network: Option<Subnet>,
    /// The volumes there are.
    pub volumes: Vec<String>,
    /// What its labels say, from whichever object has them.
    pub labels: ObservedLabels,
}

impl ObservedPod {
    /// Returns the container that was renamed and is the pod's all the same: there is none
    /// under its own name.
    pub fn stray(&self) -> Option<&ObservedContainer> {
        let strays = || self.strays.iter().find(|c| c.state.has_run());
        if self.container.is_none() { strays() } else { None }
    }

    /// Returns whether it is a network for a pod to come: one of a pod says which.
    pub fn is_spare(&self) -> bool {
        let containers = self.container.is_some() || self.previous.is_some();
        let bare = !containers && self.strays.is_empty() && self.volumes.is_empty();
        bare && self.network.is_some() && self.labels.spec.is_none() && self.labels.name.is_none()
    }

    /// Returns the pod's container, whatever it is called.
    pub fn any_container(&self) -> Option<&ObservedContainer> {
        self.container.as_ref().or_else(|| self.stray())
    }
}

/// Facts about a pod that its labels hold: enough to list and start it again
/// when the database is gone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObservedLabels {
    /// The pod's name.
    pub name: Option<String>,
    /// Its slug.
    pub slug: Option<Slug>,
    /// Its spec as JSON, without the values of `env`.
    pub spec: Option<String>,
    /// The spec's revision then.
    pub revision: Option<Revision>,
    /// Its port.
    pub port: Option<HostPort>,
}

/// Everything of Pinacle's on one host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HostSnapshot {
    /// By pod id.
    pub pods: Vec<ObservedPod>,
}
