//! Networks made ahead, each for a pod to come.
//!
//! An engine makes one network after the other, and a network is a good part of what a
//! creation takes. A host that has pods therefore keeps a few that nobody uses yet. Each
//! has the id of a pod to come and with that its final name and range; a creation takes
//! both, in the commit that makes the pod, and finds the network there. Where it is not
//! there after all, the creation's own step makes it, as ever: a spare may save that, and
//! nothing depends on it.
//!
//! They are seen to when no call of a pod was begun or ended for a while, one after the other.

mod seen;
#[cfg(test)]
mod tests;
mod wanted;

use crate::advance::pause_ms;
use crate::effect::Effect;
use crate::engine::{
    EngineCall, EngineFailure, EngineOutcome, FailureClass, LABEL_OWNER, LABEL_POD, NetworkPlan,
    Ownership, Subnet,
};
use crate::event::{Now, Ticket};
use crate::host::Host;
use crate::names;
use crate::record::{RecordKey, SpareRecord};
use crate::state::State;
use pinacle_protocol::{HostId, PodId};
use std::collections::BTreeMap;

/// How long no call of a pod was begun or ended before an engine is asked for one, in
/// milliseconds: whoever creates pods one after the other is not to wait for the next one's
/// network.
const QUIET_MS: u64 = 2_000;
/// Of the ranges that no pod holds, one in so many may be a spare's: pools that are nearly
/// used up are left to the pods.
const SHARE: usize = 4;
/// Of the pauses between tries, the one before another range after the first that turned out
/// to be in use.
const AFTER_TAKEN: u32 = 4;
/// Pause before a new one after one that could not be made, in milliseconds.
const REST_MS: u64 = 5 * 60 * 1_000;

/// Those of a host.
#[derive(Debug, Clone, Default)]
pub(crate) struct Spares {
    pub(crate) all: BTreeMap<PodId, Spare>,
    /// The call under way.
    call: Option<Call>,
    /// When they are to be seen to next (monotonic).
    pub(crate) due: Option<u64>,
    /// Until when the engine is left alone (monotonic).
    quiet_from: u64,
    /// No new one is begun before this moment (monotonic).
    new_from: u64,
    /// New ones in a row whose range turned out to be in use.
    taken: u32,
    /// Times that the network of one was found gone, since the whole host was looked at.
    vanished: u32,
    /// Ranges of the pool that the host routes itself.
    pub(crate) routed: usize,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Spare {
    pub(crate) record: SpareRecord,
    standing: Standing,
    /// Calls for it that failed in a row.
    failures: u32,
    /// Nothing is asked for it before this moment (monotonic).
    not_before: u64,
    /// Whether more than a network may have been seen of it: it is left alone until it was
    /// looked at.
    suspect: bool,
    /// Whether a call or a look ended while the whole host was being looked at, so that
    /// what that sees of it may be from before.
    overtaken: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// On record; whether its network is there is not known.
    Unknown,
    /// Its network was seen.
    Ready,
    /// To be removed.
    Unwanted,
}

#[derive(Debug, Clone)]
struct Call {
    ticket: Ticket,
    pod: PodId,
    removes: bool,
}

/// What can be done for them next.
#[derive(Debug, Clone)]
enum Task {
    GiveUp,
    Remove(PodId),
    Make(PodId),
    New,
}

impl Spares {
    fn is_busy_with(&self, pod: &PodId) -> bool {
        self.call.as_ref().is_some_and(|call| call.pod == *pod)
    }

    /// Returns whether one of them holds the range.
    pub(crate) fn hold(&self, subnet: Subnet) -> bool {
        self.all.values().any(|spare| spare.record.subnet == Some(subnet))
    }

    fn kept(&self) -> impl Iterator<Item = (&PodId, &Spare)> {
        self.all.iter().filter(|(_, spare)| spare.standing != Standing::Unwanted)
    }

    /// A look at the whole host begins that is newer than all that was seen.
    pub(crate) fn not_overtaken(&mut self) {
        self.all.values_mut().for_each(|spare| spare.overtaken = false);
    }

    /// Returns whether something is under way or will be done.
    pub(crate) fn go_on(&self) -> bool {
        self.call.is_some() || self.due.is_some()
    }
}

impl Spare {
    fn new(record: SpareRecord, standing: Standing) -> Self {
        Self { record, standing, failures: 0, not_before: 0, suspect: false, overtaken: false }
    }

