//! What can be asked of a pod as it is: start, stop, restart, delete.

use crate::event::{Action, Now};
use crate::record::Direction;
use crate::request::{busy, no_such_pod};
use crate::state::State;
use pinacle_protocol::{
    Accepted, ApiError, Desired, ErrorKind, OperationId, OperationKind, PodId, PodPhase, RequestId,
};

type Begun = Result<Option<OperationId>, ApiError>;

impl State {
    pub(crate) fn act(
        &mut self,
        now: Now,
        request: RequestId,
        id: &PodId,
        action: Action,
    ) -> Result<Accepted, ApiError> {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        if pod.record.desired == Desired::Gone && action != Action::Delete {
            let message = format!("pod `{}` is being deleted", pod.record.slug);
            let hint = "make another when it is gone; `pinacle-tui rm` waits for that";
            return Err(ApiError::new(ErrorKind::WrongPhase, message).hint(hint));
        }
        let operation = match action {
            Action::Start => self.start(now, request, id)?,
            Action::Stop => self.stop(now, request, id)?,
            Action::Restart => self.restart(now, request, id)?,
            Action::Delete => Some(self.delete(now, request, id)),
        };
        Ok(Accepted { pod: id.clone(), operation })
    }

    /// Returns the pod's newest operation that has not ended, with its kind.
    pub(crate) fn latest(&self, id: &PodId) -> Option<(OperationId, OperationKind)> {
        let pod = self.pods.get(id)?;
        let operation = pod.queued.as_ref().or(pod.active.as_ref())?;
        Some((operation.clone(), self.operations.get(operation)?.kind))
    }

    /// Has an operation answer one more request, now and when it is repeated.
    fn join(&mut self, request: RequestId, operation: &OperationId) {
        if let Some(record) = self.operation_mut(operation) {
            record.joined.push(request.clone());
            let pod = record.pod.clone();
            self.requests.insert(request, (pod, operation.clone()));
        }
    }

    fn want(&mut self, id: &PodId, desired: Desired) {
        self.clear_timer(id);
        if let Some(pod) = self.pod_mut(id) {
            pod.record.desired = desired;
            pod.crashes = 0;
        }
    }

    pub(crate) fn start(&mut self, now: Now, request: RequestId, id: &PodId) -> Begun {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        let host = pod.record.host.clone();
        let running = pod.record.phase == PodPhase::Running
            && pod.record.failure.is_none()
            && pod.record.unfinished.is_none();
        let phase = pod.record.phase;
        let failure = pod.record.failure.as_ref().map(|failure| failure.kind);
        self.host_usable(&host)?;
        match self.latest(id) {
            Some((operation, kind))
                if kind != OperationKind::Stop && !self.is_undone(&operation) =>
            {
                self.want(id, Desired::Running);
                self.join(request, &operation);
                return Ok(Some(operation));
            }
            None if running => {
                self.want(id, Desired::Running);
                return Ok(None);
            }
            _ => {}
        }
        if self.host_ready(&host) {
            // Better said now than as an operation that fails.
            self.reserve(id, now.mono_ms)?;
        }
        self.want(id, Desired::Running);
        if let Some(pod) = self.pod_mut(id) {
            pod.record.failure = None;
        }
        let again = failure == Some(OperationKind::Create);
        if again && phase == PodPhase::Failed {
            self.set_phase(id, PodPhase::Pending, now.wall);
        }
        let kind = if again { OperationKind::Create } else { OperationKind::Start };
        Ok(Some(self.begin(now, id, kind, Some(request))))
    }

    /// Returns whether an operation is a creation on its way back: what is asked for then
    /// comes after it.
    fn is_undone(&self, operation: &OperationId) -> bool {
        self.operations.get(operation).is_some_and(|record| {
            record.kind == OperationKind::Create && record.direction == Direction::Undo
        })
    }

    fn stop(&mut self, now: Now, request: RequestId, id: &PodId) -> Begun {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        let down = pod.fresh && !pod.container().is_some_and(|c| c.state.is_up());
        let active = pod.active.clone();
        let kind_of = |operation: &OperationId| self.operations.get(operation).map(|o| o.kind);
        match (active.as_ref().and_then(kind_of), self.latest(id)) {
            (Some(OperationKind::Stop), _) => {
                // A start that waits behind it is no longer wanted.
                self.drop_queued(now, id);
                self.want(id, Desired::Stopped);
                if let Some(operation) = &active {
                    self.join(request, operation);
                }
                return Ok(active);
            }
            (_, Some((operation, OperationKind::Stop))) => {
                self.want(id, Desired::Stopped);
                self.join(request, &operation);
                return Ok(Some(operation));
            }
            (_, None) if down => {
                self.want(id, Desired::Stopped);
                self.settle(now, id);
                return Ok(None);
            }
            _ => {}
        }
        self.want(id, Desired::Stopped);
        let operation = self.begin(now, id, OperationKind::Stop, Some(request));
        self.cancel_active(now, id);
        Ok(Some(operation))
    }

    fn restart(&mut self, now: Now, request: RequestId, id: &PodId) -> Begun {
        let Some(pod) = self.pods.get(id) else { return Err(no_such_pod(id)) };
        if let Some((_, kind)) = self.latest(id) {
            return Err(busy(&pod.record, kind));
        }
        if pod.record.phase != PodPhase::Running {
            return self.start(now, request, id);
        }
        let host = pod.record.host.clone();
        self.host_usable(&host)?;
        self.want(id, Desired::Running);
        Ok(Some(self.begin(now, id, OperationKind::Restart, Some(request))))
    }

    fn delete(&mut self, now: Now, request: RequestId, id: &PodId) -> OperationId {
        if let Some((operation, OperationKind::Delete)) = self.latest(id) {
            self.join(request, &operation);
            return operation;
        }
        self.want(id, Desired::Gone);
        let operation = self.begin(now, id, OperationKind::Delete, Some(request));
        self.cancel_active(now, id);
        self.set_phase(id, PodPhase::Terminating, now.wall);
        operation
    }
}
