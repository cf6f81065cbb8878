//! What clients were told, and what must be so because of it.

use pinacle_core::event::{Action, Request};
use pinacle_core::record::{Record, RecordKey};
use pinacle_protocol::{Accepted, ApiError, Desired, PodId, RequestId};
use std::collections::BTreeMap;

/// Ended operations that are kept of each pod.
const KEPT_PER_POD: usize = 20;

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
    /// By pod: what holds now; `None` when a request went unanswered.
    promises: BTreeMap<PodId, Option<Promise>>,
}

impl Ledger {
    pub(crate) fn promises(&self) -> impl Iterator<Item = (&PodId, Promise)> {
        self.promises.iter().filter_map(|(pod, promise)| Some((pod, (*promise)?)))
    }

    /// Takes note of an answer, or that there was none.
    pub(crate) fn answered(
        &mut self,
        index: usize,
        answer: Option<Result<Accepted, ApiError>>,
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
                    Some(promise) if first => self.promise(&accepted.pod, promise),
                    // It may be carried out only now, or have been before others were.
                    // A changed spec makes a creation that failed anew.
                    _ if !done => self.doubt(&accepted.pod),
                    _ => {}
                }
            }
            Some(Err(error)) => made.answer = Some(Err(error)),
            None => {
                let pod = match &made.request {
                    Request::Act { pod, .. } => Some(pod.clone()),
                    Request::Reconfigure(change) => Some(change.pod.clone()),
                    Request::Create(_) | Request::Adopt { .. } => None,
                };
                pod.iter().for_each(|pod| self.doubt(pod));
            }
        }
        Ok(())
    }

    fn promise(&mut self, pod: &PodId, promise: Promise) {
        let held = self.promises.entry(pod.clone()).or_insert(None);
        // Nothing comes back from being gone.
        if *held != Some(Promise::Gone) {
            *held = Some(promise);
        }
    }

    /// Nobody knows what of a pod holds.
    pub(crate) fn doubt(&mut self, pod: &PodId) {
        if let Some(held) = self.promises.get_mut(pod)
            && *held != Some(Promise::Gone)
        {
            *held = None;
        }
    }

    /// What was answered is on the disk, whatever a power cut took of what came after.
    pub(crate) fn outlived(&self, records: &BTreeMap<RecordKey, Record>) -> Result<(), String> {
        for (pod, promise) in self.promises() {
            let record = records.get(&RecordKey::Pod(pod.clone()));
            let desired = record.map(|record| match record {
                Record::Pod(pod) => pod.desired,
                Record::Operation(_) | Record::Spare(_) => unreachable!("it is stored as a pod"),
            });
            let kept = match promise {
                Promise::Gone => desired.is_none_or(|desired| desired == Desired::Gone),
                Promise::Running => desired == Some(Desired::Running),
                Promise::Stopped => desired == Some(Desired::Stopped),
            };
            if !kept {
                return Err(format!("{pod} was promised {promise:?}, on disk it is {desired:?}"));
            }
        }
        let mut operations: BTreeMap<&PodId, usize> = BTreeMap::new();
        for record in records.values() {
            if let Record::Operation(operation) = record {
                *operations.entry(&operation.pod).or_default() += 1;
            }
        }
        for made in &self.made {
            let Some(Ok(Accepted { pod, operation: Some(operation) })) = &made.answer else {
                continue;
            };
            // Only where there are so many are old ones forgotten.
            let few = operations.get(pod).is_none_or(|count| *count < KEPT_PER_POD);
            if few && !records.contains_key(&RecordKey::Operation(operation.clone())) {
                return Err(format!("{} was answered {operation}, which is not on disk", made.id));
            }
        }
        Ok(())
    }

    /// Nothing that was stored is left.
    pub(crate) fn wiped(&mut self) {
        self.promises.clear();
        self.made.clear();
    }
}
