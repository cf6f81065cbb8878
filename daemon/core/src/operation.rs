//! An operation's journal of steps: where it is follows from the steps alone.

use crate::record::{Direction, OperationRecord, StepRecord};
use crate::step::Step;
use pinacle_protocol::{
    OperationId, OperationKind, OperationStatus, OperationSummary, OperationView, PodId, RequestId,
    StepStatus, StepView, Timestamp,
};

/// What of an operation is taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extent {
    /// What is on record as done or begun.
    Recorded,
    /// All of it: it may be done without being on record.
    All,
}

impl OperationRecord {
    pub(crate) fn new(
        id: OperationId,
        pod: PodId,
        kind: OperationKind,
        request: Option<RequestId>,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            pod,
            kind,
            request,
            joined: Vec::new(),
            direction: Direction::Queued,
            steps: Vec::new(),
            error: None,
            revert: None,
            created_at: at,
            ended_at: None,
        }
    }

    /// Returns how far it is.
    pub fn status(&self) -> OperationStatus {
        match self.direction {
            Direction::Queued => OperationStatus::Queued,
            Direction::Forward => OperationStatus::Running,
            Direction::Undo => OperationStatus::Undoing,
            Direction::Succeeded => OperationStatus::Succeeded,
            Direction::Failed => OperationStatus::Failed,
            Direction::Cancelled => OperationStatus::Cancelled,
        }
    }

    pub(crate) fn is_final(&self) -> bool {
        self.status().is_final()
    }

    pub(crate) fn is_queued(&self) -> bool {
        self.direction == Direction::Queued
    }

    /// Returns the index of the step to do or to settle; `None` when all are behind it.
    pub(crate) fn current(&self) -> Option<usize> {
        let undo = self.direction == Direction::Undo;
        self.steps.iter().position(|step| {
            step.undo == undo && matches!(step.status, StepStatus::Planned | StepStatus::Started)
        })
    }

    /// Returns the steps that take back what was done or begun, in order; with
    /// `Extent::All` also what may have been.
    pub(crate) fn undo_steps(&self, extent: Extent) -> Vec<Step> {
        let all = extent == Extent::All && self.starts_afresh();
        let done = |step: &&StepRecord| {
            let open = matches!(step.status, StepStatus::Planned | StepStatus::Skipped);
            !step.undo && (all || !open)
        };
        let mut steps: Vec<Step> = Vec::new();
        for step in self.steps.iter().rev().filter(done) {
            if let Some(undo) = self.undo_of(&step.step)
                && !steps.contains(&undo)
            {
                steps.push(undo);
            }
        }
        steps
    }

    fn undo_of(&self, step: &Step) -> Option<Step> {
        match (self.kind, step) {
            // The volumes and the network were there before, with the user's work on them.
            // It is what becomes of the container that was made with a port found taken.
            (_, Step::RemoveContainer) if self.starts_afresh() => Some(Step::RemoveContainer),
            (OperationKind::Create, _) => step.undo(),
            (_, Step::CreateVolumes | Step::CreateNetwork) => None,
            (OperationKind::Reconfigure | OperationKind::Start, Step::StopContainer) => {
                Some(Step::StartContainer)
            }
            (OperationKind::Reconfigure, Step::UpdateLimits) => Some(Step::UpdateLimits),
            (OperationKind::Reconfigure, Step::ApplyConfig { .. }) if !self.recreates() => {
                Some(Step::ApplyConfig { services: true })
            }
            _ => step.undo(),
        }
    }

    /// Returns whether a container is made in it.
    pub(crate) fn recreates(&self) -> bool {
        self.steps.iter().any(|step| step.step == Step::CreateContainer)
    }

    /// Returns whether a container is made in it and no older one is kept meanwhile.
    pub(crate) fn starts_afresh(&self) -> bool {
        self.recreates() && !self.keeps_old()
    }

    /// Returns whether an older container is kept, or brought back, in it.
    pub(crate) fn keeps_old(&self) -> bool {
        self.steps.iter().any(|s| matches!(s.step, Step::SetAside | Step::PutBack))
    }

    /// Returns what a client sees of it.
    pub fn view(&self) -> OperationView {
        let step = |step: &StepRecord| StepView {
            label: step.step.label(),
            status: step.status,
            started_at: step.started_at,
            ended_at: step.ended_at,
        };
        OperationView {
            id: self.id.clone(),
            pod: self.pod.clone(),
            kind: self.kind,
            status: self.status(),
            error: self.error.clone(),
            created_at: self.created_at,
            ended_at: self.ended_at,
            steps: self.steps.iter().map(step).collect(),
        }
    }

    /// Returns it in one line.
    pub(crate) fn summary(&self) -> OperationSummary {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let open =
            |step: &&StepRecord| matches!(step.status, StepStatus::Planned | StepStatus::Started);
        let current = self.current().map(|i| self.steps[i].step.label());
        OperationSummary {
            id: self.id.clone(),
            kind: self.kind,
            step: current.unwrap_or_default(),
            done: count(self.steps.len() - self.steps.iter().filter(open).count()),
            total: count(self.steps.len()),
            started_at: self.created_at,
        }
    }
}
