//! Pods that are on a host and not in the list: ours, when the database was lost,
//! and those of another daemon that a client wants to take over.

use crate::effect::{Effect, Secrets};
use crate::engine::{ObservedContainer, ObservedPod};
use crate::event::{Now, ReplyToken, SlugChoice};
use crate::record::{Applied, Direction, OperationRecord, PodRecord, RuntimeChoice};
use crate::spec::{self, PodSpec};
use crate::state::{Adoption, State};
use pinacle_protocol::{
    Accepted, ApiError, Desired, ErrorKind, HostId, HostPort, OperationKind, OwnerId, PodId,
    PodPhase, Revision, Slug,
};

impl State {
    /// Has a pod of ours that is not in the list taken into it.
    pub(crate) fn found(&mut self, host: &HostId, observed: ObservedPod) {
        let pod = observed.id.clone();
        if let Some(adoption) = self.adoptions.get_mut(&pod) {
            if adoption.host == *host {
                adoption.observed = observed;
            }
            return;
        }
        let adoption = Adoption { host: host.clone(), observed, asked: None, lost: false };
        self.adoptions.insert(pod.clone(), adoption);
        self.effects.push(Effect::ReadSpec { host: host.clone(), pod });
    }

    /// Returns whether a pod of this id was deleted lately.
    pub(crate) fn was_deleted(&self, id: &PodId) -> bool {
        let kept = self.gone.iter().filter_map(|operation| self.operations.get(operation));
        let deleted = |operation: &OperationRecord| {
            operation.kind == OperationKind::Delete && operation.direction == Direction::Succeeded
        };
        !self.pods.contains_key(id) && kept.into_iter().any(|o| o.pod == *id && deleted(o))
    }

    /// Has what is there again of a deleted pod removed: the engine did something late.
    pub(crate) fn clear_away(&mut self, now: Now, host: &HostId, observed: &ObservedPod) {
        let Some(mut record) = self.adopted_record(now, host, observed, None) else { return };
        let id = record.id.clone();
        record.desired = Desired::Gone;
        record.phase = PodPhase::Terminating;
        record.attention =
            Some("something of it came back after it was deleted, and is removed".to_owned());
        self.insert_pod(record);
        self.begin(now, &id, OperationKind::Delete, None);
        self.advance(now, &id);
    }

    /// Begins to take over a pod of another daemon. Returns the answer unless it is given
    /// later, when the pod's own spec was read.
    pub(crate) fn adopt(
        &mut self,
        token: ReplyToken,
        host: &HostId,
        id: &PodId,
    ) -> Option<Result<Accepted, ApiError>> {
        if let Some(pod) = self.pods.get(id) {
            // Taking over what was taken over is no mistake: the answer may have been lost.
            let again = pod.record.host == *host && pod.record.owner != self.settings.owner;
            let message = format!("pod {id} is in the list already");
            let refused = Err(ApiError::new(ErrorKind::Conflict, message));
            return Some(if again { Ok(taken_in(id)) } else { refused });
        }
        if let Err(error) = self.host_usable(host) {
            return Some(Err(error));
        }
        if self.adoptions.contains_key(id) {
            let message = format!("pod {id} is being adopted already");
            return Some(Err(ApiError::new(ErrorKind::Conflict, message)));
        }
        let seen = self.hosts.get(host).and_then(|host| host.foreign.get(id));
        let Some(observed) = seen.filter(|seen| !seen.is_spare()) else {
            let message = format!("no pod {id} of another daemon was seen on host `{host}`");
            return Some(Err(
                ApiError::new(ErrorKind::NotFound, message).hint("`doctor` lists those there are")
            ));
        };
        let observed = observed.clone();
        let adoption = Adoption { host: host.clone(), observed, asked: Some(token), lost: false };
        self.adoptions.insert(id.clone(), adoption);
        self.effects.push(Effect::ReadSpec { host: host.clone(), pod: id.clone() });
        None
    }

