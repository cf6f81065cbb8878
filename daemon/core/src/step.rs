//! The steps operations are made of, what each asks of the engine, and what
//! takes it back.

use crate::engine::{ContainerLimits, ContainerPlan, EngineCall, NetworkPlan, RunPlan};
use crate::engine::{
    LABEL_ISOLATION, LABEL_NAME, LABEL_OWNER, LABEL_POD, LABEL_PORT, LABEL_REVISION, LABEL_SLUG,
    LABEL_SPEC,
};
use crate::names;
use crate::podconfig::{POD_CONFIG_VERSION, PodConfig, PortConfig};
use crate::record::PodRecord;
use crate::services;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Nginx is up in well under a second; a host that is swapping needs longer.
const READY_TIMEOUT_MS: u64 = 60_000;
/// A dev server that compiles on its first start, on a half-processor tier.
const HEALTH_TIMEOUT_MS: u64 = 60_000;
/// Long enough for a database to write its pages back, short enough for a person.
const STOP_GRACE_MS: u64 = 10_000;

/// One step. Holds only what the pod's record does not.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// Image at hand.
    EnsureImage,
    /// Runtime found.
    CheckIsolation,
    /// Network there.
    CreateNetwork,
    /// Volumes there.
    CreateVolumes,
    /// Container there.
    CreateContainer,
    /// Container up.
    StartContainer,
    /// Nginx answers.
    AwaitReady,
    /// Files copied.
    CopySource,
    /// Pod configured; with `services`, they are started too.
    ApplyConfig {
        /// Whether the services are among it.
        services: bool,
    },
    /// A command of the spec has run.
    Run {
        /// Names this run within the container.
        key: String,
        /// For people.
        label: String,
        /// The command.
        command: String,
    },
    /// A service is healthy. When it is not, the operation goes on and says so.
    AwaitHealthy {
        /// Which.
        service: String,
    },
    /// One of the spec's health checks passed. When it did not, the operation goes on
    /// and says so.
    Check {
        /// Names this run within the container.
        key: String,
        /// The check's name.
        name: String,
        /// Tries and ends with 0 when it is well.
        command: String,
    },
    /// Container down.
    StopContainer,
    /// Limits as in the spec.
    UpdateLimits,
    /// The container stands aside under another name.
    SetAside,
    /// It is back under its own.
    PutBack,
    /// The container has the pod's name again, which somebody had changed.
    TakeName {
        /// What it is called now.
        from: String,
    },
    /// A container of the pod under another name gone.
    RemoveStray {
        /// What it is called.
        name: String,
    },
    /// Container gone.
    RemoveContainer,
    /// The one aside gone.
    RemovePrevious,
    /// Network gone.
    RemoveNetwork,
    /// Volumes gone.
    RemoveVolumes,
}

impl std::fmt::Debug for Step {
    /// Leaves out commands, which may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label())
    }
}

impl Step {
    /// Returns what it does, for people.
    pub fn label(&self) -> String {
        match self {
            Self::EnsureImage => "Preparing the image".into(),
            Self::CheckIsolation => "Checking isolation".into(),
            Self::CreateNetwork => "Creating the network".into(),
            Self::CreateVolumes => "Creating the volumes".into(),
            Self::CreateContainer => "Creating the container".into(),
            Self::StartContainer => "Starting the container".into(),
            Self::AwaitReady => "Waiting for the pod to answer".into(),
            Self::CopySource => "Copying files".into(),
            Self::ApplyConfig { services: false } => "Configuring the pod".into(),
            Self::ApplyConfig { services: true } => "Starting services".into(),
            Self::Run { label, .. } => label.clone(),
            Self::AwaitHealthy { service } => format!("Waiting for {service}"),
            Self::Check { name, .. } => format!("Checking {name}"),
            Self::StopContainer => "Stopping the container".into(),
            Self::UpdateLimits => "Changing limits".into(),
            Self::SetAside => "Setting the old container aside".into(),
            Self::PutBack => "Putting the old container back".into(),
            Self::TakeName { .. } => "Giving the container its name back".into(),
            Self::RemoveStray { .. } => "Removing a renamed container".into(),
            Self::RemoveContainer => "Removing the container".into(),
            Self::RemovePrevious => "Removing the old container".into(),
            Self::RemoveNetwork => "Removing the network".into(),
            Self::RemoveVolumes => "Removing the volumes".into(),
        }
    }

