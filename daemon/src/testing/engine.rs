//! An engine in memory, with faults on demand. Everything it does takes no time
//! but what a test asked for, by tokio's clock.

use super::world::{BASE_IMAGE, World, fail};
use crate::engine::{Engine, ExecOutput, ExecRequest, ExecSession, Freshness};
use crate::journal::PodJournal;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use pinacle_core::engine::{
    EngineCall, EngineFailure, EngineOutcome, FailureClass, HostFacts, HostSnapshot, ObservedPod,
    Ownership, Subnet,
};
use pinacle_core::names;
use pinacle_protocol::{
    EngineView, ErrorKind, HostId, HostPort, HostReport, PodId, PodUsage, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};

/// Changes that a slow watcher may be behind before it is cut off.
const EVENTS: usize = 4096;
const CHANNEL: usize = 16;

/// What sort of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "named like the calls they stand for")]
pub enum CallKind {
    Connect,
    Observe,
    ObservePod,
    EnsureImage,
    CheckIsolation,
    CreateNetwork,
    CreateVolumes,
    CreateContainer,
    StartContainer,
    AwaitReady,
    CopySource,
    ApplyConfig,
    Run,
    AwaitHealthy,
    StopContainer,
    RenameContainer,
    UpdateLimits,
    RemoveContainer,
    RemoveNetwork,
    RemoveVolumes,
}

impl From<&EngineCall> for CallKind {
    fn from(call: &EngineCall) -> Self {
        match call {
            EngineCall::EnsureImage { .. } => Self::EnsureImage,
            EngineCall::CheckIsolation { .. } => Self::CheckIsolation,
            EngineCall::CreateNetwork(_) => Self::CreateNetwork,
            EngineCall::CreateVolumes { .. } => Self::CreateVolumes,
            EngineCall::CreateContainer(_) => Self::CreateContainer,
            EngineCall::StartContainer { .. } => Self::StartContainer,
            EngineCall::AwaitReady { .. } => Self::AwaitReady,
            EngineCall::CopySource { .. } => Self::CopySource,
            EngineCall::ApplyConfig { .. } => Self::ApplyConfig,
            EngineCall::Run(_) => Self::Run,
            EngineCall::AwaitHealthy { .. } => Self::AwaitHealthy,
            EngineCall::StopContainer { .. } => Self::StopContainer,
            EngineCall::RenameContainer { .. } => Self::RenameContainer,
            EngineCall::UpdateLimits { .. } => Self::UpdateLimits,
            EngineCall::RemoveContainer { .. } => Self::RemoveContainer,
            EngineCall::RemoveNetwork { .. } => Self::RemoveNetwork,
            EngineCall::RemoveVolumes { .. } => Self::RemoveVolumes,
        }
    }
}

/// When a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was done.
    Before,
    /// It was done, and the answer got lost.
    After,
}

/// Something to go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// With which calls.
    pub kind: CallKind,
    /// With which of them, counted from now; 1 is the next.
    pub nth: u32,
    /// When.
    pub moment: Moment,
    /// What the caller hears.
    pub class: FailureClass,
}

/// A call that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// For which pod; `None` for calls about the host.
    pub pod: Option<PodId>,
    /// What.
    pub kind: CallKind,
}

/// The engine. Clones share the host, so that it outlives a daemon that is restarted.
#[derive(Clone)]
pub struct FakeEngine {
    state: Arc<Mutex<State>>,
    changes: broadcast::Sender<PodId>,
    /// Counts the links; odd while there is one.
    link: Arc<watch::Sender<u64>>,
    held: Arc<watch::Sender<BTreeSet<CallKind>>>,
}

