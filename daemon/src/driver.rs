//! The one owner of the core's state.
//!
//! It takes events in the order they come, lets the core handle them, has the
//! changes stored, publishes the new state, and only then answers and acts. It
//! never waits for a host: what the core asks for runs as a task of
//! [`Effects`](crate::effects), and ends in an event that comes back here. While
//! nothing can be stored it stands still; see [`standstill`].

mod standstill;

pub(crate) use standstill::Loader;

use crate::clock::Clock;
use crate::effects::{Effects, Finished};
use crate::events::EventHub;
use crate::publish::{Published, Publisher};
use crate::store::{StoreError, StoreHandle};
use pinacle_core::State;
use pinacle_core::effect::Effect;
use pinacle_core::event::{Event, Now, ReplyToken, Request};
use pinacle_core::record::{Change, Durability, RecordKey};
use pinacle_protocol::{Accepted, ApiError, ErrorKind, HostId, PodId};
use standstill::Ended;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Requests and events that may wait. A client that finds the queue full is told so;
/// hosts wait. Far more than clients ask for at once, and small in memory.
const QUEUE: usize = 1_024;
/// Inputs handled with one commit.
const BATCH: usize = 64;
/// How long calls under way may go on after the order to stop: systemd and people
/// give five seconds, one of which is for storing and leaving.
const DRAIN: Duration = Duration::from_secs(4);

/// Something for the driver.
#[derive(Debug)]
pub(crate) enum Input {
    /// A client asks for a change.
    Request(Request, oneshot::Sender<Result<Accepted, ApiError>>),
    /// Something happened.
    Happened(Event),
    /// Something of a pod changed on its host: look at it.
    Touched(HostId, PodId),
}

/// A way to the driver. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DriverHandle {
    inputs: mpsc::Sender<Input>,
    published: watch::Receiver<Arc<Published>>,
    trouble: watch::Receiver<Option<ApiError>>,
    events: Arc<EventHub>,
}

impl DriverHandle {
    /// Asks for a change. *Ok* means that it is on disk and will be carried out. Dropping
    /// the future loses only the answer.
    ///
    /// # Errors
    ///
    /// `busy` at once when too much is waiting already; otherwise what the core says.
    pub async fn request(&self, request: Request) -> Result<Accepted, ApiError> {
        let (reply, answer) = oneshot::channel();
        match self.inputs.try_send(Input::Request(request, reply)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                return Err(ApiError::new(
                    ErrorKind::Busy,
                    "the daemon has too many requests waiting",
                )
                .hint("ask again in a moment"));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => return Err(stopping()),
        }
        answer.await.unwrap_or_else(|_| Err(stopping()))
    }

    /// Returns the newest published state. Never waits.
    pub fn published(&self) -> Arc<Published> {
        self.published.borrow().clone()
    }

    /// Returns why nothing can be stored at present, if that is so.
    pub fn trouble(&self) -> Option<ApiError> {
        self.trouble.borrow().clone()
    }

    /// Returns a receiver that moves with every published state.
    pub fn watch(&self) -> watch::Receiver<Arc<Published>> {
        self.published.clone()
    }

    /// Returns the ring of events.
    pub fn events(&self) -> &EventHub {
        &self.events
    }

    pub(crate) fn inputs(&self) -> mpsc::Sender<Input> {
        self.inputs.clone()
    }
}

fn stopping() -> ApiError {
    ApiError::new(ErrorKind::Busy, "the daemon is stopping").hint("start it again and repeat this")
}

/// The driver; [`Driver::run`] is its task.
pub(crate) struct Driver {
    state: State,
    store: StoreHandle,
    clock: Clock,
    effects: Effects,
    inputs: mpsc::Receiver<Input>,
    publisher: Publisher,
    replies: BTreeMap<ReplyToken, oneshot::Sender<Result<Accepted, ApiError>>>,
    next_token: u64,
    loader: Loader,
    /// Why nothing can be stored.
    trouble: watch::Sender<Option<ApiError>>,
    /// Counts the times that hosts are to be looked at from the beginning.
    again: watch::Sender<u64>,
    #[cfg(feature = "testing")]
    inspector: Option<Inspector>,
}

/// Sees every state, for tests.
#[cfg(feature = "testing")]
type Inspector = Box<dyn FnMut(&State) + Send>;

impl Driver {
    pub(crate) fn new(
        (loader, state): (Loader, State),
        store: StoreHandle,
        clock: Clock,
        effects: Effects,
        events: Arc<EventHub>,
    ) -> (Self, DriverHandle) {
        let (trouble, troubles) = watch::channel(None);
        let (again, _) = watch::channel(0);
        let (sender, inputs) = mpsc::channel(QUEUE);
        let (publisher, published) = Publisher::new(&state, events.clone());
        let handle = DriverHandle { inputs: sender, published, trouble: troubles, events };
        let driver = Self {
            state,
            store,
            clock,
            effects,
            inputs,
            publisher,
            replies: BTreeMap::new(),
            next_token: 0,
            loader,
            trouble,
            again,
            #[cfg(feature = "testing")]
            inspector: None,
        };
        (driver, handle)
    }

    /// Returns a receiver that moves when hosts are to be looked at from the beginning.
    pub(crate) fn again(&self) -> watch::Receiver<u64> {
        self.again.subscribe()
    }

    #[cfg(feature = "testing")]
    pub(crate) fn inspect(&mut self, inspector: Inspector) {
        self.inspector = Some(inspector);
    }

