//! One run: the daemon, its clients and everything that happens to them.

use crate::check::{self, Watcher};
use crate::disk::{Disk, Mounted};
use crate::host::{Host, Seen, short};
use crate::ledger::{Ledger, Made};
use pinacle_core::event::Request;
use pinacle_core::record::SpareRecord;
use pinacle_daemon::backend::{Backend, StopSwitch};
use pinacle_daemon::engine::Engine;
use pinacle_daemon::journal::Journal;
use pinacle_daemon::settings::Settings;
use pinacle_daemon::store::{StoreError, StoreHandle};
use pinacle_daemon::testing::TokioTime;
use pinacle_daemon::{Daemon, Deps};
use pinacle_protocol::{Accepted, ApiError, HostId, OwnerId, PodId, RequestId};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

pub(crate) const OWNER: &str = "0wn3r00000000000";
pub(crate) const STRANGER: &str = "str4ng3r00000000";

/// A daemon that lives.
struct Life {
    number: u64,
    backend: Backend,
    tasks: JoinSet<Result<(), StoreError>>,
}

type Answer = (usize, Option<Result<Accepted, ApiError>>);

pub(crate) struct World {
    pub(crate) host: Host,
    pub(crate) disk: Disk,
    pub(crate) ledger: Ledger,
    pub(crate) time: TokioTime,
    life: Option<Life>,
    clients: JoinSet<Answer>,
    /// What was found wrong, first things first.
    pub(crate) wrong: Arc<Mutex<Vec<String>>>,
    pub(crate) watcher: Watcher,
    /// Pods that something was done to which nobody can mend for them.
    pub(crate) spoilt: BTreeSet<PodId>,
    /// Whether a power cut took commits, none of which anything had been promised by.
    pub(crate) forgot: bool,
    /// Networks made ahead, as the daemon last had them on record.
    pub(crate) spares: Arc<Mutex<Vec<SpareRecord>>>,
    requests: u64,
}

