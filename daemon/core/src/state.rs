//! All there is to know, and who may change it: the handlers of this crate.
//!
//! What is stored is in the records; the rest (what was last seen, pauses,
//! calls under way) is rebuilt after a start by looking at the hosts.

use crate::effect::Effect;
use crate::engine::{ObservedContainer, ObservedPod, Ownership};
use crate::event::{ReplyToken, Ticket};
use crate::host::Host;
use crate::record::{Change, Durability, OperationRecord, PodRecord, Record, RecordKey};
use crate::settings::Settings;
use pinacle_protocol::{
    ApiError, HostId, HostPort, HostStatus, OperationId, PodId, PodPhase, RequestId, Slug,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Ended operations kept for each pod.
pub(crate) const KEPT_PER_POD: usize = 20;
/// Ended operations of pods that are gone, kept so that whoever waits for a
/// deletion hears of its end.
pub(crate) const KEPT_OF_GONE: usize = 1_000;

/// The core's state. See the crate's documentation for how it is driven.
#[derive(Debug, Clone)]
pub struct State {
    pub(crate) settings: Settings,
    pub(crate) hosts: BTreeMap<HostId, Host>,
    pub(crate) pods: BTreeMap<PodId, Pod>,
    pub(crate) operations: BTreeMap<OperationId, OperationRecord>,
    pub(crate) slugs: BTreeMap<Slug, PodId>,
    pub(crate) requests: BTreeMap<RequestId, (PodId, OperationId)>,
    pub(crate) adoptions: BTreeMap<PodId, Adoption>,
    pub(crate) timers: BTreeSet<(u64, PodId)>,
    /// Ended operations of pods that are gone, oldest first.
    pub(crate) gone: VecDeque<OperationId>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) dirty: BTreeMap<RecordKey, ()>,
    pub(crate) durability: Durability,
    pub(crate) changed: Changed,
    pub(crate) calls: u64,
    /// Whether the daemon is about to end.
    pub(crate) leaving: bool,
    pub(crate) random: u64,
}

/// A pod in memory.
#[derive(Debug, Clone)]
pub(crate) struct Pod {
    pub(crate) record: PodRecord,
    /// What was last seen of it; meaningful only when `fresh`.
    pub(crate) observed: Option<ObservedPod>,
    /// Whether `observed` was taken after the last thing we did to it.
    pub(crate) fresh: bool,
    pub(crate) active: Option<OperationId>,
    pub(crate) queued: Option<OperationId>,
    /// The engine call under way.
    pub(crate) in_flight: Option<Ticket>,
    /// Whether a look at it was asked for and has not ended.
    pub(crate) looking: bool,
    /// Whether a call or a look ended while the whole host was being looked at, so that
    /// what that sees of this pod may be from before.
    pub(crate) overtaken: bool,
    /// Whether the active operation is to end as soon as its call has.
    pub(crate) cancelling: bool,
    /// Whether the active operation was begun by an earlier daemon: after a power cut more
    /// of it may be done than is on record.
    pub(crate) resumed: bool,
    /// Tries of the current step that failed.
    pub(crate) attempts: u32,
    /// Nothing is begun before this moment (monotonic).
    pub(crate) not_before: Option<u64>,
    /// Starts by reconcile that did not last, in a row.
    pub(crate) crashes: u32,
    /// When it was last started (monotonic).
    pub(crate) started_at: Option<u64>,
    /// When a left-over old container was last begun to be removed (monotonic).
    pub(crate) tidied_at: Option<u64>,
    /// Its operations, newest last.
    pub(crate) history: VecDeque<OperationId>,
}

impl Pod {
    /// Returns the pod's container as last seen, whatever it is called.
    pub(crate) fn container(&self) -> Option<&ObservedContainer> {
        self.observed.as_ref()?.any_container()
    }
}

/// A pod about to be taken into the list.
#[derive(Debug, Clone)]
pub(crate) struct Adoption {
    pub(crate) host: HostId,
    pub(crate) observed: ObservedPod,
    /// Who asked; `None` when it is ours and was found.
    pub(crate) asked: Option<ReplyToken>,
    /// Whether the host was lost while its spec was being read.
    pub(crate) lost: bool,
}

/// What changed since it was last asked, for those who publish.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Pods that are new or different, or gone when the state no longer has them.
    pub pods: BTreeSet<PodId>,
    /// Hosts that are different.
    pub hosts: BTreeSet<HostId>,
    /// Operations that are new or different.
    pub operations: BTreeSet<OperationId>,
}

impl Changed {
    /// Returns whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.pods.is_empty() && self.hosts.is_empty() && self.operations.is_empty()
    }
}

