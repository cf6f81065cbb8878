//! How an operation ends, and what is begun without being asked.
//!
//! `reconcile` is the one road from *wanted* and *seen* to the next operation:
//! a crash, a reboot, a container removed behind our back and a retry all take it.

use crate::advance::pause_ms;
use crate::effect::Effect;
use crate::engine::{ContainerState, ObservedContainer};
use crate::event::Now;
use crate::plan::{self, OldContainer};
use crate::record::{Direction, Failure, OperationRecord, PodRecord};
use crate::spec::{SpecDiff, diff};
use crate::state::{KEPT_PER_POD, Pod, State};
use crate::step::Step;
use pinacle_protocol::{
    Desired, OperationId, OperationKind, PodId, PodPhase, RequestId, StepStatus,
};

/// A container that ends sooner than this after its start, in milliseconds, is
/// started again with growing pauses.
const SHORT_LIFE_MS: u64 = 60_000;

impl State {
    /// Ends an operation whose steps are all behind it.
    pub(crate) fn complete(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        let Some(record) = self.operation_mut(operation) else { return };
        let failed = record.direction == Direction::Undo;
        record.direction = if failed { Direction::Failed } else { Direction::Succeeded };
        record.ended_at = Some(now.wall);
        if !failed {
            record.error = None;
            record.revert = None;
        }
        let (kind, error) = (record.kind, record.error.clone());
        if !failed && kind == OperationKind::Delete {
            self.finish_active(id);
            return self.remove_pod(id);
        }
        self.finish_active(id);
        match error {
            Some(error) if failed => self.ended_badly(now, id, kind, error),
            _ => self.ended_well(now, id, kind),
        }
        self.trim_history(id);
    }

    fn finish_active(&mut self, id: &PodId) {
        if let Some(pod) = self.pod_mut(id) {
            pod.active = None;
            pod.cancelling = false;
            pod.attempts = 0;
        }
    }

    fn ended_well(&mut self, now: Now, id: &PodId, kind: OperationKind) {
        let Some(pod) = self.pod_mut(id) else { return };
        pod.record.failure = None;
        pod.fresh = false;
        let host = pod.record.host.clone();
        let stopped = matches!(pod.record.phase, PodPhase::Stopped);
        let phase = match kind {
            OperationKind::Stop => PodPhase::Stopped,
            OperationKind::Reconfigure if stopped => PodPhase::Stopped,
            _ => PodPhase::Running,
        };
        if phase == PodPhase::Stopped {
            pod.record.attention = None;
        }
        self.set_phase(id, phase, now.wall);
        self.effects.push(Effect::ObservePod { host, pod: id.clone() });
    }

    fn ended_badly(
        &mut self,
        now: Now,
        id: &PodId,
        kind: OperationKind,
        error: pinacle_protocol::ApiError,
    ) {
        if kind == OperationKind::Create {
            // Every step was undone, so nothing of the pod is on the host any more.
            self.release(id);
            self.lasting();
        }
        let Some(pod) = self.pod_mut(id) else { return };
        let same = pod.record.failure.as_ref().filter(|failure| failure.kind == kind);
        let times = same.map_or(1, |failure| failure.times.saturating_add(1));
        pod.fresh = false;
        pod.record.attention = None;
        let host = pod.record.host.clone();
        if kind == OperationKind::Reconfigure {
            pod.record.attention = Some(format!("the last change was taken back: {}", error.chain()));
        } else {
            pod.record.failure = Some(Failure { kind, error, times });
        }
        if kind == OperationKind::Create {
            pod.observed = None;
            pod.fresh = true;
            self.set_phase(id, PodPhase::Failed, now.wall);
            return;
        }
        self.set_timer(id, now.mono_ms + pause_ms(times + 3));
        self.effects.push(Effect::ObservePod { host, pod: id.clone() });
    }

    fn trim_history(&mut self, id: &PodId) {
        let Some(pod) = self.pod_memory(id) else { return };
        let excess = pod.history.len().saturating_sub(KEPT_PER_POD);
        let old: Vec<OperationId> = pod.history.drain(..excess).collect();
        for operation in old {
            self.forget_operation(&operation);
        }
    }

