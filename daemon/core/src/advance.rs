//! How an operation moves on: a step is asked for, its outcome noted, and the
//! next one follows, or the way back begins.
//!
//! A step is stored as *started* before it is asked for. When its outcome is
//! lost (daemon killed, link gone) it is asked for again once the host was
//! looked at: every call is an *ensure*, so the host itself settles it.

use crate::effect::Effect;
use crate::engine::{EngineFailure, EngineOutcome, FailureClass};
use crate::event::{Now, Ticket};
use crate::plan::planned_undo;
use crate::record::{Applied, Direction, RuntimeChoice, StepRecord};
use crate::state::State;
use crate::step::Step;
use pinacle_protocol::{
    ApiError, ErrorKind, HostPort, OperationId, OperationKind, PodId, PodPhase, StepStatus,
    Timestamp,
};

/// Pauses between tries, in milliseconds; the last one stays.
const PAUSES_MS: [u64; 8] = [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000];
/// Tries of a step that may work a moment later, before the operation gives up.
const TRIES: u32 = 4;

/// Returns the pause after `times` failures in a row.
pub(crate) fn pause_ms(times: u32) -> u64 {
    let index = usize::try_from(times.saturating_sub(1)).unwrap_or(usize::MAX);
    PAUSES_MS[index.min(PAUSES_MS.len() - 1)]
}

impl State {
    /// Does what can be done for a pod now. Called whenever something of it changed.
    pub(crate) fn advance(&mut self, now: Now, id: &PodId) {
        // Each turn ends an operation or begins one; a pod has at most two.
        for _ in 0..4 {
            let Some(pod) = self.pods.get(id) else { return };
            let waits = pod.in_flight.is_some() || pod.not_before.is_some_and(|at| at > now.mono_ms);
            if waits || !self.host_ready(&pod.record.host) {
                return;
            }
            match (pod.active.clone(), pod.queued.clone()) {
                (Some(operation), _) => {
                    let Some(step) = self.operations.get(&operation).and_then(|o| o.current())
                    else {
                        self.complete(now, id, &operation);
                        continue;
                    };
                    self.ask(now, id, &operation, step);
                    return;
                }
                (None, Some(queued)) => self.activate(id, &queued),
                (None, None) => {
                    if !self.reconcile(now, id) {
                        return;
                    }
                }
            }
        }
    }

    fn activate(&mut self, id: &PodId, operation: &OperationId) {
        if let Some(pod) = self.pod_memory(id) {
            pod.queued = None;
            pod.active = Some(operation.clone());
            pod.attempts = 0;
            pod.cancelling = false;
        }
        if let Some(operation) = self.operation_mut(operation) {
            operation.direction = Direction::Forward;
        }
    }

