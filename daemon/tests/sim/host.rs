//! The host: the fake engine behind weather that the seed makes, a link that is cut and
//! mended, and the moments at which a daemon dies.

use crate::weather::{Fate, Way, Weather, may_be_late};
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use pinacle_core::engine::{
    EngineCall, EngineFailure, EngineOutcome, FailureClass, HostFacts, HostSnapshot, ObservedPod,
    Ownership,
};
use pinacle_daemon::engine::{Engine, ExecRequest, ExecSession, Freshness};
use pinacle_daemon::journal::{Journal, PodJournal};
use pinacle_daemon::testing::{CallKind, Chance, FakeEngine, TokioTime};
use pinacle_protocol::{ApiError, ErrorKind, HostReport, PodId, PodTicket, PodUsage};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// The host. Clones share it; it outlives every daemon.
#[derive(Clone)]
pub(crate) struct Host {
    pub(crate) fake: FakeEngine,
    pub(crate) time: TokioTime,
    parts: Arc<Mutex<Parts>>,
    /// Woken when the link is cut.
    cut: Arc<Notify>,
    /// Woken when the daemon has died at the moment that was set.
    pub(crate) died: Arc<Notify>,
}

struct Parts {
    chance: Chance,
    weather: Weather,
    /// Counts cuts and mends; even while there is a link.
    link: u64,
    /// Which daemon lives; what others do has no effect.
    life: u64,
    /// Moments until it dies.
    deadly: Option<u32>,
    late: JoinSet<()>,
    /// Pods of which the engine did something when nobody waited for it any more.
    haunted: BTreeSet<PodId>,
    log: Vec<String>,
}

impl Host {
    pub(crate) fn new(seed: u64, time: TokioTime) -> Self {
        Self {
            fake: FakeEngine::new(),
            time,
            parts: Arc::new(Mutex::new(Parts {
                chance: Chance::new(seed),
                weather: Weather::Calm,
                link: 0,
                life: 0,
                deadly: None,
                late: JoinSet::new(),
                haunted: BTreeSet::new(),
                log: Vec::new(),
            })),
            cut: Arc::default(),
            died: Arc::default(),
        }
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().expect("no panic while it is held")
    }

    pub(crate) fn log(&self, text: impl AsRef<str>) {
        let at = self.time.clock().monotonic_ms();
        self.parts().log.push(format!("{at:>9} {}", text.as_ref()));
    }

    pub(crate) fn take_log(&self) -> Vec<String> {
        std::mem::take(&mut self.parts().log)
    }

    pub(crate) fn set_weather(&self, weather: Weather) {
        self.parts().weather = weather;
    }

    /// Returns the pods of which the engine did something late.
    pub(crate) fn haunted(&self) -> BTreeSet<PodId> {
        self.parts().haunted.clone()
    }

    pub(crate) fn is_linked(&self) -> bool {
        self.parts().link.is_multiple_of(2)
    }

    pub(crate) fn cut_link(&self) {
        let mut parts = self.parts();
        parts.link += 1 - parts.link % 2;
        drop(parts);
        self.cut.notify_waiters();
    }

    pub(crate) fn mend_link(&self) {
        let mut parts = self.parts();
        parts.link += parts.link % 2;
    }

    pub(crate) fn is_alive(&self, life: u64) -> bool {
        self.parts().life == life
    }

    /// Ends the daemon that lives, and returns the number of the next one.
    pub(crate) fn next_life(&self) -> u64 {
        let mut parts = self.parts();
        parts.deadly = None;
        parts.life += 1;
        parts.life
    }

    /// Has the daemon die so many moments from now.
    pub(crate) fn set_deadly(&self, moments: u32) {
        self.parts().deadly = Some(moments);
    }

    /// A moment at which a daemon may die, and does not come back from when it has.
    pub(crate) async fn moment(&self, life: u64) {
        let dies = {
            let mut parts = self.parts();
            if parts.life == life && parts.deadly == Some(0) {
                parts.deadly = None;
                parts.life += 1;
                self.died.notify_one();
            } else if parts.life == life {
                parts.deadly = parts.deadly.map(|moments| moments - 1);
            }
            parts.life != life
        };
        if dies {
            std::future::pending::<()>().await;
        }
    }

    /// Waits; `false` when the link that was there is cut meanwhile.
    async fn wait(&self, link: u64, duration: Duration) -> bool {
        tokio::select! {
            biased;
            () = self.cut.notified() => {}
            () = tokio::time::sleep(duration) => {}
        }
        self.parts().link == link
    }

