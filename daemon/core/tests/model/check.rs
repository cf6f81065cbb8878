//! What must hold after every event, on top of `State::check`.

use super::world::World;
use pinacle_core::phase::may_become;
use pinacle_core::record::Record;
use pinacle_protocol::{PodId, PodPhase};
use std::collections::BTreeMap;

impl World {
    pub(crate) fn check(&mut self) -> Result<(), String> {
        if let Some(wrong) = self.state.check() {
            return Err(wrong);
        }
        self.check_stored()?;
        self.check_phases()?;
        self.check_places()
    }

    /// What is stored is what there is.
    fn check_stored(&self) -> Result<(), String> {
        for record in self.stored.values() {
            match record {
                Record::Pod(pod) => {
                    if self.state.pod_record(&pod.id) != Some(pod) {
                        return Err(format!("pod {} is stored otherwise", pod.id));
                    }
                }
                Record::Operation(operation) => {
                    if self.state.operation_view(&operation.id) != Some(operation.view()) {
                        return Err(format!("operation {} is stored otherwise", operation.id));
                    }
                }
                Record::Spare(spare) => {
                    if !self.state.spares().any(|other| other == spare) {
                        return Err(format!("spare {} is stored otherwise", spare.id));
                    }
                }
            }
        }
        let all = self.state.pod_ids().count() + self.state.operation_views().count();
        let all = all + self.state.spares().count();
        if all != self.stored.len() {
            return Err(format!("{all} things are there, {} stored", self.stored.len()));
        }
        Ok(())
    }

    fn check_phases(&mut self) -> Result<(), String> {
        let now: BTreeMap<PodId, PodPhase> = self
            .state
            .pod_ids()
            .filter_map(|id| Some((id.clone(), self.state.pod_record(id)?.phase)))
            .collect();
        for (id, phase) in &now {
            let before = self.phases.get(id).copied().unwrap_or(*phase);
            if !reachable(before, *phase) {
                return Err(format!("{id} went from {before:?} to {phase:?}"));
            }
        }
        self.phases = now;
        Ok(())
    }

    /// A port or range that something of a pod on its host is set to is that pod's.
    fn check_places(&self) -> Result<(), String> {
        for id in self.state.pod_ids() {
            let Some(record) = self.state.pod_record(id) else { continue };
            let engine = &self.hosts[&record.host];
            let names = [pinacle_core::names::container(id), pinacle_core::names::previous(id)];
            for name in names {
                let container = engine.containers.get(&name).filter(|c| c.state.has_run());
                if container.is_some_and(|c| record.port != Some(c.port)) {
                    return Err(format!("{name} has a port that is not {:?}", record.port));
                }
                let network = engine.networks.get(&pinacle_core::names::network(id));
                let network = network.filter(|_| container.is_some());
                if network.is_some_and(|n| record.subnet != Some(n.subnet)) {
                    return Err(format!("{name} has a range that is not {:?}", record.subnet));
                }
            }
        }
        Ok(())
    }
}

/// One event may bring more than one change of phase; each is checked in the core itself.
fn reachable(from: PodPhase, to: PodPhase) -> bool {
    let steps = PodPhase::ALL.into_iter().filter(|p| may_become(from, *p) && may_become(*p, to));
    may_become(from, to) || steps.count() > 0
}
