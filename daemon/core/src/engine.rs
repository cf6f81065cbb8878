//! What the core asks of a host's container engine, and what it hears back.
//!
//! Plain words, no engine library's types. Every [`EngineCall`] is an *ensure*:
//! whoever carries it out looks at the host first and does only what is
//! missing, so that a call whose outcome was lost is settled by asking again.

mod observed;

pub use observed::{ContainerState, HostSnapshot, ObservedContainer, ObservedLabels, ObservedPod};

use crate::podconfig::PodConfig;
use pinacle_protocol::{ApiError, EngineView, HostPort, Isolation, OwnerId, PodId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Label with the pod's id, on everything made for it.
pub const LABEL_POD: &str = "dev.pinacle.pod";
/// Label with the owner id of the daemon that made it.
pub const LABEL_OWNER: &str = "dev.pinacle.owner";
/// Label with the spec as JSON, without the values of `env`.
pub const LABEL_SPEC: &str = "dev.pinacle.spec";
/// Label with the spec's revision when it was made.
pub const LABEL_REVISION: &str = "dev.pinacle.revision";
/// Label with the pod's name.
pub const LABEL_NAME: &str = "dev.pinacle.name";
/// Label with the pod's slug.
pub const LABEL_SLUG: &str = "dev.pinacle.slug";
/// Label with the published port, so that it is known while the container is down.
pub const LABEL_PORT: &str = "dev.pinacle.port";
/// Label with the isolation asked for.
pub const LABEL_ISOLATION: &str = "dev.pinacle.isolation";

/// A /24 of the daemon's pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Subnet {
    /// Its network address; the last byte is 0.
    pub network: Ipv4Addr,
}

impl Subnet {
    fn with_last(self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.network.octets();
        Ipv4Addr::new(a, b, c, last)
    }

    /// Returns the bridge's own address, `.1`.
    pub fn gateway(self) -> Ipv4Addr {
        self.with_last(1)
    }

    /// Returns the pod's address, `.2`.
    pub fn pod_address(self) -> Ipv4Addr {
        self.with_last(2)
    }
}

impl std::fmt::Display for Subnet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/24", self.network)
    }
}

/// A network to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkPlan {
    /// Its name.
    pub name: String,
    /// Name of its bridge interface, at most 15 characters.
    pub bridge: String,
    /// Its range.
    pub subnet: Subnet,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

impl NetworkPlan {
    /// Returns whether it is for a pod to come: one of a pod says which.
    pub fn is_spare(&self) -> bool {
        !self.labels.contains_key(LABEL_SPEC)
    }
}

/// What a container may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContainerLimits {
    /// Thousandths of a processor.
    pub cpu_milli: u64,
    /// Memory in bytes; there is no swap on top.
    pub memory_bytes: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Open files of one process.
    pub nofile: u64,
}

/// A container to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPlan {
    /// Its name.
    pub name: String,
    /// Its hostname: the slug.
    pub hostname: String,
    /// Image reference.
    pub image: String,
    /// Name of the engine's runtime; `None` for the engine's plain one (`runc`).
    pub runtime: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The network it is on.
    pub network: String,
    /// Its address there.
    pub address: Ipv4Addr,
    /// The port published for its port 80.
    pub port: HostPort,
    /// The host address it is published on.
    pub publish: IpAddr,
    /// What it may use.
    pub limits: ContainerLimits,
    /// Named volumes: name and path inside.
    pub volumes: Vec<(String, String)>,
    /// Name servers to use in place of the engine's own, which cannot be
    /// reached from some runtimes; empty to use the engine's.
    pub resolvers: Vec<IpAddr>,
}

/// What to run inside a pod as one step of an operation.
#[derive(Clone, PartialEq, Eq)]
pub struct RunPlan {
    /// The container.
    pub container: String,
    /// Names this run; a second call with the same key in the same container
    /// reports the first one's exit code and runs nothing.
    pub key: String,
    /// For the journal's heading.
    pub label: String,
    /// Given to the shell.
    pub command: String,
    /// Working directory, made when missing.
    pub dir: String,
    /// User inside.
    pub user: String,
}

impl std::fmt::Debug for RunPlan {
    /// Leaves out the command, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RunPlan")
            .field("container", &self.container)
            .field("key", &self.key)
            .field("label", &self.label)
            .finish_non_exhaustive()
    }
}