impl State {
    pub(crate) fn insert_pod(&mut self, record: PodRecord) {
        let id = record.id.clone();
        self.slugs.insert(record.slug.clone(), id.clone());
        if let Some(host) = self.hosts.get_mut(&record.host) {
            record.port.into_iter().for_each(|port| host.used_ports.insert(port));
            record.subnet.into_iter().for_each(|subnet| host.used_subnets.insert(subnet));
        }
        let pod = Pod {
            record,
            observed: None,
            fresh: false,
            active: None,
            queued: None,
            in_flight: None,
            looking: false,
            overtaken: false,
            cancelling: false,
            resumed: false,
            attempts: 0,
            not_before: None,
            crashes: 0,
            started_at: None,
            tidied_at: None,
            history: VecDeque::new(),
        };
        self.pods.insert(id, pod);
    }

    /// Returns the monotonic moment at which [`Event::Tick`](crate::event::Event::Tick)
    /// is wanted.
    pub fn next_deadline(&self) -> Option<u64> {
        let looks = self.hosts.values().filter_map(|host| host.next_look);
        let spares = self.hosts.values().filter_map(|host| host.spares.due);
        self.timers.first().map(|(at, _)| *at).into_iter().chain(looks).chain(spares).min()
    }

    /// Returns what changed since the last call, and forgets it.
    pub fn take_changed(&mut self) -> Changed {
        std::mem::take(&mut self.changed)
    }

    /// Returns a new id. The sequence follows from the settings' seed.
    pub(crate) fn new_id(&mut self) -> String {
        const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let (high, low) = (self.next_random(), self.next_random());
        let bits = (u128::from(high) << 64) | u128::from(low);
        (0..16)
            .map(|i| char::from(LETTERS[usize::try_from((bits >> (i * 5)) & 31).unwrap_or(0)]))
            .collect()
    }

    fn next_random(&mut self) -> u64 {
        // SplitMix64.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn new_ticket(&mut self, operation: &OperationId) -> Ticket {
        self.calls += 1;
        Ticket { operation: operation.clone(), call: self.calls }
    }

    /// Returns the pod for changing, and has it stored and published afterwards.
    pub(crate) fn pod_mut(&mut self, id: &PodId) -> Option<&mut Pod> {
        let pod = self.pods.get_mut(id)?;
        self.dirty.insert(RecordKey::Pod(id.clone()), ());
        self.changed.pods.insert(id.clone());
        Some(pod)
    }

    /// Returns the pod for changing what is not stored.
    pub(crate) fn pod_memory(&mut self, id: &PodId) -> Option<&mut Pod> {
        self.pods.get_mut(id)
    }

    pub(crate) fn operation_mut(&mut self, id: &OperationId) -> Option<&mut OperationRecord> {
        let operation = self.operations.get_mut(id)?;
        self.dirty.insert(RecordKey::Operation(id.clone()), ());
        self.changed.operations.insert(id.clone());
        self.changed.pods.insert(operation.pod.clone());
        Some(operation)
    }

    pub(crate) fn set_phase(&mut self, id: &PodId, phase: PodPhase, at: Timestamp) {
        let Some(current) = self.pods.get(id).map(|pod| pod.record.phase) else { return };
        if current == phase {
            return;
        }
        debug_assert!(crate::phase::may_become(current, phase), "{id}: {current:?} to {phase:?}");
        if let Some(pod) = self.pod_mut(id) {
            pod.record.phase = phase;
            pod.record.phase_since = at;
        }
    }

    /// Reserves a port and a subnet for a pod that has none.
    ///
    /// # Errors
    ///
    /// What ran out, and who has it.
    pub(crate) fn reserve(&mut self, id: &PodId, mono_ms: u64) -> Result<(), ApiError> {
        let Some(pod) = self.pods.get(id) else { return Ok(()) };
        let (host, port, subnet) = (pod.record.host.clone(), pod.record.port, pod.record.subnet);
        let Some(host) = self.hosts.get_mut(&host) else { return Ok(()) };
        let port = match port {
            Some(port) => port,
            None => match host.free_port(&self.settings, mono_ms) {
                Some(port) => port,
                None => return Err(host.no_port(&self.settings, mono_ms)),
            },
        };
        let subnet = match subnet {
            Some(subnet) => subnet,
            None => match host.free_subnet(&self.settings, mono_ms) {
                Some(subnet) => subnet,
                None => return Err(host.no_subnet(&self.settings, mono_ms)),
            },
        };
        host.used_ports.insert(port);
        host.used_subnets.insert(subnet);
        if pod.record.port.is_none() || pod.record.subnet.is_none() {
            // On record for good before anything is made with them.
            self.lasting();
        }
        if let Some(pod) = self.pod_mut(id) {
            pod.record.port = Some(port);
            pod.record.subnet = Some(subnet);
        }
        Ok(())
    }

