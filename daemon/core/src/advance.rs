//! How an operation moves on: a step is asked for, its outcome noted, and the
//! next one follows, or the way back begins (`setback`).
//!
//! A step is stored as *started* before it is asked for. When its outcome is
//! lost (daemon killed, link gone) it is asked for again once the host was
//! looked at: every call is an *ensure*, so the host itself settles it.
//!
//! What an operation does is planned when its turn comes, from a look that is
//! newer than anything done to the pod: between the request and its turn the
//! container may have come, gone or changed.

use crate::effect::Effect;
use crate::engine::{EngineFailure, EngineOutcome};
use crate::event::{Now, Ticket};
use crate::plan;
use crate::record::{Direction, RuntimeChoice, StepRecord};
use crate::state::State;
use crate::step::Step;
use pinacle_protocol::{
    ApiError, ErrorKind, OperationId, OperationKind, PodId, PodPhase, StepStatus, Timestamp,
};

/// Pauses between tries, in milliseconds; the last one stays.
const PAUSES_MS: [u64; 8] = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000];
/// An operation may end, be followed by another that cannot be planned, and that by one
/// of reconcile's: far fewer turns than this. What is left over waits for the next event.
const TURNS: u32 = 16;

/// Returns the pause after `times` failures in a row.
pub(crate) fn pause_ms(times: u32) -> u64 {
    let index = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES_MS[index.min(PAUSES_MS.len() - 1)]
}

impl State {
    /// Does what can be done for a pod now. Called whenever something of it changed.
    pub(crate) fn advance(&mut self, now: Now, id: &PodId) {
        for _ in 0..TURNS {
            let Some(pod) = self.pods.get(id) else { return };
            let waits =
                pod.in_flight.is_some() || pod.not_before.is_some_and(|at| at > now.mono_ms);
            if waits || !self.host_ready(&pod.record.host) {
                return;
            }
            match (pod.active.clone(), pod.queued.clone()) {
                (Some(operation), _) if pod.cancelling => self.cancelled(now, id, &operation),
                (Some(operation), _) => {
                    let Some(step) = self.operations.get(&operation).and_then(|o| o.current())
                    else {
                        self.complete(now, id, &operation);
                        continue;
                    };
                    if self.clear_strays(id, &operation, step) {
                        continue;
                    }
                    if self.ask(now, id, &operation, step) {
                        return;
                    }
                }
                (None, queued) if !pod.fresh && self.needs_look(queued.as_ref()) => {
                    return self.look(id);
                }
                (None, Some(queued)) => self.activate(now, id, &queued),
                (None, None) => {
                    if !self.reconcile(now, id) {
                        return;
                    }
                }
            }
        }
    }

    /// Returns whether what is there decides what this operation, or reconcile, does.
    fn needs_look(&self, operation: Option<&OperationId>) -> bool {
        let record = operation.and_then(|operation| self.operations.get(operation));
        record.is_none_or(|record| record.kind != OperationKind::Stop)
    }

    /// Has containers that were renamed since the plan was made removed before the volumes
    /// they hold. Returns whether there were any.
    fn clear_strays(&mut self, id: &PodId, operation: &OperationId, index: usize) -> bool {
        let Some(record) = self.operations.get(operation) else { return false };
        if record.steps[index].step != Step::RemoveVolumes {
            return false;
        }
        let undo = record.steps[index].undo;
        let planned = |step: &Step| record.steps.iter().any(|s| s.step == *step && s.undo == undo);
        let seen = self.pods.get(id).and_then(|pod| pod.observed.as_ref());
        let strays = seen.map(plan::strays).unwrap_or_default();
        let new: Vec<Step> = strays.into_iter().filter(|step| !planned(step)).collect();
        if new.is_empty() {
            return self.remove_again(id, operation, index);
        }
        let new = if undo { plan::planned_undo(new) } else { plan::planned(new) };
        if let Some(record) = self.operation_mut(operation) {
            record.steps.splice(index..index, new);
        }
        true
    }

    /// Has a container removed again that the engine made late, and that holds the volumes.
    /// Returns whether there is one.
    fn remove_again(&mut self, id: &PodId, operation: &OperationId, index: usize) -> bool {
        let Some(pod) = self.pods.get(id).filter(|pod| pod.attempts > 0) else { return false };
        let Some(seen) = &pod.observed else { return false };
        let back = |step: &Step| match step {
            Step::RemoveContainer => seen.container.is_some(),
            Step::RemovePrevious => seen.previous.is_some(),
            _ => false,
        };
        let again = [Step::RemoveContainer, Step::RemovePrevious].into_iter().filter(back);
        let again: Vec<Step> = again.collect();
        let Some(record) = self.operation_mut(operation).filter(|_| !again.is_empty()) else {
            return false;
        };
        let undo = record.steps[index].undo;
        let steps = if undo { plan::planned_undo(again) } else { plan::planned(again) };
        record.steps.splice(index..index, steps);
        true
    }