#[derive(Default)]
struct State {
    world: World,
    faults: Vec<Fault>,
    delays: BTreeMap<CallKind, Duration>,
    calls: Vec<Recorded>,
    cpu: BTreeMap<PodId, u64>,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeEngine {
    /// Makes an empty host that can be reached.
    pub fn new() -> Self {
        Self {
            state: Arc::default(),
            changes: broadcast::channel(EVENTS).0,
            link: Arc::new(watch::channel(1).0),
            held: Arc::new(watch::channel(BTreeSet::new()).0),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has something go wrong.
    pub fn fault(&self, fault: Fault) {
        self.state().faults.push(fault);
    }

    /// Has calls of this kind take so long, by tokio's clock.
    pub fn delay(&self, kind: CallKind, duration: Duration) {
        self.state().delays.insert(kind, duration);
    }

    /// Has calls of this kind hang, before anything is done, until [`Self::release`].
    pub fn hold(&self, kind: CallKind) {
        self.held.send_modify(|held| {
            held.insert(kind);
        });
    }

    /// Lets them go on.
    pub fn release(&self, kind: CallKind) {
        self.held.send_modify(|held| {
            held.remove(&kind);
        });
    }

    /// Cuts the link: calls under way end with an unknown outcome, the watch ends, and
    /// nothing gets through until [`Self::mend_link`].
    pub fn cut_link(&self) {
        self.link.send_modify(|n| *n += *n % 2);
    }

    /// Mends the link.
    pub fn mend_link(&self) {
        self.link.send_modify(|n| *n += 1 - *n % 2);
    }

    /// Returns every call so far, oldest first.
    pub fn calls(&self) -> Vec<Recorded> {
        self.state().calls.clone()
    }

    /// Forgets the calls so far.
    pub fn clear_calls(&self) {
        self.state().calls.clear();
    }

    /// Has another program take a port of the host.
    pub fn take_port(&self, port: HostPort) {
        self.state().world.taken_ports.insert(port.0);
    }

    /// Has it give the port back.
    pub fn free_port(&self, port: HostPort) {
        self.state().world.taken_ports.remove(&port.0);
    }

    /// Has another network take a range.
    pub fn take_subnet(&self, subnet: Subnet) {
        self.state().world.taken_subnets.insert(subnet);
    }

    /// Has a command end with this code from now on; others end with 0.
    pub fn set_exit_code(&self, command: &str, code: i64) {
        self.state().world.exit_codes.insert(command.to_owned(), code);
    }

    /// Has a service never become healthy.
    pub fn sicken(&self, service: &str) {
        self.state().world.sick.insert(service.to_owned());
    }

    /// Takes gVisor off the host.
    pub fn lose_gvisor(&self) {
        self.state().world.no_gvisor = true;
    }

    /// Kills a pod's container behind the daemon's back.
    pub fn kill(&self, pod: &PodId) {
        self.state().world.kill(&names::container(pod), false);
        self.changed(pod);
    }

    /// Kills a pod's container for memory.
    pub fn kill_for_memory(&self, pod: &PodId) {
        self.state().world.kill(&names::container(pod), true);
        self.changed(pod);
    }

    /// Removes a pod's container behind the daemon's back.
    pub fn remove_container(&self, pod: &PodId) {
        self.state().world.remove_container(&names::container(pod));
        self.changed(pod);
    }

    /// Reboots the host: the link is cut, and what ran runs again.
    pub fn reboot(&self) {
        self.cut_link();
        self.state().world.reboot();
    }

    /// Returns how many containers, networks and volumes there are.
    pub fn counts(&self) -> (usize, usize, usize) {
        self.state().world.counts()
    }

    /// Returns every command that really ran: container, key and command.
    pub fn ran(&self) -> Vec<(String, String, String)> {
        self.state().world.ran.clone()
    }

    /// Returns what is on the host, whether or not it can be reached.
    pub fn look(&self) -> HostSnapshot {
        self.state().world.observe()
    }

    fn changed(&self, pod: &PodId) {
        // Nobody may be watching.
        let _ = self.changes.send(pod.clone());
    }

    fn is_linked(&self) -> bool {
        *self.link.borrow() % 2 == 1
    }

    /// Ends when the link that is there now is cut.
    async fn cut(&self) {
        let mut link = self.link.subscribe();
        // An error means that the engine itself is gone.
        let _ = link.wait_for(|n| *n % 2 == 0).await;
    }

    /// Makes a call go the way of all calls: recorded, held, delayed, cut, faulted.
    async fn pass<T>(
        &self,
        pod: Option<&PodId>,
        kind: CallKind,
        act: impl FnOnce(&mut World) -> Result<T, EngineFailure>,
    ) -> Result<T, EngineFailure> {
        if !self.is_linked() {
            return Err(unreachable());
        }
        let (delay, fault) = self.state().begin(pod, kind);
        let wait = async {
            let mut held = self.held.subscribe();
            // An error means that the engine itself is gone.
            let _ = held.wait_for(|held| !held.contains(&kind)).await;
            if let Some(delay) = delay {
                tokio::time::sleep(delay).await;
            }
        };
        tokio::select! {
            biased;
            () = self.cut() => return Err(lost()),
            () = wait => {}
        }
        match fault {
            Some(Fault { moment: Moment::Before, class, .. }) => Err(scripted(kind, class)),
            Some(Fault { moment: Moment::After, class, .. }) => {
                // What it would have answered is what got lost.
                let _ = act(&mut self.state().world);
                Err(scripted(kind, class))
            }
            None => act(&mut self.state().world),
        }
    }
}

impl State {
    fn begin(&mut self, pod: Option<&PodId>, kind: CallKind) -> (Option<Duration>, Option<Fault>) {
        self.calls.push(Recorded { pod: pod.cloned(), kind });
        let mut due = None;
        for fault in self.faults.iter_mut().filter(|f| f.kind == kind) {
            fault.nth = fault.nth.saturating_sub(1);
        }
        if let Some(at) = self.faults.iter().position(|f| f.kind == kind && f.nth == 0) {
            due = Some(self.faults.remove(at));
        }
        (self.delays.get(&kind).copied(), due)
    }
}

fn unreachable() -> EngineFailure {
    fail(FailureClass::Retryable, ErrorKind::HostUnreachable, "the engine cannot be reached")
}

fn lost() -> EngineFailure {
    fail(FailureClass::OutcomeUnknown, ErrorKind::HostUnreachable, "the link to the engine was lost")
}

fn scripted(kind: CallKind, class: FailureClass) -> EngineFailure {
    fail(class, ErrorKind::Engine, format!("{kind:?} was told to fail"))
}

impl Engine for FakeEngine {
    fn connect(&self) -> BoxFuture<'_, Result<HostFacts, EngineFailure>> {
        Box::pin(self.pass(None, CallKind::Connect, |_| {
            Ok(HostFacts {
                engine: EngineView {
                    version: "20.10.0".to_owned(),
                    api_version: "1.41".to_owned(),
                    runtimes: vec!["runc".to_owned(), "runsc".to_owned()],
                    cpus: 8,
                    memory_bytes: 32 << 30,
                },
                routes: vec![(Ipv4Addr::new(172, 17, 0, 0), 16)],
            })
        }))
    }

    fn observe(&self) -> BoxFuture<'_, Result<HostSnapshot, EngineFailure>> {
        Box::pin(self.pass(None, CallKind::Observe, |world| Ok(world.observe())))
    }

    fn observe_pod<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<ObservedPod>, EngineFailure>> {
        Box::pin(self.pass(Some(pod), CallKind::ObservePod, |world| Ok(world.observe_pod(pod))))
    }

    fn read_spec<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<String>, EngineFailure>> {
        Box::pin(async move {
            if self.is_linked() { Ok(self.state().world.spec(pod)) } else { Err(unreachable()) }
        })
    }

    fn watch(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<PodId, EngineFailure>>, EngineFailure>>
    {
        Box::pin(async move {
            if !self.is_linked() {
                return Err(unreachable());
            }
            let (changes, engine) = (self.changes.subscribe(), self.clone());
            let pods = stream::unfold(changes, |mut changes| async {
                // A watcher that fell behind is cut off, and then looks at everything anew.
                changes.recv().await.ok().map(|pod| (Ok(pod), changes))
            });
            Ok(pods.take_until(async move { engine.cut().await }).boxed())
        })
    }

    fn call<'a>(
        &'a self,
        owner: &'a Ownership,
        _journal: &'a PodJournal,
        call: EngineCall,
    ) -> BoxFuture<'a, Result<EngineOutcome, EngineFailure>> {
        Box::pin(async move {
            let kind = CallKind::from(&call);
            let act = |world: &mut World| world.carry_out(owner, &call);
            let result = self.pass(Some(&owner.pod), kind, act).await;
            self.changed(&owner.pod);
            result
        })
    }

