//! What of Pinacle's is on a host, from three lists; single containers are looked
//! at only for what a list does not say.

use super::LABEL_RUNTIME;
use super::client::{Shared, filter, lock, look};
use super::container::{PLAIN_RUNTIME, inspect, published_port};
use super::network::subnet_of;
use bollard::Docker;
use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum as Seen, ContainerSummary,
    ContainerSummaryStateEnum as Listed, Network, Volume,
};
use bollard::query_parameters::{ListContainersOptions, ListNetworksOptions, ListVolumesOptions};
use futures::{StreamExt, TryStreamExt, stream};
use pinacle_core::engine::{
    ContainerState, EngineFailure, HostSnapshot, LABEL_ISOLATION, LABEL_NAME, LABEL_OWNER,
    LABEL_POD, LABEL_PORT, LABEL_REVISION, LABEL_SLUG, LABEL_SPEC, ObservedContainer,
    ObservedLabels, ObservedPod,
};
use pinacle_core::names;
use pinacle_protocol::{HostPort, Isolation, PodId, Revision, Slug};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Containers looked at together.
const AT_ONCE: usize = 8;
/// What a process killed by the kernel for memory ends with, as most others that are killed.
const KILLED: i64 = 137;

type Labels = HashMap<String, String>;

/// Looks at all of a host.
pub(super) async fn all(shared: &Shared) -> Result<HostSnapshot, EngineFailure> {
    let pods = look_by(shared, LABEL_POD.to_owned(), Closer::WhereNeeded).await?;
    Ok(HostSnapshot { pods: pods.into_values().collect() })
}

/// Looks at one pod.
pub(super) async fn one(
    shared: &Shared,
    pod: &PodId,
) -> Result<Option<ObservedPod>, EngineFailure> {
    let label = format!("{LABEL_POD}={pod}");
    Ok(look_by(shared, label, Closer::Always).await?.remove(pod))
}

/// Which containers are looked at each by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Closer {
    /// Those of which a list does not say enough.
    WhereNeeded,
    /// All: the engine says that a container has died before its lists do, which is a disk's
    /// flush later, and nothing is said after that.
    Always,
}

async fn look_by(
    shared: &Shared,
    label: String,
    closer: Closer,
) -> Result<BTreeMap<PodId, ObservedPod>, EngineFailure> {
    let docker = shared.docker()?;
    let filters = || Some(filter("label", label.clone()));
    let containers = ListContainersOptions { all: true, filters: filters(), ..Default::default() };
    let networks = ListNetworksOptions { filters: filters() };
    let volumes = ListVolumesOptions { filters: filters() };
    let (containers, networks, volumes) = futures::try_join!(
        look("failed to list the containers", docker.list_containers(Some(containers))),
        look("failed to list the networks", docker.list_networks(Some(networks))),
        look("failed to list the volumes", docker.list_volumes(Some(volumes))),
    )?;
    let looked_at = look_closer(&docker, &containers, closer).await?;
    let gvisor = lock(&shared.gvisor_runtimes).clone();
    let fold = Fold { pods: BTreeMap::new(), looked_at, gvisor };
    Ok(fold.done(containers, networks, volumes.volumes.unwrap_or_default()))
}

/// Returns the closer looks, by container id. One that went away meanwhile has none.
async fn look_closer(
    docker: &Docker,
    containers: &[ContainerSummary],
    closer: Closer,
) -> Result<BTreeMap<String, ContainerInspectResponse>, EngineFailure> {
    let wanted = |c: &&ContainerSummary| closer == Closer::Always || needs_look(c);
    let ids: Vec<String> = containers.iter().filter(wanted).filter_map(|c| c.id.clone()).collect();
    stream::iter(ids)
        .map(|id| {
            let docker = docker.clone();
            async move { Ok(inspect(&docker, &id).await?.map(|found| (id, found))) }
        })
        .buffer_unordered(AT_ONCE)
        .try_filter_map(|found| std::future::ready(Ok(found)))
        .try_collect()
        .await
}