    /// Has the pod looked at, unless it is being looked at already.
    pub(crate) fn look(&mut self, id: &PodId) {
        let Some(pod) = self.pod_memory(id) else { return };
        if !std::mem::replace(&mut pod.looking, true) {
            let host = pod.record.host.clone();
            self.effects.push(Effect::ObservePod { host, pod: id.clone() });
        }
    }

    /// Has the pod looked at before its next operation is planned. Somebody may have removed
    /// its container a moment ago, and asks for this because of it: the engine's word of that
    /// may still be under way.
    pub(crate) fn look_anew(&mut self, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        if pod.active.is_some() || !self.host_ready(&pod.record.host) {
            return;
        }
        if let Some(pod) = self.pod_memory(id) {
            pod.fresh = false;
            // One that is under way may have begun too early: it is taken again.
            pod.looking = false;
        }
        self.look(id);
    }

    fn activate(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        if let Some(pod) = self.pod_memory(id) {
            pod.queued = None;
            pod.active = Some(operation.clone());
            pod.attempts = 0;
            pod.cancelling = false;
        }
        let Some(record) = self.operation_mut(operation) else { return };
        record.direction = Direction::Forward;
        let creates = record.kind == OperationKind::Create;
        if creates && let Some(pod) = self.pod_mut(id) {
            // One before it failed, perhaps after this one was asked for.
            pod.record.failure = None;
        }
        if let Err(error) = self.plan(now, id, operation) {
            let label = "preparing it";
            self.turn_round(id, operation, label, error);
        }
    }

    /// Asks for a step, new or to be settled. Returns whether it could be asked for.
    fn ask(&mut self, now: Now, id: &PodId, operation: &OperationId, index: usize) -> bool {
        let ticket = self.new_ticket(operation);
        let Some(record) = self.operation_mut(operation) else { return true };
        let undo = record.direction == Direction::Undo;
        let keeps_old = record.keeps_old();
        let step = &mut record.steps[index];
        step.status = StepStatus::Started;
        step.started_at.get_or_insert(now.wall);
        let step = step.step.clone();
        let kind = match record.kind {
            // Shown as what it is: the making of a new container.
            OperationKind::Restart if record.recreates() => OperationKind::Recreate,
            kind => kind,
        };
        if keeps_old {
            // After a power cut nobody could tell the old container from the new one.
            self.lasting();
        }
        self.show_progress(id, kind, &step, undo, now.wall);
        let Some(pod) = self.pods.get(id) else { return true };
        let (owner, host) = (self.owner_of(pod), pod.record.host.clone());
        match step.call(&pod.record) {
            Ok(call) => {
                if let Some(pod) = self.pod_memory(id) {
                    pod.in_flight = Some(ticket.clone());
                    pod.fresh = false;
                }
                self.effects.push(Effect::Call { ticket, host, owner, call });
                true
            }
            Err(what) => {
                let message = format!("the pod's record has no {what} at step {step:?}");
                let error = ApiError::new(ErrorKind::Internal, message);
                if undo || kind == OperationKind::Delete {
                    self.advise(now, id, operation, index, &error);
                } else {
                    self.step_failed(now, id, operation, index, error);
                }
                false
            }
        }
    }

    /// Shows a step in the pod's phase.
    fn show_progress(
        &mut self,
        id: &PodId,
        kind: OperationKind,
        step: &Step,
        undo: bool,
        at: Timestamp,
    ) {
        let Some(current) = self.pods.get(id).map(|pod| pod.record.phase) else { return };
        let phase = match (kind, step) {
            (OperationKind::Delete, _) => PodPhase::Terminating,
            _ if undo => return,
            (OperationKind::Stop, _) => PodPhase::Stopping,
            (OperationKind::Restart, Step::StopContainer) => PodPhase::Stopping,
            (OperationKind::Reconfigure, Step::UpdateLimits | Step::ApplyConfig { .. })
                if current == PodPhase::Running =>
            {
                return;
            }
            (OperationKind::Start | OperationKind::Restart, Step::CreateNetwork) => {
                PodPhase::Starting
            }
            (
                _,
                Step::EnsureImage
                | Step::CheckIsolation
                | Step::StopContainer
                | Step::SetAside
                | Step::PutBack
                | Step::CreateNetwork
                | Step::CreateVolumes
                | Step::CreateContainer
                | Step::RemoveContainer,
            ) => PodPhase::Provisioning,
            (_, Step::StartContainer | Step::AwaitReady) => PodPhase::Starting,
            _ => return,
        };
        self.set_phase(id, phase, at);
    }