    fn exec(&self, request: ExecRequest) -> BoxFuture<'_, Result<ExecSession, EngineFailure>> {
        Box::pin(async move {
            if !self.is_linked() {
                return Err(unreachable());
            }
            if !self.state().world.is_running(&request.pod) {
                let message = format!("the pod {} is not running", request.pod);
                return Err(fail(FailureClass::Retryable, ErrorKind::Engine, message));
            }
            let code = self.state().world.exit_codes.get(&request.command.join(" ")).copied();
            Ok(echo(code.unwrap_or(0)))
        })
    }

    fn usage<'a>(
        &'a self,
        pods: &'a [PodId],
    ) -> BoxFuture<'a, Result<Vec<PodUsage>, EngineFailure>> {
        Box::pin(async move {
            if !self.is_linked() {
                return Err(unreachable());
            }
            let mut state = self.state();
            let running: Vec<PodId> =
                pods.iter().filter(|pod| state.world.is_running(pod)).cloned().collect();
            let usage = running.into_iter().map(|pod| {
                let before = state.cpu.insert(pod.clone(), 100);
                PodUsage { pod, cpu_milli: before, memory_bytes: 64 << 20, memory_limit_bytes: 1 << 30 }
            });
            Ok(usage.collect())
        })
    }

    fn check(&self, _fresh: Freshness) -> BoxFuture<'_, HostReport> {
        Box::pin(async move {
            let gvisor = !self.state().world.no_gvisor;
            HostReport {
                host: HostId::local(),
                checked_at: Timestamp(0),
                checks: Vec::new(),
                gvisor_runtime: gvisor.then(|| "runsc".to_owned()),
                foreign: Vec::new(),
            }
        })
    }
}