    /// Runs until `stop` ends, then drains: what is under way may finish, nothing new is
    /// begun. Pods keep running.
    ///
    /// # Errors
    ///
    /// The store is gone for good: nothing that was not stored was acknowledged.
    pub(crate) async fn run(mut self, stop: impl Future<Output = ()>) -> Result<(), StoreError> {
        tokio::pin!(stop);
        loop {
            let taken = tokio::select! {
                biased;
                () = &mut stop => break,
                input = self.inputs.recv() => match input {
                    Some(first) => self.take_waiting(first).await,
                    None => break,
                },
                finished = self.effects.finished() => self.take_finished(finished).await,
                () = sleep_until(&self.clock, self.state.next_deadline()) => {
                    self.take_waiting(Input::Happened(Event::Tick)).await
                }
            };
            if let Err(error) = taken
                && self.stand_still(error, &mut stop).await? == Ended::Stopping
            {
                return Ok(());
            }
        }
        let end = self.clock.monotonic_ms() + u64::try_from(DRAIN.as_millis()).unwrap_or(4_000);
        self.leave(end).await?;
        self.drain(end).await
    }

    /// Leaves hosts without pods as they were found: networks made ahead go.
    async fn leave(&mut self, end: u64) -> Result<(), StoreError> {
        self.take_batch(vec![Input::Happened(Event::Leaving)]).await?;
        while self.state.waits_for_spares() && self.clock.monotonic_ms() < end {
            tokio::select! {
                biased;
                finished = self.effects.finished() => self.take_finished(finished).await?,
                () = sleep_until(&self.clock, Some(end)) => break,
            }
        }
        Ok(())
    }

    /// Takes an input and what waits behind it.
    async fn take_waiting(&mut self, first: Input) -> Result<(), StoreError> {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(input) = self.inputs.try_recv()
        {
            batch.push(input);
        }
        self.take_batch(batch).await
    }

    async fn drain(mut self, end: u64) -> Result<(), StoreError> {
        self.inputs.close();
        self.effects.stop_beginning();
        while self.effects.is_busy() && self.clock.monotonic_ms() < end {
            tokio::select! {
                // What has ended is stored even when the time is up.
                biased;
                finished = self.effects.finished() => self.take_finished(finished).await?,
                () = sleep_until(&self.clock, Some(end)) => break,
            }
        }
        self.effects.abandon().await;
        Ok(())
    }

    /// Takes what has ended, and what else has by now: one commit for all of it.
    async fn take_finished(&mut self, first: Finished) -> Result<(), StoreError> {
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(finished) = next {
            match finished {
                Finished::Event(event) => batch.push(Input::Happened(event)),
                Finished::Nothing => {}
            }
            next = if batch.len() < BATCH { self.effects.try_finished() } else { None };
        }
        self.take_batch(batch).await
    }

    async fn take_batch(&mut self, batch: Vec<Input>) -> Result<(), StoreError> {
        let mut changes: Vec<Change> = Vec::new();
        let mut durability = Durability::Flush;
        let mut after = Vec::new();
        for input in batch {
            let event = match input {
                Input::Happened(event) => event,
                Input::Touched(host, pod) => {
                    self.effects.touch(host, pod);
                    continue;
                }
                Input::Request(request, reply) => {
                    self.next_token += 1;
                    let token = ReplyToken(self.next_token);
                    self.replies.insert(token, reply);
                    Event::Requested { token, request }
                }
            };
            tracing::debug!(event = event_name(&event), "event");
            for effect in self.state.handle(now(&self.clock), event) {
                match effect {
                    Effect::Persist { changes: more, durability: wanted } => {
                        changes.extend(more);
                        durability = durability.max(wanted);
                    }
                    // What is promised to somebody survives a power cut as well.
                    Effect::Reply { result: Ok(_), .. } => {
                        durability = Durability::Sync;
                        after.push(effect);
                    }
                    other => after.push(other),
                }
            }
        }
        if !changes.is_empty() {
            let places = crate::fail::CommitPlaces::of(&changes);
            places.reach("before");
            let removes = changes.iter().any(removes_a_pod);
            self.store.commit(changes, durability).await?;
            places.reach("after");
            if removes {
                self.store.want_export();
            }
        }
        self.publisher.publish(&mut self.state, self.clock.now());
        #[cfg(feature = "testing")]
        if let Some(look) = &mut self.inspector {
            look(&self.state);
        }
        for effect in after {
            self.act(effect);
        }
        self.effects.look_at_touched();
        Ok(())
    }

    fn act(&mut self, effect: Effect) {
        match effect {
            Effect::Reply { token, result } => {
                if let Some(reply) = self.replies.remove(&token) {
                    // The client may have gone away; its request stands all the same.
                    let _ = reply.send(result);
                }
                crate::fail::point("driver.answered");
            }
            other => self.effects.begin(other),
        }
    }
}

fn removes_a_pod(change: &Change) -> bool {
    matches!(change, Change::Delete(RecordKey::Pod(_)))
}

fn now(clock: &Clock) -> Now {
    Now { wall: clock.now(), mono_ms: clock.monotonic_ms() }
}

async fn sleep_until(clock: &Clock, at: Option<u64>) {
    match at {
        Some(at) => {
            let left = at.saturating_sub(clock.monotonic_ms());
            clock.sleep(Duration::from_millis(left)).await;
        }
        None => std::future::pending().await,
    }
}

fn event_name(event: &Event) -> &'static str {
    match event {
        Event::Requested { .. } => "requested",
        Event::CallEnded { .. } => "call ended",
        Event::HostUp { .. } => "host up",
        Event::HostDown { .. } => "host down",
        Event::HostObserved { .. } => "host observed",
        Event::PodObserved { .. } => "pod observed",
        Event::LookFailed { .. } => "look failed",
        Event::SpecRead { .. } => "spec read",
        Event::Tick => "tick",
        Event::Leaving => "leaving",
    }
}
