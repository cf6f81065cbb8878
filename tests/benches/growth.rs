//! How cost grows with the number of pods, on the fake engine.

use crate::fake::{self, Fake};
use crate::measure::{self, Samples, cpu_seconds, ms, now};
use crate::table::{Growth, Unit};
use pinacle_protocol::{PodAction, PodPhase, PodRef};
use pinacle_tui::client::Client;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What is measured, in the table's order: key, words, unit.
const FIGURES: [(&str, &str, Unit); 6] = [
    ("list", "list of all", Unit::Ms),
    ("event", "processor time of one event (a container dies and is up again)", Unit::Ms),
    ("create", "one creation, until it runs", Unit::Ms),
    ("change", "one stop, until it is stopped", Unit::Ms),
    ("start", "start of the daemon until the list is served", Unit::Ms),
    ("memory", "memory, the fake engine's own among it", Unit::Mib),
];

/// Measures each number of pods in a process of its own.
pub(crate) fn run(sizes: &[usize]) -> anyhow::Result<Vec<Growth>> {
    let mut found: BTreeMap<&str, Vec<(usize, Option<f64>)>> = BTreeMap::new();
    for size in sizes {
        crate::common::say(&format!("growth: {size} pods"));
        let dir = tempfile::Builder::new().prefix("pinacle-bench-").tempdir()?;
        let mut command = Command::new(std::env::current_exe()?);
        let output = command.arg("--growth").arg(dir.path()).arg(size.to_string()).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            crate::common::say(&format!("failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        let values: BTreeMap<&str, f64> = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(name, value)| Some((name, value.parse().ok()?)))
            .collect();
        for (key, ..) in FIGURES {
            found.entry(key).or_default().push((*size, values.get(key).copied()));
        }
    }
    let growth = FIGURES.into_iter().map(|(key, what, unit)| Growth {
        what,
        unit,
        values: found.remove(key).unwrap_or_default(),
    });
    Ok(growth.collect())
}

/// The child's part: prints each figure on a line.
#[expect(clippy::print_stdout, reason = "what the parent reads")]
pub(crate) fn child(dir: &Path, pods: usize) -> anyhow::Result<()> {
    for (name, value) in crate::common::runtime()?.block_on(measure(dir, pods))? {
        println!("{name} {value}");
    }
    Ok(())
}

/// Measures with so many pods.
pub(crate) async fn measure(dir: &Path, pods: usize) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let fake = Fake::new(dir);
    let serving = fake.serve()?;
    let client = fake.client().await?;
    fake.fill(&client, pods).await?;
    let list = list(&client).await?;
    let event = event(&fake, &client, pods).await?;
    let create = creation(&client).await?;
    let change = change(&client, pods).await?;
    fake.engine.clear_calls();
    let memory = measure::rss_mib(std::process::id()).unwrap_or(0.0);
    drop(client);
    serving.end().await?;
    let began = now();
    let again = fake.serve()?;
    let client = fake.client().await?;
    let served = client.inventory().await.map_err(|e| anyhow::anyhow!(e.chain()))?;
    let start = ms(began.elapsed());
    anyhow::ensure!(served.pods.len() >= pods, "the list is not whole after a start");
    drop(client);
    again.end().await?;
    Ok(vec![
        ("list", list),
        ("event", event),
        ("create", create),
        ("change", change),
        ("start", start),
        ("memory", memory),
    ])
}

async fn list(client: &Client) -> anyhow::Result<f64> {
    let mut samples = Samples::default();
    for _ in 0..15 {
        let began = now();
        client.inventory().await.map_err(|e| anyhow::anyhow!(e.chain()))?;
        samples.push(ms(began.elapsed()));
    }
    Ok(samples.median().unwrap_or(0.0))
}

/// Takes the processor's time, because the daemon waits a moment on purpose before it looks.
async fn event(fake: &Fake, client: &Client, pods: usize) -> anyhow::Result<f64> {
    let ids: Vec<_> = fake.engine.look().pods.into_iter().map(|pod| pod.id).take(10).collect();
    let before = cpu_seconds(std::process::id());
    for id in &ids {
        fake.engine.kill(id);
        until(client, id.as_str(), PodPhase::Running, || fake.engine.is_up(id)).await?;
    }
    let used = cpu_seconds(std::process::id()) - before;
    fake::until_running(client, pods).await?;
    #[expect(clippy::cast_precision_loss, reason = "ten")]
    Ok(used * 1e3 / ids.len().max(1) as f64)
}

async fn creation(client: &Client) -> anyhow::Result<f64> {
    let mut samples = Samples::default();
    for n in 0..7 {
        let began = now();
        let pod = fake::create(client, &format!("later-{n}"), "isolation: runc\n").await?;
        until(client, pod.as_str(), PodPhase::Running, || true).await?;
        samples.push(ms(began.elapsed()));
        let action = PodAction { request_id: fake::request_id()?, pod: PodRef(pod.to_string()) };
        client.delete(action).await.map_err(|e| anyhow::anyhow!(e.chain()))?;
        while client.pod(PodRef(pod.to_string())).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    Ok(samples.median().unwrap_or(0.0))
}

async fn change(client: &Client, pods: usize) -> anyhow::Result<f64> {
    let mut samples = Samples::default();
    for n in 0..pods.min(7) {
        let began = now();
        let pod = PodRef(format!("bench-{n:05}"));
        let action = PodAction { request_id: fake::request_id()?, pod: pod.clone() };
        client.stop(action).await.map_err(|e| anyhow::anyhow!(e.chain()))?;
        until(client, &pod.0, PodPhase::Stopped, || true).await?;
        samples.push(ms(began.elapsed()));
    }
    Ok(samples.median().unwrap_or(0.0))
}

/// Waits until a pod is in a phase and nothing is under way.
async fn until(
    client: &Client,
    pod: &str,
    phase: PodPhase,
    mut besides: impl FnMut() -> bool,
) -> anyhow::Result<()> {
    let settled = async {
        loop {
            let seen = client.pod(PodRef(pod.to_owned())).await;
            let seen = seen.map_err(|e| anyhow::anyhow!(e.chain()))?.pod;
            if besides() && seen.phase == phase && seen.operation.is_none() {
                return anyhow::Ok(());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await?
}
