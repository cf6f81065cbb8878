//! What clients ask for. A request is either refused with a reason, or on
//! disk with its operation before the client hears of it.

use crate::complete::pending_change;
use crate::effect::{Effect, Secrets};
use crate::engine::ContainerState;
use crate::event::{
    Action, CreateRequest, LossConsent, Now, ReconfigureRequest, ReplyToken, Request, SlugChoice,
};
use crate::record::{PodRecord, Revert};
use crate::spec::diff;
use crate::state::State;
use pinacle_protocol::{
    Accepted, ApiError, Desired, ErrorKind, HostId, OperationId, OperationKind, PodId, PodPhase,
    RequestId, Revision, Slug,
};

impl State {
    pub(crate) fn requested(&mut self, now: Now, token: ReplyToken, request: Request) {
        let repeated = match &request {
            Request::Create(create) => self.requests.get(&create.request_id),
            Request::Reconfigure(change) => self.requests.get(&change.request_id),
            Request::Act { request_id, .. } | Request::Adopt { request_id, .. } => {
                self.requests.get(request_id)
            }
        };
        if let Some((pod, operation)) = repeated {
            let accepted = Accepted { pod: pod.clone(), operation: Some(operation.clone()) };
            self.effects.push(Effect::Reply { token, result: Ok(accepted) });
            return;
        }
        let result = match request {
            Request::Create(create) => self.create(now, *create),
            Request::Act { request_id, pod, action } => self.act(now, request_id, &pod, action),
            Request::Reconfigure(change) => self.reconfigure(now, *change),
            Request::Adopt { host, pod, .. } => match self.adopt(token, &host, &pod) {
                // Answered when the pod's own spec was read.
                Ok(()) => return,
                Err(error) => Err(error),
            },
        };
        let pod = result.as_ref().ok().map(|accepted: &Accepted| accepted.pod.clone());
        self.effects.push(Effect::Reply { token, result });
        if let Some(pod) = pod {
            self.advance(now, &pod);
        }
    }

    fn create(&mut self, now: Now, create: CreateRequest) -> Result<Accepted, ApiError> {
        self.host_usable(&create.host)?;
        let slug = self.choose_slug(create.slug, create.slug_choice)?;
        let id = self.new_pod_id();
        let record = PodRecord {
            id: id.clone(),
            name: create.name,
            slug,
            host: create.host,
            owner: self.settings.owner.clone(),
            spec_text: create.spec_text,
            spec: create.spec,
            spec_revision: Revision(1),
            applied: None,
            source_dir: create.source_dir,
            isolation: create.isolation,
            desired: Desired::Running,
            phase: PodPhase::Pending,
            phase_since: now.wall,
            failure: None,
            attention: None,
            port: None,
            subnet: None,
            image: None,
            runtime: None,
            generation: 0,
            created_at: now.wall,
        };
        let secrets = Secrets(record.spec.secret_values());
        self.insert_pod(record);
        if let Err(what) = self.reserve(&id, now.mono_ms) {
            self.remove_pod(&id);
            self.dirty.clear();
            self.changed.pods.remove(&id);
            self.effects.clear();
            return Err(crate::advance::exhausted(what));
        }
        self.effects.push(Effect::SetSecrets { pod: id.clone(), values: secrets });
        let operation = self.begin(now, &id, OperationKind::Create, Some(create.request_id));
        Ok(Accepted { pod: id, operation })
    }

    fn new_pod_id(&mut self) -> PodId {
        loop {
            let Ok(id) = PodId::new(self.new_id()) else { continue };
            let bridge = |id: &PodId| id.as_str()[..12].to_owned();
            // The bridge's name is made of the first twelve characters alone.
            if !self.pods.keys().any(|other| bridge(other) == bridge(&id)) {
                return id;
            }
        }
    }

    /// Returns the slug to use: the one asked for, or with a number behind it.
    pub(crate) fn choose_slug(&self, slug: Slug, choice: SlugChoice) -> Result<Slug, ApiError> {
        let Some(holder) = self.slugs.get(&slug) else { return Ok(slug) };
        if choice == SlugChoice::Explicit {
            let message = format!("the slug `{slug}` is taken by pod {holder}");
            return Err(ApiError::new(ErrorKind::Conflict, message)
                .hint("choose another `slug:` in the spec, or delete that pod"));
        }
        let base: String = slug.as_str().chars().take(35).collect();
        let base = base.trim_end_matches('-');
        let candidates = (2..=9_999).filter_map(|n| Slug::new(format!("{base}-{n}")).ok());
        candidates.into_iter().find(|slug| !self.slugs.contains_key(slug)).ok_or_else(|| {
            ApiError::new(ErrorKind::Exhausted, format!("no free slug like `{base}` is left"))
        })
    }

    fn host_usable(&self, id: &HostId) -> Result<(), ApiError> {
        let Some(host) = self.hosts.get(id) else {
            return Err(ApiError::new(ErrorKind::NotFound, format!("there is no host `{id}`")));
        };
        if !self.host_down(id) {
            return Ok(());
        }
        let message = format!("host `{id}` cannot be reached");
        let mut error = ApiError::new(ErrorKind::HostUnreachable, message);
        if let Some(cause) = &host.error {
            error = error.cause(cause.message.clone());
            error.causes.extend(cause.causes.iter().cloned());
            error.hint.clone_from(&cause.hint);
        }
        Err(error)
    }

