//! The daemon: the shell around the core.
//!
//! [`run`] puts the parts together: the store, the journals, one task for each
//! host, the driver that owns the core's state, and the socket. Everything it
//! needs from outside is handed in, so a test runs the same code.

pub mod backend;
pub mod cli;
pub mod clock;
mod driver;
mod effects;
pub mod engine;
pub mod events;
pub mod fail;
mod host_task;
pub mod image;
pub mod journal;
mod presence;
pub mod publish;
pub mod rpc;
mod sealed;
pub mod settings;
mod shell;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

pub use driver::DriverHandle;

use backend::{Backend, StopSwitch};
use clock::Clock;
use engine::Engine;
use events::EventHub;
use host_task::HostTask;
use journal::Journal;
use pinacle_core::event::Now;
use pinacle_core::record::Record;
use pinacle_protocol::{HostId, OwnerId, PROTOCOL_VERSION, ServerInfo};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use store::{StoreError, StoreHandle};
use tokio::net::UnixListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Pause between two exports of the store, when something changed.
const EXPORT_EVERY: Duration = Duration::from_secs(300);
/// How long a host may take to clear up when the daemon ends, beside the calls under way.
const CLOSE_LIMIT: Duration = Duration::from_secs(4);
/// Pause before the export that takes the place of those with deleted pods in them.
const EXPORT_SOON: Duration = Duration::from_secs(2);
/// Pause between two sweeps of the journals, in milliseconds.
const SWEEP_EVERY_MS: u64 = 3_600_000;

/// Everything the daemon needs from outside, but for where clients come in.
pub struct Deps {
    /// The store, open.
    pub store: StoreHandle,
    /// What was in it.
    pub records: Vec<Record>,
    /// The journals, open.
    pub journal: Journal,
    /// Engines by host.
    pub engines: BTreeMap<HostId, Arc<dyn Engine>>,
    /// Time and randomness.
    pub clock: Clock,
    /// This daemon's owner id.
    pub owner: OwnerId,
    /// The user's settings.
    pub settings: settings::Settings,
    /// The state directory, for `server_info`.
    pub state_dir: PathBuf,
    /// Ends the daemon.
    pub stop: StopSwitch,
}

/// Runs the daemon until `deps.stop` is triggered, then drains. Pods keep running.
/// `listener` is where clients come in; already bound.
///
/// # Errors
///
/// The store failed; nothing that was not stored was acknowledged.
pub async fn run(listener: UnixListener, deps: Deps) -> Result<(), StoreError> {
    let daemon = Daemon::new(deps);
    let serving = rpc::serve(listener, daemon.backend());
    daemon.run(serving).await
}

/// The daemon without its socket, put together and not yet running.
pub struct Daemon {
    backend: Backend,
    driver: driver::Driver,
    store: StoreHandle,
}

impl Daemon {
    /// Puts the parts together; nothing is begun.
    pub fn new(deps: Deps) -> Self {
        let Deps { store, records, journal, engines, clock, owner, .. } = deps;
        let engines = Arc::new(engines);
        let mut core = pinacle_core::settings::Settings::new(owner.clone(), clock.random_u64());
        core.ports = deps.settings.ports.first..=deps.settings.ports.last;
        if let Some(pool) = deps.settings.pool() {
            core.pool = pool;
        }
        core.spares = deps.settings.network.spares;
        let now = Now { wall: clock.now(), mono_ms: clock.monotonic_ms() };
        let loader = driver::Loader { hosts: engines.keys().cloned().collect(), settings: core };
        let events = Arc::new(EventHub::new(clock.random_u64()));
        let effects = effects::Effects::new(engines.clone(), journal.clone());
        effects.set_secrets(&records);
        let state = loader.load(records, loader.settings.seed, now);
        let loaded = (loader, state);
        let (driver, handle) =
            driver::Driver::new(loaded, store.clone(), clock.clone(), effects, events);
        let pokes = engines.keys().map(|host| (host.clone(), Arc::new(Notify::new())));
        let backend = Backend {
            driver: handle,
            journal,
            pokes: Arc::new(pokes.collect()),
            engines,
            info: Arc::new(server_info(owner, deps.state_dir, &clock)),
            stop: deps.stop,
            clock,
        };
        Self { backend, driver, store }
    }

