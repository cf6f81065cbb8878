//! The state as readers see it: replaced whole at every change, never locked.
//!
//! Its maps share all that did not change with the ones before, so that a change costs
//! the same with ten thousand pods as with ten.

use crate::events::EventHub;
use pinacle_core::record::PodRecord;
use pinacle_core::{Changed, State};
use pinacle_protocol::{
    Cursor, Event, ForeignPod, HostId, HostView, OperationId, OperationView, PodDetail, PodId,
    PodView, Revision, Slug, Timestamp,
};
use rpds::RedBlackTreeMapSync as SharedMap;
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
    pub pods: SharedMap<PodId, Arc<PodEntry>>,
    /// Every host.
    pub hosts: SharedMap<HostId, Arc<HostEntry>>,
    /// Every operation that is kept.
    pub operations: SharedMap<OperationId, Arc<OperationView>>,
    /// Pods by slug.
    pub slugs: SharedMap<Slug, PodId>,
}

/// A pod.
#[derive(Debug, Clone)]
pub struct PodEntry {
    /// What a list shows.
    pub view: PodView,
    /// What the daemon goes by.
    pub record: PodRecord,
    /// Its operations, newest first.
    pub history: Vec<OperationId>,
}

impl Published {
    /// Returns all there is to know about a pod. Made when it is asked for: few are.
    pub fn detail(&self, entry: &PodEntry) -> PodDetail {
        let known = |id: &OperationId| self.operations.get(id).map(|view| (**view).clone());
        let operations = entry.history.iter().filter_map(known).collect();
        pinacle_core::pod_detail(&entry.record, entry.view.clone(), operations)
    }
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
            first.operations.insert_mut(view.id.clone(), Arc::new(view));
        }
        let current = Arc::new(first);
        let (sender, receiver) = watch::channel(current.clone());
        (Self { current, sender, events }, receiver)
    }

    /// Publishes what changed since the last call, with an event for each change.
    pub(crate) fn publish(&mut self, state: &mut State, at: Timestamp) {
        let changed = state.take_changed();
        if !changed.is_empty() {
            self.publish_changed(state, changed, at);
        }
    }

    /// Publishes a state that was read anew, with an event for each difference.
    pub(crate) fn publish_all(&mut self, state: &mut State, at: Timestamp) {
        let mut changed = state.take_changed();
        changed.pods.extend(self.current.pods.keys().chain(state.pod_ids()).cloned());
        changed.hosts.extend(state.host_ids().cloned());
        changed.operations.extend(self.current.operations.keys().cloned());
        changed.operations.extend(state.operation_views().map(|view| view.id));
        self.publish_changed(state, changed, at);
    }

    fn publish_changed(&mut self, state: &State, changed: Changed, at: Timestamp) {
        let next = Arc::make_mut(&mut self.current);
        let mut events = Vec::new();
        for id in changed.hosts {
            let before = next.hosts.get(&id).map(|entry| entry.view.clone());
            insert_host(next, state, &id);
            // A look that finds the host as it was is no news, and there is one now and then.
            let news = |entry: &&Arc<HostEntry>| before.as_ref() != Some(&entry.view);
            if let Some(entry) = next.hosts.get(&id).filter(news) {
                events.push(Event::HostChanged { host: Box::new(entry.view.clone()) });
                // Whether a pod's state is known depends on its host.
                for pod in state.pods_of(&id) {
                    events.extend(publish_pod(next, state, &pod));
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
                        next.operations.insert_mut(id, Arc::new(view));
                    }
                }
                None => {
                    next.operations.remove_mut(&id);
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
    let before = next.pods.get(id).map(|entry| entry.view.clone());
    insert_pod(next, state, id);
    match next.pods.get(id) {
        Some(entry) => {
            let pod = &entry.view;
            (before.as_ref() != Some(pod)).then(|| Event::PodChanged { pod: Box::new(pod.clone()) })
        }
        None => before.map(|_| Event::PodRemoved { id: id.clone() }),
    }
}

fn insert_pod(next: &mut Published, state: &State, id: &PodId) {
    if let Some(old) = next.pods.get(id) {
        let slug = old.record.slug.clone();
        next.slugs.remove_mut(&slug);
    }
    match (state.pod_view(id), state.pod_record(id)) {
        (Some(view), Some(record)) => {
            let (record, history) = (record.clone(), state.pod_history(id));
            next.slugs.insert_mut(record.slug.clone(), id.clone());
            next.pods.insert_mut(id.clone(), Arc::new(PodEntry { view, record, history }));
        }
        _ => {
            next.pods.remove_mut(id);
        }
    }
}

fn insert_host(next: &mut Published, state: &State, id: &HostId) {
    if let Some(view) = state.host_view(id) {
        let entry = HostEntry { view, foreign: state.foreign_pods(id) };
        next.hosts.insert_mut(id.clone(), Arc::new(entry));
    }
}
