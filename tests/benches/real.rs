//! A daemon of the product, with its own directory, on the real engine; all it
//! made is removed at the end.

use crate::common::Programs;
use crate::fake;
use crate::measure;
use crate::measure::now;
use anyhow::Context as _;
use pinacle_protocol::{PodAction, PodId, PodRef, PodView};
use pinacle_tests::engine;
use pinacle_tui::client::Client;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Without gVisor: what is measured is the way to the engine and back.
pub(crate) const PLAIN: &str = "isolation: runc\n";
/// Ports and ranges that no scenario uses.
const SETTINGS: &str = "[ports]\nfirst = 25000\nlast = 25999\n[network]\npool = \"10.144.0.0/16\"\n\
     [journal]\ncommand_mib = 512\npod_mib = 2048\n";
/// How long a daemon may take to end.
const LAST_CALLS: Duration = Duration::from_secs(20);
/// Networks made ahead, as without a setting.
pub(crate) const SPARES: usize = 8;
/// The first pod on an engine waits for its image, too.
const LIMIT: Duration = Duration::from_secs(300);

/// The daemon.
pub(crate) struct Real {
    programs: Programs,
    dir: tempfile::TempDir,
    child: Option<Child>,
}

impl Real {
    pub(crate) fn start(programs: &Programs) -> anyhow::Result<Self> {
        Self::start_with(programs, SPARES)
    }

    /// The same, with so many networks made ahead.
    pub(crate) fn start_with(programs: &Programs, spares: usize) -> anyhow::Result<Self> {
        let dir = tempfile::Builder::new().prefix("pinacle-bench-").tempdir()?;
        let spares = format!("[network]\nspares = {spares}\n");
        let settings = SETTINGS.replace("[network]\n", &spares);
        std::fs::write(dir.path().join("config.toml"), settings)?;
        let mut real = Self { programs: programs.clone(), dir, child: None };
        real.spawn()?;
        Ok(real)
    }

    /// Starts the program; returns when it was started.
    pub(crate) fn spawn(&mut self) -> anyhow::Result<Instant> {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.path().join("pinacled.log"))?;
        let began = now();
        let child = Command::new(&self.programs.daemon)
            .arg("--state-dir")
            .arg(self.dir.path())
            .env_remove("PINACLE_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()?;
        self.child = Some(child);
        Ok(began)
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have died by itself, which the next call tells.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends it in order: what it has asked its engine for would be made after all was
    /// cleared away.
    fn end(&mut self) {
        let pid = self.pid().to_string();
        let told =
            self.child.is_some() && Command::new("kill").args(["-TERM", &pid]).status().is_ok();
        let ended = |child: &mut Child| child.try_wait().is_ok_and(|status| status.is_some());
        let until = now() + LAST_CALLS;
        while told && now() < until && !self.child.as_mut().is_none_or(ended) {
            std::thread::sleep(Duration::from_millis(50));
        }
        self.kill();
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("pinacled.sock")
    }

    pub(crate) fn programs(&self) -> &Programs {
        &self.programs
    }

    pub(crate) async fn client(&self) -> anyhow::Result<Client> {
        fake::connect(&self.socket()).await
    }

    pub(crate) fn rss(&self) -> Option<f64> {
        measure::rss_mib(self.pid())
    }

    /// Waits until there are so many networks.
    pub(crate) async fn until_networks(&self, count: usize) -> anyhow::Result<()> {
        let owner = std::fs::read_to_string(self.dir.path().join("owner"))?;
        let networks = || {
            let owned = engine::owned_by(owner.trim());
            owned.iter().filter(|thing| thing.starts_with("network ")).count()
        };
        let there = async {
            while networks() != count {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        let waited = tokio::time::timeout(LIMIT, there).await;
        waited.with_context(|| format!("there are never {count} networks: {}", self.log_tail()))
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("pinacled.log"));
        let log = log.unwrap_or_default();
        log.lines().rev().take(8).collect::<Vec<_>>().join("\n")
    }
}

/// Returns what the list shows of a pod.
pub(crate) async fn view(client: &Client, pod: &PodId) -> anyhow::Result<PodView> {
    let detail = client.pod(PodRef(pod.to_string())).await;
    Ok(detail.map_err(|error| anyhow::anyhow!(error.chain()))?.pod)
}

/// Waits until a pod runs and nothing is under way.
pub(crate) async fn until_up(real: &Real, client: &Client, pod: &PodId) -> anyhow::Result<()> {
    let up = async {
        loop {
            let seen = view(client, pod).await?;
            if seen.operation.is_none() {
                let running = seen.phase == pinacle_protocol::PodPhase::Running;
                anyhow::ensure!(running, "{pod}: {:?} {:?}", seen.phase, seen.reason);
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, up).await;
    waited.with_context(|| format!("{pod} does not come up: {}", real.log_tail()))?
}

/// Removes pods and waits until they are gone.
pub(crate) async fn remove(client: &Client, pods: &[PodId]) -> anyhow::Result<()> {
    for pod in pods {
        let request_id = fake::request_id()?;
        let action = PodAction { request_id, pod: PodRef(pod.to_string()) };
        client.delete(action).await.map_err(|error| anyhow::anyhow!(error.chain()))?;
    }
    let gone = async {
        for pod in pods {
            while client.pod(PodRef(pod.to_string())).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    };
    tokio::time::timeout(LIMIT * 2, gone).await.context("pods are not removed")
}

impl Drop for Real {
    fn drop(&mut self) {
        self.end();
        let owner = std::fs::read_to_string(self.dir.path().join("owner")).unwrap_or_default();
        if !owner.trim().is_empty() {
            engine::remove_all_of(owner.trim());
        }
    }
}
