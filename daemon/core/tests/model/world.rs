//! The shell around the core, as a model: stores what is to be stored, carries
//! out effects on model hosts when told to, and checks after every event what
//! must always hold.

use super::engine::Engine;
use super::render;
use pinacle_core::State;
use pinacle_core::effect::Effect;
use pinacle_core::engine::{
    EngineCall, EngineFailure, EngineOutcome, FailureClass, HostFacts, HostSnapshot, ObservedPod,
    Ownership,
};
use pinacle_core::event::{Event, Now, ReplyToken, Request, Ticket};
use pinacle_core::record::{Change, Record, RecordKey};
use pinacle_core::settings::{Settings, SubnetPool};
use pinacle_protocol::{
    Accepted, ApiError, EngineView, ErrorKind, HostId, OwnerId, PodId, PodPhase, RequestId,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

pub(crate) const OWNER: &str = "owneraaaaaaaaaaa";
pub(crate) const STRANGER: &str = "strangerbbbbbbbb";

/// A call under way.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) ticket: Ticket,
    pub(crate) host: HostId,
    pub(crate) owner: Ownership,
    pub(crate) call: EngineCall,
    pub(crate) cancelled: bool,
}

/// A look at a pod under way; the driver has at most one for each pod.
#[derive(Debug, Clone)]
pub(crate) struct Look {
    pub(crate) host: HostId,
    /// What was seen, once it was.
    pub(crate) taken: Option<Option<ObservedPod>>,
    /// Whether it is to be done again.
    pub(crate) stale: bool,
}

/// How a call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As the host has it.
    AsItIs,
    /// Done, and the answer is lost.
    DoneUnknown,
    /// Not done, and nobody knows.
    Unknown,
    /// Not done, for this reason.
    Refused(FailureClass),
}

/// A request made, and what was answered.
pub(crate) type Asked = (RequestId, Request, Option<Result<Accepted, ApiError>>);

pub(crate) struct World {
    pub(crate) state: State,
    pub(crate) hosts: BTreeMap<HostId, Engine>,
    pub(crate) stored: BTreeMap<RecordKey, Record>,
    pub(crate) calls: Vec<Call>,
    pub(crate) looks: BTreeMap<PodId, Look>,
    pub(crate) host_looks: Vec<(HostId, Option<HostSnapshot>)>,
    pub(crate) reads: Vec<(HostId, PodId)>,
    /// Hosts whose task has not told the core yet how they are.
    pub(crate) unannounced: BTreeSet<HostId>,
    pub(crate) waiting: BTreeSet<ReplyToken>,
    /// Requests made, and what was answered.
    pub(crate) asked: Vec<Asked>,
    tokens: BTreeMap<ReplyToken, usize>,
    tickets: BTreeSet<Ticket>,
    pub(crate) phases: BTreeMap<PodId, PodPhase>,
    pub(crate) log: Vec<String>,
    pub(crate) names: render::Names,
    pub(crate) mono_ms: u64,
    /// When something last happened that was more than looks which found nothing new: a
    /// whole host is looked at for ever, and that is no unrest.
    pub(crate) stirred_ms: u64,
    /// Whether the daemon is to be killed behind the next commit.
    pub(crate) dies_after_commit: bool,
    /// Pods whose left-over container could not be removed.
    pub(crate) left_over: BTreeSet<PodId>,
    starts: u64,
    next_token: u64,
    next_request: u64,
    settings: fn(u64) -> Settings,
}

/// Small pools, so that they run out now and then.
pub(crate) fn small_settings(seed: u64) -> Settings {
    let mut settings = Settings::new(OwnerId::new(OWNER).expect("an owner"), seed);
    settings.ports = 30_000..=30_011;
    settings.pool = SubnetPool::new(Ipv4Addr::new(10, 249, 0, 0), 20).expect("a pool");
    settings
}

pub(crate) fn facts() -> HostFacts {
    HostFacts {
        engine: EngineView {
            version: "20.10.24".to_owned(),
            api_version: "1.41".to_owned(),
            runtimes: vec!["runc".to_owned(), "runsc".to_owned()],
            cpus: 2,
            memory_bytes: 4 << 30,
        },
        routes: Vec::new(),
    }
}

