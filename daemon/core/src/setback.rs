//! What follows when a step does not go well: another try, another port, the
//! way back; and how an operation is broken off in favour of a later one.

use crate::advance::pause_ms;
use crate::effect::Effect;
use crate::engine::{EngineFailure, EngineOutcome, FailureClass};
use crate::event::Now;
use crate::operation::Extent;
use crate::plan::{self, planned, planned_undo};
use crate::record::{Direction, OperationRecord, StepRecord};
use crate::state::State;
use crate::step::Step;
use pinacle_protocol::{
    ApiError, ErrorKind, HostPort, OperationId, OperationKind, PodId, StepStatus,
};

/// Tries of a step that may work a moment later, before the operation gives up.
const TRIES: u32 = 4;

impl State {
    pub(crate) fn call_failed(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        failure: EngineFailure,
    ) {
        let Some(record) = self.operations.get(operation) else { return };
        let step = record.steps[index].step.clone();
        let back = record.direction == Direction::Undo;
        let must_end = back || record.kind == OperationKind::Delete;
        let stopping = record.kind == OperationKind::Stop;
        let Some(pod) = self.pod_memory(id) else { return };
        pod.attempts = pod.attempts.saturating_add(1);
        let attempts = pod.attempts;
        match (failure.class, &step) {
            (FailureClass::OutcomeUnknown | FailureClass::Cancelled, _) => {
                self.set_timer(id, now.mono_ms.saturating_add(pause_ms(attempts)));
            }
            (FailureClass::Retryable, _) if attempts < TRIES => {
                self.set_timer(id, now.mono_ms.saturating_add(pause_ms(attempts)));
            }
            (FailureClass::Missing, Step::StopContainer) if stopping => {
                self.step_succeeded(now, id, operation, index, EngineOutcome::Done);
            }
            (FailureClass::PortTaken, Step::StartContainer) if !must_end => {
                self.port_taken(now, id, operation, index, failure.error);
            }
            (FailureClass::SubnetTaken, Step::CreateNetwork) if !must_end => {
                self.subnet_taken(now, id, operation, index, failure.error);
            }
            (class, step) if back && may_be_left(step, class) => {
                self.advise(now, id, operation, index, &failure.error);
            }
            _ if must_end => {
                // Nothing of a pod may be left behind, however long it takes.
                self.show_obstacle(id, operation, failure.error);
                self.look(id);
                self.set_timer(id, now.mono_ms.saturating_add(pause_ms(attempts)));
            }
            (_, step) if step.is_advisory() => {
                self.advise(now, id, operation, index, &failure.error);
            }
            _ => self.step_failed(now, id, operation, index, failure.error),
        }
    }

    fn show_obstacle(&mut self, id: &PodId, operation: &OperationId, error: ApiError) {
        let text = format!("will be tried again: {}", error.chain());
        let mut news = false;
        if let Some(pod) = self.pod_mut(id) {
            news = pod.record.attention.as_ref() != Some(&text);
            pod.record.attention = Some(text.clone());
        }
        if let Some(record) = self.operation_mut(operation)
            && record.error.is_none()
        {
            record.error = Some(error);
        }
        if news {
            self.note(id, text);
        }
    }

