//! A host as the core knows it, and what of its ports and ranges is in use.
//!
//! A port or a range counts as in use for as long as a pod's record names it,
//! and a record lets go of it only when its container was seen gone.

use crate::engine::{HostFacts, ObservedPod, Subnet};
use crate::held::Held;
use crate::settings::{Settings, overlaps};
use crate::spare::Spares;
use pinacle_protocol::{ApiError, HostId, HostPort, HostStatus, HostView, PodId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Facts of an engine that matters in nothing but what the host routes.
#[cfg(test)]
pub(crate) fn facts(routes: Vec<(Ipv4Addr, u8)>) -> HostFacts {
    let engine = pinacle_protocol::EngineView {
        version: String::new(),
        api_version: String::new(),
        runtimes: Vec::new(),
        cpus: 1,
        memory_bytes: 1,
    };
    HostFacts { engine, routes }
}

/// How long a port that another program held is left alone, in milliseconds.
const PORT_BLOCK_MS: u64 = 10 * 60 * 1000;

/// A host.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    pub(crate) id: HostId,
    pub(crate) status: HostStatus,
    pub(crate) since: Timestamp,
    pub(crate) error: Option<ApiError>,
    pub(crate) facts: Option<HostFacts>,
    /// Whether all of it was looked at since it came up; nothing is done before.
    pub(crate) observed: bool,
    pub(crate) used_ports: Held<HostPort>,
    pub(crate) used_subnets: Held<Subnet>,
    blocked_ports: BTreeMap<HostPort, u64>,
    blocked_subnets: BTreeMap<Subnet, u64>,
    /// Looks at all of it that were asked for and have not ended; only the last one is
    /// newer than everything done since.
    pub(crate) looks: u32,
    /// When all of it is to be looked at again (monotonic), while no such look is under way.
    pub(crate) next_look: Option<u64>,
    /// Looks at all of it that failed in a row while it was up.
    pub(crate) failed_looks: u32,
    /// Pods that were last seen and are not in the list: those of other daemons, and for a
    /// moment those of ours that were just found.
    pub(crate) foreign: BTreeMap<PodId, ObservedPod>,
    /// Networks made ahead.
    pub(crate) spares: Spares,
}

impl Host {
    pub(crate) fn new(id: HostId, since: Timestamp) -> Self {
        Self {
            id,
            status: HostStatus::Connecting,
            since,
            error: None,
            facts: None,
            observed: false,
            used_ports: Held::default(),
            used_subnets: Held::default(),
            blocked_ports: BTreeMap::new(),
            blocked_subnets: BTreeMap::new(),
            looks: 0,
            next_look: None,
            failed_looks: 0,
            foreign: BTreeMap::new(),
            spares: Spares::default(),
        }
    }

    /// Returns whether something can be done on it now.
    pub(crate) fn is_ready(&self) -> bool {
        self.status == HostStatus::Up && self.observed
    }

    pub(crate) fn set_status(
        &mut self,
        status: HostStatus,
        error: Option<ApiError>,
        at: Timestamp,
    ) {
        if self.status != status {
            self.since = at;
        }
        self.status = status;
        self.error = error;
    }

    /// Returns the ports of pods that are not in the list.
    pub(crate) fn foreign_ports(&self) -> BTreeSet<HostPort> {
        let ports = |pod: &ObservedPod| {
            let containers = [pod.container.as_ref(), pod.previous.as_ref()];
            let set = containers.map(|container| container.and_then(|c| c.port));
            [set[0], set[1], pod.labels.port]
        };
        self.foreign.values().flat_map(ports).flatten().collect()
    }

    /// Returns the ranges of pods that are not in the list.
    pub(crate) fn foreign_subnets(&self) -> BTreeSet<Subnet> {
        self.foreign.values().filter_map(|pod| pod.network).collect()
    }

    /// Returns the ranges that the host itself uses.
    pub(crate) fn routes(&self) -> &[(Ipv4Addr, u8)] {
        self.facts.as_ref().map_or(&[], |facts| &facts.routes)
    }

    /// Returns whether the host itself uses an address of the range.
    pub(crate) fn is_routed(&self, subnet: Subnet) -> bool {
        self.routes().iter().any(|route| overlaps(subnet, *route))
    }

    /// Returns the lowest port that nothing is known to use.
    pub(crate) fn free_port(&mut self, settings: &Settings, mono_ms: u64) -> Option<HostPort> {
        let foreign = self.foreign_ports();
        let (first, last) = (*settings.ports.start(), *settings.ports.end());
        let from = |low: Option<HostPort>| {
            (low.map_or(first, |low| low.0.max(first))..=last).map(HostPort)
        };
        let blocked = &self.blocked_ports;
        self.used_ports.lowest_free(from, |port| {
            !foreign.contains(port) && blocked.get(port).is_none_or(|until| *until <= mono_ms)
        })
    }

    /// Returns the lowest range that nothing is known to use.
    pub(crate) fn free_subnet(&mut self, settings: &Settings, mono_ms: u64) -> Option<Subnet> {
        let foreign = self.foreign_subnets();
        let routes = self.facts.as_ref().map_or(&[][..], |facts| &facts.routes);
        let blocked = &self.blocked_subnets;
        self.used_subnets.lowest_free(
            |low| settings.pool.from(low),
            |subnet| {
                !foreign.contains(subnet)
                    && blocked.get(subnet).is_none_or(|until| *until <= mono_ms)
                    && !routes.iter().any(|route| overlaps(*subnet, *route))
            },
        )
    }

    /// Leaves a port alone for a while, because something else was found to hold it.
    pub(crate) fn block_port(&mut self, port: HostPort, mono_ms: u64) {
        self.blocked_ports.retain(|_, until| *until > mono_ms);
        self.blocked_ports.insert(port, mono_ms.saturating_add(PORT_BLOCK_MS));
    }

    /// Returns whether something else was lately found to hold the port.
    pub(crate) fn is_blocked(&self, port: HostPort, mono_ms: u64) -> bool {
        self.blocked_ports.get(&port).is_some_and(|until| *until > mono_ms)
    }

    /// Leaves a range alone for a while, because something else was found to hold it.
    pub(crate) fn block_subnet(&mut self, subnet: Subnet, mono_ms: u64) {
        self.blocked_subnets.retain(|_, until| *until > mono_ms);
        self.blocked_subnets.insert(subnet, mono_ms.saturating_add(PORT_BLOCK_MS));
    }

    /// Returns whether something else was lately found to hold the range.
    pub(crate) fn is_subnet_blocked(&self, subnet: Subnet, mono_ms: u64) -> bool {
        self.blocked_subnets.get(&subnet).is_some_and(|until| *until > mono_ms)
    }

    pub(crate) fn view(&self) -> HostView {
        HostView {
            id: self.id.clone(),
            status: self.status,
            since: self.since,
            error: self.error.clone(),
            engine: self.facts.as_ref().map(|facts| facts.engine.clone()),
        }
    }
}