    /// Asks for a step, new or to be settled.
    fn ask(&mut self, now: Now, id: &PodId, operation: &OperationId, index: usize) {
        let ticket = self.new_ticket(operation);
        let Some(record) = self.operation_mut(operation) else { return };
        let undo = record.direction == Direction::Undo;
        let step = &mut record.steps[index];
        step.status = StepStatus::Started;
        step.started_at.get_or_insert(now.wall);
        let (step, kind) = (step.step.clone(), record.kind);
        self.show_progress(id, kind, &step, undo, now.wall);
        let Some(pod) = self.pods.get(id) else { return };
        let (owner, host) = (self.owner_of(pod), pod.record.host.clone());
        match step.call(&pod.record) {
            Ok(call) => {
                if let Some(pod) = self.pod_memory(id) {
                    pod.in_flight = Some(ticket.clone());
                    pod.fresh = false;
                }
                self.effects.push(Effect::Call { ticket, host, owner, call });
            }
            Err(what) => {
                let message = format!("the pod's record has no {what} at step {step:?}");
                let error = ApiError::new(ErrorKind::Internal, message);
                self.step_failed(now, id, operation, index, error);
                self.advance(now, id);
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
            (
                _,
                Step::EnsureImage
                | Step::CheckIsolation
                | Step::StopContainer
                | Step::SetAside
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
        let Some(operation) = self.operations.get(&ticket.operation) else { return };
        let id = operation.pod.clone();
        let current = operation.current();
        let Some(pod) = self.pod_memory(&id) else { return };
        if pod.in_flight.as_ref() != Some(ticket) {
            return;
        }
        pod.in_flight = None;
        let Some(index) = current else { return };
        match result {
            Ok(outcome) => self.step_succeeded(now, &id, &ticket.operation, index, outcome),
            Err(failure) => self.call_failed(now, &id, &ticket.operation, index, failure),
        }
        if self.pods.get(&id).is_some_and(|pod| pod.cancelling) {
            self.cancelled(now, &id, &ticket.operation);
        }
        self.advance(now, &id);
    }

    fn step_succeeded(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        outcome: EngineOutcome,
    ) {
        let Some(record) = self.operation_mut(operation) else { return };
        let undo = record.direction == Direction::Undo;
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
            (EngineOutcome::Done, Step::ApplyConfig { services: true }) => {
                let (spec, revision) = (pod.record.spec.clone(), pod.record.spec_revision);
                pod.record.applied = Some(Applied { spec, revision });
            }
            (EngineOutcome::Done, Step::StartContainer) => pod.started_at = Some(now.mono_ms),
            (EngineOutcome::Done, _) => {}
        }
    }

    fn call_failed(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        failure: EngineFailure,
    ) {
        let Some(record) = self.operations.get(operation) else { return };
        let step = record.steps[index].step.clone();
        let must_end = record.direction == Direction::Undo || record.kind == OperationKind::Delete;
        let Some(pod) = self.pod_memory(id) else { return };
        pod.attempts += 1;
        let attempts = pod.attempts;
        match (failure.class, &step) {
            (FailureClass::OutcomeUnknown | FailureClass::Cancelled, _) => {
                self.set_timer(id, now.mono_ms + pause_ms(attempts));
            }
            (FailureClass::Retryable, _) if attempts < TRIES => {
                self.set_timer(id, now.mono_ms + pause_ms(attempts));
            }
            (FailureClass::PortTaken, Step::StartContainer) if !must_end => {
                self.port_taken(now, id, operation, index, failure.error);
            }
            (FailureClass::SubnetTaken, Step::CreateNetwork) if !must_end => {
                self.subnet_taken(now, id, operation, index, failure.error);
            }
            _ if must_end => {
                // Nothing of a pod may be left behind, however long it takes.
                self.show_obstacle(id, operation, failure.error);
                self.set_timer(id, now.mono_ms + pause_ms(attempts));
            }
            (_, step) if step.is_advisory() => {
                self.advise(now, id, operation, index, &failure.error);
            }
            _ => self.step_failed(now, id, operation, index, failure.error),
        }
    }

    fn show_obstacle(&mut self, id: &PodId, operation: &OperationId, error: ApiError) {
        let text = format!("will be tried again: {}", error.chain());
        if let Some(pod) = self.pod_mut(id) {
            pod.record.attention = Some(text.clone());
        }
        if let Some(record) = self.operation_mut(operation)
            && record.error.is_none()
        {
            record.error = Some(error);
        }
        self.note(id, text);
    }

    fn advise(&mut self, now: Now, id: &PodId, op: &OperationId, index: usize, error: &ApiError) {
        let text = error.chain();
        if let Some(record) = self.operation_mut(op) {
            record.steps[index].status = StepStatus::Failed;
            record.steps[index].ended_at = Some(now.wall);
        }
        if let Some(pod) = self.pod_mut(id) {
            pod.attempts = 0;
            pod.record.attention = Some(text.clone());
        }
        self.note(id, text);
    }

    /// Another program holds the port. A container that never ran is made again with
    /// the next one; one with files in it is not given up for a port.
    fn port_taken(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        error: ApiError,
    ) {
        let made_here = self.operations.get(operation).and_then(|record| {
            let made = |s: &StepRecord| {
                s.step == Step::CreateContainer && s.status == StepStatus::Succeeded
            };
            record.steps[..index].iter().position(made)
        });
        let Some(made) = made_here else {
            return self.step_failed(now, id, operation, index, error);
        };
        if let Some(port) = self.release_port(id) {
            self.block_port(id, port, now.mono_ms);
            self.note(id, format!("port {port} is in use by another program; taking the next one"));
        }
        if let Err(what) = self.reserve(id, now.mono_ms) {
            return self.step_failed(now, id, operation, index, exhausted(what));
        }
        if let Some(record) = self.operation_mut(operation) {
            for step in &mut record.steps[made..=index] {
                step.status = StepStatus::Planned;
            }
            let again = planned_like(Step::RemoveContainer);
            record.steps.insert(made, again);
        }
    }

    fn block_port(&mut self, id: &PodId, port: HostPort, mono_ms: u64) {
        let host = self.pods.get(id).map(|pod| pod.record.host.clone());
        if let Some(host) = host.and_then(|host| self.hosts.get_mut(&host)) {
            host.block_port(port, mono_ms);
        }
    }

    /// The range overlaps with something on the host: takes the next one.
    fn subnet_taken(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        error: ApiError,
    ) {
        let host = self.pods.get(id).map(|pod| pod.record.host.clone());
        if let Some(subnet) = self.release_subnet(id) {
            if let Some(host) = host.and_then(|host| self.hosts.get_mut(&host)) {
                host.block_subnet(subnet, now.mono_ms);
            }
            self.note(id, format!("subnet {subnet} is in use on the host; taking the next one"));
        }
        if let Err(what) = self.reserve(id, now.mono_ms) {
            let error = exhausted(what).cause(error.chain());
            return self.step_failed(now, id, operation, index, error);
        }
        if let Some(record) = self.operation_mut(operation) {
            record.steps[index].status = StepStatus::Planned;
        }
    }

    /// The operation gives up at this step and turns round.
    fn step_failed(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        error: ApiError,
    ) {
        let Some(record) = self.operation_mut(operation) else { return };
        record.steps[index].status = StepStatus::Failed;
        record.steps[index].ended_at = Some(now.wall);
        for step in &mut record.steps {
            if step.status == StepStatus::Planned {
                step.status = StepStatus::Skipped;
            }
        }
        record.error = Some(error.clone());
        let undo = record.undo_steps();
        record.direction = Direction::Undo;
        record.steps.extend(planned_undo(undo));
        let (kind, revert) = (record.kind, record.revert.take());
        let label = record.steps[index].step.label();
        let Some(pod) = self.pod_mut(id) else { return };
        pod.attempts = 0;
        if let Some(revert) = revert {
            let record = &mut pod.record;
            (record.spec_text, record.spec) = (revert.spec_text, revert.spec);
            (record.image, record.runtime) = (revert.image, revert.runtime);
            record.isolation = revert.isolation;
            record.spec_revision = record.spec_revision.next();
        }
        self.note(id, format!("{} failed at \"{label}\": {}", kind.as_str(), error.chain()));
    }

    /// Ends an operation whose place a later one takes.
    fn cancelled(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        if let Some(record) = self.operation_mut(operation) {
            for step in &mut record.steps {
                if matches!(step.status, StepStatus::Planned | StepStatus::Started) {
                    step.status = StepStatus::Skipped;
                }
            }
            record.direction = Direction::Cancelled;
            record.ended_at = Some(now.wall);
            let error = ApiError::new(ErrorKind::Cancelled, "a later request took its place");
            record.error = Some(error);
        }
        self.clear_timer(id);
        if let Some(pod) = self.pod_mut(id) {
            pod.cancelling = false;
            pod.active = None;
            pod.attempts = 0;
        }
    }

    /// Breaks the active operation off in favour of the queued one.
    pub(crate) fn cancel_active(&mut self, now: Now, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        let Some(operation) = pod.active.clone() else { return };
        let Some(ticket) = pod.in_flight.clone() else {
            return self.cancelled(now, id, &operation);
        };
        let interruptible = self.operations.get(&operation).is_some_and(|record| {
            record.current().is_some_and(|i| record.steps[i].step.is_interruptible())
        });
        if let Some(pod) = self.pod_memory(id) {
            pod.cancelling = true;
        }
        if interruptible {
            self.effects.push(Effect::CancelCall { ticket });
        }
    }
}

fn planned_like(step: Step) -> StepRecord {
    StepRecord { step, status: StepStatus::Planned, undo: false, started_at: None, ended_at: None }
}

fn mark_undone(steps: &mut [StepRecord], undo: &Step) {
    for step in steps.iter_mut().filter(|s| !s.undo && s.status != StepStatus::Skipped) {
        if step.step.undo().as_ref() == Some(undo) {
            step.status = StepStatus::Undone;
        }
    }
}

/// Returns the error for a pool that has nothing left.
pub(crate) fn exhausted(what: &str) -> ApiError {
    ApiError::new(ErrorKind::Exhausted, format!("no free {what} is left on the host"))
        .hint("delete a pod you no longer need, or widen the range in the daemon's settings")
}
