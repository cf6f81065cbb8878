//! The spec of a pod, as the rest of the core sees it.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use pinacle_protocol::Isolation;
use serde::{Deserialize, Serialize};

use super::catalogue::{ServiceId, TemplateId, Tier};

/// What a pod is to be, read from its `pinacle.yaml`.
///
/// `Debug` hides the values of `env`; serialising does not, since the store
/// must keep them.
#[derive(Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PodSpec {
    /// The name for people, at most 64 characters; `None` leaves it to whoever creates the pod.
    pub name: Option<String>,
    /// The pod's part of its host name, a DNS label of at most 40 characters.
    pub slug: Option<String>,
    /// The tier; `dev.small` when the file names none.
    pub tier: Tier,
    /// Numbers that replace the tier's.
    pub resources: Resources,
    /// The services, sorted by id and without repeats. Includes those this
    /// release skips: see [`ServiceId::is_available`].
    pub services: Vec<ServiceId>,
    /// The template, see [`TemplateId::is_available`].
    pub template: Option<TemplateId>,
    /// The container image; `None` means the daemon's own base image.
    pub base_image: Option<String>,
    /// A shell command run once in the project directory; a list in the file is joined with ` && `.
    pub install: Option<String>,
    /// What runs in the pod beside the services, in the order of the file.
    pub processes: Vec<Process>,
    /// The tabs the author asked for; when empty see [`PodSpec::effective_tabs`].
    pub tabs: Vec<Tab>,
    /// The environment of everything that runs in the pod. May hold secrets.
    pub env: BTreeMap<String, String>,
    /// Ports inside the pod that the author named.
    pub ports: Vec<PortSpec>,
    /// Shell commands around a start.
    pub hooks: Hooks,
    /// An absolute path inside the pod; `None` means the image's.
    pub working_dir: Option<String>,
    /// The unix user everything runs as; `None` means the image's.
    pub user: Option<String>,
    /// How strongly the pod is walled off from its host.
    pub isolation: Isolation,
    /// Where the pod's port is published on its host; `None` means 127.0.0.1.
    pub publish: Option<PublishAddress>,
    /// Names beside its own that the pod answers to, for a proxy in front of it.
    pub hosts: Vec<String>,
    /// Checks beyond those of services and processes.
    pub health_checks: Vec<HealthCheck>,
}

impl fmt::Debug for PodSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let env: BTreeMap<&str, &str> =
            self.env.keys().map(|name| (name.as_str(), "hidden")).collect();
        f.debug_struct("PodSpec")
            .field("name", &self.name)
            .field("slug", &self.slug)
            .field("tier", &self.tier)
            .field("resources", &self.resources)
            .field("services", &self.services)
            .field("template", &self.template)
            .field("base_image", &self.base_image)
            .field("install", &self.install)
            .field("processes", &self.processes)
            .field("tabs", &self.tabs)
            .field("env", &env)
            .field("ports", &self.ports)
            .field("hooks", &self.hooks)
            .field("working_dir", &self.working_dir)
            .field("user", &self.user)
            .field("isolation", &self.isolation)
            .field("publish", &self.publish)
            .field("hosts", &self.hosts)
            .field("health_checks", &self.health_checks)
            .finish()
    }
}

/// The numbers of `resources`; `None` keeps the tier's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Resources {
    /// Thousandths of a CPU, 50 to 256000.
    pub cpu_milli: Option<u32>,
    /// MiB of memory, at least 128.
    pub memory_mib: Option<u32>,
    /// GiB of storage, at least 1.
    pub storage_gib: Option<u32>,
    /// Processes and threads, at least 64.
    pub pids: Option<u32>,
    /// Open files per process, at least 1024.
    pub nofile: Option<u32>,
}

/// What a pod may use: its tier with the overrides applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Thousandths of a CPU.
    pub cpu_milli: u32,
    /// MiB of memory.
    pub memory_mib: u32,
    /// GiB of storage.
    pub storage_gib: u32,
    /// Processes and threads.
    pub pids: u32,
    /// Open files per process.
    pub nofile: u32,
}

/// One entry of `processes`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// The name in the file; unique, also as a [`Process::supervisor_name`].
    pub name: String,
    /// The name on its tab; `None` means `name`.
    #[serde(default)]
    pub display_name: Option<String>,
    /// A shell command that stays in the foreground; a list in the file is joined with ` && `.
    pub start_command: String,
    /// The page it serves; makes a tab.
    #[serde(default)]
    pub url: Option<String>,
    /// A shell command that succeeds when the process is well.
    #[serde(default)]
    pub health_check: Option<String>,
}

/// One entry of `tabs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tab {
    /// What stands on the tab.
    pub name: String,
    /// The service it shows.
    #[serde(default)]
    pub service: Option<ServiceId>,
    /// The page it shows; goes before the service's port.
    #[serde(default)]
    pub url: Option<String>,
}

/// One entry of `ports`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSpec {
    /// The author's name for it, unique.
    #[serde(default)]
    pub name: Option<String>,
    /// The TCP port inside the pod, unique and not 80.
    pub port: u16,
}

/// Shell commands around a start, each run to its end before the next.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hooks {
    /// Before services and processes.
    pub pre_start: Vec<String>,
    /// After they are up.
    pub post_start: Vec<String>,
}

/// The address of the host a pod's port is published on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PublishAddress(pub IpAddr);

impl Default for PublishAddress {
    fn default() -> Self {
        Self(IpAddr::V4(Ipv4Addr::LOCALHOST))
    }
}

impl fmt::Display for PublishAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of `healthChecks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// The author's name for it, unique.
    #[serde(default)]
    pub name: Option<String>,
    /// What is tried.
    pub probe: Probe,
    /// From one try to the next; 10 s unless given.
    pub interval: Duration,
    /// How long one try may take; 5 s unless given.
    pub timeout: Duration,
    /// Failures in a row that make the pod unhealthy; 3 unless given.
    pub retries: u32,
    /// From the start of the pod to the first try; 0 unless given.
    pub delay: Duration,
}

/// What a [`HealthCheck`] tries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// A shell command in the pod; well when it exits with 0.
    Command(String),
    /// A GET inside the pod; well when the answer is 2xx or 3xx.
    Http {
        /// The path, starting with `/`.
        path: String,
        /// The port inside the pod.
        port: u16,
    },
}
