//! What a test may do to the fake host behind the daemon's back, and what is
//! seen of it.

use super::world::{Container, KILLED, Labels, PLAIN, World};
use pinacle_core::engine::{
    ContainerState, HostSnapshot, LABEL_ISOLATION, LABEL_NAME, LABEL_OWNER, LABEL_POD, LABEL_PORT,
    LABEL_REVISION, LABEL_SLUG, LABEL_SPEC, ObservedContainer, ObservedLabels, ObservedPod,
};
use pinacle_core::names;
use pinacle_protocol::{HostPort, Isolation, PodId, Revision, Slug};
use std::collections::BTreeSet;

impl World {
    /// Ends a container behind the daemon's back.
    pub(super) fn kill(&mut self, name: &str, oom_killed: bool) {
        if let Some(container) = self.containers.get_mut(name) {
            container.state = ContainerState::Exited;
            container.exit_code = Some(KILLED);
            container.oom_killed = oom_killed;
        }
    }

    /// Removes a container behind the daemon's back.
    pub(super) fn remove_container(&mut self, name: &str) {
        self.containers.remove(name);
    }

    /// Reboots the host: what ran runs again, if its port is still free.
    pub(super) fn reboot(&mut self) {
        let ran: Vec<String> =
            self.containers.iter().filter(|(_, c)| c.is_up()).map(|(n, _)| n.clone()).collect();
        for name in &ran {
            self.kill(name, false);
        }
        for name in ran {
            let port = self.containers.get(&name).map(|c| c.plan.port);
            if port.is_some_and(|port| !self.taken_ports.contains(&port.0)) {
                self.set_running(&name);
            }
        }
    }

    /// Returns how many containers, networks and volumes there are.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        (self.containers.len(), self.networks.len(), self.volumes.len())
    }

    pub(super) fn spec(&self, pod: &PodId) -> Option<String> {
        self.containers.get(&names::container(pod))?.spec.clone()
    }

    pub(super) fn is_running(&self, pod: &PodId) -> bool {
        self.containers
            .get(&names::container(pod))
            .is_some_and(|c| c.state == ContainerState::Running)
    }

    pub(super) fn observe(&self) -> HostSnapshot {
        let ids =
            self.labels().filter_map(|labels| PodId::new(labels.get(LABEL_POD)?.as_str()).ok());
        let ids: BTreeSet<PodId> = ids.collect();
        HostSnapshot { pods: ids.iter().filter_map(|id| self.observe_pod(id)).collect() }
    }

    fn labels(&self) -> impl Iterator<Item = &Labels> {
        let containers = self.containers.values().map(|c| &c.plan.labels);
        containers.chain(self.networks.values().map(|n| &n.labels)).chain(self.volumes.values())
    }

    pub(super) fn observe_pod(&self, id: &PodId) -> Option<ObservedPod> {
        let of_pod =
            |labels: &&Labels| labels.get(LABEL_POD).map(String::as_str) == Some(id.as_str());
        let own = |name: &str| self.containers.get(name).filter(|c| of_pod(&&c.plan.labels));
        let (name, aside) = (names::container(id), names::previous(id));
        let (container, previous) = (own(&name), own(&aside));
        // Not of all containers: the fake is to be quick among ten thousand.
        let elsewhere = self.odd.iter().filter(|other| **other != name && **other != aside);
        let strays: Vec<_> = elsewhere.filter_map(|other| Some((other, own(other)?))).collect();
        let network = self.networks.get(&names::network(id));
        let volumes: Vec<String> =
            names::volumes(id).into_iter().filter(|v| self.volumes.contains_key(v)).collect();
        let all = [
            container.map(|c| &c.plan.labels),
            previous.map(|c| &c.plan.labels),
            strays.first().map(|(_, c)| &c.plan.labels),
            network.map(|n| &n.labels),
            volumes.first().and_then(|v| self.volumes.get(v)),
        ];
        let labels = all.into_iter().flatten().find(of_pod)?;
        Some(ObservedPod {
            id: id.clone(),
            owner: labels.get(LABEL_OWNER).cloned().unwrap_or_default(),
            container: container.map(|c| c.observed(names::container(id))),
            previous: previous.map(|c| c.observed(names::previous(id))),
            strays: strays.into_iter().map(|(name, c)| c.observed(name.clone())).collect(),
            network: network.map(|n| n.subnet),
            volumes,
            labels: observed_labels(labels),
        })
    }
}

impl Container {
    fn observed(&self, name: String) -> ObservedContainer {
        let runtime = self.plan.runtime.clone().unwrap_or_else(|| PLAIN.to_owned());
        ObservedContainer {
            name,
            state: self.state,
            exit_code: self.exit_code,
            oom_killed: self.oom_killed,
            port: Some(self.plan.port),
            isolation: if runtime == PLAIN { Isolation::Runc } else { Isolation::Gvisor },
            runtime,
            image: self.plan.image.clone(),
        }
    }
}

fn observed_labels(labels: &Labels) -> ObservedLabels {
    debug_assert!(labels.get(LABEL_ISOLATION).is_none_or(|i| i == "gvisor" || i == "runc"));
    ObservedLabels {
        name: labels.get(LABEL_NAME).cloned(),
        slug: labels.get(LABEL_SLUG).and_then(|s| Slug::new(s.as_str()).ok()),
        spec: labels.get(LABEL_SPEC).cloned(),
        revision: labels.get(LABEL_REVISION).and_then(|r| r.parse().ok()).map(Revision),
        port: labels.get(LABEL_PORT).and_then(|p| p.parse().ok()).map(HostPort),
    }
}
