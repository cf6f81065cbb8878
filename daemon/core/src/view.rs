//! What clients see of the state.

use crate::names;
use crate::record::{OperationRecord, PodRecord};
use crate::spec::{Impact, PodSpec, SpecDiff, diff};
use crate::state::{Pod, State};
use pinacle_protocol::diagnostic::Diagnostic;
use pinacle_protocol::{
    ConfigChange, ConfigPlan, Desired, ForeignPod, HostId, HostStatus, HostView, OperationId,
    OperationView, PodDetail, PodId, PodObjects, PodPhase, PodView, Slug, TabView,
};

/// Returns the address of a port inside a pod, by hostname.
pub fn pod_url(slug: &Slug, inside: u16, published: pinacle_protocol::HostPort) -> String {
    format!("http://localhost-{inside}.pod-{slug}.localhost:{published}")
}

impl State {
    /// Returns the ids of all pods.
    pub fn pod_ids(&self) -> impl Iterator<Item = &PodId> {
        self.pods.keys()
    }

    /// Returns what a list shows of a pod.
    pub fn pod_view(&self, id: &PodId) -> Option<PodView> {
        let pod = self.pods.get(id)?;
        let record = &pod.record;
        let (reason, hint) = reason(record);
        let operation = pod.active.as_ref().or(pod.queued.as_ref());
        let operation = operation.and_then(|id| self.operations.get(id));
        Some(PodView {
            id: record.id.clone(),
            name: record.name.clone(),
            slug: record.slug.clone(),
            host: record.host.clone(),
            phase: record.phase,
            phase_since: record.phase_since,
            desired: record.desired,
            reason,
            hint,
            unknown_since: self.unknown_since(record),
            tier: record.spec.tier.as_str().to_owned(),
            isolation: isolation(pod),
            port: record.port,
            url: record.port.map(|port| pod_url(&record.slug, record.spec.default_port(), port)),
            created_at: record.created_at,
            spec_revision: record.spec_revision,
            operation: operation.map(OperationRecord::summary),
        })
    }

    fn unknown_since(&self, record: &PodRecord) -> Option<pinacle_protocol::Timestamp> {
        let Some(host) = self.hosts.get(&record.host) else {
            // It was taken out of the settings.
            return Some(record.phase_since);
        };
        (host.status != HostStatus::Up).then_some(host.since)
    }

    /// Returns the ids of a pod's operations, newest first.
    pub fn pod_history(&self, id: &PodId) -> Vec<OperationId> {
        self.pods.get(id).map(|pod| pod.history.iter().rev().cloned().collect()).unwrap_or_default()
    }

    /// Returns the pod's record, for those inside the daemon who act on its behalf.
    pub fn pod_record(&self, id: &PodId) -> Option<&PodRecord> {
        self.pods.get(id).map(|pod| &pod.record)
    }

    /// Returns what a list shows of a host.
    pub fn host_view(&self, id: &HostId) -> Option<HostView> {
        self.hosts.get(id).map(crate::host::Host::view)
    }

    /// Returns the ids of all hosts.
    pub fn host_ids(&self) -> impl Iterator<Item = &HostId> {
        self.hosts.keys()
    }

    /// Returns the pods of other daemons that were seen on a host.
    pub fn foreign_pods(&self, host: &HostId) -> Vec<ForeignPod> {
        let Some(host) = self.hosts.get(host) else { return Vec::new() };
        let foreign = host.foreign.values();
        let owner = self.settings.owner.as_str();
        let foreign = foreign.filter(|pod| pod.owner != owner && !pod.is_spare());
        let foreign = foreign.map(|pod| ForeignPod {
            id: pod.id.clone(),
            slug: pod.labels.slug.clone(),
            owner: pod.owner.clone(),
        });
        foreign.collect()
    }

    /// Returns what a client sees of an operation.
    pub fn operation_view(&self, id: &OperationId) -> Option<OperationView> {
        self.operations.get(id).map(OperationRecord::view)
    }

