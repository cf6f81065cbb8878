//! What must hold after every step, and what must be so at rest.

use crate::disk::Disk;
use crate::host::Host;
use crate::ledger::Promise;
use crate::world::{OWNER, World};
use pinacle_core::State;
use pinacle_core::engine::ContainerState;
use pinacle_core::record::{PodRecord, Record, RecordKey};
use pinacle_daemon::backend::Backend;
use pinacle_daemon::engine::Engine;
use pinacle_protocol::{
    Cursor, Desired, Event, OperationKind, OperationStatus, PodId, PodPhase, PodView, Revision,
};
use std::collections::{BTreeMap, BTreeSet};

/// What must hold after every step of the daemon.
pub(crate) fn step(
    state: &State,
    disk: Option<&Disk>,
    host: &Host,
    spoilt: &BTreeSet<PodId>,
) -> Result<(), String> {
    if let Some(wrong) = state.check() {
        return Err(wrong);
    }
    if let Some(disk) = disk {
        disk.with_records(|records| stored(state, records))?;
    }
    let haunted = host.haunted();
    for id in state.pod_ids().filter(|id| !haunted.contains(*id) && !spoilt.contains(*id)) {
        let Some(record) = state.pod_record(id) else { continue };
        let (port, _) = host.fake.place(id);
        if port.is_some() && record.port != port {
            return Err(format!("{id} is up on {port:?} and holds {:?}", record.port));
        }
    }
    Ok(())
}

/// What is on disk is what there is.
fn stored(state: &State, records: &BTreeMap<RecordKey, Record>) -> Result<(), String> {
    for (key, record) in records {
        let same = match record {
            Record::Pod(pod) => state.pod_record(&pod.id) == Some(pod),
            Record::Operation(operation) => {
                state.operation_view(&operation.id) == Some(operation.view())
            }
            Record::Spare(spare) => state.spares().any(|other| other == spare),
        };
        if !same {
            return Err(format!("{key:?} is stored otherwise"));
        }
    }
    let there = state.pod_ids().count() + state.operation_views().count();
    let there = there + state.spares().count();
    if there != records.len() {
        return Err(format!("{there} things are there, {} are stored", records.len()));
    }
    Ok(())
}

/// A client that follows the events and never reads the list again.
#[derive(Default)]
pub(crate) struct Watcher {
    pods: BTreeMap<PodId, PodView>,
    cursor: Cursor,
    revision: Revision,
}

impl Watcher {
    pub(crate) fn new(backend: &Backend) -> Self {
        let now = backend.driver.published();
        let pods = now.pods.iter().map(|(id, entry)| (id.clone(), entry.view.clone()));
        Self { pods: pods.collect(), cursor: now.cursor, revision: now.revision }
    }

    /// Takes the events up to now: they lead to what the list says.
    pub(crate) fn watch(&mut self, backend: &Backend) -> Result<(), String> {
        let slice = backend.driver.events().after(self.cursor, usize::MAX);
        let now = backend.driver.published();
        if now.revision < self.revision || slice.next < self.cursor || slice.next != now.cursor {
            return Err(format!("{:?} came after {:?}", slice.next, self.cursor));
        }
        if slice.gap {
            return Err(format!("no rest: more happened after {:?} than is kept", self.cursor));
        }
        let mut last = self.cursor;
        for record in &slice.events {
            if record.cursor.seq != last.seq + 1 {
                return Err(format!("{:?} came behind {last:?}", record.cursor));
            }
            last = record.cursor;
            match &record.event {
                Event::PodChanged { pod } => {
                    self.pods.insert(pod.id.clone(), (**pod).clone());
                }
                Event::PodRemoved { id } => {
                    self.pods.remove(id);
                }
                Event::HostChanged { .. } | Event::OperationChanged { .. } => {}
            }
        }
        (self.cursor, self.revision) = (slice.next, now.revision);
        for (id, entry) in &now.pods {
            if self.pods.get(id) != Some(&entry.view) {
                let heard = self.pods.get(id);
                let listed = &entry.view;
                return Err(format!("who follows events has {heard:?}, the list {listed:?}"));
            }
        }
        if self.pods.len() != now.pods.size() {
            return Err("who follows events has pods that are gone".to_owned());
        }
        Ok(())
    }
}

impl World {
    /// What must be so when nothing is in the way and time has passed.
    pub(crate) async fn check_at_rest(&self) -> Result<(), String> {
        let now = self.backend().driver.published();
        if let Some(open) = self.ledger.made.iter().find(|made| made.answer.is_none()) {
            return Err(format!("{} was never answered", open.id));
        }
        let busy = now.operations.values().find(|operation| {
            !operation.status.is_final() && !self.spoilt.contains(&operation.pod)
        });
        if let Some(operation) = busy {
            return Err(format!("an operation does not end: {operation:?}"));
        }
        for entry in now.pods.values() {
            let record = &entry.record;
            self.check_pod(record)
                .await
                .map_err(|wrong| format!("{} at rest: {wrong}; {:?}", record.id, entry.view))?;
        }
        self.check_promises()?;
        self.check_host()
    }