/// A list has no runtime, and of an ended container only words for its exit code.
fn needs_look(container: &ContainerSummary) -> bool {
    let labels = container.labels.as_ref();
    let has = |name: &str| labels.is_some_and(|l| l.contains_key(name));
    let ended = container.state == Some(Listed::EXITED);
    !has(LABEL_RUNTIME)
        || !has(LABEL_PORT)
        || (ended && exit_code(container).is_none_or(|code| code == KILLED))
}

/// Reads `Exited (3) 5 minutes ago`.
fn exit_code(container: &ContainerSummary) -> Option<i64> {
    let status = container.status.as_deref()?;
    status.strip_prefix("Exited (")?.split_once(')')?.0.parse().ok()
}

struct Fold {
    pods: BTreeMap<PodId, ObservedPod>,
    looked_at: BTreeMap<String, ContainerInspectResponse>,
    gvisor: BTreeSet<String>,
}

impl Fold {
    fn done(
        mut self,
        containers: Vec<ContainerSummary>,
        networks: Vec<Network>,
        volumes: Vec<Volume>,
    ) -> BTreeMap<PodId, ObservedPod> {
        for container in &containers {
            self.container(container);
        }
        for network in &networks {
            let Some(pod) = self.pod(network.labels.as_ref()) else { continue };
            let name = names::network(&pod.id);
            if network.name.as_ref() == Some(&name) {
                pod.network = subnet_of(network).or(pod.network);
            }
        }
        for volume in volumes {
            if let Some(pod) = self.pod(Some(&volume.labels)) {
                pod.volumes.push(volume.name);
            }
        }
        for pod in self.pods.values_mut() {
            pod.volumes.sort();
        }
        self.pods
    }

    /// Returns the pod that labels name, begun when it is new.
    fn pod(&mut self, labels: Option<&Labels>) -> Option<&mut ObservedPod> {
        let labels = labels?;
        let id = PodId::new(labels.get(LABEL_POD)?.as_str()).ok()?;
        let pod = self.pods.entry(id.clone()).or_insert_with(|| ObservedPod {
            id,
            owner: String::new(),
            container: None,
            previous: None,
            strays: Vec::new(),
            network: None,
            volumes: Vec::new(),
            labels: ObservedLabels::default(),
        });
        fill_in(pod, labels);
        Some(pod)
    }

    fn container(&mut self, listed: &ContainerSummary) {
        let Some(name) = listed.names.iter().flatten().find_map(|n| own_name(n)) else { return };
        let empty = Labels::new();
        let labels = listed.labels.as_ref().unwrap_or(&empty);
        let close = listed.id.as_ref().and_then(|id| self.looked_at.get(id));
        let observed = observed(name, listed, labels, close, &self.gvisor);
        let Some(pod) = self.pod(listed.labels.as_ref()) else { return };
        if observed.name == names::container(&pod.id) {
            // The container's labels are the newest of the pod's.
            overwrite(pod, labels);
            pod.container = Some(observed);
        } else if observed.name == names::previous(&pod.id) {
            pod.previous = Some(observed);
        } else {
            pod.strays.push(observed);
        }
    }
}

/// A container's own name has one slash; those given to it by links have two.
fn own_name(name: &str) -> Option<&str> {
    let name = name.strip_prefix('/').unwrap_or(name);
    (!name.contains('/')).then_some(name)
}

fn observed(
    name: &str,
    listed: &ContainerSummary,
    labels: &Labels,
    close: Option<&ContainerInspectResponse>,
    gvisor: &BTreeSet<String>,
) -> ObservedContainer {
    let host = close.and_then(|c| c.host_config.as_ref());
    let state = close.and_then(|c| c.state.as_ref());
    let runtime = host
        .and_then(|h| h.runtime.clone())
        .or_else(|| labels.get(LABEL_RUNTIME).cloned())
        .filter(|r| !r.is_empty())
        .unwrap_or_else(|| PLAIN_RUNTIME.to_owned());
    let seen = match state.and_then(|state| state.status) {
        Some(status) => state_seen(status),
        None => state_of(listed.state),
    };
    let code = exit_code(listed).or_else(|| state.and_then(|s| s.exit_code));
    ObservedContainer {
        name: name.to_owned(),
        state: seen,
        exit_code: code.filter(|_| seen == ContainerState::Exited),
        oom_killed: state.and_then(|s| s.oom_killed).unwrap_or(false),
        port: port_of(listed)
            .or_else(|| host.and_then(published_port).map(HostPort))
            .or_else(|| label_port(labels)),
        isolation: isolation_of(&runtime, labels, gvisor),
        runtime,
        image: listed.image.clone().unwrap_or_default(),
    }
}

