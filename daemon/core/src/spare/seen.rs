//! What of networks made ahead was seen on a host.

use super::{Spare, Standing};
use crate::advance::pause_ms;
use crate::effect::Effect;
use crate::engine::ObservedPod;
use crate::event::Now;
use crate::record::{RecordKey, SpareRecord};
use crate::state::State;
use pinacle_protocol::{HostId, PodId};
use std::collections::BTreeMap;

impl State {
    /// Takes note of what was seen of those of a host, and leaves in `seen` what is none.
    pub(crate) fn spares_observed(
        &mut self,
        now: Now,
        host: &HostId,
        seen: &mut BTreeMap<PodId, ObservedPod>,
    ) {
        let spares = self.hosts.get(host).map(|host| host.spares.all.keys().cloned());
        let spares: Vec<PodId> = spares.into_iter().flatten().collect();
        for id in spares {
            let observed = seen.remove(&id);
            let spare = self.hosts.get_mut(host).and_then(|host| host.spares.all.get_mut(&id));
            if let Some(spare) = spare.filter(|spare| spare.overtaken) {
                spare.overtaken = false;
                if observed.is_some_and(|seen| !seen.is_spare()) {
                    spare.suspect = true;
                    self.effects.push(Effect::ObservePod { host: host.clone(), pod: id });
                }
                continue;
            }
            if let Some(observed) = self.spare_observed(now, host, &id, observed) {
                seen.insert(id, observed);
            }
        }
        if let Some(host) = self.hosts.get_mut(host) {
            host.spares.vanished = 0;
        }
    }

    /// Takes note that something ended that is newer than a look at the whole host.
    pub(crate) fn spare_overtakes(&mut self, host: &HostId, pod: &PodId) {
        let overtakes = self.is_looked_at(host);
        let spare = self.hosts.get_mut(host).and_then(|host| host.spares.all.get_mut(pod));
        if let Some(spare) = spare {
            spare.overtaken |= overtakes;
        }
    }

    pub(crate) fn is_spare(&self, host: &HostId, pod: &PodId) -> bool {
        self.hosts.get(host).is_some_and(|host| host.spares.all.contains_key(pod))
    }

    /// Takes note of what was seen of a spare, and returns it when it is none any more: a
    /// pod was made of it by a daemon whose records are lost.
    pub(crate) fn spare_observed(
        &mut self,
        now: Now,
        host: &HostId,
        id: &PodId,
        observed: Option<ObservedPod>,
    ) -> Option<ObservedPod> {
        let there = self.hosts.get_mut(host)?;
        let busy = there.spares.is_busy_with(id);
        let spare = there.spares.all.get_mut(id)?;
        let ours = observed.filter(|seen| seen.owner == spare.record.owner.as_str());
        let more = ours.as_ref().is_some_and(|seen| !seen.is_spare());
        if busy {
            spare.suspect |= more;
            return None;
        }
        spare.suspect = false;
        if more {
            self.forget_spare(host, id);
            return ours;
        }
        let network = ours.and_then(|seen| seen.network);
        let is_there = network.is_some() && network == spare.record.subnet;
        match spare.standing {
            Standing::Unknown if is_there => {
                (spare.standing, spare.failures, spare.not_before) = (Standing::Ready, 0, 0);
            }
            Standing::Ready if !is_there => {
                spare.standing = Standing::Unknown;
                // Whoever removes them may do so again and again.
                there.spares.vanished = there.spares.vanished.saturating_add(1);
                spare.not_before = now.mono_ms.saturating_add(pause_ms(there.spares.vanished));
            }
            _ => {}
        }
        None
    }

    /// Takes one into the list that was found on a host and is not on record.
    pub(crate) fn found_spare(&mut self, host: &HostId, observed: &ObservedPod) {
        let Some(there) = self.hosts.get_mut(host) else { return };
        let subnet = observed.network.filter(|subnet| !there.used_subnets.contains(subnet));
        subnet.into_iter().for_each(|subnet| there.used_subnets.insert(subnet));
        let record = SpareRecord {
            id: observed.id.clone(),
            host: host.clone(),
            owner: self.settings.owner.clone(),
            subnet,
        };
        there.spares.all.insert(observed.id.clone(), Spare::loaded(record));
        self.dirty.insert(RecordKey::Spare(observed.id.clone()), ());
    }
}
