//! What changes from one spec to the next, and what it takes to bring it about.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{HealthCheck, PodSpec, PortSpec, Probe, Process, PublishAddress, Tab};
use super::scalar::{decimal, duration_text};

/// What follows from a change, from nothing to a new container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Impact {
    /// Nothing restarts: names, tabs, checks, and hooks until the next start.
    None,
    /// The pod's router is told of new ports; connections stay.
    Nginx,
    /// These services and processes (by supervisor name) restart, start or end.
    RestartServices(Vec<String>),
    /// The container's limits are changed while it runs.
    UpdateLimits,
    /// The install command is another one: run again when the user asks for it.
    Reinstall,
    /// Only a new container can have it; what is not on the pod's volume is lost.
    Recreate,
}

/// One changed key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key, as in a diagnostic; list entries go by name: `processes.app.url`.
    pub path: String,
    /// The value before, `None` when there was none. `set` for one of `env`.
    pub before: Option<String>,
    /// The value after, `None` when there is none. `set` or `changed` for one of `env`.
    pub after: Option<String>,
    /// What it takes.
    pub impact: Impact,
}

/// All changes between two specs, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpecDiff {
    /// The changes; empty when the specs mean the same.
    pub changes: Vec<Change>,
}

impl SpecDiff {
    /// Returns whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Returns whether a new container is needed.
    pub fn needs_recreate(&self) -> bool {
        self.changes.iter().any(|change| change.impact == Impact::Recreate)
    }

    /// Returns whether limits change that a running container can be given.
    pub fn limits_changed(&self) -> bool {
        self.changes.iter().any(|change| change.impact == Impact::UpdateLimits)
    }

    /// Returns whether the router has to be told.
    pub fn routing_changed(&self) -> bool {
        self.changes.iter().any(|change| change.impact == Impact::Nginx)
    }

    /// Returns whether the install command changes.
    pub fn install_changed(&self) -> bool {
        self.changes.iter().any(|change| change.impact == Impact::Reinstall)
    }

    /// Returns what restarts, starts or ends: ids of services and supervisor
    /// names of processes, sorted, each once.
    pub fn restarts(&self) -> Vec<String> {
        let names: BTreeSet<&String> = self
            .changes
            .iter()
            .filter_map(|change| match &change.impact {
                Impact::RestartServices(names) => Some(names),
                _ => None,
            })
            .flatten()
            .collect();
        names.into_iter().cloned().collect()
    }

    fn add(&mut self, path: &str, before: Option<String>, after: Option<String>, impact: Impact) {
        if before != after {
            self.changes.push(Change { path: path.to_owned(), before, after, impact });
        }
    }
}

/// Compares two specs.
///
/// `env` reaches programs when they start, so a change of it restarts every
/// process and service of `new`. Its values are never in the result.
pub fn diff(old: &PodSpec, new: &PodSpec) -> SpecDiff {
    let mut diff = SpecDiff::default();
    diff.add("name", old.name.clone(), new.name.clone(), Impact::None);
    diff.add("slug", old.slug.clone(), new.slug.clone(), Impact::Nginx);
    limits(old, new, &mut diff);
    services(old, new, &mut diff);
    let template = |spec: &PodSpec| spec.template.map(|template| template.to_string());
    diff.add("template", template(old), template(new), Impact::Reinstall);
    diff.add("baseImage", old.base_image.clone(), new.base_image.clone(), Impact::Recreate);
    diff.add("install", old.install.clone(), new.install.clone(), Impact::Reinstall);
    processes(old, new, &mut diff);
    tabs_and_ports(old, new, &mut diff);
    env(old, new, &mut diff);
    hooks(old, new, &mut diff);
    diff.add("workingDir", old.working_dir.clone(), new.working_dir.clone(), Impact::Recreate);
    diff.add("user", old.user.clone(), new.user.clone(), Impact::Recreate);
    let isolation = |spec: &PodSpec| Some(spec.isolation.as_str().to_owned());
    diff.add("isolation", isolation(old), isolation(new), Impact::Recreate);
    let publish = |publish: Option<PublishAddress>| Some(publish.unwrap_or_default().to_string());
    diff.add("bindAddress", publish(old.publish), publish(new.publish), Impact::Recreate);
    let hosts = |spec: &PodSpec| listed(&spec.hosts, String::clone);
    diff.add("hosts", hosts(old), hosts(new), Impact::Nginx);
    let checks = |spec: &PodSpec| listed(&spec.health_checks, check_text);
    diff.add("healthChecks", checks(old), checks(new), Impact::None);
    diff
}

/// The tier counts through its numbers: two tiers with the same overrides need no update.
fn limits(old: &PodSpec, new: &PodSpec, diff: &mut SpecDiff) {
    let tier = |spec: &PodSpec| Some(spec.tier.to_string());
    diff.add("tier", tier(old), tier(new), Impact::None);
    let (a, b) = (old.limits(), new.limits());
    let number = |n: u32| Some(n.to_string());
    let update = Impact::UpdateLimits;
    diff.add(
        "resources.cpuCores",
        Some(decimal(a.cpu_milli)),
        Some(decimal(b.cpu_milli)),
        update.clone(),
    );
    diff.add("resources.memoryMb", number(a.memory_mib), number(b.memory_mib), update.clone());
    diff.add("resources.storageGb", number(a.storage_gib), number(b.storage_gib), update.clone());
    diff.add("resources.pids", number(a.pids), number(b.pids), update);
    // Engines cannot change the open-file limit of a running container.
    diff.add("resources.nofile", number(a.nofile), number(b.nofile), Impact::Recreate);
}

