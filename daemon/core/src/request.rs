//! What clients ask for. A request is either refused with a reason, or on
//! disk with its operation before the client hears of it.

use crate::effect::{Effect, Secrets};
use crate::event::{Action, CreateRequest, Now, ReplyToken, Request, SlugChoice};
use crate::record::PodRecord;
use crate::state::State;
use pinacle_protocol::{
    Accepted, ApiError, Desired, ErrorKind, HostId, OperationKind, PodId, PodPhase, Revision, Slug,
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
            let result = self.is_repeated(&request, &accepted).map(|()| accepted);
            self.effects.push(Effect::Reply { token, result });
            return;
        }
        let result = match request {
            Request::Create(create) => self.create(now, *create),
            Request::Act { request_id, pod, action } => self.act(now, request_id, &pod, action),
            Request::Reconfigure(change) => self.reconfigure(now, *change),
            Request::Adopt { host, pod, .. } => match self.adopt(token, &host, &pod) {
                // Answered when the pod's own spec was read.
                None => return,
                Some(result) => result,
            },
        };
        let pod = result.as_ref().ok().map(|accepted: &Accepted| accepted.pod.clone());
        self.effects.push(Effect::Reply { token, result });
        if let Some(pod) = pod {
            self.advance(now, &pod);
        }
    }

    /// Refuses a request under the id of another one: nothing would come of it.
    fn is_repeated(&self, request: &Request, before: &Accepted) -> Result<(), ApiError> {
        let operation = before.operation.as_ref().and_then(|id| self.operations.get(id));
        let Some(kind) = operation.map(|operation| operation.kind) else { return Ok(()) };
        let (pod, same) = match request {
            Request::Act { pod, action: Action::Stop, .. } => (pod, kind == OperationKind::Stop),
            Request::Act { pod, action: Action::Delete, .. } => {
                (pod, kind == OperationKind::Delete)
            }
            Request::Act { pod, .. } => (pod, makes_run(kind)),
            Request::Reconfigure(change) => (&change.pod, makes_run(kind)),
            Request::Create(_) | Request::Adopt { .. } => (&before.pod, makes_run(kind)),
        };
        if same && *pod == before.pod {
            return Ok(());
        }
        let slug = self.pods.get(&before.pod).map(|pod| pod.record.slug.to_string());
        let slug = slug.unwrap_or_else(|| before.pod.to_string());
        let message = format!("the request's id was that of the {} of pod `{slug}`", kind.as_str());
        Err(ApiError::new(ErrorKind::Conflict, message)
            .hint("give every change a `request_id` of its own, and repeat one only unchanged"))
    }

    fn create(&mut self, now: Now, create: CreateRequest) -> Result<Accepted, ApiError> {
        self.host_usable(&create.host)?;
        let slug = self.choose_slug(create.slug, create.slug_choice)?;
        let ready = self.host_ready(&create.host);
        let spare = if ready { self.next_spare(now, &create.host) } else { None };
        let id = spare.as_ref().map_or_else(|| self.new_pod_id(), |spare| spare.id.clone());
        let owner = spare.as_ref().map_or(&self.settings.owner, |spare| &spare.owner);
        let record = PodRecord {
            id: id.clone(),
            name: create.name,
            slug,
            host: create.host,
            owner: owner.clone(),
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
            fall: None,
            port: None,
            subnet: spare.as_ref().and_then(|spare| spare.subnet),
            image: None,
            runtime: None,
            generation: 0,
            unfinished: None,
            created_at: now.wall,
        };
        let secrets = Secrets(record.spec.secret_values());
        let host = record.host.clone();
        self.insert_pod(record);
        if let Some(pod) = self.pod_memory(&id) {
            // Its id is new, so there is nothing of it anywhere but a network, perhaps.
            pod.fresh = true;
        }
        // What a host that was not looked at yet has in use is known when its turn comes.
        if ready && let Err(error) = self.reserve(&id, now.mono_ms) {
            self.remove_pod(&id);
            self.dirty.clear();
            self.changed.pods.remove(&id);
            self.effects.clear();
            if let (Some(subnet), Some(host)) =
                (spare.and_then(|spare| spare.subnet), self.hosts.get_mut(&host))
            {
                host.used_subnets.insert(subnet);
            }
            return Err(error);
        }
        self.take_spare(&host, &id);
        self.effects.push(Effect::SetSecrets { pod: id.clone(), values: secrets });
        let operation = self.begin(now, &id, OperationKind::Create, Some(create.request_id));
        Ok(Accepted { pod: id, operation: Some(operation) })
    }

    pub(crate) fn new_pod_id(&mut self) -> PodId {
        loop {
            // The bridge's name is made of the first twelve characters alone, so those must
            // be new; no id of the same twelve sorts before them with noughts behind.
            let id = self.new_id();
            let prefix = &id[..12];
            let (Ok(first), Ok(id)) = (PodId::new(format!("{prefix}0000")), PodId::new(id.clone()))
            else {
                continue;
            };
            let next = self.pods.range(first..).next().map(|(other, _)| other);
            let spares = self.spares().map(|spare| &spare.id);
            if !spares.chain(next).any(|other| other.as_str().starts_with(prefix)) {
                return id;
            }
        }
    }

    /// Returns the slug to use: the one asked for, or with a number behind it.
    pub(crate) fn choose_slug(&self, slug: Slug, choice: SlugChoice) -> Result<Slug, ApiError> {
        let free = |slug: &Slug| self.holder_of(slug).is_none();
        let Some(holder) = self.holder_of(&slug) else { return Ok(slug) };
        if choice == SlugChoice::Explicit {
            return Err(self.slug_taken(&slug, holder));
        }
        let base: String = slug.as_str().chars().take(35).collect();
        let base = base.trim_end_matches('-');
        let mut candidates = (2..=9_999).filter_map(|n| Slug::new(format!("{base}-{n}")).ok());
        candidates.find(free).ok_or_else(|| {
            ApiError::new(ErrorKind::Exhausted, format!("no free slug like `{base}` is left"))
        })
    }

    fn slug_taken(&self, slug: &Slug, holder: &PodId) -> ApiError {
        let record = self.pods.get(holder).map(|pod| &pod.record);
        if let Some(record) = record.filter(|record| record.desired == Desired::Gone) {
            let message = format!("the slug `{slug}` is that of a pod that is still being deleted");
            return ApiError::new(ErrorKind::Conflict, message).hint(format!(
                "ask again when it is gone: `pinacle-tui rm {}` waits for that; \
                 or choose another `slug:` in the spec",
                record.slug
            ));
        }
        ApiError::new(ErrorKind::Conflict, format!("the slug `{slug}` is taken by pod {holder}"))
            .hint("choose another `slug:` in the spec, or delete that pod")
    }

    /// Returns the pod that is found by this name: its slug, or its id.
    fn holder_of(&self, slug: &Slug) -> Option<&PodId> {
        let by_id = PodId::new(slug.as_str()).ok();
        let by_id = by_id.and_then(|id| self.pods.get_key_value(&id)).map(|(id, _)| id);
        self.slugs.get(slug).or(by_id)
    }

    pub(crate) fn host_usable(&self, id: &HostId) -> Result<(), ApiError> {
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
}

fn makes_run(kind: OperationKind) -> bool {
    !matches!(kind, OperationKind::Stop | OperationKind::Delete)
}

pub(crate) fn no_such_pod(id: &PodId) -> ApiError {
    ApiError::new(ErrorKind::NotFound, format!("there is no pod {id}"))
}

pub(crate) fn busy(record: &PodRecord, kind: OperationKind) -> ApiError {
    let message = format!("pod `{}` has a {} under way", record.slug, kind.as_str());
    ApiError::new(ErrorKind::WrongPhase, message).hint("wait until it has ended, then ask again")
}