    pub(crate) fn spec_read(&mut self, now: Now, host: &HostId, id: &PodId, text: Option<String>) {
        let Some(mut adoption) = self.adoptions.remove(id) else { return };
        if adoption.lost && text.is_none() && self.host_ready(host) {
            // Read again: values of `env` are nowhere but in the pod.
            adoption.lost = false;
            self.adoptions.insert(id.clone(), adoption);
            self.effects.push(Effect::ReadSpec { host: host.clone(), pod: id.clone() });
            return;
        }
        let asked = adoption.asked;
        let result = self.take_in(now, host, id, adoption.observed, text);
        if let Some(token) = asked {
            self.effects.push(Effect::Reply { token, result });
        }
        self.advance(now, id);
    }

    fn take_in(
        &mut self,
        now: Now,
        host: &HostId,
        id: &PodId,
        observed: ObservedPod,
        text: Option<String>,
    ) -> Result<Accepted, ApiError> {
        if text.is_none() && !self.host_ready(host) {
            // Found again once the host is back.
            let message = format!("host `{host}` was lost while the spec of pod {id} was read");
            return Err(ApiError::new(ErrorKind::HostUnreachable, message)
                .hint("ask again once the host is back"));
        }
        if self.pods.contains_key(id) {
            return Ok(taken_in(id));
        }
        let Some(record) = self.adopted_record(now, host, &observed, text) else {
            let message = format!("the labels of pod {id} are not ones that Pinacle writes");
            return Err(ApiError::new(ErrorKind::Conflict, message));
        };
        let running = record.desired == Desired::Running;
        let values = Secrets(record.spec.secret_values());
        if let Some(host) = self.hosts.get_mut(host) {
            host.foreign.remove(id);
        }
        self.insert_pod(record);
        if let Some(pod) = self.pod_mut(id) {
            // It may have changed since, so it is looked at before anything is done.
            pod.observed = Some(observed);
        }
        self.lasting();
        self.effects.push(Effect::SetSecrets { pod: id.clone(), values });
        let state = if running { "running" } else { "stopped" };
        self.note(
            id,
            format!("found on host `{host}` by its labels ({state}) and taken into the list"),
        );
        Ok(taken_in(id))
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
        let container = kept(seen);
        let running = container.is_some_and(|c| c.state.is_up());
        let revision = seen.labels.revision.unwrap_or(Revision(1));
        let place = self.hosts.get(host)?;
        // Labels outlive what they were true of: only a container holds a port.
        let any = container.or(seen.container.as_ref()).or(seen.previous.as_ref());
        let port = any.and_then(|c| c.port.or(seen.labels.port));
        let free = |port: &HostPort| !place.used_ports.contains(port);
        let mut attention = (!complete).then(|| {
            "its spec was rebuilt from labels: values of `env` are missing; \
             set them with `config edit`"
                .to_owned()
        });
        if let Some(port) = port.filter(|port| !free(port)) {
            attention = Some(format!("its port {port} is held by another pod in the list"));
        }
        Some(PodRecord {
            id: seen.id.clone(),
            name,
            slug,
            host: host.clone(),
            owner,
            applied: container.map(|_| Applied { spec: spec.clone(), revision }),
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
            fall: None,
            port: port.filter(free),
            subnet: seen.network.filter(|subnet| !place.used_subnets.contains(subnet)),
            image: container.map(|c| c.image.clone()),
            runtime: container.map(runtime_of),
            generation: 1,
            unfinished: None,
            created_at: now.wall,
        })
    }
}

fn taken_in(pod: &PodId) -> Accepted {
    Accepted { pod: pod.clone(), operation: None }
}

/// Returns the container with the pod's files in it.
fn kept(seen: &ObservedPod) -> Option<&ObservedContainer> {
    let both = seen.container.iter().chain(&seen.previous).chain(&seen.strays);
    both.into_iter().find(|c| c.state.has_run())
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