fn services(old: &PodSpec, new: &PodSpec, diff: &mut SpecDiff) {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) =
        (old.services.iter().collect(), new.services.iter().collect());
    for service in before.symmetric_difference(&after) {
        let listed = |set: &BTreeSet<_>| set.contains(*service).then(|| service.to_string());
        // A service that is never started has nothing to restart.
        let impact = if service.is_available() {
            Impact::RestartServices(vec![service.to_string()])
        } else {
            Impact::None
        };
        diff.add("services", listed(&before), listed(&after), impact);
    }
}

fn processes(old: &PodSpec, new: &PodSpec, diff: &mut SpecDiff) {
    let by_name = |spec: &PodSpec| -> BTreeMap<String, Process> {
        spec.processes.iter().map(|p| (p.supervisor_name(), p.clone())).collect()
    };
    let (before, after) = (by_name(old), by_name(new));
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for name in names {
        let (a, b) = (before.get(name), after.get(name));
        let path = |key: &str| format!("processes.{name}.{key}");
        let of = |get: fn(&Process) -> Option<String>| (a.and_then(get), b.and_then(get));
        let (command, new_command) = of(|p| Some(p.start_command.clone()));
        let restart = Impact::RestartServices(vec![name.clone()]);
        diff.add(&path("startCommand"), command, new_command, restart);
        if let (Some(_), Some(_)) = (a, b) {
            let (was, is) = of(|p| Some(p.name.clone()));
            diff.add(&path("name"), was, is, Impact::None);
            let (was, is) = of(|p| p.display_name.clone());
            diff.add(&path("displayName"), was, is, Impact::None);
        }
        let (was, is) = of(|p| p.url.clone());
        diff.add(&path("url"), was, is, Impact::None);
        let (was, is) = of(|p| p.health_check.clone());
        diff.add(&path("healthCheck"), was, is, Impact::None);
    }
    let order = |spec: &PodSpec| listed(&spec.processes, |process| process.name.clone());
    if before.keys().eq(after.keys()) && !same_order(old, new) {
        diff.add("processes", order(old), order(new), Impact::None);
    }
}

fn same_order(old: &PodSpec, new: &PodSpec) -> bool {
    let names = |spec: &PodSpec| -> Vec<String> {
        spec.processes.iter().map(Process::supervisor_name).collect()
    };
    names(old) == names(new)
}

fn tabs_and_ports(old: &PodSpec, new: &PodSpec, diff: &mut SpecDiff) {
    let tabs = |spec: &PodSpec| listed(&spec.tabs, tab_text);
    diff.add("tabs", tabs(old), tabs(new), Impact::None);
    let ports = |spec: &PodSpec| listed(&spec.ports, port_text);
    diff.add("ports", ports(old), ports(new), Impact::Nginx);
    // No key of the file: it follows from tabs and processes.
    let default = |spec: &PodSpec| Some(spec.default_port().to_string());
    diff.add("default port", default(old), default(new), Impact::Nginx);
}

fn env(old: &PodSpec, new: &PodSpec, diff: &mut SpecDiff) {
    let everything: Vec<String> = new
        .services
        .iter()
        .filter(|service| service.is_available())
        .map(ToString::to_string)
        .chain(new.processes.iter().map(Process::supervisor_name))
        .collect();
    let names: BTreeSet<&String> = old.env.keys().chain(new.env.keys()).collect();
    for name in names {
        let (was, is) = (old.env.get(name), new.env.get(name));
        if was == is {
            continue;
        }
        let after = if was.is_some() { "changed" } else { "set" };
        diff.changes.push(Change {
            path: format!("env.{name}"),
            before: was.map(|_| "set".to_owned()),
            after: is.map(|_| after.to_owned()),
            impact: Impact::RestartServices(everything.clone()),
        });
    }
}

fn hooks(old: &PodSpec, new: &PodSpec, diff: &mut SpecDiff) {
    let commands = |commands: &[String]| (!commands.is_empty()).then(|| commands.join("; "));
    diff.add(
        "hooks.preStart",
        commands(&old.hooks.pre_start),
        commands(&new.hooks.pre_start),
        Impact::None,
    );
    diff.add(
        "hooks.postStart",
        commands(&old.hooks.post_start),
        commands(&new.hooks.post_start),
        Impact::None,
    );
}

fn listed<T>(items: &[T], text: fn(&T) -> String) -> Option<String> {
    let texts: Vec<String> = items.iter().map(text).collect();
    (!texts.is_empty()).then(|| texts.join(", "))
}

fn tab_text(tab: &Tab) -> String {
    let service = tab.service.map(|service| service.as_str());
    match (tab.url.as_deref(), service) {
        (Some(url), Some(service)) => format!("{} ({url}, {service})", tab.name),
        (Some(target), None) | (None, Some(target)) => format!("{} ({target})", tab.name),
        (None, None) => tab.name.clone(),
    }
}

fn port_text(port: &PortSpec) -> String {
    match &port.name {
        Some(name) => format!("{name} {}", port.port),
        None => port.port.to_string(),
    }
}

fn check_text(check: &HealthCheck) -> String {
    let probe = match &check.probe {
        Probe::Command(command) => command.clone(),
        Probe::Http { path, port } => format!("GET :{port}{path}"),
    };
    let name = check.name.as_deref().map_or(String::new(), |name| format!("{name}: "));
    format!(
        "{name}{probe} every {} within {}, {} tries, after {}",
        duration_text(check.interval),
        duration_text(check.timeout),
        check.retries,
        duration_text(check.delay)
    )
}
