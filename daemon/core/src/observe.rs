//! What was seen on a host.
//!
//! Whoever looks promises that a look at a pod is newer than the last call for it
//! that has ended; one during which a call is under way is noted and not trusted.
//! For looks at a whole host there is no such promise: see `overtaken` and `looks`.

use crate::engine::{HostSnapshot, ObservedPod};
use crate::event::Now;
use crate::state::State;
use pinacle_protocol::{HostId, HostStatus, PodId};
use std::collections::BTreeMap;

/// Pause before a pod that could not be looked at is looked at again, in milliseconds.
const LOOK_AGAIN_MS: u64 = 1_000;

impl State {
    pub(crate) fn host_observed(&mut self, now: Now, id: &HostId, snapshot: HostSnapshot) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.looks = host.looks.saturating_sub(1);
        if host.looks > 0 || host.status != HostStatus::Up {
            return;
        }
        host.observed = true;
        host.foreign.clear();
        self.changed.hosts.insert(id.clone());
        let mut seen: BTreeMap<PodId, ObservedPod> =
            snapshot.pods.into_iter().map(|pod| (pod.id.clone(), pod)).collect();
        let known = self.pods_on(id);
        for pod in &known {
            let observed = seen.remove(pod).filter(|seen| self.is_of(pod, seen));
            self.note_observation(pod, observed);
        }
        for (_, observed) in seen {
            self.unknown_pod(id, observed);
        }
        for pod in known {
            self.rewind(&pod);
            self.settle(now, &pod);
            self.advance(now, &pod);
        }
    }

    /// Returns whether what was seen under a pod's id is that pod, not one of another
    /// daemon with edited labels.
    fn is_of(&self, pod: &PodId, seen: &ObservedPod) -> bool {
        self.pods.get(pod).is_some_and(|pod| pod.record.owner.as_str() == seen.owner)
    }

    fn note_observation(&mut self, id: &PodId, observed: Option<ObservedPod>) {
        let Some(pod) = self.pod_memory(id) else { return };
        let changed = pod.observed != observed;
        pod.fresh = pod.in_flight.is_none() && !std::mem::take(&mut pod.overtaken);
        pod.observed = observed;
        if changed {
            self.changed.pods.insert(id.clone());
        }
    }

    fn unknown_pod(&mut self, host: &HostId, observed: ObservedPod) {
        if self.pods.contains_key(&observed.id) {
            // The same id on another host: a copy, which is nobody's to act on.
            return;
        }
        let ours = observed.owner == self.settings.owner.as_str();
        if let Some(host) = self.hosts.get_mut(host) {
            host.foreign.insert(observed.id.clone(), observed.clone());
        }
        if ours {
            self.found(host, observed);
        }
    }

    pub(crate) fn pod_observed(
        &mut self,
        now: Now,
        host: &HostId,
        id: &PodId,
        observed: Option<ObservedPod>,
    ) {
        let known = self.pods.get(id).is_some_and(|pod| pod.record.host == *host);
        let ready = self.host_ready(host);
        if known && let Some(pod) = self.pod_memory(id) {
            pod.looking = false;
            pod.overtaken |= !ready;
        }
        if !ready {
            return;
        }
        if known {
            let observed = observed.filter(|seen| self.is_of(id, seen));
            self.note_observation(id, observed);
            self.settle(now, id);
            self.advance(now, id);
        } else if let Some(observed) = observed {
            self.unknown_pod(host, observed);
        } else if let Some(host) = self.hosts.get_mut(host) {
            host.foreign.remove(id);
        }
    }

    pub(crate) fn look_failed(&mut self, now: Now, host: &HostId, pod: Option<&PodId>) {
        let Some(id) = pod else {
            // The host is reported down next, and looked at again once it is back.
            if let Some(host) = self.hosts.get_mut(host) {
                host.looks = host.looks.saturating_sub(1);
            }
            return;
        };
        let ready = self.host_ready(host);
        let Some(pod) = self.pods.get_mut(id).filter(|pod| pod.record.host == *host) else {
            return;
        };
        pod.looking = false;
        pod.fresh = false;
        pod.overtaken |= !ready;
        if ready && pod.active.is_none() && pod.not_before.is_none() {
            self.set_timer(id, now.mono_ms.saturating_add(LOOK_AGAIN_MS));
        }
    }
}
