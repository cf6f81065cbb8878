//! A host's engine: containers, networks and volumes by name, and what an
//! `EngineCall` does to them.

use pinacle_core::engine::{
    ContainerState, EngineCall, EngineOutcome, FailureClass, HostSnapshot, LABEL_NAME, LABEL_OWNER,
    LABEL_POD, LABEL_PORT, LABEL_REVISION, LABEL_SLUG, LABEL_SPEC, ObservedContainer,
    ObservedLabels, ObservedPod, Ownership, Subnet,
};
use pinacle_protocol::{HostPort, Isolation, PodId, Revision, Slug};
use std::collections::{BTreeMap, BTreeSet};

type Labels = BTreeMap<String, String>;

#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) labels: Labels,
    pub(crate) state: ContainerState,
    pub(crate) exit_code: Option<i64>,
    pub(crate) oom: bool,
    pub(crate) port: HostPort,
    pub(crate) image: String,
    pub(crate) runtime: String,
    pub(crate) network: String,
    pub(crate) volumes: Vec<String>,
    /// The revision it was configured with, and its spec's text.
    pub(crate) config: Option<(u64, String)>,
    pub(crate) runs: BTreeSet<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Network {
    pub(crate) labels: Labels,
    pub(crate) subnet: Subnet,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Engine {
    pub(crate) up: bool,
    pub(crate) containers: BTreeMap<String, Container>,
    pub(crate) networks: BTreeMap<String, Network>,
    pub(crate) volumes: BTreeMap<String, Labels>,
    /// Ports that other programs hold.
    pub(crate) squatted: BTreeSet<u16>,
    /// Ranges that something else on the host routes.
    pub(crate) routed: BTreeSet<Subnet>,
}

fn owned(labels: &Labels, owner: &Ownership) -> bool {
    labels.get(LABEL_POD).map(String::as_str) == Some(owner.pod.as_str())
        && labels.get(LABEL_OWNER).map(String::as_str) == Some(owner.owner.as_str())
}

type Outcome = Result<EngineOutcome, FailureClass>;

impl Engine {
    /// Does what a call asks for, as far as the host allows.
    pub(crate) fn carry_out(&mut self, owner: &Ownership, call: &EngineCall) -> Outcome {
        let done = Ok(EngineOutcome::Done);
        match call {
            EngineCall::EnsureImage { reference } => {
                let reference = reference.clone().unwrap_or_else(|| "pinacle/base".to_owned());
                Ok(EngineOutcome::Image { reference })
            }
            EngineCall::CheckIsolation { isolation, .. } => Ok(EngineOutcome::Isolation {
                runtime: (*isolation != Isolation::Runc).then(|| "runsc".to_owned()),
                resolvers: Vec::new(),
            }),
            EngineCall::CreateNetwork(plan) => self.create_network(owner, plan),
            EngineCall::CreateVolumes { names, labels } => {
                for name in names {
                    self.volumes.entry(name.clone()).or_insert_with(|| labels.clone());
                }
                done
            }
            EngineCall::CreateContainer(plan) => self.create_container(owner, plan),
            EngineCall::StartContainer { name } => self.start(name),
            EngineCall::AwaitReady { name, port, .. } => {
                let here = self.running(name)?.port == *port;
                if here { done } else { Err(FailureClass::Permanent) }
            }
            EngineCall::AwaitHealthy { name, .. } | EngineCall::CopySource { name, .. } => {
                self.running(name).map(|_| EngineOutcome::Done)
            }
            EngineCall::ApplyConfig { name, config } => {
                let container = self.running(name)?;
                container.config = Some((config.revision, config.spec.clone()));
                done
            }
            EngineCall::Run(plan) => {
                self.running(&plan.container)?.runs.insert(plan.key.clone());
                done
            }
            EngineCall::StopContainer { name, .. } => {
                self.stop(name, 0);
                done
            }
            EngineCall::RenameContainer { from, to } => self.rename(from, to),
            EngineCall::UpdateLimits { name, .. } => {
                self.containers.get(name).ok_or(FailureClass::Missing)?;
                done
            }
            EngineCall::RemoveContainer { name } => {
                self.containers.remove(name);
                done
            }
            EngineCall::RemoveNetwork { name } => self.remove_network(name),
            EngineCall::RemoveVolumes { names } => self.remove_volumes(names),
        }
    }

    fn remove_network(&mut self, name: &str) -> Outcome {
        if self.containers.values().any(|c| c.state.is_up() && c.network == name) {
            return Err(FailureClass::Permanent);
        }
        self.networks.remove(name);
        Ok(EngineOutcome::Done)
    }

    fn remove_volumes(&mut self, names: &[String]) -> Outcome {
        let used = |c: &Container| c.volumes.iter().any(|v| names.contains(v));
        if self.containers.values().any(used) {
            return Err(FailureClass::Permanent);
        }
        self.volumes.retain(|name, _| !names.contains(name));
        Ok(EngineOutcome::Done)
    }

    fn running(&mut self, name: &str) -> Result<&mut Container, FailureClass> {
        let container = self.containers.get_mut(name).ok_or(FailureClass::Missing)?;
        let up = container.state == ContainerState::Running;
        if up { Ok(container) } else { Err(FailureClass::Missing) }
    }

    fn create_network(
        &mut self,
        owner: &Ownership,
        plan: &pinacle_core::engine::NetworkPlan,
    ) -> Outcome {
        if let Some(there) = self.networks.get(&plan.name) {
            if !owned(&there.labels, owner) {
                return Err(FailureClass::Permanent);
            }
            if there.subnet == plan.subnet {
                return Ok(EngineOutcome::Done);
            }
            if self.containers.values().any(|c| c.state.is_up() && c.network == plan.name) {
                return Err(FailureClass::Permanent);
            }
            self.networks.remove(&plan.name);
        }
        let overlaps = self.networks.values().any(|network| network.subnet == plan.subnet);
        if overlaps || self.routed.contains(&plan.subnet) {
            return Err(FailureClass::SubnetTaken);
        }
        let network = Network { labels: plan.labels.clone(), subnet: plan.subnet };
        self.networks.insert(plan.name.clone(), network);
        Ok(EngineOutcome::Done)
    }

    fn create_container(
        &mut self,
        owner: &Ownership,
        plan: &pinacle_core::engine::ContainerPlan,
    ) -> Outcome {
        let runtime = plan.runtime.clone().unwrap_or_else(|| "runc".to_owned());
        if let Some(there) = self.containers.get(&plan.name) {
            if !owned(&there.labels, owner) {
                return Err(FailureClass::Permanent);
            }
            let same = there.port == plan.port && there.image == plan.image;
            if same && there.runtime == runtime {
                return Ok(EngineOutcome::Done);
            }
            if there.state != ContainerState::Created {
                return Err(FailureClass::Permanent);
            }
        }
        let volumes: Vec<String> = plan.volumes.iter().map(|(name, _)| name.clone()).collect();
        for name in &volumes {
            self.volumes.entry(name.clone()).or_insert_with(|| plan.labels.clone());
        }
        let container = Container {
            labels: plan.labels.clone(),
            state: ContainerState::Created,
            exit_code: None,
            oom: false,
            port: plan.port,
            image: plan.image.clone(),
            runtime,
            network: plan.network.clone(),
            volumes,
            config: None,
            runs: BTreeSet::new(),
        };
        self.containers.insert(plan.name.clone(), container);
        Ok(EngineOutcome::Done)
    }

    fn start(&mut self, name: &str) -> Outcome {
        let container = self.containers.get(name).ok_or(FailureClass::Missing)?;
        if container.state == ContainerState::Dead {
            return Err(FailureClass::Retryable);
        }
        if !container.state.is_up() {
            if !self.networks.contains_key(&container.network) {
                return Err(FailureClass::Permanent);
            }
            let port = container.port;
            let held = |(other, c): (&String, &Container)| {
                other != name && c.state.is_up() && c.port == port
            };
            if self.squatted.contains(&port.0) || self.containers.iter().any(held) {
                return Err(FailureClass::PortTaken);
            }
        }
        if let Some(container) = self.containers.get_mut(name) {
            container.state = ContainerState::Running;
            (container.exit_code, container.oom) = (None, false);
        }
        Ok(EngineOutcome::Done)
    }

    /// Ends a container, if it is up.
    pub(crate) fn stop(&mut self, name: &str, exit_code: i64) {
        if let Some(container) = self.containers.get_mut(name)
            && container.state.is_up()
        {
            container.state = ContainerState::Exited;
            container.exit_code = Some(exit_code);
        }
    }

    fn rename(&mut self, from: &str, to: &str) -> Outcome {
        let there = self.containers.contains_key(to);
        match (self.containers.contains_key(from), there) {
            (true, true) => Err(FailureClass::Permanent),
            (false, true) => Ok(EngineOutcome::Done),
            (false, false) => Err(FailureClass::Missing),
            (true, false) => {
                if let Some(container) = self.containers.remove(from) {
                    self.containers.insert(to.to_owned(), container);
                }
                Ok(EngineOutcome::Done)
            }
        }
    }

    /// Ends everything that runs, as a power cut does.
    pub(crate) fn power_cut(&mut self) {
        let names: Vec<String> = self.containers.keys().cloned().collect();
        for name in names {
            self.stop(&name, 255);
        }
    }

    /// Returns the ids of all pods with something here.
    pub(crate) fn pods(&self) -> BTreeSet<PodId> {
        let containers = self.containers.values().map(|c| &c.labels);
        let all = containers.chain(self.networks.values().map(|n| &n.labels));
        let all = all.chain(self.volumes.values());
        all.filter_map(|labels| PodId::new(labels.get(LABEL_POD)?.clone()).ok()).collect()
    }

    /// Returns what a look at a pod sees; `None` when there is nothing of it.
    pub(crate) fn look(&self, pod: &PodId) -> Option<ObservedPod> {
        let of = |labels: &Labels| labels.get(LABEL_POD).map(String::as_str) == Some(pod.as_str());
        let container = |name: String| {
            let (name, c) = self.containers.get_key_value(&name)?;
            Some((seen(name, c), c.labels.clone()))
        };
        let main = container(pinacle_core::names::container(pod));
        let previous = container(pinacle_core::names::previous(pod));
        let network = self.networks.get(&pinacle_core::names::network(pod));
        let volumes: Vec<String> =
            self.volumes.iter().filter(|(_, l)| of(l)).map(|(name, _)| name.clone()).collect();
        let labels = main.iter().chain(&previous).map(|(_, labels)| labels.clone());
        let labels = labels.chain(network.map(|network| network.labels.clone()));
        let mut labels = labels.chain(volumes.first().map(|name| self.volumes[name].clone()));
        let labels = labels.next()?;
        Some(ObservedPod {
            id: pod.clone(),
            owner: labels.get(LABEL_OWNER).cloned().unwrap_or_default(),
            container: main.map(|(seen, _)| seen),
            previous: previous.map(|(seen, _)| seen),
            strays: Vec::new(),
            network: network.map(|network| network.subnet),
            volumes,
            labels: ObservedLabels {
                name: labels.get(LABEL_NAME).cloned(),
                slug: labels.get(LABEL_SLUG).and_then(|slug| Slug::new(slug.clone()).ok()),
                spec: labels.get(LABEL_SPEC).cloned(),
                revision: labels.get(LABEL_REVISION).and_then(|r| r.parse().ok()).map(Revision),
                port: labels.get(LABEL_PORT).and_then(|p| p.parse().ok()).map(HostPort),
            },
        })
    }

    /// Returns what a look at the whole host sees.
    pub(crate) fn look_at_all(&self) -> HostSnapshot {
        HostSnapshot { pods: self.pods().iter().filter_map(|pod| self.look(pod)).collect() }
    }
}

fn seen(name: &str, container: &Container) -> ObservedContainer {
    let plain = container.runtime == "runc";
    ObservedContainer {
        name: name.to_owned(),
        state: container.state,
        exit_code: container.exit_code,
        oom_killed: container.oom,
        port: Some(container.port),
        isolation: if plain { Isolation::Runc } else { Isolation::Gvisor },
        runtime: container.runtime.clone(),
        image: container.image.clone(),
    }
}
