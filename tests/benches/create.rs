//! From asking for a pod to its first good answer, against the engine's own calls.

use crate::common::{Programs, Scale};
use crate::fake;
use crate::measure::{Samples, ms, now};
use crate::raw::{self, Raw};
use crate::real::{self, PLAIN, Real};
use crate::table::{Aim, Row, Unit};
use pinacle_protocol::PodId;
use pinacle_tui::client::Client;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const GROUP: &str = "Creation, until the first 200";
/// Steps until the container was started.
const BEFORE: [&str; 4] = ["Preparing", "Checking", "Creating", "Starting the container"];
/// How many at once.
const TOGETHER: usize = 8;

pub(crate) fn run(programs: &Programs, scale: Scale) -> anyhow::Result<Vec<Row>> {
    measure(programs, scale.pick(9, 3), scale.pick(4, 1), TOGETHER)
}

/// Measures so many rounds alone, and so many of several at once.
pub(crate) fn measure(
    programs: &Programs,
    alone: usize,
    rounds: usize,
    together: usize,
) -> anyhow::Result<Vec<Row>> {
    let runtime = crate::common::runtime()?;
    runtime.block_on(async {
        let real = Real::start(programs)?;
        let client = Arc::new(real.client().await?);
        let socket = raw::socket();
        // The first one finds out what the host can do, and is not measured.
        let first = fake::create(&client, "warm", PLAIN).await?;
        real::until_up(&real, &client, &first).await?;
        let detail = client.pod(pinacle_protocol::PodRef(first.to_string())).await;
        let detail = detail.map_err(|error| anyhow::anyhow!(error.chain()))?;
        let image = detail.objects.image.unwrap_or_default();
        let (mut ours, mut bare) = (Samples::default(), Samples::default());
        for n in 0..alone {
            crate::common::say(&format!("creation alone, {} of {alone}", n + 1));
            bare.push(several_raw(&socket, &image, 1)?);
            ours.push(several(&real, &client, 1).await?);
        }
        let (mut many, mut many_bare) = (Samples::default(), Samples::default());
        for n in 0..rounds {
            crate::common::say(&format!("{together} creations at once, {} of {rounds}", n + 1));
            many_bare.push(several_raw(&socket, &image, together)?);
            many.push(several(&real, &client, together).await?);
        }
        real::remove(&client, &[first]).await?;
        let row = |what: String, ours: &Samples, bare: &Samples| {
            let row = Row::new(GROUP, what, Unit::Ms).ours(ours.median());
            row.peer("raw calls", bare.median())
        };
        Ok(vec![
            row("one pod".to_owned(), &ours, &bare).aim(Aim::Times(1.05)),
            row(format!("{together} pods asked for at once"), &many, &many_bare).aim(Aim::Ahead),
        ])
    })
}

async fn several(real: &Real, client: &Arc<Client>, pods: usize) -> anyhow::Result<f64> {
    let began = now();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..pods {
        let client = client.clone();
        tasks.spawn(async move { one(&client, &format!("bench-{n}")).await });
    }
    let made: Vec<PodId> = tasks.join_all().await.into_iter().collect::<anyhow::Result<_>>()?;
    let elapsed = ms(began.elapsed());
    for pod in &made {
        real::until_up(real, client, pod).await?;
    }
    real::remove(client, &made).await?;
    Ok(elapsed)
}

async fn one(client: &Client, name: &str) -> anyhow::Result<PodId> {
    let pod = fake::create(client, name, PLAIN).await?;
    let port = started(client, &pod).await?;
    tokio::task::spawn_blocking(move || raw::first_answer(port)).await??;
    Ok(pod)
}

/// Waits until the container was started, as the raw calls do, and returns its port. Who
/// asks before has the kernel look in vain for the pod's address, and then wait a second
/// before it looks again.
async fn started(client: &Client, pod: &PodId) -> anyhow::Result<u16> {
    let over = async {
        loop {
            let seen = real::view(client, pod).await?;
            let step = seen.operation.as_ref().map(|operation| operation.step.as_str());
            let before = step.is_none_or(|step| {
                BEFORE.iter().any(|before| step.starts_with(before)) || step.is_empty()
            });
            if !before || seen.operation.is_none() {
                let port = seen.port.ok_or_else(|| anyhow::anyhow!("no port is reserved"))?;
                return anyhow::Ok(port.0);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), over).await?
}

fn several_raw(socket: &Path, image: &str, pods: usize) -> anyhow::Result<f64> {
    let all: Vec<Raw<'_>> = (0..pods)
        .map(|n| Raw {
            socket,
            name: format!("pinacle-bench-{}-{n}", std::process::id()),
            image,
            port: 26_000 + u16::try_from(n).unwrap_or(0),
            range: format!("10.145.{n}"),
        })
        .collect();
    let began = now();
    let results: Vec<anyhow::Result<()>> = std::thread::scope(|scope| {
        let threads: Vec<_> = all.iter().map(|raw| scope.spawn(|| raw.up())).collect();
        let ended = threads.into_iter().map(|thread| thread.join());
        ended.map(|r| r.unwrap_or_else(|_| Err(anyhow::anyhow!("a thread panicked")))).collect()
    });
    let elapsed = ms(began.elapsed());
    all.iter().for_each(Raw::down);
    results.into_iter().collect::<anyhow::Result<()>>()?;
    Ok(elapsed)
}