    fn act(
        &mut self,
        now: Now,
        request: RequestId,
        id: &PodId,
        action: Action,
    ) -> Result<Accepted, ApiError> {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        if pod.record.desired == Desired::Gone && action != Action::Delete {
            let message = format!("pod `{}` is being deleted", pod.record.slug);
            return Err(ApiError::new(ErrorKind::WrongPhase, message));
        }
        let operation = match action {
            Action::Start => self.start(now, request, id)?,
            Action::Stop => self.stop(now, request, id)?,
            Action::Restart => self.restart(now, request, id)?,
            Action::Delete => self.delete(now, request, id),
        };
        Ok(Accepted { pod: id.clone(), operation })
    }

    /// Returns the pod's newest operation that has not ended, with its kind.
    fn latest(&self, id: &PodId) -> Option<(OperationId, OperationKind)> {
        let pod = self.pods.get(id)?;
        let operation = pod.queued.as_ref().or(pod.active.as_ref())?;
        Some((operation.clone(), self.operations.get(operation)?.kind))
    }

    fn want(&mut self, id: &PodId, desired: Desired) {
        self.clear_timer(id);
        if let Some(pod) = self.pod_mut(id) {
            pod.record.desired = desired;
            pod.crashes = 0;
        }
    }

    fn start(
        &mut self,
        now: Now,
        request: RequestId,
        id: &PodId,
    ) -> Result<Option<OperationId>, ApiError> {
        let host = self.pods.get(id).map(|pod| pod.record.host.clone());
        self.host_usable(&host.ok_or_else(|| no_such_pod(id))?)?;
        match self.latest(id) {
            Some((operation, kind)) if kind != OperationKind::Stop => {
                self.want(id, Desired::Running);
                return Ok(Some(operation));
            }
            _ => {}
        }
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        let stopping = pod.active.is_some();
        let running = pod.record.phase == PodPhase::Running && pod.record.failure.is_none();
        if running && !stopping {
            self.want(id, Desired::Running);
            return Ok(None);
        }
        let kind = if stopping { OperationKind::Start } else { self.retry_kind(id) };
        if let Err(what) = self.reserve(id, now.mono_ms) {
            return Err(crate::advance::exhausted(what));
        }
        self.want(id, Desired::Running);
        if let Some(pod) = self.pod_mut(id) {
            pod.record.failure = None;
        }
        if kind == OperationKind::Create {
            self.set_phase(id, PodPhase::Pending, now.wall);
        }
        Ok(self.begin(now, id, kind, Some(request)))
    }

    /// Returns how a pod that is down gets up again.
    fn retry_kind(&self, id: &PodId) -> OperationKind {
        let Some(pod) = self.pods.get(id) else { return OperationKind::Start };
        match &pod.record.failure {
            Some(failure) if failure.kind == OperationKind::Create => OperationKind::Create,
            _ if pod.fresh => self.way_up(pod),
            _ => OperationKind::Start,
        }
    }

    fn stop(
        &mut self,
        now: Now,
        request: RequestId,
        id: &PodId,
    ) -> Result<Option<OperationId>, ApiError> {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        let slug = pod.record.slug.clone();
        let container = pod.observed.as_ref().and_then(|seen| seen.container.as_ref());
        let down = pod.fresh && container.is_none_or(|c| c.state != ContainerState::Running);
        match self.latest(id) {
            Some((operation, OperationKind::Stop)) => {
                self.want(id, Desired::Stopped);
                return Ok(Some(operation));
            }
            Some((_, OperationKind::Create | OperationKind::Recreate)) => {
                let message = format!("pod `{slug}` is still being created");
                return Err(ApiError::new(ErrorKind::WrongPhase, message)
                    .hint("wait until it runs, or delete it"));
            }
            Some((operation, _)) => {
                self.want(id, Desired::Stopped);
                let recreates = self.operations.get(&operation).is_some_and(|o| o.recreates());
                let queued = self.begin(now, id, OperationKind::Stop, Some(request));
                if !recreates {
                    self.cancel_active(now, id);
                }
                return Ok(queued);
            }
            None => {}
        }
        self.want(id, Desired::Stopped);
        if down {
            return Ok(None);
        }
        Ok(self.begin(now, id, OperationKind::Stop, Some(request)))
    }

    fn restart(
        &mut self,
        now: Now,
        request: RequestId,
        id: &PodId,
    ) -> Result<Option<OperationId>, ApiError> {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        if let Some((_, kind)) = self.latest(id) {
            return Err(busy(&pod.record, kind));
        }
        if pod.record.phase != PodPhase::Running {
            return self.start(now, request, id);
        }
        let host = pod.record.host.clone();
        self.host_usable(&host)?;
        self.want(id, Desired::Running);
        Ok(self.begin(now, id, OperationKind::Restart, Some(request)))
    }

