//! What is begun without being asked.
//!
//! `reconcile` is the one road from *wanted* and *seen* to the next operation:
//! a crash, a reboot, a container removed behind our back and a retry all take it.

use crate::advance::pause_ms;
use crate::engine::{ContainerState, ObservedContainer};
use crate::event::Now;
use crate::plan::{self, planned_undo};
use crate::record::{Direction, Failure, Fall};
use crate::state::{Pod, State};
use pinacle_protocol::{ApiError, Desired, OperationKind, PodId, PodPhase};

/// A container that ends sooner than this after its start, in milliseconds, is
/// started again with growing pauses.
const SHORT_LIFE_MS: u64 = 60_000;
/// Pause before a left-over container that could not be removed is tried again, in
/// milliseconds: it is in nobody's way.
const TIDY_EVERY_MS: u64 = 5 * 60 * 1_000;
/// What the reason of a pod begins with that cannot be got up for want of a port or range.
const NO_ROOM: &str = "it cannot be started yet: ";
/// What is said of a pod whose network is gone.
const NO_NETWORK: &str = "its network is gone: removed by something else than Pinacle; \
                          restart the pod to have it back";

impl State {
    /// Brings a pod's phase in line with what was seen, when nothing is under way.
    pub(crate) fn settle(&mut self, now: Now, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        if pod.active.is_some() || !pod.fresh {
            return;
        }
        let container = pod.container().cloned();
        if !container.as_ref().is_some_and(|c| c.state.is_up()) {
            self.found_down(id);
        }
        let Some(pod) = self.pods.get(id) else { return };
        let failed = pod.record.failure.is_some();
        let was_running = pod.record.phase == PodPhase::Running;
        match pod.record.phase {
            // Its operation has not had its turn, and says what it is then.
            PodPhase::Pending | PodPhase::Terminating => return,
            _ => {}
        }
        let phase = match container.as_ref().map(|c| c.state) {
            Some(ContainerState::Running) => PodPhase::Running,
            _ if failed => PodPhase::Failed,
            _ => PodPhase::Stopped,
        };
        self.note_network(id, phase);
        let desired = self.pods.get(id).map(|pod| pod.record.desired);
        if phase == PodPhase::Running || desired != Some(Desired::Running) {
            self.has_room(id);
        }
        if was_running && phase != PodPhase::Running {
            self.died(now, id, container.as_ref());
        }
        if phase == PodPhase::Running && !was_running {
            self.found_running(id);
            self.brought_back(id, false);
        }
        self.set_phase(id, phase, now.wall);
    }

    /// A container that runs on without its network is left alone, for what runs in it, and
    /// said to be out of reach.
    fn note_network(&mut self, id: &PodId, phase: PodPhase) {
        let Some(pod) = self.pods.get(id) else { return };
        let gone = pod.observed.as_ref().is_some_and(|seen| seen.network.is_none());
        let cut_off = gone && phase == PodPhase::Running;
        let said = pod.record.attention.as_deref() == Some(NO_NETWORK);
        if cut_off != said
            && let Some(pod) = self.pod_mut(id)
        {
            pod.record.attention = cut_off.then(|| NO_NETWORK.to_owned());
        }
    }

    /// A pod that is down and is to be down has failed at nothing but its creation.
    fn found_down(&mut self, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        let past = |failure: &Failure| failure.kind != OperationKind::Create;
        if pod.record.desired == Desired::Stopped
            && pod.record.failure.as_ref().is_some_and(past)
            && let Some(pod) = self.pod_mut(id)
        {
            pod.record.failure = None;
        }
    }

    /// A failed try to get a pod up no longer matters once it is up, except for its reason.
    fn found_running(&mut self, id: &PodId) {
        let Some(pod) = self.pod_mut(id) else { return };
        if pod.record.desired == Desired::Running
            && let Some(failure) = pod.record.failure.take()
        {
            let text = format!("{} failed: {}", failure.kind.as_str(), failure.error.chain());
            pod.record.attention.get_or_insert(text);
        }
    }

    /// Notes that a running pod was found down, and slows down what keeps dying.
    fn died(&mut self, now: Now, id: &PodId, container: Option<&ObservedContainer>) {
        let fall = Fall::of(container);
        let text = fall.text();
        self.note(id, text.clone());
        let Some(pod) = self.pod_mut(id) else { return };
        pod.record.attention = Some(text);
        pod.record.fall = Some(fall);
        let short = pod.started_at.is_some_and(|at| now.mono_ms.saturating_sub(at) < SHORT_LIFE_MS);
        pod.crashes = if short { pod.crashes.saturating_add(1) } else { 0 };
        if pod.crashes > 1 && pod.queued.is_none() {
            let pause = pause_ms(pod.crashes);
            self.set_timer(id, now.mono_ms.saturating_add(pause));
        }
    }

