//! Many clients at once on a host without weather: a thousand pods, ten thousand operations.
//!
//! The pool has a port for each pod that may be there and not one more, and hardly more
//! address ranges: one that leaks is missed before the end.

use crate::disk::{Disk, Mounted};
use crate::host::Host;
use futures::future::join_all;
use pinacle_core::event::{Action, CreateRequest, Request, SlugChoice};
use pinacle_core::spec;
use pinacle_daemon::backend::{Backend, StopSwitch};
use pinacle_daemon::engine::Engine;
use pinacle_daemon::journal::Journal;
use pinacle_daemon::settings::Settings;
use pinacle_daemon::store::StoreHandle;
use pinacle_daemon::testing::{CallKind, FakeEngine, TokioTime};
use pinacle_daemon::{Daemon, Deps};
use pinacle_protocol::{
    Accepted, ApiError, Cursor, ErrorKind, Event, HostId, OperationId, OperationStatus, OwnerId,
    PodId, PodPhase, RequestId, Slug,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

const CLIENTS: u16 = 20;
/// Pods of each client.
const PODS: u16 = 50;
/// Rounds of each client: a pod stops, starts, starts anew, goes, and another one comes.
const ROUNDS: u16 = 90;
const ALL_PODS: u16 = CLIENTS * PODS;
/// Networks made ahead: a quarter of the 24 ranges that are left.
const SPARES: usize = 6;
const SPEC: &str = "services: []\n";

/// A client with pods of its own, that follows everybody's.
struct Client {
    backend: Backend,
    number: u16,
    requests: u32,
    pods: Vec<PodId>,
    cursor: Cursor,
    /// Phases as events tell them.
    phases: BTreeMap<PodId, PodPhase>,
    succeeded: u32,
}

impl Client {
    fn new(backend: &Backend, number: u16) -> Self {
        let mut client = Self {
            backend: backend.clone(),
            number,
            requests: 0,
            pods: Vec::new(),
            cursor: Cursor::default(),
            phases: BTreeMap::new(),
            succeeded: 0,
        };
        client.read_list();
        client
    }

    fn read_list(&mut self) {
        let now = self.backend.driver.published();
        self.phases = listed(&self.backend);
        self.cursor = now.cursor;
    }

    /// Takes the events up to now. Returns whether one says that this operation succeeded.
    fn follow(&mut self, operation: Option<&OperationId>) -> bool {
        let slice = self.backend.driver.events().after(self.cursor, usize::MAX);
        if slice.gap {
            // It was too far behind, and reads the list as clients do.
            self.read_list();
            let now = self.backend.driver.published();
            let view = operation.and_then(|id| now.operations.get(id));
            return view.is_some_and(|view| ended(view.status));
        }
        let mut done = false;
        for record in &slice.events {
            assert_eq!(record.cursor.seq, self.cursor.seq + 1);
            self.cursor = record.cursor;
            match &record.event {
                Event::PodChanged { pod } => {
                    self.phases.insert(pod.id.clone(), pod.phase);
                }
                Event::PodRemoved { id } => {
                    self.phases.remove(id);
                }
                Event::OperationChanged { operation: view } if Some(&view.id) == operation => {
                    done |= ended(view.status);
                }
                Event::HostChanged { .. } | Event::OperationChanged { .. } => {}
            }
        }
        done
    }

    fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new(format!("client-{}-{}", self.number, self.requests)).expect("an id")
    }

    /// Asks, again when the daemon is busy, and follows the events until it is done.
    async fn carry_out(&mut self, request: Request) -> PodId {
        let accepted = until_accepted(&self.backend, request).await;
        let operation = accepted.operation.expect("something to do");
        let mut news = self.backend.driver.events().subscribe();
        while !self.follow(Some(&operation)) {
            news.changed().await.expect("the daemon lives");
        }
        self.succeeded += 1;
        accepted.pod
    }

    async fn create(&mut self) {
        let request_id = self.next_request();
        let slug = format!("load-{}-{}", self.number, self.requests);
        let parsed = spec::parse(SPEC.as_bytes()).spec.expect("a spec");
        let request = Request::Create(Box::new(CreateRequest {
            request_id,
            host: HostId::local(),
            spec_text: SPEC.to_owned(),
            isolation: parsed.isolation,
            spec: parsed,
            name: slug.clone(),
            slug: Slug::new(slug).expect("a slug"),
            slug_choice: SlugChoice::Explicit,
            source_dir: None,
        }));
        let pod = self.carry_out(request).await;
        self.pods.push(pod);
    }

    async fn act(&mut self, pod: &PodId, action: Action) {
        let request = Request::Act { request_id: self.next_request(), pod: pod.clone(), action };
        self.carry_out(request).await;
    }

    async fn work(mut self) -> Self {
        for _ in 0..PODS {
            self.create().await;
        }
        for round in 0..ROUNDS {
            let pod = self.pods.remove(usize::from(round * 7 % PODS));
            for action in [Action::Stop, Action::Start, Action::Restart, Action::Delete] {
                self.act(&pod, action).await;
            }
            self.create().await;
        }
        self
    }

    async fn delete_all(mut self) {
        for pod in std::mem::take(&mut self.pods) {
            self.act(&pod, Action::Delete).await;
        }
    }
}

