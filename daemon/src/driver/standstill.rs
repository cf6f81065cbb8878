//! While nothing can be stored, nothing is promised: requests are refused with what is
//! wrong and how to mend it, calls under way are broken off, and what was
//! published last is shown on. As soon as the store can be written again, the driver begins
//! with what is in it, as a new daemon would.
//!
//! The state in memory has changes that were never stored, so it is thrown away
//! and read again: there is one way to come back from a failure, the one every
//! start takes.

use super::{Driver, Input, now};
use crate::store::StoreError;
use pinacle_core::State;
use pinacle_core::event::Now;
use pinacle_core::record::Record;
use pinacle_core::settings::Settings;
use pinacle_protocol::{ApiError, HostId};
use std::time::Duration;

/// Pause between two tries: a person who made room sees it work at once, and a disk
/// that is full is not kept busy.
const PAUSE: Duration = Duration::from_secs(1);

/// What a state is made from besides its records.
#[derive(Debug, Clone)]
pub(crate) struct Loader {
    pub(crate) settings: Settings,
    pub(crate) hosts: Vec<HostId>,
}

impl Loader {
    pub(crate) fn load(&self, records: Vec<Record>, seed: u64, now: Now) -> State {
        let settings = Settings { seed, ..self.settings.clone() };
        State::load(settings, self.hosts.iter().cloned(), records, now)
    }
}

/// How a standstill ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// The store can be written again.
    Mended,
    /// The daemon is to stop.
    Stopping,
}

impl Driver {
    /// Stands still until the store can be written or the daemon is to stop.
    ///
    /// # Errors
    ///
    /// The store's thread is gone, so that waiting is of no use.
    pub(super) async fn stand_still(
        &mut self,
        error: StoreError,
        mut stop: impl Future<Output = ()> + Unpin,
    ) -> Result<Ended, StoreError> {
        let mut trouble = error.to_api();
        tracing::error!(
            error = trouble.chain(),
            "nothing can be stored; requests are refused until it can"
        );
        let mut error = error;
        self.effects.abandon().await;
        let records = loop {
            if matches!(error, StoreError::Stopped) {
                return Err(error);
            }
            self.trouble.send_replace(Some(trouble.clone()));
            for (_, reply) in std::mem::take(&mut self.replies) {
                // The client may have gone away.
                let _ = reply.send(Err(trouble.clone()));
            }
            if self.refuse_for(PAUSE, &trouble, &mut stop).await == Ended::Stopping {
                return Ok(Ended::Stopping);
            }
            match self.store.reopen().await {
                Ok(records) => break records,
                Err(next) => error = next,
            }
            let next = error.to_api();
            if next != trouble {
                tracing::error!(error = next.chain(), "still nothing can be stored");
                trouble = next;
            }
        };
        self.begin_anew(records);
        Ok(Ended::Mended)
    }

    /// Refuses requests for a while. What happens meanwhile on a host is seen when it is
    /// looked at again.
    async fn refuse_for(
        &mut self,
        pause: Duration,
        trouble: &ApiError,
        mut stop: impl Future<Output = ()> + Unpin,
    ) -> Ended {
        let clock = self.clock.clone();
        let pause = clock.sleep(pause);
        tokio::pin!(pause);
        loop {
            let input = tokio::select! {
                biased;
                () = &mut stop => return Ended::Stopping,
                () = &mut pause => return Ended::Mended,
                input = self.inputs.recv() => input,
            };
            match input {
                Some(Input::Request(_, reply)) => drop(reply.send(Err(trouble.clone()))),
                Some(Input::Happened(_) | Input::Touched(..)) => {}
                None => return Ended::Stopping,
            }
        }
    }

    fn begin_anew(&mut self, records: Vec<Record>) {
        tracing::info!(records = records.len(), "the store can be written again");
        self.effects.set_secrets(&records);
        self.state = self.loader.load(records, self.clock.random_u64(), now(&self.clock));
        self.publisher.publish_all(&mut self.state, self.clock.now());
        self.trouble.send_replace(None);
        // Every host is looked at as after a start.
        self.again.send_modify(|times| *times += 1);
    }
}