    /// Takes note of how a call ended.
    pub(crate) fn call_ended(
        &mut self,
        now: Now,
        ticket: &Ticket,
        result: Result<EngineOutcome, EngineFailure>,
    ) {
        let Some(operation) = self.operations.get(&ticket.operation) else {
            return self.spare_call_ended(now, ticket, result);
        };
        let id = operation.pod.clone();
        let current = operation.current();
        let Some(host) = self.pods.get(&id).map(|pod| pod.record.host.clone()) else { return };
        self.stir(now, &host);
        let overtakes = self.is_looked_at(&host);
        let Some(pod) = self.pod_memory(&id) else { return };
        if pod.in_flight.as_ref() != Some(ticket) {
            return;
        }
        pod.in_flight = None;
        // The look at the whole host that may be under way began before this ended.
        pod.overtaken |= overtakes;
        let Some(index) = current else { return };
        match result {
            Ok(outcome) => self.step_succeeded(now, &id, &ticket.operation, index, outcome),
            Err(failure) => self.call_failed(now, &id, &ticket.operation, index, failure),
        }
        if self.pods.get(&id).is_some_and(|pod| pod.cancelling) {
            self.break_off(now, &id, &ticket.operation);
        }
        self.advance(now, &id);
    }

    pub(crate) fn step_succeeded(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        outcome: EngineOutcome,
    ) {
        let Some(record) = self.operation_mut(operation) else { return };
        let undo = record.direction == Direction::Undo;
        let afresh = !undo && record.starts_afresh();
        let step = &mut record.steps[index];
        step.status = StepStatus::Succeeded;
        step.ended_at = Some(now.wall);
        let step = step.step.clone();
        if undo {
            mark_undone(&mut record.steps, &step);
        }
        let Some(pod) = self.pod_mut(id) else { return };
        pod.attempts = 0;
        match (outcome, step) {
            (EngineOutcome::Image { reference }, _) => pod.record.image = Some(reference),
            (EngineOutcome::Isolation { runtime, resolvers }, _) => {
                pod.record.runtime = Some(RuntimeChoice { runtime, resolvers });
            }
            (EngineOutcome::Done, Step::StartContainer) => pod.started_at = Some(now.mono_ms),
            (EngineOutcome::Done, Step::RemoveContainer) if afresh => {
                self.change_port(now, id, operation);
            }
            (EngineOutcome::Done, _) => {}
        }
    }

    /// Has an operation whose container went down while nobody looked (the host was
    /// started again) bring it up before it goes on inside it.
    pub(crate) fn rewind(&mut self, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        let seen = pod.observed.as_ref().and_then(|seen| seen.container.as_ref());
        let (true, Some(operation), Some(seen)) = (pod.fresh, pod.active.clone(), seen) else {
            return;
        };
        let Some(record) = self.operations.get(&operation) else { return };
        let Some(current) = record.current().filter(|_| record.direction == Direction::Forward)
        else {
            return;
        };
        let done = |s: &StepRecord| s.status == StepStatus::Succeeded;
        let started = |s: &StepRecord| s.step == Step::StartContainer && done(s);
        let Some(start) = record.steps[..current].iter().rposition(started) else { return };
        if seen.state.is_up() {
            return;
        }
        if let Some(record) = self.operation_mut(&operation) {
            for step in &mut record.steps[start..=current] {
                let again = matches!(step.step, Step::StartContainer | Step::AwaitReady);
                if again && step.status == StepStatus::Succeeded {
                    step.status = StepStatus::Planned;
                }
            }
            let current = &mut record.steps[current];
            if current.status == StepStatus::Started {
                current.status = StepStatus::Planned;
            }
        }
    }
}

fn mark_undone(steps: &mut [StepRecord], undo: &Step) {
    for step in steps.iter_mut().filter(|s| !s.undo && s.status != StepStatus::Skipped) {
        if step.step.undo().as_ref() == Some(undo) {
            step.status = StepStatus::Undone;
        }
    }
}
