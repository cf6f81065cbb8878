//! When nothing is in the way any more: everything comes to rest, and is then
//! as it was wanted.

use super::engine::Container;
use super::world::{Ending, World};
use pinacle_core::engine::{ContainerState, LABEL_OWNER, LABEL_POD};
use pinacle_core::record::{PodRecord, SpareRecord};
use pinacle_core::spec::diff;
use pinacle_protocol::{Desired, HostId, OperationKind, PodId, PodPhase};
use std::collections::BTreeSet;

/// Longer than the longest pause between tries, and less than the one between two looks at
/// a host: these are taken for ever.
const SOON_MS: u64 = 599_000;
/// Far more events than any of the worlds needs to come to rest.
const ENOUGH: usize = 2_000;

impl World {
    /// Takes every obstacle away and lets everything under way come to its end.
    pub(crate) fn come_to_rest(&mut self) -> Result<(), String> {
        self.log.push("# from here on nothing is in the way".to_owned());
        self.dies_after_commit = false;
        let hosts: Vec<HostId> = self.hosts.keys().cloned().collect();
        for host in &hosts {
            if !self.hosts[host].up {
                self.host_comes_back(host);
            }
            let engine = self.host(host);
            engine.squatted.clear();
            engine.routed.clear();
        }
        for _ in 0..ENOUGH {
            if !self.settle_one()? {
                return self.check_at_rest();
            }
        }
        Err("it does not come to rest".to_owned())
    }