    fn check_promises(&self) -> Result<(), String> {
        let now = self.backend().driver.published();
        for (pod, promise) in self.ledger.promises().filter(|(pod, _)| !self.spoilt.contains(*pod))
        {
            let desired = now.pods.get(pod).map(|entry| entry.record.desired);
            let kept = match promise {
                Promise::Gone => desired.is_none(),
                Promise::Running => desired == Some(Desired::Running),
                Promise::Stopped => desired == Some(Desired::Stopped),
            };
            if !kept {
                return Err(format!("{pod} was promised {promise:?} and is {desired:?}"));
            }
        }
        let gone = now.operations.values().filter(|operation| {
            operation.kind == OperationKind::Delete
                && operation.status == OperationStatus::Succeeded
        });
        for operation in gone {
            if now.pods.contains_key(&operation.pod) {
                return Err(format!("{} was deleted and is in the list", operation.pod));
            }
        }
        Ok(())
    }

    /// Whatever on the host is ours belongs to a pod in the list, or is for one to come.
    fn check_host(&self) -> Result<(), String> {
        let now = self.backend().driver.published();
        let spares = self.spares.lock().expect("no panic").clone();
        for spare in &spares {
            let (_, network) = self.host.fake.place(&spare.id);
            if network.is_none() || network != spare.subnet {
                return Err(format!("{spare:?} is not there: {network:?}"));
            }
        }
        for object in self.host.fake.inventory() {
            let ours = object.contains(OWNER);
            let known = now.pods.keys().any(|id| object.contains(id.as_str()));
            let spoilt = self.spoilt.iter().any(|id| object.contains(id.as_str()));
            let name = |id| format!("network {} ", pinacle_core::names::network(id));
            let spare = spares.iter().any(|spare| object.starts_with(&name(&spare.id)));
            if ours && !known && !spoilt && !spare {
                return Err(format!("it is ours and nobody's: {object}"));
            }
        }
        Ok(())
    }

    async fn check_pod(&self, record: &PodRecord) -> Result<(), String> {
        let id = &record.id;
        let seen = self.host.fake.look().pods.into_iter().find(|pod| pod.id == *id);
        let container = seen.as_ref().and_then(|seen| seen.container.as_ref());
        if self.spoilt.contains(id) {
            return Ok(());
        }
        let up = container.is_some_and(|c| c.state == ContainerState::Running);
        let name = pinacle_core::names::container(id);
        if container.is_some_and(|c| c.name != name) {
            return Err(format!("its container is called {:?}", container.map(|c| &c.name)));
        }
        if seen.as_ref().is_some_and(|seen| seen.previous.is_some()) {
            return Err("an old container is left over".to_owned());
        }
        let failure = record.failure.as_ref().map(|failure| failure.kind);
        if failure == Some(OperationKind::Create) {
            let held = record.port.is_some() || record.subnet.is_some();
            let right = record.phase == PodPhase::Failed && seen.is_none() && !held;
            return if right { Ok(()) } else { Err(format!("its creation left {seen:?}")) };
        }
        match record.desired {
            Desired::Gone => Err("it is to be gone".to_owned()),
            Desired::Stopped if up || record.phase != PodPhase::Stopped => {
                Err(format!("it is to be stopped, and is {:?}", record.phase))
            }
            Desired::Stopped => Ok(()),
            Desired::Running if failure.is_some() && record.phase == PodPhase::Failed => Ok(()),
            Desired::Running if !up || record.phase != PodPhase::Running => {
                Err(format!("it is to run, and is {:?}, up: {up}", record.phase))
            }
            Desired::Running => {
                let seen = seen.as_ref().ok_or("it runs and is not there")?;
                if seen.network != record.subnet && record.attention.is_none() {
                    return Err(format!("its network is {:?}", seen.network));
                }
                if container.and_then(|c| c.port) != record.port {
                    return Err("its port is not the recorded one".to_owned());
                }
                if seen.volumes.len() != 2 {
                    return Err("it runs without its volumes".to_owned());
                }
                let given = self.host.fake.read_spec(id).await.ok().flatten();
                // A change that could not be taken back in the pod is on record as in force.
                let in_force = record.applied.as_ref().map(|applied| &applied.spec);
                let applied = in_force == Some(&record.spec) && !self.forgot;
                if applied && given.as_ref() != Some(&record.spec_text) {
                    return Err(format!("it was given {given:?}, not {:?}", record.spec_text));
                }
                Ok(())
            }
        }
    }
}
