//! A whole daemon whose engine is the fake one: everything else is the real thing,
//! its socket, its store and its journals too.

use anyhow::Context as _;
use pinacle_daemon::backend::StopSwitch;
use pinacle_daemon::clock::Clock;
use pinacle_daemon::engine::Engine;
use pinacle_daemon::journal::{CommandStart, Journal, JournalLimits};
use pinacle_daemon::settings::Settings;
use pinacle_daemon::testing::FakeEngine;
use pinacle_daemon::{Deps, rpc, store};
use pinacle_protocol::{CreatePod, HostId, OutputStream, PodId, PodPhase, RequestId};
use pinacle_tui::client::Client;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Creations asked for at once.
const AT_ONCE: usize = 64;
/// Longest wait for one change of the fake host, which answers at once.
const LIMIT: Duration = Duration::from_secs(300);
/// Lines a second that a flooding pod prints, and how many come together.
const FLOOD: (u64, u64) = (50_000, 500);

/// A fake host and the directory of the daemons that keep it.
#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) engine: FakeEngine,
    dir: PathBuf,
}

/// One daemon on it.
pub(crate) struct Serving {
    pub(crate) journal: Journal,
    stop: StopSwitch,
    task: tokio::task::JoinSet<anyhow::Result<()>>,
}

impl Fake {
    pub(crate) fn new(dir: &Path) -> Self {
        Self { engine: FakeEngine::new(), dir: dir.to_owned() }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.join("pinacled.sock")
    }

    /// Starts a daemon in this process.
    pub(crate) fn serve(&self) -> anyhow::Result<Serving> {
        let clock = Clock::system();
        let opened = store::open(&self.dir, &clock)?;
        let journal =
            Journal::open(self.dir.join("journal"), JournalLimits::default(), clock.clone())?;
        let mut settings = Settings::default();
        // Room for ten thousand, and some that are made and removed again beside them.
        settings.network.pool = "10.0.0.0/8".to_owned();
        (settings.ports.first, settings.ports.last) = (20_000, 59_999);
        let engine: Arc<dyn Engine> = Arc::new(self.engine.clone());
        let stop = StopSwitch::default();
        let listener = rpc::listen(&self.socket())?;
        let deps = Deps {
            store: opened.handle,
            records: opened.records,
            journal: journal.clone(),
            engines: BTreeMap::from([(HostId::local(), engine)]),
            clock,
            owner: opened.owner,
            settings,
            state_dir: self.dir.clone(),
            stop: stop.clone(),
        };
        let mut task = tokio::task::JoinSet::new();
        let lock = opened.lock;
        task.spawn(async move {
            pinacle_daemon::run(listener, deps).await?;
            drop(lock);
            Ok(())
        });
        Ok(Serving { journal, stop, task })
    }

    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        connect(&self.socket()).await
    }

    /// Makes pods `bench-00000` and so on, and waits until they run.
    pub(crate) async fn fill(&self, client: &Client, pods: usize) -> anyhow::Result<()> {
        use futures::{StreamExt, TryStreamExt, stream};
        let created = stream::iter(0..pods).map(Ok::<_, anyhow::Error>);
        created
            .try_for_each_concurrent(AT_ONCE, |n| async move {
                create(client, &format!("bench-{n:05}"), "isolation: runc\n").await.map(drop)
            })
            .await?;
        until_running(client, pods).await?;
        self.engine.clear_calls();
        Ok(())
    }
}

impl Serving {
    /// Ends the daemon and waits for it.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.stop.trigger();
        drop(self.journal);
        self.task.join_next().await.context("the daemon's task is gone")??
    }
}