    /// Returns whether it can be broken off at any moment without leaving
    /// anything that the steps after a break do not clear up.
    pub fn is_interruptible(&self) -> bool {
        matches!(
            self,
            Self::EnsureImage
                | Self::CheckIsolation
                | Self::AwaitReady
                | Self::CopySource
                | Self::Run { .. }
                | Self::AwaitHealthy { .. }
                | Self::Check { .. }
        )
    }

    /// Returns whether a failure is only worth a word, not the end of the operation.
    pub fn is_advisory(&self) -> bool {
        // An old container that stays beside a healthy new one is in nobody's way: the next
        // change that needs its place, or the deletion, removes it.
        matches!(self, Self::AwaitHealthy { .. } | Self::Check { .. } | Self::RemovePrevious)
    }

    /// Returns the step that takes this one back.
    pub fn undo(&self) -> Option<Self> {
        match self {
            Self::CreateNetwork => Some(Self::RemoveNetwork),
            Self::CreateVolumes => Some(Self::RemoveVolumes),
            Self::CreateContainer => Some(Self::RemoveContainer),
            Self::SetAside => Some(Self::PutBack),
            _ => None,
        }
    }

    /// Returns what it asks of the engine for this pod.
    ///
    /// # Errors
    ///
    /// The name of what the record lacks; a plan never gets here without it.
    pub fn call(&self, pod: &PodRecord) -> Result<EngineCall, &'static str> {
        let name = names::container(&pod.id);
        Ok(match self {
            Self::EnsureImage => EngineCall::EnsureImage { reference: pod.spec.base_image.clone() },
            Self::CheckIsolation => EngineCall::CheckIsolation {
                isolation: pod.isolation,
                image: pod.image.clone().ok_or("image")?,
            },
            Self::CreateNetwork => EngineCall::CreateNetwork(NetworkPlan {
                name: names::network(&pod.id),
                bridge: names::bridge(&pod.id),
                subnet: pod.subnet.ok_or("subnet")?,
                labels: labels(pod),
            }),
            Self::CreateVolumes => {
                EngineCall::CreateVolumes { names: names::volumes(&pod.id), labels: labels(pod) }
            }
            Self::CreateContainer => EngineCall::CreateContainer(Box::new(container(pod)?)),
            Self::StartContainer => EngineCall::StartContainer { name },
            Self::AwaitReady => EngineCall::AwaitReady {
                name,
                publish: publish(pod),
                port: pod.port.ok_or("port")?,
                timeout_ms: READY_TIMEOUT_MS,
            },
            Self::CopySource => EngineCall::CopySource {
                name,
                from: pod.source_dir.clone().ok_or("source directory")?,
                to: working_dir(pod),
                user: user(pod),
            },
            Self::ApplyConfig { services } => {
                EngineCall::ApplyConfig { name, config: Box::new(pod_config(pod, *services)?) }
            }
            Self::Run { key, label, command } => run(pod, key, label.clone(), command),
            Self::Check { key, command, .. } => run(pod, key, self.label(), command),
            Self::AwaitHealthy { service } => EngineCall::AwaitHealthy {
                name,
                service: service.clone(),
                timeout_ms: HEALTH_TIMEOUT_MS,
            },
            Self::StopContainer => EngineCall::StopContainer { name, grace_ms: STOP_GRACE_MS },
            Self::UpdateLimits => EngineCall::UpdateLimits { name, limits: limits(pod) },
            Self::SetAside => {
                EngineCall::RenameContainer { from: name, to: names::previous(&pod.id) }
            }
            Self::PutBack => {
                EngineCall::RenameContainer { from: names::previous(&pod.id), to: name }
            }
            Self::TakeName { from } => EngineCall::RenameContainer { from: from.clone(), to: name },
            Self::RemoveStray { name } => EngineCall::RemoveContainer { name: name.clone() },
            Self::RemoveContainer => EngineCall::RemoveContainer { name },
            Self::RemovePrevious => EngineCall::RemoveContainer { name: names::previous(&pod.id) },
            Self::RemoveNetwork => EngineCall::RemoveNetwork { name: names::network(&pod.id) },
            Self::RemoveVolumes => EngineCall::RemoveVolumes { names: names::volumes(&pod.id) },
        })
    }
}

