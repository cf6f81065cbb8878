//! What others do to the fake host, behind the daemon's back.

use super::engine::FakeEngine;
use super::world::{Container, World};
use pinacle_core::engine::{ContainerState, LABEL_POD, Subnet};
use pinacle_core::names;
use pinacle_protocol::{HostPort, PodId};
use std::collections::BTreeSet;

impl FakeEngine {
    /// Does something to the host and has the engine say that the pod changed.
    fn behind(&self, pod: &PodId, act: impl FnOnce(&mut World)) {
        act(&mut self.state().world);
        self.changed(pod);
    }

    fn with_container(&self, pod: &PodId, act: impl FnOnce(&mut Container)) {
        self.behind(pod, |world| {
            if let Some(container) = world.containers.get_mut(&names::container(pod)) {
                act(container);
            }
        });
    }

    /// Stops a pod's container, as `docker stop` does.
    pub fn stop_container(&self, pod: &PodId) {
        self.with_container(pod, |container| {
            if container.is_up() {
                container.state = ContainerState::Exited;
                container.exit_code = Some(0);
            }
        });
    }

    /// Freezes a pod's container, as `docker pause` does.
    pub fn pause_container(&self, pod: &PodId) {
        self.with_container(pod, |container| {
            if container.is_up() {
                container.state = ContainerState::Paused;
            }
        });
    }

    /// Gives a pod's container another name, as `docker rename` does.
    pub fn rename_container(&self, pod: &PodId, to: &str) {
        self.behind(pod, |world| {
            if !world.containers.contains_key(to)
                && let Some(container) = world.containers.remove(&names::container(pod))
            {
                world.containers.insert(to.to_owned(), container);
                world.odd.insert(to.to_owned());
            }
        });
    }

    /// Has a pod's container replaced by another program's of the same name.
    pub fn replace_container(&self, pod: &PodId) {
        self.with_container(pod, |container| {
            container.plan.labels.clear();
            container.plan.volumes.clear();
            container.state = ContainerState::Running;
        });
    }

    /// Has other programs take their containers away again.
    pub fn remove_replacements(&self) {
        self.state().world.containers.retain(|_, container| !container.plan.labels.is_empty());
    }

    /// Gives a label of a pod's container another value, which no engine can: by hand, in
    /// the engine's own files.
    pub fn edit_label(&self, pod: &PodId, label: &str, value: &str) {
        self.behind(pod, |world| {
            let name = names::container(pod);
            let container = world.containers.get_mut(&name);
            if let Some(there) = container.and_then(|c| c.plan.labels.get_mut(label)) {
                value.clone_into(there);
                // The label may be the one that says whose it is.
                world.odd.insert(name);
            }
        });
    }

    /// Removes a pod's network, by force if its container is on it.
    pub fn remove_network(&self, pod: &PodId) {
        self.behind(pod, |world| drop(world.networks.remove(&names::network(pod))));
    }

    /// Removes the networks that nothing runs on, as `docker network prune` does.
    pub fn prune_networks(&self) {
        let mut gone = Vec::new();
        {
            let world = &mut self.state().world;
            let used = world.containers.values().filter(|c| c.is_up());
            let used: BTreeSet<String> = used.map(|c| c.plan.network.clone()).collect();
            world.networks.retain(|name, network| {
                let stays = used.contains(name);
                gone.extend((!stays).then(|| network.labels.get(LABEL_POD).cloned()).flatten());
                stays
            });
        }
        for pod in gone.into_iter().filter_map(|id| PodId::new(id).ok()) {
            self.changed(&pod);
        }
    }

    /// Removes a pod's volumes, if no container holds them.
    pub fn remove_volumes(&self, pod: &PodId) {
        self.behind(pod, |world| {
            for name in names::volumes(pod) {
                if !world.is_mounted(&name) {
                    world.volumes.remove(&name);
                }
            }
        });
    }

    /// Has the other network give its range back.
    pub fn free_subnet(&self, subnet: Subnet) {
        self.state().world.taken_subnets.remove(&subnet);
    }

    /// Returns the port that an up container of this name holds, and the network's range.
    pub fn place(&self, pod: &PodId) -> (Option<HostPort>, Option<Subnet>) {
        let state = self.state();
        let container = state.world.containers.get(&names::container(pod));
        let network = state.world.networks.get(&names::network(pod));
        (container.filter(|c| c.is_up()).map(|c| c.plan.port), network.map(|n| n.subnet))
    }

    /// Returns every object on the host, as text: name, labels, state.
    pub fn inventory(&self) -> Vec<String> {
        let state = self.state();
        let world = &state.world;
        let containers = world.containers.iter().map(|(name, c)| {
            format!("container {name} {:?} port {} {:?}", c.state, c.plan.port, c.plan.labels)
        });
        let networks = world.networks.iter();
        let networks =
            networks.map(|(name, n)| format!("network {name} {} {:?}", n.subnet, n.labels));
        let volumes =
            world.volumes.iter().map(|(name, labels)| format!("volume {name} {labels:?}"));
        containers.chain(networks).chain(volumes).collect()
    }
}
