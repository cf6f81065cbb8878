//! An engine in memory, with faults on demand. Everything it does takes no time
//! but what a test asked for, by tokio's clock.

use super::world::{BASE_IMAGE, World, fail};
use pinacle_core::engine::{
    EngineCall, EngineFailure, FailureClass, HostSnapshot, ObservedPod, Subnet,
};
use pinacle_core::names;
use pinacle_protocol::{ErrorKind, HostPort, PodId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, watch};

/// Changes that a slow watcher may be behind before it is cut off.
const EVENTS: usize = 4096;

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
    pub(super) changes: broadcast::Sender<PodId>,
    /// Counts the links; odd while there is one.
    link: Arc<watch::Sender<u64>>,
    held: Arc<watch::Sender<BTreeSet<CallKind>>>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) world: World,
    faults: Vec<Fault>,
    delays: BTreeMap<CallKind, Duration>,
    calls: Vec<Recorded>,
    pub(super) cpu: BTreeMap<PodId, u64>,
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
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

    /// Returns the commands of clients that were hung up.
    pub fn hung_up(&self) -> Vec<String> {
        self.state().world.hung_up.clone()
    }

    /// Has a command print this, whatever it is given.
    pub fn set_output(&self, command: &str, text: &str) {
        self.state().world.said.insert(command.to_owned(), text.to_owned());
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

    /// Returns what of one pod is on the host, whether or not it can be reached.
    pub fn look_at(&self, pod: &PodId) -> Option<ObservedPod> {
        self.state().world.observe_pod(pod)
    }

    /// Returns whether a pod's container runs; unlike a look, at once among ten thousand.
    pub fn is_up(&self, pod: &PodId) -> bool {
        self.state().world.is_running(pod)
    }

    pub(super) fn changed(&self, pod: &PodId) {
        // Nobody may be watching.
        let _ = self.changes.send(pod.clone());
    }

    pub(super) fn is_linked(&self) -> bool {
        *self.link.borrow() % 2 == 1
    }

    /// Ends when the link that is there now is cut.
    pub(super) async fn cut(&self) {
        let mut link = self.link.subscribe();
        // An error means that the engine itself is gone.
        let _ = link.wait_for(|n| *n % 2 == 0).await;
    }

    /// Makes a call go the way of all calls: recorded, held, delayed, cut, faulted.
    pub(super) async fn pass<T>(
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

pub(super) fn unreachable() -> EngineFailure {
    fail(FailureClass::Retryable, ErrorKind::HostUnreachable, "the engine cannot be reached")
}

fn lost() -> EngineFailure {
    fail(
        FailureClass::OutcomeUnknown,
        ErrorKind::HostUnreachable,
        "the link to the engine was lost",
    )
}

fn scripted(kind: CallKind, class: FailureClass) -> EngineFailure {
    fail(class, ErrorKind::Engine, format!("{kind:?} was told to fail"))
}

/// The image that [`EngineCall::EnsureImage`] answers with for Pinacle's own.
pub const FAKE_IMAGE: &str = BASE_IMAGE;
