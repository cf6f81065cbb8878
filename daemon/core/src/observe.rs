//! What was seen on a host, and what is taken into the list because of it.

use crate::effect::{Effect, Secrets};
use crate::engine::{ContainerState, HostSnapshot, ObservedContainer, ObservedPod};
use crate::event::{Now, ReplyToken, SlugChoice};
use crate::record::{Applied, PodRecord, RuntimeChoice};
use crate::spec::{self, PodSpec};
use crate::state::{Adoption, State};
use pinacle_protocol::{
    Accepted, ApiError, Desired, ErrorKind, HostId, OwnerId, PodId, PodPhase, Revision, Slug,
};
use std::collections::{BTreeMap, BTreeSet};

/// Pause before a pod that could not be looked at is looked at again, in milliseconds.
const LOOK_AGAIN_MS: u64 = 1_000;

impl State {
    pub(crate) fn host_observed(&mut self, now: Now, id: &HostId, snapshot: HostSnapshot) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.observed = true;
        host.foreign.clear();
        self.changed.hosts.insert(id.clone());
        let mut seen: BTreeMap<PodId, ObservedPod> =
            snapshot.pods.into_iter().map(|pod| (pod.id.clone(), pod)).collect();
        let known = self.pods_on(id);
        for pod in &known {
            let observed = seen.remove(pod).filter(|seen| self.is_of(pod, seen));
            self.note_observation(pod, observed);
        }
        for (_, observed) in seen {
            self.unknown_pod(id, observed);
        }
        for pod in known {
            self.settle(now, &pod);
            self.advance(now, &pod);
        }
    }

    /// Returns whether what was seen under a pod's id is that pod, not one of another
    /// daemon with edited labels.
    fn is_of(&self, pod: &PodId, seen: &ObservedPod) -> bool {
        self.pods.get(pod).is_some_and(|pod| pod.record.owner.as_str() == seen.owner)
    }

    fn note_observation(&mut self, id: &PodId, observed: Option<ObservedPod>) {
        let Some(pod) = self.pod_memory(id) else { return };
        let changed = pod.observed != observed;
        pod.fresh = pod.in_flight.is_none();
        pod.observed = observed;
        if changed {
            self.changed.pods.insert(id.clone());
        }
    }

    fn unknown_pod(&mut self, host: &HostId, observed: ObservedPod) {
        if observed.owner != self.settings.owner.as_str() {
            if let Some(host) = self.hosts.get_mut(host) {
                host.foreign.insert(observed.id.clone(), observed);
            }
            return;
        }
        let pod = observed.id.clone();
        let adoption = Adoption { observed, asked: None };
        if self.adoptions.insert(pod.clone(), adoption).is_none() {
            self.effects.push(Effect::ReadSpec { host: host.clone(), pod });
        }
    }

    pub(crate) fn pod_observed(
        &mut self,
        now: Now,
        host: &HostId,
        id: &PodId,
        observed: Option<ObservedPod>,
    ) {
        if !self.host_ready(host) {
            return;
        }
        if self.pods.contains_key(id) {
            let observed = observed.filter(|seen| self.is_of(id, seen));
            self.note_observation(id, observed);
            self.settle(now, id);
            self.advance(now, id);
        } else if let Some(observed) = observed {
            self.unknown_pod(host, observed);
        } else if let Some(host) = self.hosts.get_mut(host) {
            host.foreign.remove(id);
        }
    }

    pub(crate) fn look_failed(&mut self, now: Now, host: &HostId, pod: Option<&PodId>) {
        // A host that cannot be looked at as a whole is reported down next, and looked
        // at again once it is back.
        if let Some(pod) = pod
            && self.host_ready(host)
            && self.pods.get(pod).is_some_and(|pod| pod.in_flight.is_none())
        {
            self.effects.push(Effect::ObservePod { host: host.clone(), pod: pod.clone() });
            self.set_timer(pod, now.mono_ms + LOOK_AGAIN_MS);
        }
    }

    /// Begins to take over a pod of another daemon.
    pub(crate) fn adopt(
        &mut self,
        token: ReplyToken,
        host: &HostId,
        pod: &PodId,
    ) -> Result<(), ApiError> {
        let Some(found) = self.hosts.get(host) else {
            return Err(ApiError::new(ErrorKind::NotFound, format!("there is no host `{host}`")));
        };
        if self.pods.contains_key(pod) {
            let message = format!("pod {pod} is in the list already");
            return Err(ApiError::new(ErrorKind::Conflict, message));
        }
        let Some(observed) = found.foreign.get(pod).cloned() else {
            let message = format!("no pod {pod} of another daemon was seen on host `{host}`");
            return Err(ApiError::new(ErrorKind::NotFound, message)
                .hint("`doctor` lists those there are"));
        };
        let adoption = Adoption { observed, asked: Some(token) };
        if self.adoptions.insert(pod.clone(), adoption).is_some() {
            let message = format!("pod {pod} is being adopted already");
            return Err(ApiError::new(ErrorKind::Conflict, message));
        }
        self.effects.push(Effect::ReadSpec { host: host.clone(), pod: pod.clone() });
        Ok(())
    }

    pub(crate) fn spec_read(&mut self, now: Now, host: &HostId, id: &PodId, text: Option<String>) {
        let Some(adoption) = self.adoptions.remove(id) else { return };
        if self.pods.contains_key(id) {
            return;
        }
        let Adoption { observed, asked, .. } = adoption;
        let Some(record) = self.adopted_record(now, host, &observed, text) else { return };
        let running = record.desired == Desired::Running;
        let values = Secrets(record.spec.secret_values());
        if let Some(host) = self.hosts.get_mut(host) {
            host.foreign.remove(id);
        }
        self.insert_pod(record);
        if let Some(pod) = self.pod_mut(id) {
            pod.observed = Some(observed);
            pod.fresh = true;
        }
        self.lasting();
        self.effects.push(Effect::SetSecrets { pod: id.clone(), values });
        let state = if running { "running" } else { "stopped" };
        self.note(id, format!("found on host `{host}` by its labels ({state}) and taken into the list"));
        if let Some(token) = asked {
            let accepted = Accepted { pod: id.clone(), operation: None };
            self.effects.push(Effect::Reply { token, result: Ok(accepted) });
        }
        self.advance(now, id);
    }

    fn adopted_record(
        &self,
        now: Now,
        host: &HostId,
        seen: &ObservedPod,
        text: Option<String>,
    ) -> Option<PodRecord> {
        let owner = OwnerId::new(seen.owner.clone()).ok()?;
        let (spec, spec_text, complete) = recovered_spec(seen, text);
        let name = seen.labels.name.clone().or_else(|| spec.name.clone());
        let name = name.unwrap_or_else(|| seen.id.to_string());
        let slug = spec.slug.clone().and_then(|slug| Slug::new(slug).ok());
        let slug = slug.or_else(|| seen.labels.slug.clone());
        let slug = slug.or_else(|| Slug::new(seen.id.as_str()).ok())?;
        let slug = self.choose_slug(slug, SlugChoice::Derived).ok()?;
        let container = seen.container.as_ref().or(seen.previous.as_ref());
        let running = container.is_some_and(|c| c.state == ContainerState::Running);
        let revision = seen.labels.revision.unwrap_or(Revision(1));
        let ran = container.is_some_and(|c| c.state != ContainerState::Created);
        let attention = (!complete).then(|| {
            "its spec was rebuilt from labels: values of `env` are missing; \
             set them with `config edit`".to_owned()
        });
        let (ports, subnets) = self.in_use(host);
        let port = container.and_then(|c| c.port).or(seen.labels.port);
        Some(PodRecord {
            id: seen.id.clone(),
            name,
            slug,
            host: host.clone(),
            owner,
            applied: ran.then(|| Applied { spec: spec.clone(), revision }),
            isolation: container.map_or(spec.isolation, |c| c.isolation),
            spec,
            spec_text,
            spec_revision: revision,
            source_dir: None,
            desired: if running { Desired::Running } else { Desired::Stopped },
            phase: if running { PodPhase::Running } else { PodPhase::Stopped },
            phase_since: now.wall,
            failure: None,
            attention,
            port: port.filter(|port| !ports.contains(port)),
            subnet: seen.network.filter(|subnet| !subnets.contains(subnet)),
            image: container.map(|c| c.image.clone()),
            runtime: container.map(runtime_of),
            generation: 1,
            created_at: now.wall,
        })
    }

    fn in_use(
        &self,
        host: &HostId,
    ) -> (BTreeSet<pinacle_protocol::HostPort>, BTreeSet<crate::engine::Subnet>) {
        let host = self.hosts.get(host);
        host.map(|h| (h.used_ports.clone(), h.used_subnets.clone())).unwrap_or_default()
    }
}

fn runtime_of(container: &ObservedContainer) -> RuntimeChoice {
    let plain = container.isolation == pinacle_protocol::Isolation::Runc;
    RuntimeChoice {
        runtime: (!plain).then(|| container.runtime.clone()),
        // Unknown here; a new container is only made after a new check anyway.
        resolvers: Vec::new(),
    }
}

/// Returns the best spec that can be had, its text, and whether it is whole.
fn recovered_spec(seen: &ObservedPod, text: Option<String>) -> (PodSpec, String, bool) {
    if let Some(text) = text
        && let Some(spec) = spec::parse(text.as_bytes()).spec
    {
        return (spec, text, true);
    }
    let labelled = seen.labels.spec.as_deref();
    let labelled = labelled.and_then(|json| serde_json::from_str::<PodSpec>(json).ok());
    let spec = labelled.unwrap_or_default();
    let text = spec.to_yaml();
    let complete = spec.env.is_empty() && seen.labels.spec.is_some();
    (spec, text, complete)
}