fn run(pod: &PodRecord, key: &str, label: String, command: &str) -> EngineCall {
    EngineCall::Run(RunPlan {
        container: names::container(&pod.id),
        key: key.to_owned(),
        label,
        command: command.to_owned(),
        dir: working_dir(pod),
        user: user(pod),
    })
}

/// Returns the directory processes and shells start in.
pub(crate) fn working_dir(pod: &PodRecord) -> String {
    pod.spec.working_dir.clone().unwrap_or_else(|| "/workspace".to_owned())
}

/// Returns the user they run as.
pub(crate) fn user(pod: &PodRecord) -> String {
    pod.spec.user.clone().unwrap_or_else(|| "root".to_owned())
}

fn publish(pod: &PodRecord) -> IpAddr {
    pod.spec.publish.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |address| address.0)
}

fn limits(pod: &PodRecord) -> ContainerLimits {
    let limits = pod.spec.limits();
    ContainerLimits {
        cpu_milli: limits.cpu_milli.into(),
        memory_bytes: u64::from(limits.memory_mib) << 20,
        pids: limits.pids.into(),
        nofile: limits.nofile.into(),
    }
}

fn labels(pod: &PodRecord) -> BTreeMap<String, String> {
    let spec = serde_json::to_string(&pod.spec.without_env_values()).unwrap_or_default();
    let mut labels = BTreeMap::from([
        (LABEL_POD.to_owned(), pod.id.to_string()),
        (LABEL_OWNER.to_owned(), pod.owner.to_string()),
        (LABEL_SPEC.to_owned(), spec),
        (LABEL_REVISION.to_owned(), pod.spec_revision.to_string()),
        (LABEL_NAME.to_owned(), pod.name.clone()),
        (LABEL_SLUG.to_owned(), pod.slug.to_string()),
        (LABEL_ISOLATION.to_owned(), pod.isolation.as_str().to_owned()),
    ]);
    if let Some(port) = pod.port {
        labels.insert(LABEL_PORT.to_owned(), port.to_string());
    }
    labels
}

fn container(pod: &PodRecord) -> Result<ContainerPlan, &'static str> {
    let runtime = pod.runtime.as_ref().ok_or("runtime")?;
    let [workspace, home_volume] = names::volume_pair(&pod.id);
    Ok(ContainerPlan {
        name: names::container(&pod.id),
        hostname: pod.slug.to_string(),
        image: pod.image.clone().ok_or("image")?,
        runtime: runtime.runtime.clone(),
        labels: labels(pod),
        network: names::network(&pod.id),
        address: pod.subnet.ok_or("subnet")?.pod_address(),
        port: pod.port.ok_or("port")?,
        publish: publish(pod),
        limits: limits(pod),
        volumes: vec![(workspace, "/workspace".to_owned()), (home_volume, pod.spec.home())],
        resolvers: runtime.resolvers.clone(),
    })
}

fn pod_config(pod: &PodRecord, with_services: bool) -> Result<PodConfig, &'static str> {
    let services = services::definitions(pod);
    let mut ports: Vec<PortConfig> = services
        .iter()
        .filter_map(|s| Some(PortConfig { name: s.name.clone(), port: s.port? }))
        .collect();
    ports.extend(pod.spec.ports.iter().map(|p| PortConfig {
        name: p.name.clone().unwrap_or_else(|| format!("port {}", p.port)),
        port: p.port,
    }));
    Ok(PodConfig {
        version: POD_CONFIG_VERSION,
        id: pod.id.to_string(),
        name: pod.name.clone(),
        slug: pod.slug.to_string(),
        revision: pod.spec_revision.0,
        default_port: pod.spec.default_port(),
        external_port: pod.port.ok_or("port")?.0,
        hosts: pod.spec.hosts.clone(),
        publish: publish(pod),
        working_dir: working_dir(pod),
        user: user(pod),
        env: pod.spec.env.clone(),
        services: if with_services { services } else { Vec::new() },
        ports,
        spec: pod.spec_text.clone(),
    })
}