    /// Lets go of the pod's port and subnet: everything of it was seen gone.
    pub(crate) fn release(&mut self, id: &PodId) {
        self.release_port(id);
        self.release_subnet(id);
    }

    pub(crate) fn release_port(&mut self, id: &PodId) -> Option<HostPort> {
        let pod = self.pod_mut(id)?;
        let (port, host) = (pod.record.port.take()?, pod.record.host.clone());
        if let Some(host) = self.hosts.get_mut(&host) {
            host.used_ports.remove(port);
        }
        Some(port)
    }

    pub(crate) fn release_subnet(&mut self, id: &PodId) -> Option<crate::engine::Subnet> {
        let pod = self.pod_mut(id)?;
        let (subnet, host) = (pod.record.subnet.take()?, pod.record.host.clone());
        if let Some(host) = self.hosts.get_mut(&host) {
            host.used_subnets.remove(subnet);
        }
        Some(subnet)
    }

    pub(crate) fn set_timer(&mut self, id: &PodId, at: u64) {
        self.clear_timer(id);
        if let Some(pod) = self.pods.get_mut(id) {
            pod.not_before = Some(at);
            self.timers.insert((at, id.clone()));
        }
    }

    pub(crate) fn clear_timer(&mut self, id: &PodId) {
        if let Some(pod) = self.pods.get_mut(id)
            && let Some(at) = pod.not_before.take()
        {
            self.timers.remove(&(at, id.clone()));
        }
    }

    pub(crate) fn host_ready(&self, id: &HostId) -> bool {
        self.hosts.get(id).is_some_and(Host::is_ready)
    }

    pub(crate) fn host_down(&self, id: &HostId) -> bool {
        self.hosts.get(id).is_some_and(|host| host.status == HostStatus::Down)
    }

    pub(crate) fn owner_of(&self, pod: &Pod) -> Ownership {
        Ownership { pod: pod.record.id.clone(), owner: pod.record.owner.clone() }
    }

    pub(crate) fn note(&mut self, pod: &PodId, text: impl Into<String>) {
        self.effects.push(Effect::Note { pod: pod.clone(), text: text.into() });
    }

    pub(crate) fn lasting(&mut self) {
        self.durability = Durability::Sync;
    }

    /// Takes the pod out of the list, its ended operations kept for who waits.
    pub(crate) fn remove_pod(&mut self, id: &PodId) {
        self.release(id);
        self.clear_timer(id);
        let Some(pod) = self.pods.remove(id) else { return };
        self.slugs.remove(&pod.record.slug);
        self.dirty.insert(RecordKey::Pod(id.clone()), ());
        self.changed.pods.insert(id.clone());
        self.gone.extend(pod.history);
        while self.gone.len() > KEPT_OF_GONE {
            if let Some(oldest) = self.gone.pop_front() {
                self.forget_operation(&oldest);
            }
        }
        self.effects.push(Effect::ForgetJournal { pod: id.clone() });
        self.lasting();
    }

    pub(crate) fn forget_operation(&mut self, id: &OperationId) {
        if let Some(operation) = self.operations.remove(id) {
            for request in operation.request.into_iter().chain(operation.joined) {
                self.requests.remove(&request);
            }
            self.dirty.insert(RecordKey::Operation(id.clone()), ());
        }
    }

    /// Ends a handler: returns its effects, what must be stored first.
    pub(crate) fn finish(&mut self) -> Vec<Effect> {
        let effects = std::mem::take(&mut self.effects);
        let durability = std::mem::replace(&mut self.durability, Durability::Flush);
        let dirty = std::mem::take(&mut self.dirty);
        if dirty.is_empty() {
            return effects;
        }
        let change = |key: RecordKey| {
            let record = match &key {
                RecordKey::Pod(id) => {
                    self.pods.get(id).map(|pod| Record::Pod(Box::new(pod.record.clone())))
                }
                RecordKey::Operation(id) => {
                    let found = self.operations.get(id);
                    found.map(|operation| Record::Operation(Box::new(operation.clone())))
                }
                RecordKey::Spare(id) => self.spare_record(id).cloned().map(Record::Spare),
            };
            record.map_or(Change::Delete(key), Change::Put)
        };
        let changes = dirty.into_keys().map(change).collect();
        let mut all = vec![Effect::Persist { changes, durability }];
        all.extend(effects);
        all
    }
}