    /// Brings a pod's phase in line with what was seen, when nothing is under way.
    pub(crate) fn settle(&mut self, now: Now, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        if pod.active.is_some() || !pod.fresh || pod.record.phase == PodPhase::Terminating {
            return;
        }
        let container = pod.observed.as_ref().and_then(|seen| seen.container.clone());
        let created = pod.record.failure.as_ref().map(|f| f.kind) == Some(OperationKind::Create);
        let pending = pod.record.phase == PodPhase::Pending;
        let failed = pod.record.failure.is_some();
        let was_running = pod.record.phase == PodPhase::Running;
        let phase = match container.as_ref().map(|c| c.state) {
            Some(ContainerState::Running) => PodPhase::Running,
            _ if created || failed => PodPhase::Failed,
            None if pending => return,
            _ => PodPhase::Stopped,
        };
        if was_running && phase != PodPhase::Running {
            self.died(now, id, container.as_ref());
        }
        if phase == PodPhase::Running && !was_running {
            if let Some(pod) = self.pod_mut(id) {
                pod.record.failure = None;
            }
        }
        self.set_phase(id, phase, now.wall);
    }

    /// Notes that a running pod was found down, and slows down what keeps dying.
    fn died(&mut self, now: Now, id: &PodId, container: Option<&ObservedContainer>) {
        let text = match container {
            None => "the container is gone: removed by something else than Pinacle".to_owned(),
            Some(c) if c.oom_killed => "the container was killed for using too much memory".into(),
            Some(c) if c.state == ContainerState::Paused => "the container was paused".into(),
            Some(c) => match c.exit_code {
                Some(code) => format!("the container ended with exit code {code}"),
                None => "the container is not running".to_owned(),
            },
        };
        self.note(id, text.clone());
        let Some(pod) = self.pod_mut(id) else { return };
        pod.record.attention = Some(text);
        let short = pod.started_at.is_some_and(|at| now.mono_ms.saturating_sub(at) < SHORT_LIFE_MS);
        pod.crashes = if short { pod.crashes + 1 } else { 0 };
        if pod.crashes > 1 {
            let pause = pause_ms(pod.crashes);
            self.set_timer(id, now.mono_ms + pause);
        }
    }

    /// Begins what brings the pod from what is seen to what is wanted. Returns whether
    /// there was anything to begin.
    pub(crate) fn reconcile(&mut self, now: Now, id: &PodId) -> bool {
        let Some(pod) = self.pods.get(id) else { return false };
        let record = &pod.record;
        if record.desired == Desired::Gone {
            return self.begin(now, id, OperationKind::Delete, None).is_some();
        }
        let create_failed = record.failure.as_ref().map(|f| f.kind) == Some(OperationKind::Create);
        if !pod.fresh || create_failed {
            return false;
        }
        let container = pod.observed.as_ref().and_then(|seen| seen.container.as_ref());
        let running = container.is_some_and(|c| c.state == ContainerState::Running);
        let kind = match (record.desired, running) {
            (Desired::Running, false) => self.way_up(pod),
            (Desired::Stopped, true) => OperationKind::Stop,
            _ => return false,
        };
        self.begin(now, id, kind, None).is_some()
    }

    /// Returns which operation gets a pod running that is not.
    pub(crate) fn way_up(&self, pod: &Pod) -> OperationKind {
        let seen = pod.observed.as_ref();
        let never_ran = |c: &ObservedContainer| {
            c.state == ContainerState::Created && pod.record.applied.is_none()
        };
        match seen.and_then(|seen| seen.container.as_ref()) {
            Some(container) if !never_ran(container) => OperationKind::Start,
            None if seen.is_some_and(|seen| seen.previous.is_some()) => OperationKind::Start,
            _ if pod.record.applied.is_none() && pod.record.generation <= 1 => OperationKind::Create,
            _ => OperationKind::Recreate,
        }
    }

