//! What was seen on a host.
//!
//! Whoever looks promises that a look at a pod is newer than the last call for it
//! that has ended; one during which a call is under way is noted and not trusted.
//! For looks at a whole host there is no such promise: see `overtaken` and `looks`.
//!
//! A whole host is looked at when it comes up, again when that fails, and now and then
//! later: an engine under load drops events without a word.

use crate::advance::pause_ms;
use crate::effect::Effect;
use crate::engine::{HostSnapshot, ObservedPod};
use crate::event::Now;
use crate::state::State;
use pinacle_protocol::{HostId, HostStatus, PodId};
use std::collections::BTreeMap;

/// Pause before a pod that could not be looked at is looked at again, in milliseconds.
const LOOK_AGAIN_MS: u64 = 1_000;
/// Pause between two looks at all of a host, in milliseconds: three lists, for what events
/// were lost of.
const LOOK_EVERY_MS: u64 = 10 * 60 * 1_000;

impl State {
    pub(crate) fn host_observed(&mut self, now: Now, id: &HostId, snapshot: HostSnapshot) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.looks = host.looks.saturating_sub(1);
        if host.looks > 0 || host.status != HostStatus::Up {
            return;
        }
        host.observed = true;
        host.failed_looks = 0;
        host.next_look = Some(now.mono_ms.saturating_add(LOOK_EVERY_MS));
        host.foreign.clear();
        self.changed.hosts.insert(id.clone());
        let mut seen: BTreeMap<PodId, ObservedPod> =
            snapshot.pods.into_iter().map(|pod| (pod.id.clone(), pod)).collect();
        // Pods that are only now found come first.
        self.stir(now, id);
        self.spares_observed(now, id, &mut seen);
        let known = self.pods_on(id);
        for pod in &known {
            let observed = seen.remove(pod).filter(|seen| self.is_of(pod, seen));
            let overtaken = self.pod_memory(pod).is_some_and(|p| std::mem::take(&mut p.overtaken));
            if !overtaken {
                self.note_observation(pod, observed);
            }
        }
        for (pod, observed) in seen {
            if self.was_deleted(&pod) {
                // It may have been looked at before it was gone: this one look decides.
                self.effects.push(Effect::ObservePod { host: id.clone(), pod });
            } else {
                self.unknown_pod(id, observed);
            }
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
        pod.fresh = pod.in_flight.is_none();
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
        if ours && observed.is_spare() && !self.adoptions.contains_key(&observed.id) {
            return self.found_spare(host, &observed);
        }
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
        let (ready, overtakes) = (self.host_ready(host), self.is_looked_at(host));
        if known && let Some(pod) = self.pod_memory(id) {
            pod.looking = false;
            pod.overtaken |= overtakes;
        }
        self.spare_overtakes(host, id);
        if !ready {
            return;
        }
        if known {
            let observed = observed.filter(|seen| self.is_of(id, seen));
            self.note_observation(id, observed);
            self.settle(now, id);
            self.advance(now, id);
        } else if self.is_spare(host, id) {
            if let Some(pod) = self.spare_observed(now, host, id, observed) {
                self.unknown_pod(host, pod);
            }
        } else if let Some(observed) = observed {
            let ours = observed.owner == self.settings.owner.as_str();
            if ours && self.was_deleted(id) {
                self.clear_away(now, host, &observed);
            } else {
                self.unknown_pod(host, observed);
            }
        } else if let Some(host) = self.hosts.get_mut(host) {
            host.foreign.remove(id);
        }
    }

    pub(crate) fn look_failed(&mut self, now: Now, host: &HostId, pod: Option<&PodId>) {
        let Some(id) = pod else { return self.host_look_failed(now, host) };
        let (ready, overtakes) = (self.host_ready(host), self.is_looked_at(host));
        let Some(pod) = self.pods.get_mut(id).filter(|pod| pod.record.host == *host) else {
            return;
        };
        pod.looking = false;
        pod.fresh = false;
        pod.overtaken |= overtakes;
        if ready && pod.active.is_none() && pod.not_before.is_none() {
            self.set_timer(id, now.mono_ms.saturating_add(LOOK_AGAIN_MS));
        }
    }

    /// It is reported down next, if it is; if not, nothing else would have it looked at.
    fn host_look_failed(&mut self, now: Now, host: &HostId) {
        let Some(host) = self.hosts.get_mut(host) else { return };
        host.looks = host.looks.saturating_sub(1);
        if host.looks == 0 && host.status == HostStatus::Up {
            host.failed_looks = host.failed_looks.saturating_add(1);
            host.next_look = Some(now.mono_ms.saturating_add(pause_ms(host.failed_looks)));
        }
    }

    /// Returns whether all of a host is being looked at, or is to be before anything is done,
    /// so that what ends now is newer than what that sees.
    pub(crate) fn is_looked_at(&self, host: &HostId) -> bool {
        self.hosts.get(host).is_none_or(|host| host.looks > 0 || !host.is_ready())
    }
}