/// One thing asked of an engine for a pod. *Ok* means it is so now, whoever did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineCall {
    /// Has an image at hand: the named one (pulled when missing), or Pinacle's own
    /// base image (built when missing). Answers [`EngineOutcome::Image`].
    EnsureImage {
        /// The spec's `baseImage`; `None` for Pinacle's own.
        reference: Option<String>,
    },
    /// Finds the runtime that gives this isolation and keeps its promises on this
    /// host, using `image` to try. Answers [`EngineOutcome::Isolation`].
    CheckIsolation {
        /// What the pod is to get.
        isolation: Isolation,
        /// An image that is there.
        image: String,
    },
    /// Has the network. Fails with [`FailureClass::SubnetTaken`] when the range is in use.
    CreateNetwork(NetworkPlan),
    /// Has the volumes.
    CreateVolumes {
        /// Their names.
        names: Vec<String>,
        /// Their labels.
        labels: BTreeMap<String, String>,
    },
    /// Has the container; one of that name with our pod and owner labels is taken as
    /// it is when its port, image and runtime are those planned, and replaced if it never ran.
    CreateContainer(Box<ContainerPlan>),
    /// Runs the container. Fails with [`FailureClass::PortTaken`] when the host's
    /// port cannot be bound.
    StartContainer {
        /// Its name.
        name: String,
    },
    /// Waits until Nginx inside answers on the published port.
    AwaitReady {
        /// Its name.
        name: String,
        /// The published address.
        publish: IpAddr,
        /// The published port.
        port: HostPort,
        /// How long to wait, in milliseconds.
        timeout_ms: u64,
    },
    /// Copies a directory of the daemon's machine into the pod.
    CopySource {
        /// The container.
        name: String,
        /// Absolute path on the daemon's machine.
        from: String,
        /// Absolute path in the pod, made when missing.
        to: String,
        /// Owner of the files inside.
        user: String,
    },
    /// Hands the pod its configuration and brings its services in line.
    ApplyConfig {
        /// The container.
        name: String,
        /// The configuration.
        config: Box<PodConfig>,
    },
    /// Runs a command once.
    Run(RunPlan),
    /// Waits until a service is healthy by its own check.
    AwaitHealthy {
        /// The container.
        name: String,
        /// The service's name.
        service: String,
        /// How long to wait, in milliseconds.
        timeout_ms: u64,
    },
    /// Has the container stopped; its processes get `grace_ms` to end by themselves.
    StopContainer {
        /// Its name.
        name: String,
        /// Milliseconds from the polite signal to the other one.
        grace_ms: u64,
    },
    /// Has the container called `to`; nothing to do when `to` exists and `from` does not.
    RenameContainer {
        /// Its name now.
        from: String,
        /// Its name then.
        to: String,
    },
    /// Changes what a container may use, running or not.
    UpdateLimits {
        /// Its name.
        name: String,
        /// The new limits; `nofile` cannot change and is left out.
        limits: ContainerLimits,
    },
    /// Has no container of that name, running or not.
    RemoveContainer {
        /// Its name.
        name: String,
    },
    /// Has no network of that name.
    RemoveNetwork {
        /// Its name.
        name: String,
    },
    /// Has none of these volumes.
    RemoveVolumes {
        /// Their names.
        names: Vec<String>,
    },
}

/// What a call that went well says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineOutcome {
    /// It is so.
    Done,
    /// The image to use.
    Image {
        /// Its reference.
        reference: String,
    },
    /// How to isolate.
    Isolation {
        /// Name of the engine's runtime; `None` for its plain one.
        runtime: Option<String>,
        /// Name servers the pod must be given; empty when the engine's own work.
        resolvers: Vec<IpAddr>,
    },
}

/// What sort of failure it was; decides what happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureClass {
    /// It may work a moment later.
    Retryable,
    /// It will not work however often it is tried.
    Permanent,
    /// The link was lost: it may or may not have been done.
    OutcomeUnknown,
    /// The host's port is in use by something else.
    PortTaken,
    /// The subnet overlaps with something on the host.
    SubnetTaken,
    /// The container, network or image it works on is not there.
    Missing,
    /// The command in the pod ended with another code than zero, or the service
    /// did not become healthy in time.
    CommandFailed,
    /// It was ended because we said so.
    Cancelled,
}

/// A call that did not go well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFailure {
    /// For the core.
    pub class: FailureClass,
    /// For the person.
    pub error: ApiError,
}

/// What an engine said when it was reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// The engine.
    pub engine: EngineView,
    /// IPv4 ranges the host itself routes or its other networks use, as network
    /// and prefix length; pods keep out of them. Pinacle's own are not among them.
    pub routes: Vec<(Ipv4Addr, u8)>,
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// Which pod's.
    pub pod: PodId,
    /// Which daemon's.
    pub owner: OwnerId,
}