fn state_of(listed: Option<Listed>) -> ContainerState {
    match listed {
        Some(Listed::CREATED) => ContainerState::Created,
        Some(Listed::RUNNING | Listed::RESTARTING | Listed::STOPPING) => ContainerState::Running,
        Some(Listed::PAUSED) => ContainerState::Paused,
        Some(Listed::EXITED) => ContainerState::Exited,
        Some(Listed::REMOVING | Listed::DEAD | Listed::EMPTY) | None => ContainerState::Dead,
    }
}

/// The same of a closer look, which is the newer one.
fn state_seen(status: Seen) -> ContainerState {
    match status {
        Seen::CREATED => ContainerState::Created,
        Seen::RUNNING | Seen::RESTARTING | Seen::STOPPING => ContainerState::Running,
        Seen::PAUSED => ContainerState::Paused,
        Seen::EXITED => ContainerState::Exited,
        Seen::REMOVING | Seen::DEAD | Seen::EMPTY => ContainerState::Dead,
    }
}

/// The runtime decides, never the wish: a label is believed only for a runtime that the
/// engine no longer has.
fn isolation_of(runtime: &str, labels: &Labels, gvisor: &BTreeSet<String>) -> Isolation {
    let wished = labels.get(LABEL_ISOLATION).map(String::as_str);
    if gvisor.contains(runtime) || runtime.contains("runsc") {
        Isolation::Gvisor
    } else if runtime == PLAIN_RUNTIME || !gvisor.is_empty() {
        Isolation::Runc
    } else if wished == Some(Isolation::Gvisor.as_str()) {
        Isolation::Gvisor
    } else {
        Isolation::Runc
    }
}

fn port_of(listed: &ContainerSummary) -> Option<HostPort> {
    let ports = listed.ports.as_ref()?;
    ports.iter().find(|p| p.private_port == 80).and_then(|p| p.public_port).map(HostPort)
}

fn label_port(labels: &Labels) -> Option<HostPort> {
    labels.get(LABEL_PORT)?.parse().ok().map(HostPort)
}

fn read_labels(labels: &Labels) -> ObservedLabels {
    ObservedLabels {
        name: labels.get(LABEL_NAME).cloned(),
        slug: labels.get(LABEL_SLUG).and_then(|s| Slug::new(s.as_str()).ok()),
        spec: labels.get(LABEL_SPEC).cloned(),
        revision: labels.get(LABEL_REVISION).and_then(|r| r.parse().ok()).map(Revision),
        port: label_port(labels),
    }
}

/// Takes what is not known yet.
fn fill_in(pod: &mut ObservedPod, labels: &Labels) {
    if pod.owner.is_empty() {
        pod.owner = labels.get(LABEL_OWNER).cloned().unwrap_or_default();
    }
    let new = read_labels(labels);
    let known = &mut pod.labels;
    known.name = known.name.take().or(new.name);
    known.slug = known.slug.take().or(new.slug);
    known.spec = known.spec.take().or(new.spec);
    known.revision = known.revision.or(new.revision);
    known.port = known.port.or(new.port);
}

