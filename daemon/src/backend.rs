//! What answers clients: handles to everything a request may need.

use crate::clock::Clock;
use crate::driver::DriverHandle;
use crate::engine::Engine;
use crate::journal::Journal;
use pinacle_protocol::{HostId, ServerInfo};
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::{Notify, watch};

/// Handles for the RPC layer. Cheap to clone.
#[derive(Clone)]
pub struct Backend {
    /// The way to the owner of the state.
    pub driver: DriverHandle,
    /// The journals.
    pub journal: Journal,
    /// Engines by host.
    pub engines: Arc<BTreeMap<HostId, Arc<dyn Engine>>>,
    /// Has a host's task try its connection at once.
    pub pokes: Arc<BTreeMap<HostId, Arc<Notify>>>,
    /// Who we are.
    pub info: Arc<ServerInfo>,
    /// Ends the daemon.
    pub stop: StopSwitch,
    /// Time.
    pub clock: Clock,
}

/// A switch that many can throw and many can wait for; thrown once, it stays.
#[derive(Debug, Clone)]
pub struct StopSwitch(Arc<watch::Sender<bool>>);

impl Default for StopSwitch {
    fn default() -> Self {
        Self(Arc::new(watch::channel(false).0))
    }
}

impl StopSwitch {
    /// Throws the switch.
    pub fn trigger(&self) {
        self.0.send_replace(true);
    }

    /// Returns whether it was thrown.
    pub fn is_triggered(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it is thrown. Cancel safe.
    pub async fn triggered(&self) {
        // The sender lives as long as `self`, so waiting cannot fail.
        let _ = self.0.subscribe().wait_for(|thrown| *thrown).await;
    }
}
