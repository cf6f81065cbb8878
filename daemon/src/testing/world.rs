//! The host behind the fake engine: containers, networks, volumes, ports and what
//! can go wrong between them, in maps.

use pinacle_core::engine::{
    ContainerPlan, ContainerState, EngineCall, EngineFailure, EngineOutcome, FailureClass,
    LABEL_OWNER, LABEL_POD, NetworkPlan, Ownership, RunPlan, Subnet,
};
use pinacle_protocol::{ApiError, ErrorKind, HostPort, Isolation};
use std::collections::{BTreeMap, BTreeSet};

pub(super) type Labels = BTreeMap<String, String>;
type Outcome = Result<EngineOutcome, EngineFailure>;

/// The image that stands for Pinacle's own.
pub(super) const BASE_IMAGE: &str = "pinacle-base:fake";
/// The runtime that stands for gVisor's.
const GVISOR: &str = "runsc";
pub(super) const PLAIN: &str = "runc";
/// What a process ends with after the impolite signal.
pub(super) const KILLED: i64 = 137;

#[derive(Debug, Clone)]
pub(super) struct Container {
    pub(super) plan: ContainerPlan,
    pub(super) state: ContainerState,
    pub(super) exit_code: Option<i64>,
    pub(super) oom_killed: bool,
    /// Exit codes by the keys of steps that ran in it.
    steps: BTreeMap<String, i64>,
    pub(super) spec: Option<String>,
}

/// What is on the host. Everything here answers at once.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) containers: BTreeMap<String, Container>,
    /// Names under which a container may be a pod's that is not called so.
    pub(super) odd: BTreeSet<String>,
    pub(super) networks: BTreeMap<String, NetworkPlan>,
    pub(super) volumes: BTreeMap<String, Labels>,
    images: BTreeSet<String>,
    /// Ports and ranges that something else has.
    pub(super) taken_ports: BTreeSet<u16>,
    pub(super) taken_subnets: BTreeSet<Subnet>,
    /// Exit codes of commands; others end with 0.
    pub(super) said: BTreeMap<String, String>,
    pub(super) exit_codes: BTreeMap<String, i64>,
    /// Services that never become healthy.
    pub(super) sick: BTreeSet<String>,
    /// Whether there is a gVisor that is fit.
    pub(super) no_gvisor: bool,
    /// Every command that really ran: pod's container, key, command.
    pub(super) ran: Vec<(String, String, String)>,
    /// Commands of clients that were hung up.
    pub(super) hung_up: Vec<String>,
}

pub(super) fn fail(
    class: FailureClass,
    kind: ErrorKind,
    message: impl Into<String>,
) -> EngineFailure {
    EngineFailure { class, error: ApiError::new(kind, message) }
}

fn done() -> Outcome {
    Ok(EngineOutcome::Done)
}

fn missing(name: &str) -> EngineFailure {
    fail(FailureClass::Missing, ErrorKind::NotFound, format!("there is no {name}"))
}

fn conflict(name: &str) -> EngineFailure {
    fail(FailureClass::Permanent, ErrorKind::Conflict, format!("{name} was not made for this pod"))
}

fn is_ours(labels: &Labels, owner: &Ownership) -> bool {
    labels.get(LABEL_POD).map(String::as_str) == Some(owner.pod.as_str())
        && labels.get(LABEL_OWNER).map(String::as_str) == Some(owner.owner.as_str())
}

impl World {
    /// Does what a call asks for.
    pub(super) fn carry_out(&mut self, owner: &Ownership, call: &EngineCall) -> Outcome {
        match call {
            EngineCall::EnsureImage { reference } => {
                let reference = reference.clone().unwrap_or_else(|| BASE_IMAGE.to_owned());
                self.images.insert(reference.clone());
                Ok(EngineOutcome::Image { reference })
            }
            EngineCall::CheckIsolation { isolation, .. } => self.isolation(*isolation),
            EngineCall::CreateNetwork(plan) => self.create_network(owner, plan),
            EngineCall::CreateVolumes { names, labels } => {
                self.create_volumes(owner, names, labels)
            }
            EngineCall::CreateContainer(plan) => self.create_container(owner, plan),
            EngineCall::StartContainer { name } => self.start(owner, name),
            EngineCall::AwaitReady { name, port, .. } => self.ready(owner, name, *port),
            EngineCall::CopySource { name, .. } => {
                self.running(owner, name).map(|_| EngineOutcome::Done)
            }
            EngineCall::ApplyConfig { name, config } => {
                self.running(owner, name)?.spec = Some(config.spec.clone());
                done()
            }
            EngineCall::Run(plan) => self.run(owner, plan),
            EngineCall::AwaitHealthy { name, service, .. } => self.healthy(owner, name, service),
            EngineCall::StopContainer { name, .. } => self.stop(owner, name),
            EngineCall::RenameContainer { from, to } => self.rename(owner, from, to),
            EngineCall::UpdateLimits { name, limits } => {
                self.ours(owner, name)?.ok_or_else(|| missing(name))?.plan.limits = *limits;
                done()
            }
            EngineCall::RemoveContainer { name } => {
                self.ours(owner, name)?;
                self.containers.remove(name);
                done()
            }
            EngineCall::RemoveNetwork { name } => self.remove_network(owner, name),
            EngineCall::RemoveVolumes { names } => self.remove_volumes(owner, names),
        }
    }

