//! What brought a pod down that was to be up: said as it is while the pod is down, and as what
//! was once it is up again.

use crate::engine::{ContainerState, ObservedContainer};
use crate::record::{Fall, OperationRecord, PodRecord};
use crate::state::State;
use crate::step::Step;
use pinacle_protocol::{OperationKind, PodId, StepStatus};

impl Fall {
    pub(crate) fn of(container: Option<&ObservedContainer>) -> Self {
        match container {
            None => Self::Removed,
            Some(c) if c.oom_killed => Self::OutOfMemory,
            Some(c) if c.state == ContainerState::Paused => Self::Paused,
            Some(c) => c.exit_code.map_or(Self::Down, |code| Self::Ended { code }),
        }
    }

    /// Says it of a pod that is down.
    pub(crate) fn text(self) -> String {
        match self {
            Self::Removed => "the container is gone: removed by something else than Pinacle".into(),
            Self::OutOfMemory => "the container was killed for using too much memory".into(),
            Self::Paused => "the container was paused".into(),
            Self::Ended { code } => format!("the container ended with exit code {code}"),
            Self::Down => "the container is not running".into(),
        }
    }

    /// Says it of a pod that is up again, in a container that was made for that or not.
    fn past(self, made: bool) -> String {
        let what = match self {
            Self::Removed if made => {
                return "its container was made anew: it had been removed by something else than \
                        Pinacle; files outside /workspace and the home directory are gone"
                    .into();
            }
            Self::Removed => "was not there for a while".into(),
            Self::OutOfMemory => "had been killed for using too much memory".into(),
            Self::Paused => "had been paused".into(),
            Self::Ended { code } => format!("had ended with exit code {code}"),
            Self::Down => "had not been running".into(),
        };
        format!("started again: its container {what}")
    }
}

impl PodRecord {
    /// Takes note that the container it had is made anew, whoever asked for the pod to be up:
    /// nobody asked for that.
    pub(crate) fn is_made_anew(&mut self, by: OperationKind) {
        if by == OperationKind::Recreate && self.applied.is_some() {
            self.fall = Some(Fall::Removed);
        }
    }
}

impl State {
    /// Has a pod that is up again say in the past tense why it was down.
    pub(crate) fn brought_back(&mut self, id: &PodId, made: bool) {
        let fall = self.pods.get(id).and_then(|pod| pod.record.fall);
        let Some((fall, pod)) = fall.zip(self.pod_mut(id)) else { return };
        pod.record.fall = None;
        let past = fall.past(made);
        // What was found amiss on the way up is still so.
        let said = pod.record.attention.take().filter(|said| *said != fall.text());
        pod.record.attention = Some(match said {
            Some(said) if made => format!("{past}; {said}"),
            Some(said) => said,
            None => past.clone(),
        });
        if made && fall == Fall::Removed {
            self.note(id, past);
        }
    }
}

/// Returns whether an operation made a container.
pub(crate) fn made_container(record: &OperationRecord) -> bool {
    record.steps.iter().any(|step| {
        step.step == Step::CreateContainer && step.status == StepStatus::Succeeded && !step.undo
    })
}