/// Small pools, so that they run out now and then.
fn settings() -> Settings {
    let mut settings = Settings::default();
    (settings.ports.first, settings.ports.last) = (30_000, 30_009);
    settings.network.pool = "10.249.0.0/20".to_owned();
    settings
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let time = TokioTime::new(seed);
        Self {
            host: Host::new(seed, time.clone()),
            disk: Disk::default(),
            ledger: Ledger::default(),
            time,
            life: None,
            clients: JoinSet::new(),
            wrong: Arc::default(),
            watcher: Watcher::default(),
            spoilt: BTreeSet::new(),
            forgot: false,
            spares: Arc::default(),
            requests: 0,
        }
    }

    /// Starts a daemon with what the disk has.
    pub(crate) fn start(&mut self) {
        let number = self.host.next_life();
        self.host.log(format!("# daemon {number} starts"));
        let disk = Mounted { disk: self.disk.clone(), host: self.host.clone(), life: number };
        let host = self.host.clone();
        let pause = move |_| {
            let host = host.clone();
            async move { host.moment(number).await }
        };
        let (store, serving) = StoreHandle::served(Box::new(disk), pause);
        let engine: Arc<dyn Engine> = Arc::new(Seen { host: self.host.clone(), life: number });
        let stop = StopSwitch::default();
        let mut daemon = Daemon::new(Deps {
            store,
            records: self.disk.records(),
            journal: Journal::closed(),
            engines: BTreeMap::from([(HostId::local(), engine)]),
            clock: self.time.clock(),
            owner: OwnerId::new(OWNER).expect("an owner"),
            settings: settings(),
            state_dir: "/nowhere".into(),
            stop: stop.clone(),
        });
        let (disk, host, wrong) = (self.disk.clone(), self.host.clone(), self.wrong.clone());
        let (spoilt, spares) = (self.spoilt.clone(), self.spares.clone());
        let mut turns = 0_u64;
        daemon.inspect(move |state| {
            turns += 1;
            // What is on disk is compared now and then: it takes longer than all the rest.
            let disk = turns.is_multiple_of(4).then_some(&disk);
            if host.is_alive(number) {
                *spares.lock().expect("no panic") = state.spares().cloned().collect();
            }
            if host.is_alive(number)
                && let Err(found) = check::step(state, disk, &host, &spoilt)
            {
                host.log(format!("! {found}"));
                wrong.lock().expect("no panic").push(found);
            }
        });
        let backend = daemon.backend();
        let mut tasks = JoinSet::new();
        tasks.spawn(daemon.run(async move { stop.triggered().await }));
        tasks.spawn(async move {
            serving.await;
            Ok(())
        });
        self.watcher = Watcher::new(&backend);
        self.life = Some(Life { number, backend, tasks });
    }

    /// Ends the daemon as a kill does: nothing it does from now on has any effect.
    pub(crate) async fn kill(&mut self) {
        self.host.next_life();
        self.bury().await;
    }

    async fn bury(&mut self) {
        let Some(mut life) = self.life.take() else { return };
        self.host.log(format!("# daemon {} is dead", life.number));
        life.tasks.shutdown().await;
        drop(life);
        // Tasks of its tasks are dropped in turn.
        for _ in 0..4 {
            tokio::task::yield_now().await;
        }
        while let Some(answer) = self.clients.join_next().await {
            self.take_answer(answer.expect("a client does not panic"));
        }
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.life.as_ref().expect("a daemon lives").backend
    }

    /// Returns the pods in the list.
    pub(crate) fn pods(&self) -> Vec<PodId> {
        self.backend().driver.published().pods.keys().cloned().collect()
    }

    /// Has a daemon end by itself.
    pub(crate) async fn terminate(&mut self) {
        self.backend().stop.trigger();
        self.wait(Duration::from_secs(6)).await;
    }

    /// Lets time pass; a daemon that dies or ends meanwhile is started again.
    pub(crate) async fn wait(&mut self, duration: Duration) {
        let end = tokio::time::sleep(duration);
        tokio::pin!(end);
        loop {
            let life = self.life.as_mut().expect("a daemon lives");
            tokio::select! {
                biased;
                () = self.host.died.notified() => {
                    self.bury().await;
                    self.start();
                }
                Some(ended) = life.tasks.join_next() => {
                    match ended {
                        Ok(result) => self.host.log(format!("# it ended: {result:?}")),
                        Err(error) => self.found(format!("the daemon panicked: {error}")),
                    }
                    self.kill().await;
                    self.start();
                }
                Some(answer) = self.clients.join_next() => {
                    self.take_answer(answer.expect("a client does not panic"));
                }
                () = &mut end => break,
            }
        }
        let backend = self.backend().clone();
        if let Err(found) = self.watcher.watch(&backend) {
            self.found(found);
        }
    }

    pub(crate) fn found(&self, found: String) {
        self.host.log(format!("! {found}"));
        self.wrong.lock().expect("no panic").push(found);
    }

    pub(crate) fn next_request(&mut self) -> RequestId {
        self.requests += 1;
        RequestId::new(format!("request-{}", self.requests)).expect("an id")
    }

    /// Has a client ask; its answer comes while time passes.
    pub(crate) fn ask(&mut self, id: RequestId, request: Request) {
        self.ledger.made.push(Made { id, request, asked: 0, answer: None });
        self.ask_again(self.ledger.made.len() - 1);
    }

    pub(crate) fn ask_again(&mut self, index: usize) {
        self.ledger.made[index].asked += 1;
        let life = self.life.as_ref().expect("a daemon lives");
        let (driver, number) = (life.backend.driver.clone(), life.number);
        let (host, request) = (self.host.clone(), self.ledger.made[index].request.clone());
        self.clients.spawn(async move {
            let answer = driver.request(request).await;
            let stopping = |e: &ApiError| e.message.contains("stopping");
            let heard = host.is_alive(number) && !answer.as_ref().is_err_and(stopping);
            (index, heard.then_some(answer))
        });
    }

    fn take_answer(&mut self, (index, answer): Answer) {
        let Some(made) = self.ledger.made.get(index) else { return };
        let said = match &answer {
            None => "nothing".to_owned(),
            Some(Ok(accepted)) => format!("{} {:?}", short(&accepted.pod), accepted.operation),
            Some(Err(error)) => error.chain(),
        };
        self.host.log(format!("{} is answered: {said}", made.id));
        if let Err(found) = self.ledger.answered(index, answer) {
            self.found(found);
        }
    }
}