    fn isolation(&self, isolation: Isolation) -> Outcome {
        match isolation {
            Isolation::Gvisor if self.no_gvisor => Err(fail(
                FailureClass::Permanent,
                ErrorKind::HostUnfit,
                "the host's Docker has no gVisor runtime",
            )),
            Isolation::Gvisor => Ok(EngineOutcome::Isolation {
                runtime: Some(GVISOR.to_owned()),
                resolvers: Vec::new(),
            }),
            Isolation::Runc => {
                Ok(EngineOutcome::Isolation { runtime: None, resolvers: Vec::new() })
            }
        }
    }

    fn create_network(&mut self, owner: &Ownership, plan: &NetworkPlan) -> Outcome {
        if let Some(found) = self.networks.get(&plan.name) {
            if !is_ours(&found.labels, owner) {
                return Err(conflict(&plan.name));
            }
            if found.subnet == plan.subnet {
                return done();
            }
            if self.containers.values().any(|c| c.plan.network == plan.name && c.is_up()) {
                return Err(conflict(&plan.name));
            }
        }
        let others = self.networks.values().filter(|n| n.name != plan.name);
        let taken = others.map(|n| n.subnet).chain(self.taken_subnets.iter().copied());
        if taken.into_iter().any(|subnet| subnet == plan.subnet) {
            return Err(fail(
                FailureClass::SubnetTaken,
                ErrorKind::Engine,
                format!("{} overlaps with another network", plan.subnet),
            ));
        }
        self.networks.insert(plan.name.clone(), plan.clone());
        done()
    }

    fn create_volumes(&mut self, owner: &Ownership, names: &[String], labels: &Labels) -> Outcome {
        for name in names {
            let found = self.volumes.entry(name.clone()).or_insert_with(|| labels.clone());
            if !is_ours(found, owner) {
                return Err(conflict(name));
            }
        }
        done()
    }

    fn create_container(&mut self, owner: &Ownership, plan: &ContainerPlan) -> Outcome {
        if !self.images.contains(&plan.image) {
            return Err(missing(&plan.image));
        }
        if let Some(found) = self.ours(owner, &plan.name)? {
            let same = found.plan.port == plan.port
                && found.plan.image == plan.image
                && found.plan.runtime == plan.runtime;
            if same {
                return done();
            }
            if found.state != ContainerState::Created {
                return Err(fail(
                    FailureClass::Permanent,
                    ErrorKind::Conflict,
                    format!("the container {} is there and differs", plan.name),
                ));
            }
        }
        // As an engine does, with the labels that it is given for them.
        for (name, _) in &plan.volumes {
            self.volumes.entry(name.clone()).or_insert_with(|| plan.labels.clone());
        }
        let container = Container {
            plan: plan.clone(),
            state: ContainerState::Created,
            exit_code: None,
            oom_killed: false,
            steps: BTreeMap::new(),
            spec: None,
        };
        self.containers.insert(plan.name.clone(), container);
        done()
    }

    fn start(&mut self, owner: &Ownership, name: &str) -> Outcome {
        let found = self.ours(owner, name)?.ok_or_else(|| missing(name))?;
        if found.state == ContainerState::Running {
            return done();
        }
        let (port, network) = (found.plan.port, found.plan.network.clone());
        if !self.networks.contains_key(&network) {
            return Err(missing(&network));
        }
        if self.taken_ports.contains(&port.0) || self.is_bound(name, port) {
            return Err(fail(
                FailureClass::PortTaken,
                ErrorKind::Engine,
                format!("port {port} is already allocated"),
            ));
        }
        self.set_running(name);
        done()
    }