/// Returns whether it has ended, which it does well here.
fn ended(status: OperationStatus) -> bool {
    assert!(!status.is_final() || status == OperationStatus::Succeeded, "{status:?}");
    status.is_final()
}

fn listed(backend: &Backend) -> BTreeMap<PodId, PodPhase> {
    let now = backend.driver.published();
    now.pods.iter().map(|(id, entry)| (id.clone(), entry.view.phase)).collect()
}

async fn until_accepted(backend: &Backend, request: Request) -> Accepted {
    loop {
        match backend.driver.request(request.clone()).await {
            Ok(accepted) => return accepted,
            Err(error) => assert_eq!(error.kind, ErrorKind::Busy, "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    (settings.ports.first, settings.ports.last) = (30_000, 30_000 + ALL_PODS - 1);
    // 1,024 ranges.
    settings.network.pool = "10.248.0.0/14".to_owned();
    settings
}

fn daemon(host: &Host, engine: &FakeEngine, disk: &Disk) -> (Daemon, StopSwitch, JoinSet<()>) {
    let mounted = Mounted { disk: disk.clone(), host: host.clone(), life: 0 };
    let (store, serving) = StoreHandle::served(Box::new(mounted), |_| async {});
    let mut tasks = JoinSet::new();
    tasks.spawn(serving);
    let shared: Arc<dyn Engine> = Arc::new(engine.clone());
    let stop = StopSwitch::default();
    let mut daemon = Daemon::new(Deps {
        store,
        records: Vec::new(),
        journal: Journal::closed(),
        engines: BTreeMap::from([(HostId::local(), shared)]),
        clock: host.time.clock(),
        owner: OwnerId::new("0wn3r00000000000").expect("an owner"),
        settings: settings(),
        state_dir: "/nowhere".into(),
        stop: stop.clone(),
    });
    let mut turns = 0_u32;
    daemon.inspect(move |state| {
        turns += 1;
        // It takes longer than all the rest.
        if turns.is_multiple_of(100) {
            assert_eq!(state.check(), None);
        }
    });
    (daemon, stop, tasks)
}

/// Asks more at once than may wait: some are told so, and all that were not are done.
async fn flood(backend: &Backend) {
    let pods: Vec<PodId> = backend.driver.published().pods.keys().cloned().collect();
    let requests: Vec<Request> = (0..3_000)
        .map(|n| Request::Act {
            request_id: RequestId::new(format!("flood-{n}")).expect("an id"),
            pod: pods[n % pods.len()].clone(),
            action: Action::Start,
        })
        .collect();
    let ask = |request: &Request| {
        let (driver, request) = (backend.driver.clone(), request.clone());
        async move { driver.request(request).await }
    };
    let answers: Vec<Result<Accepted, ApiError>> = join_all(requests.iter().map(ask)).await;
    let busy = |answer: &&Result<Accepted, ApiError>| {
        answer.as_ref().is_err_and(|e| e.kind == ErrorKind::Busy && e.hint.is_some())
    };
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = answers.iter().filter(busy).count();
    assert_eq!((taken, refused), (1_024, 3_000 - 1_024), "the queue has this many places");
    for request in requests {
        assert_eq!(until_accepted(backend, request).await.operation, None, "it runs already");
    }
}

fn check_full(backend: &Backend, engine: &FakeEngine, clients: &[Client]) {
    let pods = usize::from(ALL_PODS);
    let now = backend.driver.published();
    let succeeded: u32 = clients.iter().map(|client| client.succeeded).sum();
    assert_eq!(succeeded, 10_000);
    let made = engine.calls().iter().filter(|c| c.kind == CallKind::CreateContainer).count();
    assert_eq!(made, usize::from(CLIENTS * (PODS + ROUNDS)), "each once");
    assert_eq!(engine.counts(), (pods, pods + SPARES, 2 * pods));
    assert_eq!(now.pods.size(), pods);
    assert!(now.operations.size() <= pods * 20 + 1_000, "old operations are forgotten");
    let seen = engine.look().pods.into_iter().map(|pod| (pod.id.clone(), pod));
    let seen: BTreeMap<_, _> = seen.collect();
    for (id, entry) in now.pods.iter() {
        let (record, seen) = (&entry.record, &seen[id]);
        assert_eq!(record.phase, PodPhase::Running);
        assert_eq!(seen.container.as_ref().and_then(|c| c.port), record.port);
        assert_eq!(seen.network, record.subnet);
    }
    let ports: BTreeSet<_> = now.pods.values().map(|entry| entry.record.port).collect();
    let subnets: BTreeSet<_> = now.pods.values().map(|entry| entry.record.subnet).collect();
    assert_eq!((ports.len(), subnets.len()), (pods, pods), "to each its own");
    for client in clients {
        assert_eq!(client.phases, listed(backend), "client {}", client.number);
    }
}

async fn load() {
    let time = TokioTime::new(1);
    let (host, engine, disk) = (Host::new(1, time), FakeEngine::new(), Disk::default());
    for kind in [CallKind::CreateContainer, CallKind::StopContainer, CallKind::RemoveNetwork] {
        engine.delay(kind, Duration::from_millis(30));
    }
    let (daemon, stop, _store) = daemon(&host, &engine, &disk);
    let backend = daemon.backend();
    let run = daemon.run({
        let stop = stop.clone();
        async move { stop.triggered().await }
    });
    let clients = async {
        let work = (0..CLIENTS).map(|number| Client::new(&backend, number).work());
        let mut clients = join_all(work).await;
        // What the engine told of last is looked at.
        tokio::time::sleep(Duration::from_secs(60)).await;
        for client in &mut clients {
            client.follow(None);
        }
        check_full(&backend, &engine, &clients);
        flood(&backend).await;
        join_all(clients.into_iter().map(Client::delete_all)).await;
        // Networks made ahead go when there are no pods for a while.
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(engine.counts(), (0, 0, 0));
        assert_eq!(backend.driver.published().pods.size(), 0);
        disk.with_records(|records| {
            assert!(records.len() <= 1_000, "{} records are left", records.len());
        });
        stop.trigger();
    };
    let (ended, ()) = tokio::join!(run, clients);
    ended.expect("the daemon ends well");
}

#[test]
fn a_thousand_pods_and_ten_thousand_operations_of_twenty_clients_end_as_asked() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(load());
}