    fn delete(&mut self, now: Now, request: RequestId, id: &PodId) -> Option<OperationId> {
        if let Some((operation, OperationKind::Delete)) = self.latest(id) {
            return Some(operation);
        }
        self.want(id, Desired::Gone);
        let operation = self.begin(now, id, OperationKind::Delete, Some(request));
        self.cancel_active(now, id);
        self.set_phase(id, PodPhase::Terminating, now.wall);
        operation
    }

    fn reconfigure(
        &mut self,
        now: Now,
        change: ReconfigureRequest,
    ) -> Result<Accepted, ApiError> {
        let id = change.pod.clone();
        let Some(pod) = self.pods.get(&id) else { return Err(no_such_pod(&id)) };
        let record = &pod.record;
        if record.spec_revision != change.expected {
            let message = format!(
                "the spec of pod `{}` is at revision {} by now, not {}",
                record.slug, record.spec_revision, change.expected
            );
            return Err(ApiError::new(ErrorKind::Conflict, message)
                .hint("read it again, make your change on top of it and apply that"));
        }
        if let Some((_, kind)) = self.latest(&id) {
            return Err(busy(record, kind));
        }
        if record.desired == Desired::Gone {
            return Err(busy(record, OperationKind::Delete));
        }
        let difference = diff(&record.spec, &change.spec);
        if record.spec_text == change.spec_text || (difference.is_empty() && pending_change(record).is_empty()) {
            return self.store_spec(now, &id, change).map(|()| Accepted { pod: id, operation: None });
        }
        let has_files = record.applied.is_some();
        if difference.needs_recreate() && has_files && change.loss == LossConsent::NotGiven {
            let message = format!("applying this spec makes the container of pod `{}` again", record.slug);
            return Err(ApiError::new(ErrorKind::Conflict, message)
                .cause("files outside /workspace and the home directory would be lost")
                .hint("see `config plan`, and apply with consent to the loss (--accept-loss)"));
        }
        let running = record.phase == PodPhase::Running;
        let failed_create = record.failure.as_ref().map(|f| f.kind) == Some(OperationKind::Create);
        if running || failed_create {
            let host = record.host.clone();
            self.host_usable(&host)?;
        }
        self.apply_spec(now, id, change, running, failed_create)
    }

    fn apply_spec(
        &mut self,
        now: Now,
        id: PodId,
        change: ReconfigureRequest,
        running: bool,
        failed_create: bool,
    ) -> Result<Accepted, ApiError> {
        let request = change.request_id.clone();
        let revert = self.pods.get(&id).map(|pod| revert(&pod.record));
        self.store_spec(now, &id, change)?;
        if failed_create {
            let operation = self.start(now, request, &id)?;
            return Ok(Accepted { pod: id, operation });
        }
        if !running {
            // In force from the next start on.
            return Ok(Accepted { pod: id, operation: None });
        }
        let operation = self.begin(now, &id, OperationKind::Reconfigure, Some(request));
        if let Some(operation) = operation.as_ref().and_then(|o| self.operation_mut(o)) {
            operation.revert = revert.map(Box::new);
        }
        Ok(Accepted { pod: id, operation })
    }

    fn store_spec(&mut self, now: Now, id: &PodId, change: ReconfigureRequest) -> Result<(), ApiError> {
        let old = self.pods.get(id).map(|pod| pod.record.slug.clone());
        let wanted = change.spec.slug.clone().and_then(|slug| Slug::new(slug).ok());
        if let (Some(wanted), Some(old)) = (wanted, old)
            && wanted != old
        {
            let slug = self.choose_slug(wanted, SlugChoice::Explicit)?;
            self.slugs.remove(&old);
            self.slugs.insert(slug.clone(), id.clone());
            if let Some(pod) = self.pod_mut(id) {
                pod.record.slug = slug;
            }
        }
        let Some(pod) = self.pod_mut(id) else { return Err(no_such_pod(id)) };
        let record = &mut pod.record;
        if record.spec_text == change.spec_text {
            return Ok(());
        }
        record.spec_text = change.spec_text;
        record.isolation = change.spec.isolation;
        if let Some(name) = &change.spec.name {
            record.name.clone_from(name);
        }
        record.spec = change.spec;
        record.spec_revision = record.spec_revision.next();
        record.phase_since = record.phase_since.min(now.wall);
        let values = Secrets(record.spec.secret_values());
        self.effects.push(Effect::SetSecrets { pod: id.clone(), values });
        Ok(())
    }
}

fn revert(record: &PodRecord) -> Revert {
    Revert {
        spec_text: record.spec_text.clone(),
        spec: record.spec.clone(),
        isolation: record.isolation,
        image: record.image.clone(),
        runtime: record.runtime.clone(),
    }
}

fn no_such_pod(id: &PodId) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("there is no pod {id}"))
}

fn busy(record: &PodRecord, kind: OperationKind) -> ApiError {
    let message = format!("pod `{}` has a {} under way", record.slug, kind.as_str());
    ApiError::new(ErrorKind::WrongPhase, message).hint("wait until it has ended, then ask again")
}
