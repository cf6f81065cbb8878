//! Carries out what the core asks for, each as a task that ends in one event.
//!
//! Nothing else in the daemon starts work on a host. A task that panics or is
//! broken off still ends in its event: the outcome is then *unknown*, and the
//! core settles it by asking again.

use crate::engine::Engine;
use crate::journal::{Journal, PodJournal};
use pinacle_core::effect::Effect;
use pinacle_core::engine::{EngineCall, EngineFailure, FailureClass};
use pinacle_core::event::{Event, Ticket};
use pinacle_core::record::Record;
use pinacle_protocol::{ApiError, ErrorKind, HostId, PodId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// A task that ended.
#[derive(Debug)]
pub(crate) enum Finished {
    /// This happened.
    Event(Event),
    /// Nothing the core needs to hear of.
    Nothing,
}

/// What a task stands for, so that its end is known even when it panics.
#[derive(Debug, Clone)]
enum Purpose {
    Call(Ticket, PodId),
    LookAtHost(HostId),
    LookAtPod(HostId, PodId),
    ReadSpec(HostId, PodId),
    Journal,
}

/// The tasks under way.
pub(crate) struct Effects {
    engines: Arc<BTreeMap<HostId, Arc<dyn Engine>>>,
    journal: Journal,
    tasks: JoinSet<Option<Event>>,
    purposes: HashMap<Id, Purpose>,
    calls: HashMap<Ticket, AbortHandle>,
    /// Pods with a call under way that takes moments, and which is what their host tells
    /// us of: they are looked at when it has ended and no other was begun.
    busy: BTreeSet<PodId>,
    /// Pods to look at then.
    touched: BTreeMap<PodId, HostId>,
    /// Pods being looked at, and whether they must be looked at again, because
    /// something changed since the look began.
    looks: HashMap<PodId, Freshness>,
    stopping: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Freshness {
    Current,
    Stale,
}

impl Effects {
    pub(crate) fn new(engines: Arc<BTreeMap<HostId, Arc<dyn Engine>>>, journal: Journal) -> Self {
        Self {
            engines,
            journal,
            tasks: JoinSet::new(),
            purposes: HashMap::new(),
            calls: HashMap::new(),
            busy: BTreeSet::new(),
            touched: BTreeMap::new(),
            looks: HashMap::new(),
            stopping: false,
        }
    }

    /// From now on nothing is begun. Steps that were asked for are asked for again by
    /// the next daemon.
    pub(crate) fn stop_beginning(&mut self) {
        self.stopping = true;
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.calls.is_empty()
    }

    /// Breaks everything off that is still under way.
    pub(crate) async fn abandon(&mut self) {
        self.tasks.shutdown().await;
        self.purposes.clear();
        self.calls.clear();
        self.looks.clear();
    }

    /// Keeps the secrets of these pods out of their journals.
    pub(crate) fn set_secrets(&self, records: &[Record]) {
        for record in records {
            if let Record::Pod(pod) = record {
                self.journal.set_secrets(&pod.id, pod.spec.secret_values());
            }
        }
    }

    /// Begins an effect.
    pub(crate) fn begin(&mut self, effect: Effect) {
        match effect {
            Effect::SetSecrets { pod, values } => self.journal.set_secrets(&pod, values.0),
            Effect::ForgetJournal { pod } => self.journal.forget(&pod),
            Effect::Note { pod, text } => {
                let journal = self.journal.pod(&pod);
                self.spawn(Purpose::Journal, async move {
                    journal.note(text).await;
                    None
                });
            }
            Effect::CancelCall { ticket } => {
                if let Some(task) = self.calls.get(&ticket) {
                    task.abort();
                }
            }
            _ if self.stopping => {}
            Effect::Call { ticket, host, owner, call } => {
                let journal = self.journal.pod(&owner.pod);
                self.call(ticket, &host, owner, (call, Some(journal)));
            }
            Effect::CallAhead { ticket, host, owner, call } => {
                self.call(ticket, &host, owner, (call, None));
            }
            Effect::Observe { host } => self.look_at_host(host),
            Effect::ObservePod { host, pod } => self.look_at_pod(host, pod),
            Effect::ReadSpec { host, pod } => self.read_spec(host, pod),
            Effect::Persist { .. } | Effect::Reply { .. } => {
                debug_assert!(false, "the driver keeps these to itself");
            }
        }
    }

    fn call(
        &mut self,
        ticket: Ticket,
        host: &HostId,
        owner: pinacle_core::engine::Ownership,
        (call, journal): (EngineCall, Option<PodJournal>),
    ) {
        let engine = self.engines.get(host).cloned();
        let purpose = Purpose::Call(ticket.clone(), owner.pod.clone());
        let id = ticket.clone();
        if is_brief(&call) {
            self.busy.insert(owner.pod.clone());
        }
        let task = self.spawn(purpose, async move {
            let ahead = journal.is_none();
            let journal = journal.unwrap_or_else(|| Journal::closed().pod(&owner.pod));
            let result = match engine {
                Some(engine) => engine.call(&owner, &journal, call).await,
                None => Err(no_engine()),
            };
            if let Some(failure) = result.as_ref().err().filter(|_| ahead) {
                // Nobody else is told: it stands in no pod's way.
                let (pod, error) = (&owner.pod, failure.error.chain());
                tracing::warn!(%pod, error, "a network for a pod to come");
            }
            Some(Event::CallEnded { ticket: id, result })
        });
        self.calls.insert(ticket, task);
    }

    /// Has a pod looked at that something happened to.
    pub(crate) fn touch(&mut self, host: HostId, pod: PodId) {
        self.touched.insert(pod, host);
    }

    /// Looks at the touched pods that nothing is being done to. To be called when what
    /// was asked for was begun.
    pub(crate) fn look_at_touched(&mut self) {
        if self.stopping || self.touched.is_empty() {
            return;
        }
        let (later, now) = std::mem::take(&mut self.touched)
            .into_iter()
            .partition(|(pod, _)| self.busy.contains(pod));
        self.touched = later;
        let now: BTreeMap<PodId, HostId> = now;
        for (pod, host) in now {
            self.look_at_pod(host, pod);
        }
    }

    fn look_at_host(&mut self, host: HostId) {
        let engine = self.engines.get(&host).cloned();
        self.spawn(Purpose::LookAtHost(host.clone()), async move {
            match engine?.observe().await {
                Ok(snapshot) => Some(Event::HostObserved { host, snapshot }),
                Err(failure) => {
                    tracing::warn!(%host, error = failure.error.chain(), "cannot look at the host");
                    Some(Event::LookFailed { host, pod: None })
                }
            }
        });
    }

    fn look_at_pod(&mut self, host: HostId, pod: PodId) {
        if let Some(look) = self.looks.get_mut(&pod) {
            *look = Freshness::Stale;
            return;
        }
        self.looks.insert(pod.clone(), Freshness::Current);
        let engine = self.engines.get(&host).cloned();
        self.spawn(Purpose::LookAtPod(host.clone(), pod.clone()), async move {
            match engine?.observe_pod(&pod).await {
                Ok(observed) => {
                    let observed = observed.map(Box::new);
                    Some(Event::PodObserved { host, pod, observed })
                }
                Err(_) => Some(Event::LookFailed { host, pod: Some(pod) }),
            }
        });
    }

    fn read_spec(&mut self, host: HostId, pod: PodId) {
        let engine = self.engines.get(&host).cloned();
        self.spawn(Purpose::ReadSpec(host.clone(), pod.clone()), async move {
            let text = engine?.read_spec(&pod).await.unwrap_or_else(|failure| {
                tracing::warn!(%pod, error = failure.error.chain(), "cannot read the pod's own spec");
                None
            });
            Some(Event::SpecRead { host, pod, text })
        });
    }

    fn spawn(
        &mut self,
        purpose: Purpose,
        task: impl Future<Output = Option<Event>> + Send + 'static,
    ) -> AbortHandle {
        let handle = self.tasks.spawn(task);
        self.purposes.insert(handle.id(), purpose);
        handle
    }

    /// Returns a task that has ended, if there is one.
    pub(crate) fn try_finished(&mut self) -> Option<Finished> {
        let joined = self.tasks.try_join_next_with_id()?;
        Some(self.ended(joined))
    }

    /// Waits for the next task to end; for ever while there is none. Cancel safe.
    pub(crate) async fn finished(&mut self) -> Finished {
        let Some(joined) = self.tasks.join_next_with_id().await else {
            return std::future::pending().await;
        };
        self.ended(joined)
    }

    fn ended(&mut self, joined: Result<(Id, Option<Event>), JoinError>) -> Finished {
        let (id, event) = match joined {
            Ok((id, event)) => (id, event),
            Err(error) => (error.id(), self.lost(&error)),
        };
        match self.purposes.remove(&id) {
            Some(Purpose::Call(ticket, pod)) => {
                self.calls.remove(&ticket);
                self.busy.remove(&pod);
                // What is being looked at may have been seen before this call ended.
                if let Some(look) = self.looks.get_mut(&pod) {
                    *look = Freshness::Stale;
                }
            }
            Some(Purpose::LookAtPod(host, pod))
                if self.looks.remove(&pod) == Some(Freshness::Stale) =>
            {
                self.look_at_pod(host, pod);
                return Finished::Nothing;
            }
            _ => {}
        }
        event.map_or(Finished::Nothing, Finished::Event)
    }

    /// Returns the event of a task that was broken off or panicked.
    fn lost(&self, error: &JoinError) -> Option<Event> {
        if error.is_panic() {
            tracing::error!(%error, "a task panicked; please report this");
        }
        match self.purposes.get(&error.id())?.clone() {
            Purpose::Call(ticket, _) => {
                let (class, kind, message) = if error.is_cancelled() {
                    (FailureClass::Cancelled, ErrorKind::Cancelled, "broken off")
                } else {
                    (FailureClass::OutcomeUnknown, ErrorKind::Internal, "the task for it panicked")
                };
                let error = ApiError::new(kind, message);
                Some(Event::CallEnded { ticket, result: Err(EngineFailure { class, error }) })
            }
            Purpose::LookAtHost(host) => Some(Event::LookFailed { host, pod: None }),
            Purpose::LookAtPod(host, pod) => Some(Event::LookFailed { host, pod: Some(pod) }),
            Purpose::ReadSpec(host, pod) => Some(Event::SpecRead { host, pod, text: None }),
            Purpose::Journal => None,
        }
    }
}

/// Returns whether a call takes moments. What happens to a pod during a long one (a
/// command of the user's, a download) is looked at meanwhile.
fn is_brief(call: &EngineCall) -> bool {
    !matches!(
        call,
        EngineCall::EnsureImage { .. }
            | EngineCall::CheckIsolation { .. }
            | EngineCall::CopySource { .. }
            | EngineCall::Run(_)
            | EngineCall::AwaitHealthy { .. }
            | EngineCall::StopContainer { .. }
    )
}

fn no_engine() -> EngineFailure {
    let error = ApiError::new(ErrorKind::Internal, "the host has no engine");
    EngineFailure { class: FailureClass::Permanent, error }
}