fn overwrite(pod: &mut ObservedPod, labels: &Labels) {
    let older = std::mem::replace(&mut pod.labels, read_labels(labels));
    let known = &mut pod.labels;
    known.name = known.name.take().or(older.name);
    known.slug = known.slug.take().or(older.slug);
    known.spec = known.spec.take().or(older.spec);
    known.revision = known.revision.or(older.revision);
    known.port = known.port.or(older.port);
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &str = "abcdefghij234567";

    fn listed(name: &str, state: Listed, status: &str) -> ContainerSummary {
        let labels =
            [(LABEL_POD, POD), (LABEL_OWNER, "o"), (LABEL_PORT, "30001"), (LABEL_RUNTIME, "runsc")];
        ContainerSummary {
            id: Some(format!("id-{name}")),
            names: Some(vec![format!("/{name}")]),
            labels: Some(labels.map(|(k, v)| (k.to_owned(), v.to_owned())).into()),
            state: Some(state),
            status: Some(status.to_owned()),
            ..Default::default()
        }
    }

    fn fold(containers: Vec<ContainerSummary>) -> Vec<ObservedPod> {
        let fold =
            Fold { pods: BTreeMap::new(), looked_at: BTreeMap::new(), gvisor: BTreeSet::new() };
        fold.done(containers, vec![], vec![]).into_values().collect()
    }

    #[test]
    fn a_list_is_enough_for_a_container_that_ended_by_itself() {
        let name = format!("pinacle-pod-{POD}");
        let container = listed(&name, Listed::EXITED, "Exited (3) 2 minutes ago");
        assert!(!needs_look(&container));
        let pods = fold(vec![container]);
        let seen = pods[0].container.as_ref().expect("a container");
        assert_eq!((seen.state, seen.exit_code), (ContainerState::Exited, Some(3)));
        assert_eq!((seen.port, seen.isolation), (Some(HostPort(30001)), Isolation::Gvisor));
        assert_eq!(pods[0].owner, "o");
    }

    #[test]
    fn a_closer_look_is_believed_more_than_a_list() {
        let name = format!("pinacle-pod-{POD}");
        let state = bollard::models::ContainerState {
            status: Some(Seen::EXITED),
            exit_code: Some(137),
            ..Default::default()
        };
        let close = ContainerInspectResponse { state: Some(state), ..Default::default() };
        let fold = Fold {
            pods: BTreeMap::new(),
            looked_at: BTreeMap::from([(format!("id-{name}"), close)]),
            gvisor: BTreeSet::new(),
        };
        let pods = fold.done(vec![listed(&name, Listed::RUNNING, "Up 1 second")], vec![], vec![]);
        let seen = pods.into_values().next().and_then(|pod| pod.container).expect("a container");
        assert_eq!((seen.state, seen.exit_code), (ContainerState::Exited, Some(137)));
    }

    #[test]
    fn what_was_killed_is_looked_at_closer() {
        assert!(needs_look(&listed("x", Listed::EXITED, "Exited (137) 1 second ago")));
        assert!(!needs_look(&listed("x", Listed::RUNNING, "Up 2 hours")));
    }

    #[test]
    fn the_container_kept_aside_is_told_apart() {
        let name = format!("pinacle-pod-{POD}");
        let pods = fold(vec![
            listed(&format!("{name}-previous"), Listed::EXITED, "Exited (0) 1 hour ago"),
            listed(&name, Listed::RUNNING, "Up 1 second"),
            listed("somebody-elses", Listed::RUNNING, "Up 1 second"),
        ]);
        assert_eq!(pods.len(), 1);
        assert!(pods[0].previous.is_some());
        assert_eq!(pods[0].container.as_ref().expect("one").state, ContainerState::Running);
    }

    #[test]
    fn an_illegible_pod_label_is_nobodys() {
        let mut container = listed("x", Listed::RUNNING, "Up");
        container.labels.as_mut().expect("labels").insert(LABEL_POD.into(), "NOT AN ID".into());
        assert!(fold(vec![container]).is_empty());
    }

    #[test]
    fn isolation_is_what_the_runtime_gives() {
        let wish = Labels::from([(LABEL_ISOLATION.to_owned(), "gvisor".to_owned())]);
        let known = BTreeSet::from(["sandbox".to_owned()]);
        assert_eq!(isolation_of("runc", &wish, &known), Isolation::Runc);
        assert_eq!(isolation_of("sandbox", &wish, &known), Isolation::Gvisor);
        assert_eq!(isolation_of("other", &wish, &known), Isolation::Runc);
        assert_eq!(isolation_of("other", &wish, &BTreeSet::new()), Isolation::Gvisor);
    }
}