    /// Returns what clients see of every operation that is kept.
    pub fn operation_views(&self) -> impl Iterator<Item = OperationView> {
        self.operations.values().map(OperationRecord::view)
    }

    /// Returns the ids of the pods on a host.
    pub fn pods_of(&self, host: &HostId) -> Vec<PodId> {
        self.pods_on(host)
    }
}

/// Returns all there is to know about a pod, from what a list shows of it and its
/// operations, newest first.
pub fn pod_detail(record: &PodRecord, pod: PodView, operations: Vec<OperationView>) -> PodDetail {
    let id = &record.id;
    PodDetail {
        pod,
        spec_text: record.spec_text.clone(),
        effective_spec: record.spec.to_yaml(),
        tabs: tabs(record),
        objects: PodObjects {
            container: names::container(id),
            network: names::network(id),
            bridge: names::bridge(id),
            subnet: record.subnet.map(|subnet| subnet.to_string()),
            volumes: names::volumes(id),
            image: record.image.clone(),
        },
        owner: record.owner.clone(),
        operations,
    }
}

/// Returns what applying a spec to a pod would do; changes nothing. Whether a new slug
/// is free is only known when it is applied.
pub fn config_plan(record: &PodRecord, spec: &PodSpec, diagnostics: Vec<Diagnostic>) -> ConfigPlan {
    let change = diff(&record.spec, spec);
    let in_force = record.applied.as_ref().map_or(&record.spec, |applied| &applied.spec);
    let recreates = diff(in_force, spec).needs_recreate();
    let lost = if recreates && record.applied.is_some() {
        vec!["files outside /workspace and the home directory: the container is made again".into()]
    } else {
        Vec::new()
    };
    ConfigPlan {
        base: record.spec_revision,
        changes: changes(&change),
        restarts: change.restarts(),
        recreates,
        lost,
        diagnostics,
    }
}

fn changes(change: &SpecDiff) -> Vec<ConfigChange> {
    let view = |change: &crate::spec::Change| ConfigChange {
        path: change.path.clone(),
        before: change.before.clone(),
        after: change.after.clone(),
        impact: impact(&change.impact),
    };
    change.changes.iter().map(view).collect()
}

fn impact(impact: &Impact) -> String {
    match impact {
        Impact::None => "nothing restarts".to_owned(),
        Impact::Nginx => "routing is reloaded, nothing restarts".to_owned(),
        Impact::RestartServices(names) if names.is_empty() => "nothing restarts".to_owned(),
        Impact::RestartServices(names) => format!("restarts {}", names.join(", ")),
        Impact::UpdateLimits => "limits change while it runs".to_owned(),
        Impact::Reinstall => "the install command runs again".to_owned(),
        Impact::Recreate => "the container is made again".to_owned(),
    }
}

fn isolation(pod: &Pod) -> pinacle_protocol::Isolation {
    let container = pod.observed.as_ref().and_then(|seen| seen.container.as_ref());
    container.map_or(pod.record.isolation, |container| container.isolation)
}

fn reason(record: &PodRecord) -> (Option<String>, Option<String>) {
    let stays_up = record.desired == Desired::Stopped;
    match &record.failure {
        Some(failure) if record.phase != PodPhase::Running || stays_up => {
            let text = format!("{} failed: {}", failure.kind.as_str(), failure.error.chain());
            let hint = failure.error.hint.clone().unwrap_or_else(|| where_to_look(&record.slug));
            (Some(text), Some(hint))
        }
        _ => (record.attention.clone(), None),
    }
}

/// What helps when nobody knows better; only here is it known what the pod is called.
fn where_to_look(slug: &Slug) -> String {
    format!("what was run is shown by `pinacle-tui logs {slug} --infra`")
}

fn tabs(record: &PodRecord) -> Vec<TabView> {
    let Some(published) = record.port else { return Vec::new() };
    let view = |tab: crate::spec::Tab| {
        let port = tab.port()?;
        let url = pod_url(&record.slug, port, published);
        Some(TabView { name: tab.name, port, url })
    };
    record.spec.effective_tabs().into_iter().filter_map(view).collect()
}