    /// Leaves a step at its failure and goes on.
    pub(crate) fn advise(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
        index: usize,
        error: &ApiError,
    ) {
        let text = error.chain();
        if let Some(record) = self.operation_mut(operation) {
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
        let made_here = self.operations.get(operation).filter(|o| o.starts_afresh());
        let made_here = made_here.and_then(|record| {
            let made = |s: &StepRecord| {
                s.step == Step::CreateContainer && s.status == StepStatus::Succeeded
            };
            record.steps[..index].iter().rposition(made)
        });
        let Some(made) = made_here else {
            let port = self.pods.get(id).and_then(|pod| pod.record.port);
            let port = port.map_or_else(String::new, |port| format!(" {port}"));
            let error = error.hint(format!(
                "end the program that uses port{port} on the host, then start the pod again"
            ));
            return self.step_failed(now, id, operation, index, error);
        };
        if let Some(port) = self.pods.get(id).and_then(|pod| pod.record.port) {
            self.block_port(id, port, now.mono_ms);
            self.note(id, format!("port {port} is in use by another program; taking the next one"));
        }
        self.fresh_tries(id);
        if let Some(record) = self.operation_mut(operation) {
            for step in &mut record.steps[made..] {
                step.status = StepStatus::Planned;
            }
            let again = planned(vec![Step::RemoveContainer]);
            record.steps.splice(made..made, again);
        }
    }

    /// Takes the next port if the one at hand was found taken: only now is the container
    /// that is set to it gone.
    pub(crate) fn change_port(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        let Some(pod) = self.pods.get(id) else { return };
        let host = self.hosts.get(&pod.record.host);
        let blocked = |port| host.is_some_and(|host| host.is_blocked(port, now.mono_ms));
        if !pod.record.port.is_some_and(blocked) {
            return;
        }
        self.release_port(id);
        if let Err(error) = self.reserve(id, now.mono_ms) {
            self.turn_round(id, operation, "taking the next port", error);
        }
    }

    fn fresh_tries(&mut self, id: &PodId) {
        if let Some(pod) = self.pod_memory(id) {
            pod.attempts = 0;
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
        if !self.operations.get(operation).is_some_and(OperationRecord::starts_afresh) {
            // A container that is kept has its address in the old range.
            return self.step_failed(now, id, operation, index, error);
        }
        let host = self.pods.get(id).map(|pod| pod.record.host.clone());
        if let Some(subnet) = self.release_subnet(id) {
            if let Some(host) = host.and_then(|host| self.hosts.get_mut(&host)) {
                host.block_subnet(subnet, now.mono_ms);
            }
            self.note(id, format!("subnet {subnet} is in use on the host; taking the next one"));
        }
        if let Err(none_left) = self.reserve(id, now.mono_ms) {
            let error = none_left.cause(error.chain());
            return self.step_failed(now, id, operation, index, error);
        }
        self.fresh_tries(id);
        if let Some(record) = self.operation_mut(operation) {
            record.steps[index].status = StepStatus::Planned;
        }
    }

    /// The operation gives up at this step and turns round.
    pub(crate) fn step_failed(
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
        let label = record.steps[index].step.label();
        self.turn_round(id, operation, &label, error);
    }

    /// Has the operation take back what it did.
    pub(crate) fn turn_round(
        &mut self,
        id: &PodId,
        operation: &OperationId,
        label: &str,
        error: ApiError,
    ) {
        let Some(pod) = self.pods.get(id) else { return };
        let extent = if pod.resumed { Extent::All } else { Extent::Recorded };
        let (half, seen) = (pod.record.unfinished.is_some(), pod.observed.clone());
        let Some(record) = self.operation_mut(operation) else { return };
        let half = half && record.kind == OperationKind::Create;
        for step in &mut record.steps {
            if step.status == StepStatus::Planned {
                step.status = StepStatus::Skipped;
            }
        }
        let text = format!("{} failed at \"{label}\": {}", record.kind.as_str(), error.chain());
        record.error = Some(error);
        // What an earlier creation left half made is not on this one's record.
        let undo = if half { plan::delete(seen.as_ref()) } else { record.undo_steps(extent) };
        record.direction = Direction::Undo;
        record.steps.extend(planned_undo(undo));
        let revert = record.revert.take();
        let reached = !record.recreates() && record.steps.iter().any(is_config_undo);
        self.fresh_tries(id);
        if let Some(revert) = revert {
            if reached {
                // What the pod has is the changed spec, until the steps back say otherwise.
                self.apply(id);
            }
            self.take_back_spec(id, *revert);
        }
        self.note(id, text);
    }

    /// Ends an operation that is to be broken off. One that has failed at that very moment is
    /// on its way back, for whose end all but a deletion wait.
    pub(crate) fn break_off(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        let queued = self.pods.get(id).and_then(|pod| pod.queued.as_ref());
        let queued = queued.and_then(|queued| self.operations.get(queued));
        let deleted = queued.is_some_and(|queued| queued.kind == OperationKind::Delete);
        let back = self.operations.get(operation).map(|record| record.direction);
        if deleted || back != Some(Direction::Undo) {
            return self.cancelled(now, id, operation);
        }
        if let Some(pod) = self.pod_memory(id) {
            pod.cancelling = false;
        }
    }

    /// Ends an operation whose place a later one takes.
    pub(crate) fn cancelled(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        self.leave_half(id, operation);
        self.supersede(now, operation);
        self.clear_timer(id);
        if let Some(pod) = self.pod_mut(id) {
            pod.cancelling = false;
            pod.resumed = false;
            pod.active = None;
            pod.attempts = 0;
        }
    }

    /// Marks an operation as one whose place a later one took.
    pub(crate) fn supersede(&mut self, now: Now, operation: &OperationId) {
        let Some(record) = self.operation_mut(operation) else { return };
        for step in &mut record.steps {
            if matches!(step.status, StepStatus::Planned | StepStatus::Started) {
                step.status = StepStatus::Skipped;
            }
        }
        record.direction = Direction::Cancelled;
        record.ended_at = Some(now.wall);
        record.error = Some(ApiError::new(ErrorKind::Cancelled, "a later request took its place"));
    }

    /// Breaks the active operation off if the queued one need not wait for its end.
    pub(crate) fn cancel_active(&mut self, now: Now, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        let Some(operation) = pod.active.clone().filter(|_| self.gives_way(pod)) else { return };
        let Some(ticket) = pod.in_flight.clone() else {
            return self.cancelled(now, id, &operation);
        };
        let interruptible = self.operations.get(&operation).is_some_and(|record| {
            record.current().is_some_and(|i| record.steps[i].step.is_interruptible())
        });
        let Some(pod) = self.pod_memory(id) else { return };
        let news = !std::mem::replace(&mut pod.cancelling, true);
        if interruptible && news {
            self.effects.push(Effect::CancelCall { ticket });
        }
    }

    /// Returns whether the pod's active operation gives way to the queued one.
    pub(crate) fn gives_way(&self, pod: &crate::state::Pod) -> bool {
        let get = |id: Option<&OperationId>| id.and_then(|id| self.operations.get(id));
        let Some(active) = get(pod.active.as_ref()) else { return false };
        match get(pod.queued.as_ref()).map(|queued| queued.kind) {
            Some(OperationKind::Delete) => active.kind != OperationKind::Delete,
            // Half of the way back to an old container is neither.
            Some(OperationKind::Stop) => {
                let up = !active.recreates() && active.direction != Direction::Undo;
                up || active.may_be_left_half()
            }
            _ => false,
        }
    }
}

/// Returns whether a step gives the container back what of the spec it had before.
pub(crate) fn is_config_undo(step: &StepRecord) -> bool {
    step.undo && matches!(step.step, Step::ApplyConfig { .. } | Step::UpdateLimits)
}

/// Returns whether an operation may end although this step of its way back failed like
/// that: the pod is then down, which reconcile sees to, or keeps the changed spec, which its
/// record says: the next start or change gives it the one it is to have.
fn may_be_left(step: &Step, class: FailureClass) -> bool {
    match step {
        Step::StartContainer | Step::ApplyConfig { .. } | Step::UpdateLimits => true,
        Step::PutBack => class == FailureClass::Missing,
        _ => false,
    }
}