    /// Has the engine do it after a while, whoever waits for it.
    fn do_later(&self, owner: Ownership, call: EngineCall, after: Duration) {
        let host = self.clone();
        let mut parts = self.parts();
        parts.haunted.insert(owner.pod.clone());
        parts.late.spawn(async move {
            tokio::time::sleep(after).await;
            let said =
                host.fake.call(&owner, &Journal::closed().pod(&owner.pod), call.clone()).await;
            host.log(format!("late: {} -> {}", brief(&owner, &call), outcome(&said)));
        });
    }

    /// Waits until nothing of what is to be done late is left.
    pub(crate) async fn all_done(&self) {
        loop {
            let mut late = std::mem::take(&mut self.parts().late);
            if late.is_empty() {
                return;
            }
            while late.join_next().await.is_some() {}
        }
    }
}

/// The host as one daemon sees it.
pub(crate) struct Seen {
    pub(crate) host: Host,
    pub(crate) life: u64,
}

/// A call whose caller may give it up.
struct Pending<'a> {
    host: &'a Host,
    call: Option<(Ownership, EngineCall)>,
}

impl Drop for Pending<'_> {
    /// The engine goes on with what nobody waits for, or never heard of it.
    fn drop(&mut self) {
        let Some((owner, call)) = self.call.take() else { return };
        let after = {
            let mut parts = self.host.parts();
            let done = parts.chance.comes(500);
            let after = Duration::from_millis(parts.chance.below(3_000));
            (done && may_be_late(CallKind::from(&call))).then_some(after)
        };
        self.host.log(format!("given up: {}", brief(&owner, &call)));
        if let Some(after) = after {
            self.host.do_later(owner, call, after);
        }
    }
}

impl Seen {
    fn draw(&self, kind: CallKind) -> (u64, Way) {
        let mut parts = self.host.parts();
        let (weather, link) = (parts.weather, parts.link);
        (link, Way::of(kind, weather, &mut parts.chance))
    }

    /// Takes a question the way of all calls; `ask` looks at the host.
    async fn look<T>(
        &self,
        kind: CallKind,
        ask: impl AsyncFnOnce() -> Result<T, EngineFailure>,
    ) -> Result<T, EngineFailure> {
        self.host.moment(self.life).await;
        let (link, way) = self.draw(kind);
        if !self.host.is_linked() || !self.host.wait(link, way.before).await {
            return Err(failure(FailureClass::Retryable));
        }
        let seen = ask().await;
        if !self.host.wait(link, way.after).await {
            return Err(failure(FailureClass::Retryable));
        }
        self.host.moment(self.life).await;
        match way.fate {
            Fate::AsItIs => seen,
            _ => Err(failure(FailureClass::Retryable)),
        }
    }

    async fn act(
        &self,
        owner: &Ownership,
        journal: &PodJournal,
        call: EngineCall,
    ) -> Result<EngineOutcome, EngineFailure> {
        let kind = CallKind::from(&call);
        self.host.moment(self.life).await;
        let (link, way) = self.draw(kind);
        if !self.host.is_linked() {
            return Err(failure(FailureClass::Retryable));
        }
        let mut pending = Pending { host: &self.host, call: Some((owner.clone(), call.clone())) };
        if !self.host.wait(link, way.before).await {
            return Err(failure(FailureClass::OutcomeUnknown));
        }
        self.host.moment(self.life).await;
        pending.call = None;
        let result = match way.fate {
            Fate::AsItIs => self.host.fake.call(owner, journal, call).await,
            Fate::Refused(class) => Err(failure(class)),
            Fate::DoneBut(class) => {
                let done = self.host.fake.call(owner, journal, call).await;
                done.and(Err(failure(class)))
            }
            Fate::Later(after) => {
                self.host.do_later(owner.clone(), call, after);
                Err(failure(FailureClass::OutcomeUnknown))
            }
        };
        if !self.host.wait(link, way.after).await {
            return Err(failure(FailureClass::OutcomeUnknown));
        }
        self.host.moment(self.life).await;
        result
    }

    /// Passes an event on: none, once or twice, at once or later.
    async fn hear(host: &Host, life: u64) -> usize {
        host.moment(life).await;
        let (lost, twice, late) = {
            let mut parts = host.parts();
            let permille = parts.weather.deafness();
            let chance = &mut parts.chance;
            (chance.comes(permille / 3), chance.comes(permille), chance.comes(permille))
        };
        if late {
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
        if lost { 0 } else { 1 + usize::from(twice) }
    }
}

impl Engine for Seen {
    fn connect(&self) -> BoxFuture<'_, Result<HostFacts, EngineFailure>> {
        Box::pin(self.look(CallKind::Connect, async || self.host.fake.connect().await))
    }