impl World {
    pub(crate) fn new(hosts: &[&str], settings: fn(u64) -> Settings) -> Self {
        let id = |name: &&str| HostId::new(*name).expect("a host's name");
        let ids: Vec<HostId> = hosts.iter().map(id).collect();
        let now = Now { wall: Timestamp(1_000_000), mono_ms: 0 };
        let state = State::load(settings(1), ids.clone(), Vec::new(), now);
        let up = Engine { up: true, ..Engine::default() };
        Self {
            state,
            hosts: ids.iter().map(|id| (id.clone(), up.clone())).collect(),
            stored: BTreeMap::new(),
            calls: Vec::new(),
            looks: BTreeMap::new(),
            host_looks: Vec::new(),
            reads: Vec::new(),
            unannounced: ids.into_iter().collect(),
            waiting: BTreeSet::new(),
            asked: Vec::new(),
            tokens: BTreeMap::new(),
            tickets: BTreeSet::new(),
            phases: BTreeMap::new(),
            log: Vec::new(),
            names: render::Names::default(),
            mono_ms: 0,
            stirred_ms: 0,
            dies_after_commit: false,
            left_over: BTreeSet::new(),
            starts: 1,
            next_token: 0,
            next_request: 0,
            settings,
        }
    }

    pub(crate) fn now(&self) -> Now {
        Now { wall: Timestamp(1_000_000 + self.mono_ms), mono_ms: self.mono_ms }
    }

    pub(crate) fn host(&mut self, id: &HostId) -> &mut Engine {
        self.hosts.get_mut(id).expect("a host of the world")
    }

    /// Has the core handle an event, and begins what it asks for.
    pub(crate) fn happen(&mut self, event: Event) -> Result<(), String> {
        let said = render::event(&mut self.names, &self.state, &event);
        self.log.push(format!("> {said}"));
        let looks =
            matches!(event, Event::Tick | Event::HostObserved { .. } | Event::PodObserved { .. });
        let effects = self.state.handle(self.now(), event);
        let look = |effect| matches!(effect, &Effect::Observe { .. } | &Effect::ObservePod { .. });
        if !looks || self.state.has_work_for_spares() || !effects.iter().all(look) {
            self.stirred_ms = self.mono_ms;
        }
        for effect in &effects {
            let text = render::effect(&mut self.names, &self.state, effect);
            self.log.extend(text.lines().map(|line| format!("  {line}")));
        }
        let rest = effects.iter().skip(1).any(|e| matches!(e, Effect::Persist { .. }));
        if rest {
            return Err("what is to be stored does not come first".to_owned());
        }
        let dies = std::mem::take(&mut self.dies_after_commit);
        for effect in effects {
            if !dies || matches!(effect, Effect::Persist { .. }) {
                self.begin(effect)?;
            }
        }
        self.check()?;
        if dies {
            self.log.push("# killed behind the commit".to_owned());
            self.restart();
        }
        Ok(())
    }

    fn begin(&mut self, effect: Effect) -> Result<(), String> {
        match effect {
            Effect::Persist { changes, .. } => {
                for change in changes {
                    match change {
                        Change::Put(record) => drop(self.stored.insert(record.key(), record)),
                        Change::Delete(key) => drop(self.stored.remove(&key)),
                    }
                }
            }
            Effect::Reply { token, result } => {
                if !self.waiting.remove(&token) {
                    return Err(format!("{token:?} is answered and does not wait"));
                }
                if let Some(index) = self.tokens.remove(&token) {
                    self.asked[index].2 = Some(result);
                }
            }
            Effect::Call { ticket, host, owner, call }
            | Effect::CallAhead { ticket, host, owner, call } => {
                if !self.tickets.insert(ticket.clone()) {
                    return Err(format!("{ticket:?} was used before"));
                }
                if self.calls.iter().any(|other| other.owner.pod == owner.pod) {
                    return Err(format!("two calls at once for {}", owner.pod));
                }
                self.calls.push(Call { ticket, host, owner, call, cancelled: false });
            }
            Effect::CancelCall { ticket } => {
                for call in self.calls.iter_mut().filter(|call| call.ticket == ticket) {
                    call.cancelled = true;
                }
            }
            Effect::Observe { host } => self.host_looks.push((host, None)),
            Effect::ObservePod { host, pod } => self.look_at(&host, &pod),
            Effect::ReadSpec { host, pod } => self.reads.push((host, pod)),
            Effect::SetSecrets { .. } | Effect::Note { .. } | Effect::ForgetJournal { .. } => {}
        }
        Ok(())
    }

