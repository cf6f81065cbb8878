//! From what was stored to a state that goes on where it was.

use crate::event::Now;
use crate::host::Host;
use crate::record::{Durability, OperationRecord, Record, RecordKey, SpareRecord};
use crate::settings::Settings;
use crate::spare::Spare;
use crate::state::{Changed, State};
use pinacle_protocol::{HostId, PodId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

impl State {
    /// Takes up what was stored. Hosts are given separately, because they come from the
    /// settings; each begins as *connecting*, and nothing is done on it before it was
    /// looked at. Operations that were under way go on from the step they had reached.
    pub fn load(
        settings: Settings,
        hosts: impl IntoIterator<Item = HostId>,
        records: Vec<Record>,
        now: Now,
    ) -> Self {
        let random = settings.seed;
        let host = |id: HostId| (id.clone(), Host::new(id, now.wall));
        let mut state = Self {
            settings,
            hosts: hosts.into_iter().map(host).collect(),
            pods: BTreeMap::new(),
            operations: BTreeMap::new(),
            slugs: BTreeMap::new(),
            requests: BTreeMap::new(),
            adoptions: BTreeMap::new(),
            timers: BTreeSet::new(),
            gone: VecDeque::new(),
            effects: Vec::new(),
            dirty: BTreeMap::new(),
            durability: Durability::Flush,
            changed: Changed::default(),
            calls: 0,
            leaving: false,
            random,
        };
        let (mut operations, mut spares) = (Vec::new(), Vec::new());
        for record in records {
            match record {
                Record::Pod(pod) => state.insert_pod(*pod),
                Record::Operation(operation) => operations.push(*operation),
                Record::Spare(spare) => spares.push(spare),
            }
        }
        spares.into_iter().for_each(|spare| state.insert_loaded_spare(spare));
        operations.sort_by_key(|operation| (operation.created_at, operation.id.clone()));
        for operation in operations {
            state.insert_loaded_operation(operation);
        }
        // Not stored, because it follows: the later request was accepted.
        let breaks = state.pods.values().filter(|pod| state.gives_way(pod));
        let breaks: Vec<PodId> = breaks.map(|pod| pod.record.id.clone()).collect();
        for id in breaks {
            if let Some(pod) = state.pods.get_mut(&id) {
                pod.cancelling = true;
            }
        }
        state
    }

    fn insert_loaded_spare(&mut self, record: SpareRecord) {
        let Some(host) = self.hosts.get_mut(&record.host) else { return };
        let held = record.subnet.is_some_and(|subnet| host.used_subnets.contains(&subnet));
        if held || self.pods.contains_key(&record.id) {
            // No daemon writes that, but somebody may mend an export by hand: the pod has it.
            self.dirty.insert(RecordKey::Spare(record.id), ());
            return;
        }
        record.subnet.into_iter().for_each(|subnet| host.used_subnets.insert(subnet));
        host.spares.all.insert(record.id.clone(), Spare::loaded(record));
    }

    fn insert_loaded_operation(&mut self, operation: OperationRecord) {
        let id = operation.id.clone();
        for request in operation.request.iter().chain(&operation.joined) {
            self.requests.insert(request.clone(), (operation.pod.clone(), id.clone()));
        }
        match self.pods.get_mut(&operation.pod) {
            Some(pod) => {
                pod.history.push_back(id.clone());
                if !operation.is_final() {
                    let queued = operation.is_queued();
                    let place = if queued { &mut pod.queued } else { &mut pod.active };
                    *place = Some(id.clone());
                    pod.resumed = true;
                }
            }
            None => self.gone.push_back(id.clone()),
        }
        self.operations.insert(id, operation);
    }
}