    /// Returns the handles that answer clients.
    pub fn backend(&self) -> Backend {
        self.backend.clone()
    }

    /// Has every state shown to `look` after it was published.
    #[cfg(feature = "testing")]
    pub fn inspect(&mut self, look: impl FnMut(&pinacle_core::State) + Send + 'static) {
        self.driver.inspect(Box::new(look));
    }

    /// Runs until the switch in its dependencies is thrown, then drains; `serving` answers
    /// clients meanwhile. Dropping the future ends it as a kill does, but for what the
    /// engine was asked already.
    ///
    /// # Errors
    ///
    /// The store failed; nothing that was not stored was acknowledged.
    pub async fn run(self, serving: impl Future<Output = ()>) -> Result<(), StoreError> {
        let Self { backend, driver, store } = self;
        let mut tasks = JoinSet::new();
        for (host, engine) in backend.engines.iter() {
            let task = HostTask {
                host: host.clone(),
                engine: engine.clone(),
                inputs: backend.driver.inputs(),
                poke: backend.pokes.get(host).cloned().unwrap_or_default(),
                again: driver.again(),
                clock: backend.clock.clone(),
            };
            tasks.spawn(task.run());
        }
        let (journal, stop) = (backend.journal.clone(), backend.stop.clone());
        tasks.spawn(housekeeping(store.clone(), journal.clone(), backend.clock.clone()));
        // If the driver ends by itself the store has failed: everything else ends too.
        let driving = async {
            let result = driver.run(stop.triggered()).await;
            stop.trigger();
            result
        };
        let closing = close(backend.engines.clone(), &stop);
        let ((), result, ()) = tokio::join!(serving, driving, closing);
        tasks.shutdown().await;
        journal.sync_all().await;
        result?;
        export(&store).await;
        Ok(())
    }
}

/// Writes an export. One that fails loses nothing: the commits since the last are kept.
async fn export(store: &StoreHandle) {
    if let Err(error) = store.export().await {
        tracing::warn!(error = error.to_api().chain(), "cannot export the store");
    }
}

/// Once the daemon is to end, has the engines clear away what is there for the daemon itself.
async fn close(engines: Arc<BTreeMap<HostId, Arc<dyn Engine>>>, stop: &StopSwitch) {
    stop.triggered().await;
    for (host, engine) in engines.iter() {
        if tokio::time::timeout(CLOSE_LIMIT, engine.close()).await.is_err() {
            tracing::warn!(%host, "something of a check is left to the next daemon");
        }
    }
}

async fn housekeeping(store: StoreHandle, journal: Journal, clock: Clock) {
    let mut swept = None;
    loop {
        let now = clock.monotonic_ms();
        if swept.is_none_or(|at| now - at >= SWEEP_EVERY_MS) {
            journal.sweep().await;
            swept = Some(now);
        }
        tokio::select! {
            // In one order, so that a simulation goes one way.
            biased;
            () = clock.sleep(EXPORT_EVERY) => {}
            // Several deletions make one export.
            () = store.export_wanted() => clock.sleep(EXPORT_SOON).await,
        }
        export(&store).await;
    }
}

fn server_info(owner: OwnerId, state_dir: PathBuf, clock: &Clock) -> ServerInfo {
    let executable = std::env::current_exe().unwrap_or_default();
    ServerInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        protocol: PROTOCOL_VERSION,
        pid: std::process::id(),
        owner,
        state_dir: state_dir.display().to_string(),
        started_at: clock.now(),
        executable: executable.display().to_string(),
        trouble: None,
    }
}