    /// Begins a look at a pod, as the driver does: one at a time.
    pub(crate) fn look_at(&mut self, host: &HostId, pod: &PodId) {
        let new = Look { host: host.clone(), taken: None, stale: false };
        let look = self.looks.entry(pod.clone()).or_insert_with(|| new);
        look.stale = look.taken.is_some();
    }

    /// Tells the driver that something of a pod changed, as an engine's events do.
    pub(crate) fn touched(&mut self, host: &HostId, pod: &PodId) {
        if self.host(host).up && !self.unannounced.contains(host) {
            self.look_at(host, pod);
        }
    }

    /// Has a client ask.
    pub(crate) fn ask(&mut self, id: RequestId, request: Request) -> Result<(), String> {
        self.next_token += 1;
        let token = ReplyToken(self.next_token);
        self.waiting.insert(token);
        self.tokens.insert(token, self.asked.len());
        self.asked.push((id, request.clone(), None));
        self.happen(Event::Requested { token, request })
    }

    pub(crate) fn new_request_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId::new(format!("r{}", self.next_request)).expect("a request id")
    }

    /// Ends the call at this place.
    pub(crate) fn end_call(&mut self, index: usize, ending: Ending) -> Result<(), String> {
        if index >= self.calls.len() {
            return Err("no call is under way".to_owned());
        }
        let call = self.calls.remove(index);
        let engine = self.host(&call.host);
        let ending =
            if engine.up || ending == Ending::DoneUnknown { ending } else { Ending::Unknown };
        let result = match ending {
            Ending::AsItIs => engine.carry_out(&call.owner, &call.call),
            Ending::DoneUnknown => {
                engine
                    .carry_out(&call.owner, &call.call)
                    .and(Err::<EngineOutcome, _>(FailureClass::OutcomeUnknown))
            }
            Ending::Unknown => Err(FailureClass::OutcomeUnknown),
            Ending::Refused(class) => Err(class),
        };
        let previous = pinacle_core::names::previous(&call.owner.pod);
        let removal = EngineCall::RemoveContainer { name: previous };
        if call.call == removal && result.is_err() {
            self.left_over.insert(call.owner.pod.clone());
        }
        let pod = call.owner.pod.clone();
        // The driver hears of the end, and has a look that was under way done again.
        if let Some(look) = self.looks.get_mut(&pod) {
            look.stale = true;
        }
        self.touched(&call.host, &pod);
        let ticket = call.ticket;
        self.happen(Event::CallEnded { ticket, result: result.map_err(failure) })
    }

    /// Sees what there is to see, or passes on what was seen.
    pub(crate) fn go_on_with_look(&mut self, pod: &PodId, only_see: bool) -> Result<(), String> {
        let Some(look) = self.looks.get(pod).cloned() else { return Ok(()) };
        let engine = &self.hosts[&look.host];
        let up = engine.up;
        let taken = look.taken.clone().unwrap_or_else(|| engine.look(pod));
        if only_see {
            if let Some(look) = self.looks.get_mut(pod) {
                look.taken = Some(taken);
            }
            return Ok(());
        }
        if look.stale && up {
            if let Some(look) = self.looks.get_mut(pod) {
                (look.taken, look.stale) = (None, false);
            }
            return Ok(());
        }
        self.looks.remove(pod);
        let (host, pod) = (look.host, pod.clone());
        if !up {
            return self.happen(Event::LookFailed { host, pod: Some(pod) });
        }
        self.happen(Event::PodObserved { host, pod, observed: taken.map(Box::new) })
    }

    pub(crate) fn go_on_with_host_look(
        &mut self,
        index: usize,
        only_see: bool,
    ) -> Result<(), String> {
        let (host, taken) = self.host_looks[index].clone();
        let engine = &self.hosts[&host];
        let snapshot = taken.unwrap_or_else(|| engine.look_at_all());
        if only_see {
            self.host_looks[index].1 = Some(snapshot);
            return Ok(());
        }
        let up = engine.up;
        self.host_looks.remove(index);
        if up {
            self.happen(Event::HostObserved { host, snapshot })
        } else {
            self.happen(Event::LookFailed { host, pod: None })
        }
    }

    /// Answers the read of a pod's own spec.
    pub(crate) fn end_read(&mut self, index: usize, legible: bool) -> Result<(), String> {
        let (host, pod) = self.reads.remove(index);
        let engine = &self.hosts[&host];
        let container = engine.containers.get(&pinacle_core::names::container(&pod));
        let text = container.and_then(|c| c.config.as_ref()).map(|(_, text)| text.clone());
        let text = text.filter(|_| legible && engine.up);
        self.happen(Event::SpecRead { host, pod, text })
    }

    /// Has a host's task say how the host is.
    pub(crate) fn announce(&mut self, host: &HostId) -> Result<(), String> {
        self.unannounced.remove(host);
        let host = host.clone();
        if self.hosts[&host].up {
            return self.happen(Event::HostUp { host, facts: facts() });
        }
        let error = ApiError::new(ErrorKind::HostUnreachable, "no route to host");
        self.happen(Event::HostDown { host, error })
    }

    pub(crate) fn host_goes_down(&mut self, host: &HostId, power_cut: bool) -> Result<(), String> {
        self.log.push(format!("# {host} is lost{}", if power_cut { ", power cut" } else { "" }));
        let engine = self.host(host);
        engine.up = false;
        if power_cut {
            engine.power_cut();
        }
        self.announce(host)
    }

    pub(crate) fn host_comes_back(&mut self, host: &HostId) {
        self.log.push(format!("# {host} is back"));
        self.host(host).up = true;
        self.unannounced.insert(host.clone());
    }

    /// Kills the daemon and starts it again with what was stored. What was under way
    /// must have been dealt with: see `Call`.
    pub(crate) fn restart(&mut self) {
        self.log.push("# the daemon is started again".to_owned());
        self.starts += 1;
        self.calls.clear();
        self.looks.clear();
        self.host_looks.clear();
        self.reads.clear();
        self.tickets.clear();
        self.waiting.clear();
        self.tokens.clear();
        self.unannounced = self.hosts.keys().cloned().collect();
        let records = self.stored.values().cloned().collect();
        let settings = (self.settings)(self.starts);
        self.state = State::load(settings, self.hosts.keys().cloned(), records, self.now());
    }

    /// As `restart`, with nothing of what was stored left.
    pub(crate) fn lose_database(&mut self) {
        self.log.push("# the database is lost".to_owned());
        self.stored.clear();
        self.asked.clear();
        let pods = self.hosts.values().flat_map(Engine::pods);
        self.left_over.extend(pods);
        self.phases.clear();
        self.restart();
    }

    pub(crate) fn tick(&mut self) -> Result<(), String> {
        if let Some(at) = self.state.next_deadline() {
            if at > self.mono_ms {
                self.log.push(format!("# {} ms later", at - self.mono_ms));
            }
            self.mono_ms = self.mono_ms.max(at);
        }
        self.happen(Event::Tick)
    }
}

pub(crate) fn failure(class: FailureClass) -> EngineFailure {
    let (kind, message) = match class {
        FailureClass::Cancelled => (ErrorKind::Cancelled, "broken off"),
        FailureClass::CommandFailed => (ErrorKind::CommandFailed, "the command exited with 1"),
        FailureClass::OutcomeUnknown => (ErrorKind::HostUnreachable, "the link was lost"),
        FailureClass::PortTaken => (ErrorKind::Engine, "address already in use"),
        FailureClass::SubnetTaken => (ErrorKind::Engine, "pool overlaps with other one"),
        FailureClass::Missing => (ErrorKind::NotFound, "it is not there"),
        FailureClass::Retryable => (ErrorKind::Engine, "the engine is busy"),
        FailureClass::Permanent => (ErrorKind::Engine, "the engine refused"),
    };
    EngineFailure { class, error: ApiError::new(kind, message) }
}