    fn observe(&self) -> BoxFuture<'_, Result<HostSnapshot, EngineFailure>> {
        Box::pin(async {
            let seen = self.look(CallKind::Observe, async || self.host.fake.observe().await).await;
            self.host.log(format!("look at all -> {}", seen.as_ref().map_or(0, |s| s.pods.len())));
            seen
        })
    }

    fn observe_pod<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<ObservedPod>, EngineFailure>> {
        Box::pin(async move {
            let ask = async || self.host.fake.observe_pod(pod).await;
            let seen = self.look(CallKind::ObservePod, ask).await;
            self.host.log(format!("look at {} -> {}", short(pod), sight(&seen)));
            seen
        })
    }

    fn read_spec<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<String>, EngineFailure>> {
        Box::pin(self.look(CallKind::ObservePod, async || self.host.fake.read_spec(pod).await))
    }

    fn watch(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<PodId, EngineFailure>>, EngineFailure>>
    {
        Box::pin(async move {
            self.host.moment(self.life).await;
            let link = self.host.parts().link;
            if !self.host.is_linked() {
                return Err(failure(FailureClass::Retryable));
            }
            let changes = self.host.fake.watch().await?;
            let (host, life) = (self.host.clone(), self.life);
            let heard = stream::unfold((changes, host), move |(mut changes, host)| async move {
                if host.parts().link != link {
                    return None;
                }
                let next = tokio::select! {
                    biased;
                    () = host.cut.notified() => None,
                    next = changes.next() => next,
                }?;
                let times = Self::hear(&host, life).await;
                let pods: Vec<_> = next.into_iter().cycle().take(times).map(Ok).collect();
                Some((stream::iter(pods), (changes, host)))
            });
            Ok(heard.flatten().boxed())
        })
    }

    fn call<'a>(
        &'a self,
        owner: &'a Ownership,
        journal: &'a PodJournal,
        call: EngineCall,
    ) -> BoxFuture<'a, Result<EngineOutcome, EngineFailure>> {
        Box::pin(async move {
            let said = brief(owner, &call);
            let result = self.act(owner, journal, call).await;
            self.host.log(format!("{said} -> {}", outcome(&result)));
            result
        })
    }

    fn exec(&self, request: ExecRequest) -> BoxFuture<'_, Result<ExecSession, EngineFailure>> {
        Box::pin(async move { self.host.fake.exec(request).await })
    }

    fn usage<'a>(
        &'a self,
        pods: &'a [PodId],
    ) -> BoxFuture<'a, Result<Vec<PodUsage>, EngineFailure>> {
        Box::pin(async move { self.host.fake.usage(pods).await })
    }

    fn ticket<'a>(
        &'a self,
        pod: &'a PodId,
        port: u16,
    ) -> BoxFuture<'a, Result<PodTicket, EngineFailure>> {
        Box::pin(async move { self.host.fake.ticket(pod, port).await })
    }

    fn check(&self, fresh: Freshness) -> BoxFuture<'_, HostReport> {
        Box::pin(async move { self.host.fake.check(fresh).await })
    }
}

fn failure(class: FailureClass) -> EngineFailure {
    let error = ApiError::new(ErrorKind::Engine, format!("the weather: {class:?}"));
    EngineFailure { class, error }
}

pub(crate) fn short(pod: &PodId) -> &str {
    &pod.as_str()[..4]
}

fn brief(owner: &Ownership, call: &EngineCall) -> String {
    let what = match call {
        EngineCall::CreateNetwork(plan) => plan.subnet.to_string(),
        EngineCall::CreateContainer(plan) => format!("{} {}", plan.port, plan.image),
        EngineCall::Run(plan) => plan.key.clone(),
        EngineCall::ApplyConfig { config, .. } => format!("r{}", config.revision),
        EngineCall::RenameContainer { from, to } => format!("{from} {to}"),
        EngineCall::RemoveContainer { name } | EngineCall::AwaitReady { name, .. } => name.clone(),
        _ => String::new(),
    };
    format!("{} {:?} {what}", short(&owner.pod), CallKind::from(call))
}

fn outcome(result: &Result<EngineOutcome, EngineFailure>) -> String {
    match result {
        Ok(_) => "ok".to_owned(),
        Err(failure) => format!("{:?} ({})", failure.class, failure.error.message),
    }
}

fn sight(seen: &Result<Option<ObservedPod>, EngineFailure>) -> String {
    match seen {
        Err(_) => "failed".to_owned(),
        Ok(None) => "nothing".to_owned(),
        Ok(Some(pod)) => format!(
            "{:?} {:?} previous {} network {:?} volumes {}",
            pod.container.as_ref().map(|c| c.state),
            pod.container.as_ref().and_then(|c| c.port.map(|port| port.0)),
            pod.previous.is_some(),
            pod.network.map(|n| n.to_string()),
            pod.volumes.len(),
        ),
    }
}