/// A command that prints what it is given and then ends.
fn echo(code: i64) -> ExecSession {
    let (output_tx, output) = mpsc::channel(CHANNEL);
    let (input, mut input_rx) = mpsc::channel(CHANNEL);
    let (resize, mut resize_rx) = mpsc::channel(CHANNEL);
    spawn(async move {
        loop {
            let item = tokio::select! {
                bytes = input_rx.recv() => match bytes {
                    Some(bytes) => ExecOutput::Stdout(bytes),
                    None => break,
                },
                Some(_) = resize_rx.recv() => continue,
            };
            if output_tx.send(Ok(item)).await.is_err() {
                return;
            }
        }
        // The reader may be gone by now.
        let _ = output_tx.send(Ok(ExecOutput::Exit(code))).await;
    });
    ExecSession { output, input, resize }
}

#[allow(clippy::disallowed_methods, reason = "the task ends with the channels of its session")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

/// The image that [`EngineCall::EnsureImage`] answers with for Pinacle's own.
pub const FAKE_IMAGE: &str = BASE_IMAGE;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::journal::{Journal, JournalLimits};
    use pinacle_core::engine::{
        ContainerLimits, ContainerPlan, ContainerState, LABEL_OWNER, LABEL_POD, NetworkPlan,
    };
    use pinacle_protocol::OwnerId;
    use std::net::IpAddr;

    struct Bench {
        engine: FakeEngine,
        journal: Journal,
        _dir: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let dir = tempfile::tempdir().expect("a directory");
        let journal = Journal::open(dir.path().join("j"), JournalLimits::default(), Clock::system());
        Bench { engine: FakeEngine::new(), journal: journal.expect("opened"), _dir: dir }
    }

    fn ownership(n: u32) -> Ownership {
        let pod = PodId::new(format!("{n:016}")).expect("an id");
        Ownership { pod, owner: OwnerId::new("o".repeat(16)).expect("an id") }
    }

    fn labels(owner: &Ownership) -> BTreeMap<String, String> {
        BTreeMap::from([
            (LABEL_POD.to_owned(), owner.pod.to_string()),
            (LABEL_OWNER.to_owned(), owner.owner.to_string()),
        ])
    }

    fn network(owner: &Ownership, n: u32) -> NetworkPlan {
        let [_, _, b, c] = n.to_be_bytes();
        NetworkPlan {
            name: names::network(&owner.pod),
            bridge: names::bridge(&owner.pod),
            subnet: Subnet { network: Ipv4Addr::new(10, b, c, 0) },
            labels: labels(owner),
        }
    }

    fn container(owner: &Ownership, port: u16) -> EngineCall {
        EngineCall::CreateContainer(Box::new(ContainerPlan {
            name: names::container(&owner.pod),
            hostname: "h".into(),
            image: FAKE_IMAGE.into(),
            runtime: None,
            labels: labels(owner),
            network: names::network(&owner.pod),
            address: Ipv4Addr::new(10, 0, 0, 2),
            port: HostPort(port),
            publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
            limits: ContainerLimits { cpu_milli: 1, memory_bytes: 1, pids: 1, nofile: 1 },
            volumes: vec![],
            resolvers: vec![],
        }))
    }

    impl Bench {
        async fn call(&self, owner: &Ownership, call: EngineCall) -> Result<EngineOutcome, FailureClass> {
            let journal = self.journal.pod(&owner.pod);
            self.engine.call(owner, &journal, call).await.map_err(|f| f.class)
        }

        async fn up(&self, owner: &Ownership, n: u32, port: u16) -> Result<EngineOutcome, FailureClass> {
            self.call(owner, EngineCall::EnsureImage { reference: None }).await?;
            self.call(owner, EngineCall::CreateNetwork(network(owner, n))).await?;
            self.call(owner, container(owner, port)).await?;
            let name = names::container(&owner.pod);
            self.call(owner, EngineCall::StartContainer { name }).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_pods_come_up_and_are_seen() {
        let bench = bench();
        for n in 0..1000 {
            let port = 30_000 + u16::try_from(n).expect("small");
            assert_eq!(bench.up(&ownership(n), n, port).await, Ok(EngineOutcome::Done));
        }
        let seen = bench.engine.observe().await.expect("seen");
        assert_eq!(seen.pods.len(), 1000);
        assert_eq!(bench.engine.counts(), (1000, 1000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_or_range_is_given_once() {
        let bench = bench();
        assert!(bench.up(&ownership(1), 1, 30_000).await.is_ok());
        assert_eq!(bench.up(&ownership(2), 2, 30_000).await, Err(FailureClass::PortTaken));
        assert_eq!(bench.up(&ownership(3), 1, 30_001).await, Err(FailureClass::SubnetTaken));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_got_lost_was_done_all_the_same() {
        let bench = bench();
        let owner = ownership(1);
        let class = FailureClass::OutcomeUnknown;
        let kind = CallKind::CreateNetwork;
        bench.engine.fault(Fault { kind, nth: 1, moment: Moment::After, class });
        let call = || EngineCall::CreateNetwork(network(&owner, 1));
        assert_eq!(bench.call(&owner, call()).await, Err(class));
        assert_eq!(bench.engine.counts(), (0, 1, 0));
        assert!(bench.call(&owner, call()).await.is_ok());
        assert_eq!(bench.engine.calls().iter().filter(|c| c.kind == kind).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_link_ends_what_is_under_way() {
        let bench = bench();
        let owner = ownership(1);
        let mut watch = bench.engine.watch().await.expect("watching");
        bench.engine.hold(CallKind::CreateNetwork);
        let call = bench.call(&owner, EngineCall::CreateNetwork(network(&owner, 1)));
        let cut = async { bench.engine.cut_link() };
        assert_eq!(futures::join!(call, cut).0, Err(FailureClass::OutcomeUnknown));
        while let Some(item) = watch.next().await {
            assert!(item.is_ok());
        }
        assert!(bench.engine.connect().await.is_err());
        bench.engine.mend_link();
        bench.engine.release(CallKind::CreateNetwork);
        assert!(bench.engine.connect().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reboot_starts_again_what_ran() {
        let bench = bench();
        for n in 1..3 {
            let port = 30_000 + u16::try_from(n).expect("small");
            assert!(bench.up(&ownership(n), n, port).await.is_ok());
        }
        bench.engine.take_port(HostPort(30_002));
        bench.engine.reboot();
        let state = |n: usize| {
            bench.engine.look().pods[n].container.as_ref().map(|c| (c.state, c.exit_code))
        };
        assert_eq!(state(0), Some((ContainerState::Running, None)));
        assert_eq!(state(1), Some((ContainerState::Exited, Some(137))));
    }
}