    pub(super) fn set_running(&mut self, name: &str) {
        if let Some(container) = self.containers.get_mut(name) {
            container.state = ContainerState::Running;
            container.exit_code = None;
            container.oom_killed = false;
        }
    }

    fn is_bound(&self, except: &str, port: HostPort) -> bool {
        self.containers.iter().any(|(n, c)| n != except && c.is_up() && c.plan.port == port)
    }

    fn run(&mut self, owner: &Ownership, plan: &RunPlan) -> Outcome {
        let known = self.running(owner, &plan.container)?.steps.get(&plan.key).copied();
        let code = match known {
            Some(code) => code,
            None => {
                let code = self.exit_codes.get(&plan.command).copied().unwrap_or(0);
                self.ran.push((plan.container.clone(), plan.key.clone(), plan.command.clone()));
                self.running(owner, &plan.container)?.steps.insert(plan.key.clone(), code);
                code
            }
        };
        if code == 0 {
            return done();
        }
        Err(fail(
            FailureClass::CommandFailed,
            ErrorKind::CommandFailed,
            format!("{:?} failed (exit code {code})", plan.label),
        ))
    }

    /// A container answers on the port it is set to, when it is on its network.
    fn ready(&mut self, owner: &Ownership, name: &str, port: HostPort) -> Outcome {
        let container = self.running(owner, name)?;
        let (set, network) = (container.plan.port, container.plan.network.clone());
        if set == port && self.networks.contains_key(&network) {
            return done();
        }
        let message = format!("{name} does not answer on port {port}");
        Err(fail(FailureClass::Permanent, ErrorKind::Engine, message))
    }

    fn healthy(&mut self, owner: &Ownership, name: &str, service: &str) -> Outcome {
        self.running(owner, name)?;
        if self.sick.contains(service) {
            return Err(fail(
                FailureClass::CommandFailed,
                ErrorKind::CommandFailed,
                format!("{service} did not become healthy"),
            ));
        }
        done()
    }

    fn stop(&mut self, owner: &Ownership, name: &str) -> Outcome {
        if let Some(found) = self.ours(owner, name)?
            && found.is_up()
        {
            found.state = ContainerState::Exited;
            found.exit_code = Some(0);
        }
        done()
    }

    fn rename(&mut self, owner: &Ownership, from: &str, to: &str) -> Outcome {
        let target = self.ours(owner, to)?.is_some();
        match (self.ours(owner, from)?.is_some(), target) {
            (true, false) => {}
            (false, true) => return done(),
            (false, false) => return Err(missing(from)),
            (true, true) => return Err(conflict(to)),
        }
        if let Some(container) = self.containers.remove(from) {
            self.containers.insert(to.to_owned(), container);
        }
        done()
    }

    fn remove_network(&mut self, owner: &Ownership, name: &str) -> Outcome {
        match self.networks.get(name) {
            None => return done(),
            Some(found) if !is_ours(&found.labels, owner) => return Err(conflict(name)),
            Some(_) => {}
        }
        self.networks.remove(name);
        done()
    }

    fn remove_volumes(&mut self, owner: &Ownership, names: &[String]) -> Outcome {
        for name in names {
            match self.volumes.get(name) {
                None => continue,
                Some(labels) if !is_ours(labels, owner) => return Err(conflict(name)),
                Some(_) => {}
            }
            if self.is_mounted(name) {
                return Err(fail(
                    FailureClass::Permanent,
                    ErrorKind::Engine,
                    format!("the volume {name} is in use"),
                ));
            }
            self.volumes.remove(name);
        }
        done()
    }

    pub(super) fn is_mounted(&self, volume: &str) -> bool {
        self.containers.values().any(|c| c.plan.volumes.iter().any(|(v, _)| v == volume))
    }

    fn ours(
        &mut self,
        owner: &Ownership,
        name: &str,
    ) -> Result<Option<&mut Container>, EngineFailure> {
        match self.containers.get_mut(name) {
            Some(found) if !is_ours(&found.plan.labels, owner) => Err(conflict(name)),
            found => Ok(found),
        }
    }

    fn running(&mut self, owner: &Ownership, name: &str) -> Result<&mut Container, EngineFailure> {
        let found = self.ours(owner, name)?.ok_or_else(|| missing(name))?;
        if found.state != ContainerState::Running {
            let message = format!("the container {name} is not running");
            return Err(fail(FailureClass::Retryable, ErrorKind::Engine, message));
        }
        Ok(found)
    }
}

impl Container {
    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, ContainerState::Running | ContainerState::Paused)
    }
}
