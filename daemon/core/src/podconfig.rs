//! The configuration a pod is handed: input of `pinacle-pod apply` inside it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// Version of this format, checked inside the pod.
pub const POD_CONFIG_VERSION: u32 = 1;

/// Everything the inside of a pod needs to know. Holds the values of `env`, so
/// it travels on standard input and is never shown or logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodConfig {
    /// [`POD_CONFIG_VERSION`].
    pub version: u32,
    /// The pod's id.
    pub id: String,
    /// The pod's name.
    pub name: String,
    /// The pod's slug.
    pub slug: String,
    /// The spec's revision.
    pub revision: u64,
    /// Port that hostnames without one lead to.
    pub default_port: u16,
    /// The published port, for links on the pod's own pages.
    pub external_port: u16,
    /// Names beside its own that the pod answers to.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The host's address it is published on: who asks for that address means the pod.
    pub publish: IpAddr,
    /// Where processes and shells start.
    pub working_dir: String,
    /// Who they run as.
    pub user: String,
    /// Environment of everything that runs in the pod.
    pub env: BTreeMap<String, String>,
    /// What the supervisor keeps running, in the order to start.
    pub services: Vec<ServiceConfig>,
    /// Named ports, for the page that lists them.
    pub ports: Vec<PortConfig>,
    /// The spec file, kept in the pod so that a lost database can be rebuilt.
    pub spec: String,
}

impl std::fmt::Debug for PodConfig {
    /// Leaves out everything that may hold secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PodConfig")
            .field("id", &self.id)
            .field("revision", &self.revision)
            .field("services", &self.services.iter().map(|s| &s.name).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Something the supervisor keeps running.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceConfig {
    /// Supervisor's name for it: `[a-z0-9-]`, at most 40 characters.
    pub name: String,
    /// `process` (from the spec) or `service` (from the catalogue).
    pub kind: String,
    /// Given to the shell.
    pub command: String,
    /// Where it starts.
    pub working_dir: String,
    /// Who it runs as.
    pub user: String,
    /// Environment on top of the pod's.
    pub env: BTreeMap<String, String>,
    /// The port it listens on, when known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Whether whoever reaches its port has a shell: browsers need a ticket.
    pub shell: bool,
    /// Services that must be up before it.
    pub depends_on: Vec<String>,
    /// Command that succeeds when it is healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health_check: Option<String>,
}

/// A named port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortConfig {
    /// For people.
    pub name: String,
    /// Inside the pod.
    pub port: u16,
}
