//! The state as readers see it: replaced whole at every change, never locked.

use crate::events::EventHub;
use pinacle_core::State;
use pinacle_core::record::PodRecord;
use pinacle_protocol::{
    Cursor, Event, ForeignPod, HostId, HostView, OperationId, OperationView, PodDetail, PodId,
    Revision, Slug, Timestamp,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::watch;

/// All that readers may ask for, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Published {
    /// Counts the changes since the daemon started.
    pub revision: Revision,
    /// Events after this are later than this state.
    pub cursor: Cursor,
    /// Every pod.
    pub pods: BTreeMap<PodId, Arc<PodEntry>>,
    /// Every host.
    pub hosts: BTreeMap<HostId, Arc<HostEntry>>,
    /// Every operation that is kept.
    pub operations: BTreeMap<OperationId, Arc<OperationView>>,
    /// Pods by slug.
    pub slugs: BTreeMap<Slug, PodId>,
}

/// A pod.
#[derive(Debug, Clone)]
pub struct PodEntry {
    /// What clients see.
    pub detail: PodDetail,
    /// What the daemon goes by.
    pub record: PodRecord,
}

/// A host.
#[derive(Debug, Clone)]
pub struct HostEntry {
    /// What clients see.
    pub view: HostView,
    /// Pods of other daemons on it.
    pub foreign: Vec<ForeignPod>,
}

/// Makes a new [`Published`] from what changed.
pub(crate) struct Publisher {
    current: Arc<Published>,
    sender: watch::Sender<Arc<Published>>,
    events: Arc<EventHub>,
}

impl Publisher {
    pub(crate) fn new(
        state: &State,
        events: Arc<EventHub>,
    ) -> (Self, watch::Receiver<Arc<Published>>) {
        let mut first = Published { cursor: events.head(), ..Published::default() };
        for id in state.pod_ids() {
            insert_pod(&mut first, state, id);
        }
        for id in state.host_ids() {
            insert_host(&mut first, state, id);
        }
        for view in state.operation_views() {
            first.operations.insert(view.id.clone(), Arc::new(view));
        }
        let current = Arc::new(first);
        let (sender, receiver) = watch::channel(current.clone());
        (Self { current, sender, events }, receiver)
    }

    /// Publishes what changed since the last call, with an event for each change.
    pub(crate) fn publish(&mut self, state: &mut State, at: Timestamp) {
        let changed = state.take_changed();
        if changed.is_empty() {
            return;
        }
        let next = Arc::make_mut(&mut self.current);
        let mut events = Vec::new();
        for id in changed.hosts {
            insert_host(next, state, &id);
            if let Some(entry) = next.hosts.get(&id) {
                events.push(Event::HostChanged { host: Box::new(entry.view.clone()) });
                // Whether a pod's state is known depends on its host.
                for pod in state.pods_of(&id) {
                    insert_pod(next, state, &pod);
                }
            }
        }
        for id in changed.pods {
            events.extend(publish_pod(next, state, &id));
        }
        for id in changed.operations {
            match state.operation_view(&id) {
                Some(view) => {
                    let unchanged = next.operations.get(&id).is_some_and(|old| **old == view);
                    if !unchanged {
                        events.push(Event::OperationChanged { operation: Box::new(view.clone()) });
                        next.operations.insert(id, Arc::new(view));
                    }
                }
                None => {
                    next.operations.remove(&id);
                }
            }
        }
        next.revision = next.revision.next();
        self.events.push(at, events);
        next.cursor = self.events.head();
        self.sender.send_replace(self.current.clone());
    }
}

fn publish_pod(next: &mut Published, state: &State, id: &PodId) -> Option<Event> {
    let before = next.pods.get(id).map(|entry| entry.detail.pod.clone());
    insert_pod(next, state, id);
    match next.pods.get(id) {
        Some(entry) => {
            let pod = &entry.detail.pod;
            (before.as_ref() != Some(pod)).then(|| Event::PodChanged { pod: Box::new(pod.clone()) })
        }
        None => before.map(|_| Event::PodRemoved { id: id.clone() }),
    }
}

fn insert_pod(next: &mut Published, state: &State, id: &PodId) {
    if let Some(old) = next.pods.get(id) {
        next.slugs.remove(&old.record.slug);
    }
    match (state.pod_detail(id), state.pod_record(id)) {
        (Some(detail), Some(record)) => {
            next.slugs.insert(record.slug.clone(), id.clone());
            next.pods.insert(id.clone(), Arc::new(PodEntry { detail, record: record.clone() }));
        }
        _ => {
            next.pods.remove(id);
        }
    }
}

fn insert_host(next: &mut Published, state: &State, id: &HostId) {
    if let Some(view) = state.host_view(id) {
        let entry = HostEntry { view, foreign: state.foreign_pods(id) };
        next.hosts.insert(id.clone(), Arc::new(entry));
    }
}
