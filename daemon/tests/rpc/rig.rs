//! A daemon with an engine in memory, and a client for each of its modes.

use pinacle_daemon::backend::StopSwitch;
use pinacle_daemon::clock::Clock;
use pinacle_daemon::engine::Engine;
use pinacle_daemon::journal::{Journal, JournalLimits};
use pinacle_daemon::settings::Settings;
use pinacle_daemon::store::memory::MemStore;
use pinacle_daemon::store::{Store, StoreError, StoreHandle};
use pinacle_daemon::testing::FakeEngine;
use pinacle_daemon::{Deps, rpc, run};
use pinacle_protocol::wire::{self, StreamReader};
use pinacle_protocol::*;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tarpc::context::{self, Context};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) const SPEC: &str = "name: Blog\nisolation: runc\n";

pub(crate) struct Daemon {
    pub(crate) engine: FakeEngine,
    pub(crate) journal: Journal,
    pub(crate) stop: StopSwitch,
    daemon: JoinSet<Result<(), StoreError>>,
    dispatches: JoinSet<()>,
    dir: TempDir,
}

impl Daemon {
    pub(crate) async fn start() -> Self {
        Self::start_with(FakeEngine::new()).await
    }

    pub(crate) async fn start_with(engine: FakeEngine) -> Self {
        Self::start_on(engine, MemStore::default()).await
    }

    pub(crate) async fn start_on(engine: FakeEngine, store: impl Store) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let journal =
            Journal::open(dir.path().join("journal"), JournalLimits::default(), clock.clone());
        let journal = journal.unwrap();
        let shared: Arc<dyn Engine> = Arc::new(engine.clone());
        let stop = StopSwitch::default();
        let listener = rpc::listen(&dir.path().join("s")).unwrap();
        // What is made ahead is counted by nobody here, and comes when it likes.
        let mut settings = Settings::default();
        settings.network.spares = 0;
        let deps = Deps {
            store: StoreHandle::new(Box::new(store)),
            records: Vec::new(),
            journal: journal.clone(),
            engines: BTreeMap::from([(HostId::local(), shared)]),
            clock,
            owner: OwnerId::new("0wn3r00000000000").unwrap(),
            settings,
            state_dir: dir.path().to_owned(),
            stop: stop.clone(),
        };
        let mut daemon = JoinSet::new();
        daemon.spawn(run(listener, deps));
        Self { engine, journal, stop, daemon, dispatches: JoinSet::new(), dir }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("s")
    }

    pub(crate) async fn connect(&self, mode: Mode) -> wire::ClientConnection {
        wire::connect(&self.socket(), mode).await.unwrap()
    }

    pub(crate) async fn rpc(&mut self) -> PinacleClient {
        let (client, dispatch) = self.connect(Mode::Rpc).await.into_rpc();
        self.dispatches.spawn(dispatch);
        client
    }

    pub(crate) async fn stream(&self, request: &StreamRequest) -> StreamReader {
        self.connect(Mode::Stream).await.into_stream(request).await.unwrap()
    }

    /// Makes a pod and waits until it runs.
    pub(crate) async fn pod(&mut self, spec: &str) -> (PinacleClient, PodId) {
        let client = self.rpc().await;
        let accepted = client.pod_create(soon(), create("first", spec)).await.unwrap().unwrap();
        let view = finished(&client, &accepted).await;
        assert_eq!(view.status, OperationStatus::Succeeded, "{view:?}");
        (client, accepted.pod)
    }

    /// Waits until the daemon has ended.
    pub(crate) async fn ended(&mut self) {
        let ended = tokio::time::timeout(PATIENCE, self.daemon.join_next()).await;
        ended.expect("it ends").unwrap().expect("no panic").expect("no failure");
    }
}

pub(crate) fn create(request_id: &str, spec: &str) -> CreatePod {
    CreatePod {
        request_id: RequestId::new(request_id).unwrap(),
        spec_text: spec.to_owned(),
        default_name: None,
        host: None,
        isolation: None,
        source_dir: None,
    }
}

pub(crate) fn action(request_id: &str, pod: &str) -> PodAction {
    PodAction { request_id: RequestId::new(request_id).unwrap(), pod: PodRef(pod.to_owned()) }
}

pub(crate) fn pod_ref(pod: &str) -> PodRef {
    PodRef(pod.to_owned())
}

/// A deadline that no slow machine reaches.
pub(crate) fn soon() -> Context {
    within(PATIENCE)
}

#[expect(clippy::disallowed_methods, reason = "the RPC library gives deadlines by this clock")]
pub(crate) fn within(limit: Duration) -> Context {
    let mut context = context::current();
    context.deadline = std::time::Instant::now() + limit;
    context
}

/// Waits until what was accepted has ended.
pub(crate) async fn finished(client: &PinacleClient, accepted: &Accepted) -> OperationView {
    let id = accepted.operation.clone().expect("something to do");
    let wait = client.operation_wait(soon(), id, 25_000).await.unwrap().unwrap();
    assert!(wait.status.is_final(), "{wait:?}");
    wait
}

/// Reads frames until one is the wanted one; returns all before it.
pub(crate) async fn until(
    reader: &mut StreamReader,
    mut wanted: impl FnMut(&StreamFrame) -> bool,
) -> Vec<StreamFrame> {
    let mut frames = Vec::new();
    let read = async {
        loop {
            let frame = reader.next_frame().await.unwrap().expect("a frame, not the end");
            if wanted(&frame) {
                return;
            }
            frames.push(frame);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the frame comes");
    frames
}