    /// Begins what brings the pod from what is seen to what is wanted. Returns whether
    /// there was anything to begin.
    pub(crate) fn reconcile(&mut self, now: Now, id: &PodId) -> bool {
        let Some(pod) = self.pods.get(id) else { return false };
        let record = &pod.record;
        if record.desired == Desired::Gone {
            self.begin(now, id, OperationKind::Delete, None);
            return true;
        }
        // Made again only when asked to: nobody gains from a creation that fails for ever.
        let create_failed = record.failure.as_ref().map(|f| f.kind) == Some(OperationKind::Create);
        if create_failed && pod.observed.is_some() {
            self.undo_again(now, id);
            return true;
        }
        let state = pod.container().map(|c| c.state);
        if self.old_is_left(pod) {
            return self.tidy(now, id);
        }
        let half = record.unfinished.is_some();
        let renamed = pod.observed.as_ref().is_some_and(|seen| seen.stray().is_some());
        let kind = match record.desired {
            Desired::Running if renamed && !half && state == Some(ContainerState::Running) => {
                OperationKind::Start
            }
            Desired::Running if create_failed => return false,
            Desired::Running if state == Some(ContainerState::Running) && !half => return false,
            Desired::Running => self.way_up(pod),
            Desired::Stopped if state.is_some_and(ContainerState::is_up) => OperationKind::Stop,
            _ => return false,
        };
        if kind != OperationKind::Stop
            && let Err(error) = self.reserve(id, now.mono_ms)
        {
            self.no_room(now, id, &error);
            return false;
        }
        self.has_room(id);
        self.begin(now, id, kind, None);
        true
    }

    /// Returns whether a container that was set aside is there beside the one in force, which
    /// is as it is wanted.
    fn old_is_left(&self, pod: &Pod) -> bool {
        let Some(seen) = &pod.observed else { return false };
        let state = seen.container.as_ref().map(|c| c.state).filter(|state| state.has_run());
        let settled = match pod.record.desired {
            Desired::Running => state == Some(ContainerState::Running),
            Desired::Stopped => state == Some(ContainerState::Exited),
            Desired::Gone => false,
        };
        settled && seen.previous.is_some()
    }

    /// Has the container that was left aside removed, now and then when that fails.
    fn tidy(&mut self, now: Now, id: &PodId) -> bool {
        let Some(pod) = self.pod_memory(id) else { return false };
        let again = pod.tidied_at.map(|at| at.saturating_add(TIDY_EVERY_MS));
        if let Some(again) = again.filter(|again| *again > now.mono_ms) {
            self.set_timer(id, again);
            return false;
        }
        pod.tidied_at = Some(now.mono_ms);
        let up = pod.record.desired == Desired::Running;
        let kind = if up { OperationKind::Start } else { OperationKind::Stop };
        self.begin(now, id, kind, None);
        true
    }

    /// Something of a creation that was undone is there again: the engine did late what it
    /// had been asked for. It is taken back as it was the first time.
    fn undo_again(&mut self, now: Now, id: &PodId) {
        let error = self.pods.get(id).and_then(|pod| pod.record.failure.as_ref());
        let error = error.map(|failure| failure.error.clone());
        let operation = self.begin(now, id, OperationKind::Create, None);
        if let Some(pod) = self.pod_memory(id) {
            pod.queued = None;
            pod.active = Some(operation.clone());
            pod.attempts = 0;
        }
        let seen = self.pods.get(id).and_then(|pod| pod.observed.as_ref());
        let steps = planned_undo(plan::delete(seen));
        if let Some(record) = self.operation_mut(&operation) {
            record.direction = Direction::Undo;
            record.steps = steps;
            record.error = error;
        }
        self.note(id, "something of its failed creation came back, and is removed");
    }

    fn no_room(&mut self, now: Now, id: &PodId, error: &ApiError) {
        let text = format!("{NO_ROOM}{}", error.chain());
        if let Some(pod) = self.pods.get(id)
            && pod.record.attention.as_ref() != Some(&text)
        {
            self.note(id, text.clone());
            if let Some(pod) = self.pod_mut(id) {
                pod.record.attention = Some(text);
            }
        }
        self.set_timer(id, now.mono_ms.saturating_add(pause_ms(6)));
    }

    /// What `no_room` said is so no longer, or no longer matters.
    fn has_room(&mut self, id: &PodId) {
        let attention = self.pods.get(id).and_then(|pod| pod.record.attention.as_ref());
        if attention.is_some_and(|said| said.starts_with(NO_ROOM))
            && let Some(pod) = self.pod_mut(id)
        {
            pod.record.attention = None;
        }
    }

    /// Returns which operation gets a pod up.
    pub(crate) fn way_up(&self, pod: &Pod) -> OperationKind {
        let seen = pod.observed.as_ref();
        let keeps = pod.container().is_some_and(|c| c.state.has_run());
        let aside = seen.is_some_and(|seen| seen.previous.is_some());
        let work = seen.is_some_and(|seen| !seen.volumes.is_empty());
        if let Some(unfinished) = pod.record.unfinished {
            unfinished.kind
        } else if keeps || aside {
            OperationKind::Start
        } else if pod.record.applied.is_none() && !work {
            OperationKind::Create
        } else {
            // Unlike a creation, one that fails leaves the volumes alone.
            OperationKind::Recreate
        }
    }
}
