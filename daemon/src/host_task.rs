//! One task for each host: reaches its engine, says when it is up and when it
//! is lost, and passes on which pods changed.
//!
//! Nothing is polled while the engine can be reached: the engine's own stream of
//! events tells, and its end means that the engine was lost.

use crate::clock::Clock;
use crate::driver::Input;
use crate::engine::Engine;
use futures::StreamExt;
use futures::stream::BoxStream;
use pinacle_core::engine::EngineFailure;
use pinacle_core::event::Event;
use pinacle_protocol::{ApiError, ErrorKind, HostId, PodId};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};

/// Pause before the first new try.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause: a local engine that was started is found within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long changes are gathered before the pods are looked at: what happens to a
/// container comes as several events within a few milliseconds, and a look asks the
/// engine for three lists. Short enough that nobody sees it.
const GATHER: Duration = Duration::from_millis(50);

/// What a host's task needs.
pub(crate) struct HostTask {
    pub(crate) host: HostId,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) inputs: mpsc::Sender<Input>,
    /// Ends the pause before the next try.
    pub(crate) poke: Arc<Notify>,
    /// Moves when the driver has forgotten what it knew of the host.
    pub(crate) again: watch::Receiver<u64>,
    pub(crate) clock: Clock,
}

impl HostTask {
    /// Runs until the driver no longer listens.
    pub(crate) async fn run(self) {
        let mut pause = FIRST_PAUSE;
        let mut said: Option<ApiError> = None;
        let mut again = self.again.clone();
        loop {
            let up = tokio::select! {
                up = self.while_up(&mut said) => up,
                // Everything is said again, from the connection on.
                Ok(()) = again.changed() => {
                    said = None;
                    continue;
                }
            };
            let error = match up {
                Ok(()) => return,
                Err(Lost { failure, was_up }) => {
                    if was_up {
                        pause = FIRST_PAUSE;
                    }
                    failure.error
                }
            };
            // The same bad news over and over is not worth an event.
            if said.as_ref() != Some(&error) {
                tracing::warn!(host = %self.host, error = error.chain(), "host is not reachable");
                let event = Event::HostDown { host: self.host.clone(), error: error.clone() };
                if self.inputs.send(Input::Happened(event)).await.is_err() {
                    return;
                }
                said = Some(error);
            }
            tokio::select! {
                // In one order, so that a simulation goes one way.
                biased;
                Ok(()) = again.changed() => said = None,
                () = self.inputs.closed() => return,
                () = self.poke.notified() => {}
                () = self.clock.sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Stays while the engine can be reached. *Ok* means that the driver is gone.
    async fn while_up(&self, said: &mut Option<ApiError>) -> Result<(), Lost> {
        let lost = |was_up| move |failure| Lost { failure, was_up };
        let facts = self.engine.connect().await.map_err(lost(false))?;
        // First the stream, then the look at everything: nothing falls in between.
        let mut changes = self.engine.watch().await.map_err(lost(false))?;
        let version = facts.engine.version.clone();
        let up = Event::HostUp { host: self.host.clone(), facts };
        if self.inputs.send(Input::Happened(up)).await.is_err() {
            return Ok(());
        }
        *said = None;
        tracing::info!(host = %self.host, version, "host is up");
        while let Some(heard) = self.heard(&mut changes).await? {
            for pod in heard {
                let touched = Input::Touched(self.host.clone(), pod);
                if self.inputs.send(touched).await.is_err() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Waits for a change and for what else is heard within [`GATHER`]. `None` means that
    /// the driver is gone.
    async fn heard(&self, changes: &mut Changes) -> Result<Option<BTreeSet<PodId>>, Lost> {
        let first = tokio::select! {
            biased;
            () = self.inputs.closed() => return Ok(None),
            change = self.change(changes) => change?,
        };
        let mut heard = BTreeSet::from([first]);
        let pause = self.clock.sleep(GATHER);
        tokio::pin!(pause);
        loop {
            tokio::select! {
                biased;
                () = self.inputs.closed() => return Ok(None),
                () = &mut pause => return Ok(Some(heard)),
                change = self.change(changes) => drop(heard.insert(change?)),
            }
        }
    }

    async fn change(&self, changes: &mut Changes) -> Result<PodId, Lost> {
        match changes.next().await {
            Some(Ok(pod)) => Ok(pod),
            Some(Err(failure)) => Err(Lost { failure, was_up: true }),
            None => Err(Lost { failure: ended(&self.host), was_up: true }),
        }
    }
}

type Changes = BoxStream<'static, Result<PodId, EngineFailure>>;

struct Lost {
    failure: EngineFailure,
    was_up: bool,
}

fn ended(host: &HostId) -> EngineFailure {
    let message = format!("the engine of host `{host}` ended the connection");
    EngineFailure {
        class: pinacle_core::engine::FailureClass::Retryable,
        error: ApiError::new(ErrorKind::HostUnreachable, message)
            .hint("see whether Docker runs there; the connection is tried again by itself"),
    }
}