    /// Makes one that was stored.
    pub(crate) fn loaded(record: SpareRecord) -> Self {
        let known = record.subnet.is_some();
        Self::new(record, if known { Standing::Unknown } else { Standing::Unwanted })
    }
}

impl State {
    /// Sees to those of every host. Called behind every event.
    pub(crate) fn see_to_spares(&mut self, now: Now) {
        let stirred: Vec<HostId> = self
            .effects
            .iter()
            .filter_map(|effect| match effect {
                Effect::Call { host, .. } => Some(host.clone()),
                _ => None,
            })
            .collect();
        for host in stirred {
            self.stir(now, &host);
        }
        let hosts: Vec<HostId> = self.hosts.keys().cloned().collect();
        for host in hosts {
            self.see_to_spares_of(now, &host);
        }
    }

    /// Takes note that an engine has something to do for a pod, or had.
    pub(crate) fn stir(&mut self, now: Now, host: &HostId) {
        if let Some(host) = self.hosts.get_mut(host) {
            host.spares.quiet_from = now.mono_ms.saturating_add(QUIET_MS);
        }
    }

    fn see_to_spares_of(&mut self, now: Now, id: &HostId) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.spares.due = None;
        if !host.is_ready() || host.spares.call.is_some() {
            return;
        }
        let Some((at, task)) = host.next_spare_task(&self.settings) else { return };
        let at = if self.leaving { at } else { at.max(host.spares.quiet_from) };
        if at > now.mono_ms {
            host.spares.due = Some(at);
            return;
        }
        match task {
            Task::GiveUp => {
                host.give_up_spares(&self.settings);
                self.see_to_spares_of(now, id);
            }
            // The next daemon will.
            Task::New | Task::Make(_) if self.leaving => {}
            Task::New => self.new_spare(now, id),
            Task::Make(pod) => self.make_spare(id, &pod),
            Task::Remove(pod) => {
                let call = EngineCall::RemoveNetwork { name: names::network(&pod) };
                self.call_for_spare(id, &pod, call, true);
            }
        }
    }

    fn new_spare(&mut self, now: Now, id: &HostId) {
        let pod = self.new_pod_id();
        let Some(host) = self.hosts.get_mut(id) else { return };
        let Some(subnet) = host.free_subnet(&self.settings, now.mono_ms) else {
            host.spares.new_from = now.mono_ms.saturating_add(REST_MS);
            // What else there is to do is not to wait for that.
            return self.see_to_spares_of(now, id);
        };
        let record = SpareRecord {
            id: pod.clone(),
            host: id.clone(),
            owner: self.settings.owner.clone(),
            subnet: Some(subnet),
        };
        host.used_subnets.insert(subnet);
        host.spares.all.insert(pod.clone(), Spare::new(record, Standing::Unknown));
        self.dirty.insert(RecordKey::Spare(pod.clone()), ());
        // On record for good before anything is made with it.
        self.lasting();
        self.make_spare(id, &pod);
    }

    fn make_spare(&mut self, host: &HostId, pod: &PodId) {
        let spare = self.hosts.get(host).and_then(|host| host.spares.all.get(pod));
        let Some(SpareRecord { owner, subnet: Some(subnet), .. }) = spare.map(|s| &s.record) else {
            return;
        };
        let labels = [(LABEL_POD, pod.to_string()), (LABEL_OWNER, owner.to_string())];
        let plan = NetworkPlan {
            name: names::network(pod),
            bridge: names::bridge(pod),
            subnet: *subnet,
            labels: labels.map(|(name, value)| (name.to_owned(), value)).into(),
        };
        self.call_for_spare(host, pod, EngineCall::CreateNetwork(plan), false);
    }

    fn call_for_spare(&mut self, host: &HostId, pod: &PodId, call: EngineCall, removes: bool) {
        let operation = self.new_operation_id();
        let ticket = self.new_ticket(&operation);
        let Some(there) = self.hosts.get_mut(host) else { return };
        let Some(spare) = there.spares.all.get(pod) else { return };
        let owner = Ownership { pod: pod.clone(), owner: spare.record.owner.clone() };
        there.spares.call = Some(Call { ticket: ticket.clone(), pod: pod.clone(), removes });
        self.effects.push(Effect::CallAhead { ticket, host: host.clone(), owner, call });
    }

