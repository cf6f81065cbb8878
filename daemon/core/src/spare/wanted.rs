//! How many networks made ahead a host is to have, and what is to be done for them next.

use super::{SHARE, Spare, Standing, Task};
use crate::engine::Subnet;
use crate::host::Host;
use crate::settings::Settings;
use pinacle_protocol::PodId;

impl Host {
    /// Returns how many there are to be.
    pub(super) fn wanted_spares(&self, settings: &Settings) -> usize {
        let theirs = self.spares.all.values().filter(|spare| spare.record.subnet.is_some());
        let pods = self.used_subnets.len().saturating_sub(theirs.count());
        if pods == 0 {
            // A host without pods is left as it was found.
            return 0;
        }
        let used = pods.saturating_add(self.foreign.len()).saturating_add(self.spares.routed);
        settings.spares.min(settings.pool.len().saturating_sub(used) / SHARE)
    }

    /// Returns whether a network of this range may be a pod's to come.
    pub(super) fn is_fit(&self, settings: &Settings, subnet: Subnet) -> bool {
        settings.pool.contains(subnet) && !self.is_routed(subnet)
    }

    /// Returns the next one to be given up, if one is to be.
    fn surplus_spare(&self, settings: &Settings) -> Option<&PodId> {
        let unfit = |(_, spare): &(&PodId, &Spare)| {
            spare.record.subnet.is_some_and(|subnet| !self.is_fit(settings, subnet))
        };
        let many = self.spares.kept().count() > self.wanted_spares(settings);
        // Pods get the lowest ranges, so the highest goes.
        let last = || self.spares.kept().max_by_key(|(_, spare)| spare.record.subnet);
        let one = self.spares.kept().find(unfit).or_else(|| last().filter(|_| many));
        one.map(|(id, _)| id)
    }

    pub(super) fn give_up_spares(&mut self, settings: &Settings) {
        while let Some(id) = self.surplus_spare(settings).cloned() {
            let Some(spare) = self.spares.all.get_mut(&id) else { return };
            (spare.standing, spare.failures, spare.not_before) = (Standing::Unwanted, 0, 0);
        }
    }

    /// Returns what is to be done next for them, and from which moment on.
    pub(super) fn next_spare_task(&self, settings: &Settings) -> Option<(u64, Task)> {
        if self.surplus_spare(settings).is_some() {
            return Some((0, Task::GiveUp));
        }
        let task = |(id, spare): (&PodId, &Spare)| match spare.standing {
            _ if spare.suspect => None,
            Standing::Ready => None,
            Standing::Unknown => Some((spare.not_before, Task::Make(id.clone()))),
            Standing::Unwanted => Some((spare.not_before, Task::Remove(id.clone()))),
        };
        let more = self.spares.kept().count() < self.wanted_spares(settings);
        let new = more.then_some((self.spares.new_from, Task::New));
        self.spares.all.iter().filter_map(task).chain(new).min_by_key(|(at, _)| *at)
    }

    /// Returns whether something should be done for them that is neither under way nor due.
    pub(crate) fn forgets_spares(&self, settings: &Settings) -> bool {
        let idle = self.is_ready() && !self.spares.go_on();
        idle && self.next_spare_task(settings).is_some()
    }
}