/// Connects to a daemon that is about to listen.
pub(crate) async fn connect(socket: &Path) -> anyhow::Result<Client> {
    let tries = async {
        loop {
            match Client::connect(socket).await {
                Ok(client) => return client,
                Err(_) => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        }
    };
    Ok(tokio::time::timeout(Duration::from_secs(60), tries).await?)
}

pub(crate) fn request_id() -> anyhow::Result<RequestId> {
    pinacle_tui::session::request_id().map_err(|_| anyhow::anyhow!("no random bytes"))
}

/// Asks for a pod; returns its id.
pub(crate) async fn create(client: &Client, name: &str, spec: &str) -> anyhow::Result<PodId> {
    let request = CreatePod {
        request_id: request_id()?,
        spec_text: spec.to_owned(),
        default_name: Some(name.to_owned()),
        host: None,
        isolation: None,
        source_dir: None,
    };
    Ok(client.create(request).await.map_err(|e| anyhow::anyhow!(e.chain()))?.pod)
}

/// Waits until so many pods run and nothing is under way.
pub(crate) async fn until_running(client: &Client, pods: usize) -> anyhow::Result<()> {
    let running = async {
        loop {
            let list = client.inventory().await.map_err(|e| anyhow::anyhow!(e.chain()))?;
            let settled = |pod: &&pinacle_protocol::PodView| {
                pod.phase == PodPhase::Running
                    && pod.operation.is_none()
                    && pod.unknown_since.is_none()
            };
            if list.pods.iter().filter(settled).count() >= pods {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(LIMIT, running).await.context("the pods do not come up")?
}

/// The program's own second life: a daemon with so many pods, one of them flooding
/// its journal when asked to. Ends with its standard input.
pub(crate) fn stand_alone(dir: &Path, pods: usize, flooding: bool) -> anyhow::Result<()> {
    let runtime = crate::common::runtime()?;
    runtime.block_on(async {
        let fake = Fake::new(dir);
        let serving = fake.serve()?;
        let client = fake.client().await?;
        fake.fill(&client, pods).await?;
        let mut flood = tokio::task::JoinSet::new();
        if flooding {
            let list = client.inventory().await.map_err(|e| anyhow::anyhow!(e.chain()))?;
            let pod = list.pods.first().context("a pod")?.id.clone();
            flood.spawn(print_for_ever(serving.journal.clone(), pod));
        }
        #[expect(clippy::print_stdout, reason = "what the parent waits for")]
        {
            println!("ready");
        }
        // Blocks a thread of its own until the parent is gone or lets go.
        let parent = tokio::task::spawn_blocking(|| {
            let _ = std::io::stdin().lock().read_line(&mut String::new());
        });
        parent.await?;
        flood.shutdown().await;
        drop(client);
        serving.end().await
    })
}

async fn print_for_ever(journal: Journal, pod: PodId) {
    let start = CommandStart {
        line: "docker exec bench flood".to_owned(),
        container_line: Some("flood".to_owned()),
        label: Some("Flood".to_owned()),
    };
    let (rate, together) = FLOOD;
    let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 * together / rate));
    let mut n = 0_u64;
    loop {
        // The journal keeps so much of one command and no more.
        let command = journal.pod(&pod).begin(start.clone()).await;
        for _ in 0..2_000 {
            ticks.tick().await;
            let lines: String = (n..n + together)
                .map(|n| format!("line {n:09} of a flood, as long as lines of a build are\n"))
                .collect();
            n += together;
            command.output(OutputStream::Stdout, lines.as_bytes()).await;
        }
        command.end(Some(0), None).await;
    }
}

/// Such a daemon in a process of its own, ended when dropped.
pub(crate) struct Apart {
    child: Child,
    pub(crate) dir: tempfile::TempDir,
}

impl Apart {
    pub(crate) fn start(pods: usize, flooding: bool) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("pinacle-bench-").tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("--fake-daemon").arg(dir.path()).arg(pods.to_string());
        command.args(flooding.then_some("flood"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let output = child.stdout.take().context("its output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let apart = Self { child, dir };
        anyhow::ensure!(line.trim() == "ready", "the fake daemon did not come up");
        Ok(apart)
    }
}

impl Drop for Apart {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