    /// Lets the next thing happen; `false` when there is none.
    pub(crate) fn settle_one(&mut self) -> Result<bool, String> {
        if let Some(host) = self.unannounced.first().cloned() {
            self.announce(&host)?;
        } else if !self.host_looks.is_empty() {
            self.go_on_with_host_look(0, false)?;
        } else if !self.reads.is_empty() {
            self.end_read(0, true)?;
        } else if !self.calls.is_empty() {
            self.end_call(0, Ending::AsItIs)?;
        } else if let Some(pod) = self.looks.keys().next().cloned() {
            self.go_on_with_look(&pod, false)?;
        } else if self.state.next_deadline().is_some_and(|at| at < self.stirred_ms + SOON_MS) {
            self.tick()?;
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn check_at_rest(&self) -> Result<(), String> {
        if !self.waiting.is_empty() {
            return Err(format!("{} requests were never answered", self.waiting.len()));
        }
        let pods: Vec<PodId> = self.state.pod_ids().cloned().collect();
        for id in &pods {
            let record = self.state.pod_record(id).expect("a pod of the list");
            self.check_pod(record).map_err(|wrong| format!("{id} at rest: {wrong}"))?;
        }
        for (host, engine) in &self.hosts {
            let containers = engine.containers.values().map(|c| &c.labels);
            let networks = engine.networks.values().map(|n| &n.labels);
            for labels in containers.chain(networks).chain(engine.volumes.values()) {
                let pod = labels.get(LABEL_POD).cloned().unwrap_or_default();
                let ours = labels.get(LABEL_OWNER).map(String::as_str) == Some(self.owner());
                let listed = pods.iter().any(|id| {
                    id.as_str() == pod
                        && self.state.pod_record(id).is_some_and(|record| record.host == *host)
                });
                let spare = self.state.spares().any(|spare| spare.id.as_str() == pod);
                if ours && !listed && !spare {
                    return Err(format!("{host} has something of {pod}, which is not in the list"));
                }
            }
        }
        self.state.spares().try_for_each(|spare| self.check_spare(spare))
    }

    /// Whatever is on record as made ahead is there, for a host that has pods.
    fn check_spare(&self, spare: &SpareRecord) -> Result<(), String> {
        let engine = &self.hosts[&spare.host];
        let wrong = |what: &str| Err(format!("spare {} at rest: {what}", spare.id));
        let network = engine.networks.get(&pinacle_core::names::network(&spare.id));
        if network.map(|network| network.subnet) != spare.subnet || network.is_none() {
            return wrong("its network is not there");
        }
        if engine.look(&spare.id).is_some_and(|seen| !seen.is_spare()) {
            return wrong("there is more of it than a network");
        }
        let holds = |id| {
            let record = self.state.pod_record(id);
            record.is_some_and(|pod| pod.host == spare.host && pod.subnet.is_some())
        };
        if !self.state.pod_ids().any(holds) {
            return wrong("its host has no pods");
        }
        Ok(())
    }

    fn check_pod(&self, record: &PodRecord) -> Result<(), String> {
        let id = &record.id;
        let view = self.state.pod_view(id).ok_or("it has no view")?;
        if view.operation.is_some() {
            return Err("an operation is still under way".to_owned());
        }
        let engine = &self.hosts[&record.host];
        let container = engine.containers.get(&pinacle_core::names::container(id));
        let up = container.is_some_and(|c| c.state == ContainerState::Running);
        let aside = engine.containers.contains_key(&pinacle_core::names::previous(id));
        if aside && !self.left_over.contains(id) {
            return Err("an old container is left over".to_owned());
        }
        let failure = record.failure.as_ref().map(|failure| failure.kind);
        if failure == Some(OperationKind::Create) {
            let left = engine.look(id).is_some();
            let held = record.port.is_some() || record.subnet.is_some();
            let right = record.phase == PodPhase::Failed && !left && !held;
            return right
                .then_some(())
                .ok_or_else(|| "its failed creation left something".to_owned());
        }
        match record.desired {
            Desired::Gone => Err("it is to be gone".to_owned()),
            Desired::Stopped if up => Err("it is to be stopped".to_owned()),
            Desired::Stopped if record.phase != PodPhase::Stopped => {
                Err(format!("it is stopped and {:?}", record.phase))
            }
            Desired::Stopped => Ok(()),
            Desired::Running if !up || record.phase != PodPhase::Running => {
                Err(format!("it is to run and {:?}, up: {up}", record.phase))
            }
            Desired::Running => {
                let network = engine.networks.get(&pinacle_core::names::network(id));
                if network.map(|n| n.subnet) != record.subnet {
                    return Err("its network is not the recorded one".to_owned());
                }
                if container.map(|c| c.port) != record.port {
                    return Err("its port is not the recorded one".to_owned());
                }
                let volumes: BTreeSet<String> =
                    pinacle_core::names::volumes(id).into_iter().collect();
                if !volumes.iter().all(|volume| engine.volumes.contains_key(volume)) {
                    return Err("it runs without its volumes".to_owned());
                }
                if !container.is_none_or(|c| self.is_installed(record, c)) {
                    return Err("it runs and was never installed".to_owned());
                }
                self.check_config(record, container.and_then(|c| c.config.as_ref()))
            }
        }
    }

    /// Returns whether the spec's install has run in the container, as far as the record knows.
    fn is_installed(&self, record: &PodRecord, container: &Container) -> bool {
        // One that was adopted was as far as its own daemon had come.
        let found = self.left_over.contains(&record.id) || record.owner.as_str() != self.owner();
        let ran = container.runs.iter().any(|key| key.starts_with("install-"));
        let installs = record.applied.as_ref().map(|applied| applied.spec.install.is_some());
        found || ran || installs == Some(false)
    }

    /// What the record says is in force is what the container was given.
    fn check_config(
        &self,
        record: &PodRecord,
        config: Option<&(u64, String)>,
    ) -> Result<(), String> {
        let Some(applied) = &record.applied else { return Ok(()) };
        let lost = self.left_over.contains(&record.id);
        let Some((_, text)) = config else {
            return if lost { Ok(()) } else { Err("it was never configured".to_owned()) };
        };
        let given = super::specs::spec(text);
        if diff(&given, &applied.spec).needs_recreate() {
            return Err("its container was made from another spec than the one in force".to_owned());
        }
        Ok(())
    }
}
