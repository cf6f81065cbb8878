//! A container that was being made when somebody asked for a stop.
//!
//! The making is broken off, and the pod is stopped like any other. What is half made stays
//! until the next start removes it and makes the container anew: commands that run once in a
//! container have not all run in this one, and nobody can tell how far the last one came. The
//! volumes stay, with what was copied into them.

use crate::complete::is_configured;
use crate::engine::ObservedPod;
use crate::plan::OldContainer;
use crate::record::{Direction, OperationRecord, PodRecord, Unfinished};
use crate::state::State;
use crate::step::Step;
use pinacle_protocol::{Desired, OperationId, OperationKind, PodId, StepStatus};

/// What is said of a pod whose container is half made.
pub(crate) const HALF_MADE: &str = "it was stopped before its container was finished; \
                                    the next start makes the container anew";

impl OperationRecord {
    /// Returns whether it makes a container that may be left half made: nothing older is to
    /// come back, and nothing is being taken back.
    pub(crate) fn may_be_left_half(&self) -> bool {
        let makes = matches!(self.kind, OperationKind::Create | OperationKind::Recreate);
        makes && self.direction == Direction::Forward && !self.keeps_old()
    }
}

impl State {
    /// Takes note of how far the making of a container is that ends here.
    pub(crate) fn leave_half(&mut self, id: &PodId, operation: &OperationId) {
        let Some(record) = self.operations.get(operation).filter(|o| o.may_be_left_half()) else {
            return;
        };
        let Some(pod) = self.pods.get(id).filter(|pod| pod.record.desired != Desired::Gone) else {
            return;
        };
        if record.steps.iter().any(is_configured) {
            // Only waiting was left, and what runs after every start.
            return self.apply(id);
        }
        let copy = record.steps.iter().find(|step| step.step == Step::CopySource && !step.undo);
        let copied = match copy {
            Some(copy) => {
                copy.status == StepStatus::Succeeded && pod.record.spec.work_outlives_container()
            }
            None => pod.record.unfinished.is_some_and(|before| before.copied),
        };
        let at = record.current().map(|index| record.steps[index].step.label());
        let text = match at {
            Some(at) => format!("{} was broken off at \"{at}\"", record.kind.as_str()),
            None => format!("{} was broken off", record.kind.as_str()),
        };
        let unfinished = Unfinished { kind: record.kind, copied };
        if let Some(pod) = self.pod_mut(id) {
            pod.record.unfinished = Some(unfinished);
        }
        self.note(id, format!("{text}; the next start makes the container anew"));
    }
}

/// Returns whether the pod's container is half made, and is made anew by such an operation.
pub(crate) fn is_half(pod: &PodRecord, kind: OperationKind) -> bool {
    pod.unfinished.is_some() && matches!(kind, OperationKind::Create | OperationKind::Recreate)
}

/// Returns what a creation finds: nothing, or volumes that hold what an earlier one copied.
pub(crate) fn old_of(pod: &PodRecord, seen: Option<&ObservedPod>) -> OldContainer {
    let copied = pod.unfinished.is_some_and(|unfinished| unfinished.copied);
    let kept = copied && seen.is_some_and(|seen| !seen.volumes.is_empty());
    if kept { OldContainer::Absent } else { OldContainer::Never }
}
