//! Where events come in. Dispatch only: what follows from each is in the
//! module named after it.

use crate::effect::Effect;
use crate::event::{Event, Now};
use crate::state::State;
use pinacle_protocol::{HostId, HostStatus, PodId};

impl State {
    /// Takes note of an event and returns what is to be done, in order. Does nothing
    /// else: no clock, no randomness, no input or output, so that the same state and
    /// events always give the same effects.
    pub fn handle(&mut self, now: Now, event: Event) -> Vec<Effect> {
        match event {
            Event::Requested { token, request } => self.requested(now, token, request),
            Event::CallEnded { ticket, result } => self.call_ended(now, &ticket, result),
            Event::HostUp { host, facts } => self.host_up(now, &host, facts),
            Event::HostDown { host, error } => self.host_lost(now, &host, error),
            Event::HostObserved { host, snapshot } => self.host_observed(now, &host, snapshot),
            Event::PodObserved { host, pod, observed } => {
                self.pod_observed(now, &host, &pod, observed.map(|o| *o));
            }
            Event::LookFailed { host, pod } => self.look_failed(now, &host, pod.as_ref()),
            Event::SpecRead { host, pod, text } => self.spec_read(now, &host, &pod, text),
            Event::Tick => self.tick(now),
            Event::Leaving => self.leave(),
        }
        self.see_to_spares(now);
        self.finish()
    }

    fn tick(&mut self, now: Now) {
        let mut due: Vec<PodId> = Vec::new();
        while let Some((at, pod)) = self.timers.first().cloned() {
            if at > now.mono_ms {
                break;
            }
            self.timers.pop_first();
            self.clear_timer(&pod);
            due.push(pod);
        }
        for pod in due {
            self.advance(now, &pod);
        }
        self.look_at_hosts(now);
    }

    /// Begins the looks at whole hosts whose time has come.
    fn look_at_hosts(&mut self, now: Now) {
        for (id, host) in &mut self.hosts {
            if host.next_look.is_some_and(|at| at <= now.mono_ms) {
                host.next_look = None;
                host.looks = host.looks.saturating_add(1);
                self.effects.push(Effect::Observe { host: id.clone() });
            }
        }
    }

    fn host_up(&mut self, now: Now, id: &HostId, facts: crate::engine::HostFacts) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.set_status(HostStatus::Up, None, now.wall);
        host.facts = Some(facts);
        host.observed = false;
        host.looks = host.looks.saturating_add(1);
        (host.next_look, host.failed_looks) = (None, 0);
        host.spares.not_overtaken();
        let routed = self.settings.pool.iter().filter(|subnet| host.is_routed(*subnet));
        host.spares.routed = routed.count();
        self.changed.hosts.insert(id.clone());
        for pod in self.pods_on(id) {
            if let Some(pod) = self.pod_memory(&pod) {
                pod.fresh = false;
                pod.overtaken = false;
            }
            self.changed.pods.insert(pod);
        }
        self.effects.push(Effect::Observe { host: id.clone() });
    }

    fn host_lost(&mut self, now: Now, id: &HostId, error: pinacle_protocol::ApiError) {
        let Some(host) = self.hosts.get_mut(id) else { return };
        host.set_status(HostStatus::Down, Some(error), now.wall);
        host.observed = false;
        host.next_look = None;
        self.changed.hosts.insert(id.clone());
        for pod in self.pods_on(id) {
            if let Some(pod) = self.pod_memory(&pod) {
                pod.fresh = false;
            }
            self.changed.pods.insert(pod);
        }
        for adoption in self.adoptions.values_mut().filter(|adoption| adoption.host == *id) {
            adoption.lost = true;
        }
    }

    pub(crate) fn pods_on(&self, host: &HostId) -> Vec<PodId> {
        let on = self.pods.values().filter(|pod| pod.record.host == *host);
        on.map(|pod| pod.record.id.clone()).collect()
    }
}