    /// Plans an operation and makes it the pod's active one, or the queued one behind
    /// the one that is. Returns its id; `None` when it could not even be planned.
    pub(crate) fn begin(
        &mut self,
        now: Now,
        id: &PodId,
        kind: OperationKind,
        request: Option<RequestId>,
    ) -> Option<OperationId> {
        if matches!(kind, OperationKind::Create | OperationKind::Recreate)
            && let Err(what) = self.reserve(id, now.mono_ms)
        {
            let error = crate::advance::exhausted(what);
            let pod = self.pod_mut(id)?;
            let text = error.chain();
            let news = pod.record.attention.as_ref() != Some(&text);
            pod.record.attention = Some(text.clone());
            if news {
                self.note(id, text);
            }
            self.set_timer(id, now.mono_ms + pause_ms(6));
            return None;
        }
        let steps = self.plan(id, kind)?;
        Some(self.begin_with(now, id, kind, request, steps))
    }

    /// Makes these steps the pod's next operation.
    pub(crate) fn begin_with(
        &mut self,
        now: Now,
        id: &PodId,
        kind: OperationKind,
        request: Option<RequestId>,
        mut steps: Vec<Step>,
    ) -> OperationId {
        let operation = self.new_operation_id();
        plan::stamp(&mut steps, operation.as_str());
        if let Some(request) = &request {
            self.requests.insert(request.clone(), (id.clone(), operation.clone()));
        }
        let record =
            OperationRecord::new(operation.clone(), id.clone(), kind, request, steps, now.wall);
        self.operations.insert(operation.clone(), record);
        if matches!(kind, OperationKind::Create | OperationKind::Delete) {
            self.lasting();
        }
        let replaced = self.pod_mut(id).and_then(|pod| {
            pod.history.push_back(operation.clone());
            let replaced = pod.queued.replace(operation.clone());
            if pod.active.is_none() {
                pod.record.attention = None;
            }
            replaced
        });
        if let Some(replaced) = replaced {
            self.supersede(now, &replaced);
        }
        let _ = self.operation_mut(&operation);
        operation
    }

    fn supersede(&mut self, now: Now, operation: &OperationId) {
        if let Some(record) = self.operation_mut(operation) {
            record.direction = Direction::Cancelled;
            record.ended_at = Some(now.wall);
            for step in &mut record.steps {
                step.status = StepStatus::Skipped;
            }
        }
    }

    fn new_operation_id(&mut self) -> OperationId {
        loop {
            if let Ok(id) = OperationId::new(self.new_id())
                && !self.operations.contains_key(&id)
            {
                return id;
            }
        }
    }

    fn plan(&mut self, id: &PodId, kind: OperationKind) -> Option<Vec<Step>> {
        let pod = self.pod_mut(id)?;
        let change = pending_change(&pod.record);
        let seen = pod.observed.clone();
        let container = seen.as_ref().and_then(|seen| seen.container.as_ref());
        let aside = seen.as_ref().is_some_and(|seen| seen.previous.is_some());
        Some(match kind {
            OperationKind::Create | OperationKind::Recreate => {
                pod.record.generation += 1;
                let mut steps = plan::create(&pod.record, OldContainer::Absent);
                if container.is_some() {
                    steps.insert(0, Step::RemoveContainer);
                }
                steps
            }
            OperationKind::Start if container.is_none() && aside => {
                let mut steps = vec![Step::PutBack];
                steps.extend(plan::start(&pod.record, &change));
                steps
            }
            OperationKind::Start if change.needs_recreate() => {
                pod.record.generation += 1;
                plan::create(&pod.record, OldContainer::Aside)
            }
            OperationKind::Start => plan::start(&pod.record, &change),
            OperationKind::Stop => vec![Step::StopContainer],
            OperationKind::Restart => {
                let mut steps = vec![Step::StopContainer];
                steps.extend(plan::start(&pod.record, &change));
                steps
            }
            OperationKind::Delete => plan::delete(),
            OperationKind::Reconfigure if change.needs_recreate() => {
                pod.record.generation += 1;
                plan::create(&pod.record, OldContainer::Aside)
            }
            OperationKind::Reconfigure => plan::reconfigure(&pod.record, &change),
        })
    }
}

/// Returns what of the wanted spec is not in force yet.
pub(crate) fn pending_change(record: &PodRecord) -> SpecDiff {
    let applied = record.applied.as_ref().map_or(&record.spec, |applied| &applied.spec);
    diff(applied, &record.spec)
}
