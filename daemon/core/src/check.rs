//! What must hold after every event, in one place, for the tests.

use crate::host::Host;
use crate::state::State;
use pinacle_protocol::HostStatus;
use std::collections::BTreeMap;

impl State {
    /// Returns the first invariant that does not hold, in words; `None` when all do.
    ///
    /// Linear in the size of the state: for tests and simulations.
    pub fn check(&self) -> Option<String> {
        self.check_reservations()
            .or_else(|| self.check_operations())
            .or_else(|| self.check_progress())
            .or_else(|| self.check_slugs())
    }

    fn check_reservations(&self) -> Option<String> {
        let mut ports = BTreeMap::new();
        let mut subnets = BTreeMap::new();
        for (id, pod) in &self.pods {
            let host = &pod.record.host;
            if let Some(port) = pod.record.port
                && let Some(other) = ports.insert((host.clone(), port), id)
            {
                return Some(format!("port {port} is held by {other} and {id}"));
            }
            if let Some(subnet) = pod.record.subnet
                && let Some(other) = subnets.insert((host.clone(), subnet), id)
            {
                return Some(format!("subnet {subnet} is held by {other} and {id}"));
            }
        }
        for spare in self.spares() {
            if let Some(subnet) = spare.subnet
                && let Some(other) = subnets.insert((spare.host.clone(), subnet), &spare.id)
            {
                return Some(format!("subnet {subnet} is held by {other} and kept ready"));
            }
            if self.pods.contains_key(&spare.id) {
                return Some(format!("{} is a pod and kept for one to come", spare.id));
            }
        }
        for (id, pod) in &self.pods {
            let seen = pod.container().filter(|_| pod.fresh && pod.record.port.is_none());
            // One that never ran holds no port.
            let seen = seen.filter(|c| c.state.has_run());
            if let Some(port) = seen.and_then(|c| c.port)
                && !ports.contains_key(&(pod.record.host.clone(), port))
            {
                return Some(format!("{id} has a container with port {port} and nobody holds it"));
            }
        }
        for (id, host) in &self.hosts {
            let held = ports.keys().filter(|(on, _)| on == id).count();
            if held != host.used_ports.len() {
                return Some(format!(
                    "{held} ports are held on {id}, {} in use",
                    host.used_ports.len()
                ));
            }
            let held = subnets.keys().filter(|(on, _)| on == id).count();
            if held != host.used_subnets.len() {
                return Some(format!("{held} subnets are held on {id}, not what is in use"));
            }
        }
        None
    }

    fn check_operations(&self) -> Option<String> {
        for (id, operation) in &self.operations {
            let pod = self.pods.get(&operation.pod);
            let place = pod.is_some_and(|pod| {
                pod.active.as_ref() == Some(id) || pod.queued.as_ref() == Some(id)
            });
            if !operation.is_final() && !place {
                return Some(format!("operation {id} ({:?}) is lost", operation.kind));
            }
            if operation.is_final() && place {
                return Some(format!("operation {id} has ended and is still its pod's"));
            }
        }
        let dangling = self.pods.values().flat_map(|pod| pod.active.iter().chain(&pod.queued));
        let mut dangling = dangling.filter(|id| !self.operations.contains_key(*id));
        dangling.next().map(|id| format!("operation {id} is a pod's and unknown"))
    }

    fn check_progress(&self) -> Option<String> {
        let waits = |host: &Host| host.looks > 0 || host.next_look.is_some();
        let idle = |host: &&Host| host.status == HostStatus::Up && !waits(host);
        if let Some(host) = self.hosts.values().find(idle) {
            return Some(format!("host {} is up and will not be looked at", host.id));
        }
        let forgets = |host: &&Host| !self.leaving && host.forgets_spares(&self.settings);
        if let Some(host) = self.hosts.values().find(forgets) {
            return Some(format!("networks of {} wait for nothing", host.id));
        }
        for (id, pod) in &self.pods {
            if !self.host_ready(&pod.record.host) {
                continue;
            }
            let busy = pod.active.is_some() || pod.queued.is_some();
            let waits = pod.in_flight.is_some() || pod.not_before.is_some() || pod.looking;
            if (busy || !pod.fresh) && !waits {
                return Some(format!("{id} has something to do and waits for nothing"));
            }
            if pod.cancelling && (pod.active.is_none() || pod.queued.is_none()) {
                return Some(format!("{id} breaks off an operation for none"));
            }
        }
        let late = self
            .timers
            .iter()
            .find(|(at, id)| self.pods.get(id).is_none_or(|pod| pod.not_before != Some(*at)));
        if let Some((_, id)) = late {
            return Some(format!("a timer of {id} is not that of the pod"));
        }
        let timers = self.pods.values().filter(|pod| pod.not_before.is_some()).count();
        (timers != self.timers.len()).then(|| "timers and pods disagree".to_owned())
    }

    fn check_slugs(&self) -> Option<String> {
        let wrong = self.pods.iter().find(|(id, pod)| self.slugs.get(&pod.record.slug) != Some(id));
        if let Some((id, _)) = wrong {
            return Some(format!("{id} is not found by its slug"));
        }
        (self.slugs.len() != self.pods.len()).then(|| "slugs and pods disagree".to_owned())
    }
}
