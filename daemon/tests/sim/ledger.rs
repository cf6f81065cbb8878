//! What clients were told, and what must be so because of it.

use pinacle_core::event::{Action, Request};
use pinacle_protocol::{Accepted, ApiError, PodId, RequestId};
use std::collections::BTreeMap;

/// What a client may rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Promise {
    /// It is in the list and wanted running.
    Running,
    /// It is in the list and wanted stopped.
    Stopped,
    /// It is gone.
    Gone,
}

/// A request that was made.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) id: RequestId,
    pub(crate) request: Request,
    /// How often it was made.
    pub(crate) asked: u32,
    pub(crate) answer: Option<Result<Accepted, ApiError>>,
}

/// All requests, and what they promise.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) made: Vec<Made>,
    /// By pod: what holds now and how many commits there were when it was promised;
    /// `None` when a request went unanswered.
    promises: BTreeMap<PodId, (Option<Promise>, usize)>,
}

impl Ledger {
    pub(crate) fn promises(&self) -> impl Iterator<Item = (&PodId, Promise)> {
        self.promises.iter().filter_map(|(pod, (promise, _))| Some((pod, (*promise)?)))
    }

    /// Takes note of an answer, or that there was none.
    pub(crate) fn answered(
        &mut self,
        index: usize,
        answer: Option<Result<Accepted, ApiError>>,
        commits: usize,
    ) -> Result<(), String> {
        let made = &mut self.made[index];
        let before = made.answer.clone();
        let promise = match &made.request {
            Request::Create(_) => Some(Promise::Running),
            Request::Act { action: Action::Start | Action::Restart, .. } => Some(Promise::Running),
            Request::Act { action: Action::Stop, .. } => Some(Promise::Stopped),
            Request::Act { action: Action::Delete, .. } => Some(Promise::Gone),
            Request::Reconfigure(_) | Request::Adopt { .. } => None,
        };
        match answer {
            Some(Ok(accepted)) => {
                let (first, known) = (made.asked == 1, before.clone());
                made.answer = Some(Ok(accepted.clone()));
                if let Some(Ok(before)) = before
                    && before.pod != accepted.pod
                {
                    return Err(format!("{} gave {before:?} and then {accepted:?}", made.id));
                }
                // What was done once already promises nothing new.
                let done = known.is_some_and(|known| {
                    known.is_ok_and(|known| known.operation.is_some() && known == accepted)
                });
                match promise {
                    Some(promise) if first => self.promise(&accepted.pod, promise, commits),
                    // It may be carried out only now, or have been before others were.
                    // A changed spec makes a creation that failed anew.
                    _ if !done => self.doubt(&accepted.pod, commits),
                    _ => {}
                }
            }
            Some(Err(error)) => made.answer = Some(Err(error)),
            None => {
                if let Request::Act { pod, .. } = &made.request {
                    let pod = pod.clone();
                    self.doubt(&pod, commits);
                }
            }
        }
        Ok(())
    }

    fn promise(&mut self, pod: &PodId, promise: Promise, commits: usize) {
        let held = self.promises.entry(pod.clone()).or_insert((None, 0));
        // Nothing comes back from being gone.
        if held.0 != Some(Promise::Gone) {
            *held = (Some(promise), commits);
        }
    }

    /// Nobody knows what of a pod holds.
    pub(crate) fn doubt(&mut self, pod: &PodId, commits: usize) {
        if let Some(held) = self.promises.get_mut(pod)
            && held.0 != Some(Promise::Gone)
        {
            *held = (None, commits);
        }
    }

    /// Only this many commits outlived a power cut. That a pod was made or deleted does.
    pub(crate) fn lost_power(&mut self, kept: usize) {
        for held in self.promises.values_mut() {
            if held.1 > kept && held.0 != Some(Promise::Gone) {
                held.0 = None;
            }
        }
    }

    /// Nothing that was stored is left.
    pub(crate) fn wiped(&mut self) {
        self.promises.clear();
        self.made.clear();
    }
}
