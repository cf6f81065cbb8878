//! From asking for a pod to its first good answer, against the engine's own calls.

use crate::common::{Programs, Scale};
use crate::fake;
use crate::measure::{Samples, ms, now};
use crate::raw::{self, Raw};
use crate::real::{self, PLAIN, Real};
use crate::table::{Aim, Row, Unit};
use anyhow::Context as _;
use pinacle_protocol::{Event, PodId, PodPhase, StreamFrame, StreamRequest};
use pinacle_tui::client::{Client, Frames};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const GROUP: &str = "Creation, until the first 200";
/// Steps until the container was started.
const BEFORE: [&str; 4] = ["Preparing", "Checking", "Creating", "Starting the container"];
/// How many at once.
const TOGETHER: usize = 8;
/// Until a container was started, by whoever it is.
const LIMIT: Duration = Duration::from_secs(120);

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
        let ahead = rounds_of(programs, real::SPARES, (alone, rounds, together)).await?;
        // From nothing, as the raw calls: what networks made ahead save is seen beside it.
        let bare = rounds_of(programs, 0, (alone, rounds, together)).await?;
        let row = |what: String, of: &Samples, raw: &Samples| {
            let row = Row::new(GROUP, what, Unit::Ms).ours(of.median());
            row.peer("raw calls", raw.median())
        };
        let many = format!("{together} pods asked for at once");
        Ok(vec![
            row("one pod".to_owned(), &ahead.alone, &ahead.alone_raw).aim(Aim::Times(1.05)),
            row(many.clone(), &ahead.many, &ahead.many_raw).aim(Aim::Ahead),
            row("one pod, no network made ahead".to_owned(), &bare.alone, &bare.alone_raw),
            row(format!("{many}, none made ahead"), &bare.many, &bare.many_raw),
        ])
    })
}

#[derive(Default)]
struct Rounds {
    alone: Samples,
    alone_raw: Samples,
    many: Samples,
    many_raw: Samples,
}

async fn rounds_of(
    programs: &Programs,
    spares: usize,
    (alone, rounds, together): (usize, usize, usize),
) -> anyhow::Result<Rounds> {
    let real = Real::start_with(programs, spares)?;
    let client = Arc::new(real.client().await?);
    let socket = raw::socket();
    // The first one finds out what the host can do, and is not measured.
    let first = fake::create(&client, "warm", PLAIN).await?;
    real::until_up(&real, &client, &first).await?;
    let detail = client.pod(pinacle_protocol::PodRef(first.to_string())).await;
    let detail = detail.map_err(|error| anyhow::anyhow!(error.chain()))?;
    let image = detail.objects.image.unwrap_or_default();
    let mut measured = Rounds::default();
    for n in 0..alone {
        crate::common::say(&format!("creation alone, {} of {alone}", n + 1));
        real.until_networks(1 + spares).await?;
        measured.alone_raw.push(several_raw(&socket, &image, 1)?);
        measured.alone.push(several(&real, &client, 1).await?);
    }
    for n in 0..rounds {
        crate::common::say(&format!("{together} creations at once, {} of {rounds}", n + 1));
        real.until_networks(1 + spares).await?;
        measured.many_raw.push(several_raw(&socket, &image, together)?);
        measured.many.push(several(&real, &client, together).await?);
    }
    real::remove(&client, &[first]).await?;
    Ok(measured)
}

async fn several(real: &Real, client: &Arc<Client>, pods: usize) -> anyhow::Result<f64> {
    let frames = client.stream(StreamRequest::Events { after: None }).await;
    let mut frames = frames.map_err(|error| anyhow::anyhow!(error.chain()))?;
    // Nothing is asked for before changes are heard of.
    while !matches!(next(&mut frames).await?, StreamFrame::CaughtUp { .. }) {}
    let (tell, started) = watch::channel(Started::default());
    let mut listening = tokio::task::JoinSet::new();
    listening.spawn(listen(frames, tell));
    let began = now();
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..pods {
        let (client, started) = (client.clone(), started.clone());
        tasks.spawn(async move { one(&client, &format!("bench-{n}"), started).await });
    }
    let made: Vec<PodId> = tasks.join_all().await.into_iter().collect::<anyhow::Result<_>>()?;
    let elapsed = ms(began.elapsed());
    drop(listening);
    for pod in &made {
        real::until_up(real, client, pod).await?;
    }
    real::remove(client, &made).await?;
    Ok(elapsed)
}

async fn one(
    client: &Client,
    name: &str,
    mut started: watch::Receiver<Started>,
) -> anyhow::Result<PodId> {
    let pod = fake::create(client, name, PLAIN).await?;
    let over = started.wait_for(|started| started.contains_key(&pod));
    let port = tokio::time::timeout(LIMIT, over).await??.get(&pod).copied();
    let port = port.context("no port is reserved")?;
    tokio::task::spawn_blocking(move || raw::first_answer(port)).await??;
    Ok(pod)
}

/// Pods whose container was started, with their ports.
type Started = BTreeMap<PodId, u16>;

/// Tells which containers were started, as the raw calls know it too. Who asks a pod before
/// has the kernel look in vain for its address, and then wait a second before it looks again;
/// who asks the daemon again and again takes the processor from what is measured.
async fn listen(mut frames: Frames, tell: watch::Sender<Started>) -> anyhow::Result<()> {
    loop {
        let StreamFrame::Event(event) = next(&mut frames).await? else { continue };
        let Event::PodChanged { pod } = event.event else { continue };
        let step = pod.operation.as_ref().map_or("", |operation| operation.step.as_str());
        let before = step.is_empty() || BEFORE.iter().any(|before| step.starts_with(before));
        if let Some(port) = pod.port.filter(|_| !before || pod.phase == PodPhase::Running) {
            tell.send_modify(|started| {
                started.insert(pod.id.clone(), port.0);
            });
        }
    }
}

async fn next(frames: &mut Frames) -> anyhow::Result<StreamFrame> {
    let frame = frames.next().await.map_err(|error| anyhow::anyhow!(error.chain()))?;
    frame.context("the daemon ended the stream")
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