    /// Takes note of how a call for one of them ended; nothing when it was for something else.
    pub(crate) fn spare_call_ended(
        &mut self,
        now: Now,
        ticket: &Ticket,
        result: Result<EngineOutcome, EngineFailure>,
    ) {
        let its =
            |host: &&mut Host| host.spares.call.as_ref().is_some_and(|call| call.ticket == *ticket);
        let Some(host) = self.hosts.values_mut().find(its) else { return };
        let Some(call) = host.spares.call.take() else { return };
        let id = host.id.clone();
        // As of a pod: see `overtaken` there.
        let overtakes = host.looks > 0 || !host.is_ready();
        let Some(spare) = host.spares.all.get_mut(&call.pod) else { return };
        let suspect = spare.suspect;
        spare.overtaken |= overtakes;
        match result.map_err(|failure| failure.class) {
            Ok(_) if call.removes => self.forget_spare(&id, &call.pod),
            Ok(_) => {
                (spare.failures, spare.not_before) = (0, 0);
                if spare.standing == Standing::Unknown {
                    spare.standing = Standing::Ready;
                    host.spares.taken = 0;
                }
            }
            Err(FailureClass::SubnetTaken) if !call.removes => {
                spare.standing = Standing::Unwanted;
                let pause = pause_ms(AFTER_TAKEN.saturating_add(host.spares.taken));
                host.spares.taken = host.spares.taken.saturating_add(1);
                host.spares.new_from = now.mono_ms.saturating_add(pause);
                if let Some(subnet) = spare.record.subnet {
                    host.block_subnet(subnet, now.mono_ms);
                }
            }
            Err(FailureClass::Permanent) if !call.removes => {
                spare.standing = Standing::Unwanted;
                host.spares.new_from = now.mono_ms.saturating_add(REST_MS);
            }
            Err(_) => {
                spare.failures = spare.failures.saturating_add(1);
                spare.not_before = now.mono_ms.saturating_add(pause_ms(spare.failures));
            }
        }
        if suspect {
            self.effects.push(Effect::ObservePod { host: id, pod: call.pod });
        }
    }

    fn forget_spare(&mut self, host: &HostId, pod: &PodId) {
        let subnet = self.take_spare(host, pod).and_then(|record| record.subnet);
        if let (Some(subnet), Some(host)) = (subnet, self.hosts.get_mut(host)) {
            host.used_subnets.remove(subnet);
        }
    }

    /// The daemon is about to end: hosts without pods are left as they were found.
    pub(crate) fn leave(&mut self) {
        self.leaving = true;
    }

    /// Returns the one that the next pod on a host gets.
    pub(crate) fn next_spare(&mut self, now: Now, host: &HostId) -> Option<SpareRecord> {
        let host = self.hosts.get_mut(host)?;
        // A range is no pod's loss because of what is kept for pods.
        let any = host.free_subnet(&self.settings, now.mono_ms).is_none();
        let fit = |(id, spare): &(&PodId, &Spare)| {
            let good = any || (spare.failures == 0 && spare.standing != Standing::Unwanted);
            let range = spare.record.subnet.filter(|subnet| {
                host.is_fit(&self.settings, *subnet)
                    && !host.is_subnet_blocked(*subnet, now.mono_ms)
            });
            good && range.is_some() && !spare.suspect && !host.spares.is_busy_with(id)
        };
        let order = |(_, spare): &(&PodId, &Spare)| {
            (spare.standing != Standing::Ready, spare.record.subnet)
        };
        let best = host.spares.all.iter().filter(fit).min_by_key(order);
        best.map(|(_, spare)| spare.record.clone())
    }

    /// Takes one off the record; its range stays held.
    pub(crate) fn take_spare(&mut self, host: &HostId, pod: &PodId) -> Option<SpareRecord> {
        let spare = self.hosts.get_mut(host)?.spares.all.remove(pod)?;
        self.dirty.insert(RecordKey::Spare(pod.clone()), ());
        Some(spare.record)
    }

    /// Returns whether one is being made or removed, or soon will be.
    pub fn has_work_for_spares(&self) -> bool {
        self.hosts.values().any(|host| host.spares.go_on())
    }

    /// Returns whether a call for one is under way.
    pub fn waits_for_spares(&self) -> bool {
        self.hosts.values().any(|host| host.spares.call.is_some())
    }

    /// Returns those on record.
    pub fn spares(&self) -> impl Iterator<Item = &SpareRecord> {
        let all = self.hosts.values().flat_map(|host| host.spares.all.values());
        all.map(|spare| &spare.record)
    }

    pub(crate) fn spare_record(&self, id: &PodId) -> Option<&SpareRecord> {
        self.hosts.values().find_map(|host| host.spares.all.get(id)).map(|spare| &spare.record)
    }
}
