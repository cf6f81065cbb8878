//! Fifty pods: what the daemon and the client need for them, at rest and at a start.

use crate::common::{Programs, Scale};
use crate::fake::{self, Apart};
use crate::keys;
use crate::measure::{Samples, cpu_percent, cpu_seconds, engine_processes, ms, now, rss_mib};
use crate::raw::{self, LABEL};
use crate::real::{self, PLAIN, Real};
use crate::rivals::{self, Rival};
use crate::screen::Screen;
use crate::table::{Aim, Row, Unit};
use pinacle_protocol::PodId;
use serde_json::json;
use std::path::Path;
use std::time::Duration;

const START: &str = "Start of the client, until the list is painted";
const REST: &str = "At rest, with 50 pods";
const DAEMON: &str = "Daemon, with 50 pods";
const LIMIT: Duration = Duration::from_secs(30);
/// Rows that make a list: some programs show few at a time.
const MOST_ROWS: usize = 2;

/// How old a pod is when its age is no longer told in seconds.
const GROWN_UP: Duration = Duration::from_secs(125);

/// How much is done.
#[derive(Debug, Clone, Copy)]
struct Amount {
    pods: usize,
    /// Containers beside them, for the others.
    sleepers: usize,
    starts: usize,
    rest: Duration,
}

pub(crate) fn run(programs: &Programs, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let rivals = rivals::all(home.path())?;
    let amount = Amount {
        pods: scale.pick(50, 10),
        sleepers: scale.pick(150, 20),
        starts: scale.pick(9, 3),
        rest: Duration::from_secs(scale.pick(60, 8)),
    };
    measure(programs, &rivals, amount)
}

fn measure(programs: &Programs, rivals: &[Rival], amount: Amount) -> anyhow::Result<Vec<Row>> {
    let Amount { pods, starts, .. } = amount;
    let runtime = crate::common::runtime()?;
    let mut real = Real::start(programs)?;
    let mut rows = Vec::new();
    let client = runtime.block_on(real.client())?;
    let empty = real.rss();
    let first = runtime.block_on(fill(&real, &client, 0..1))?;
    rows.push(self::starts((programs, real.dir()), 1, rivals, starts));
    crate::common::say(&format!("{pods} pods"));
    let made = runtime.block_on(fill(&real, &client, 1..pods))?;
    let made_at = now();
    std::thread::sleep(Duration::from_secs(2));
    let full = real.rss();
    rows.push(self::starts((programs, real.dir()), pods, rivals, starts));
    rows.push(at_two_hundred(programs, rivals, amount)?);
    rows.extend([
        Row::new(DAEMON, "memory of the daemon without pods", Unit::Mib).ours(empty),
        Row::new(DAEMON, format!("memory of the daemon with {pods}"), Unit::Mib)
            .ours(full)
            .aim(Aim::Below(40.0)),
    ]);
    drop(client);
    rows.extend(runtime.block_on(restarts(&mut real, pods, starts.min(5)))?);
    std::thread::sleep(GROWN_UP.saturating_sub(made_at.elapsed()));
    rows.extend(at_rest(&mut real, rivals, amount)?);
    rows.push(keys_row(&real, rivals, starts * 10)?);
    crate::common::say("removing the pods");
    let client = runtime.block_on(real.client())?;
    let all: Vec<PodId> = first.into_iter().chain(made).collect();
    runtime.block_on(real::remove(&client, &all))?;
    Ok(rows)
}

async fn fill(
    real: &Real,
    client: &pinacle_tui::client::Client,
    which: std::ops::Range<usize>,
) -> anyhow::Result<Vec<PodId>> {
    let mut made = Vec::new();
    for n in which {
        made.push(fake::create(client, &format!("bench-{n:05}"), PLAIN).await?);
    }
    for pod in &made {
        real::until_up(real, client, pod).await?;
    }
    Ok(made)
}

/// Waits until so many rows of the list are there, and returns the milliseconds.
fn painted(screen: &Screen, sign: &str, rows: usize) -> Option<f64> {
    let at = screen.wait(LIMIT, |screen| {
        let text = screen.contents();
        text.lines().filter(|line| line.contains(sign)).count() >= rows.min(MOST_ROWS)
    })?;
    Some(ms(at.saturating_duration_since(screen.began)))
}

/// Starts ours and the others by turns.
fn starts(
    (programs, state): (&Programs, &Path),
    pods: usize,
    rivals: &[Rival],
    times: usize,
) -> Row {
    let mut ours = Samples::default();
    let mut theirs = vec![Samples::default(); rivals.len()];
    for turn in 0..times {
        let once = keys::ours(programs, state).ok();
        ours.extend(once.and_then(|screen| painted(&screen, "bench-", pods)));
        // One that never shows its list is not waited for again and again.
        let shown = |samples: &Samples| samples.len() * 2 >= turn;
        for (rival, samples) in rivals.iter().zip(&mut theirs).filter(|(_, s)| shown(s)) {
            // A column of the engine's names: long ones are cut.
            let once = rival.start().ok();
            samples.extend(once.and_then(|screen| painted(&screen, "pinacle-", pods)));
        }
    }
    let aim = Aim::AheadAndAtMost(30.0);
    let row = Row::new(START, format!("with {pods}"), Unit::Ms).ours(ours.median()).aim(aim);
    let named = rivals.iter().zip(&theirs);
    named.fold(row, |row, (rival, samples)| row.peer(rival.name, samples.median()))
}

/// Two hundred: ours on a daemon with a fake host, because two hundred networks of the
/// engine's take minutes to make and to remove; the others with as many containers.
fn at_two_hundred(programs: &Programs, rivals: &[Rival], amount: Amount) -> anyhow::Result<Row> {
    let all = amount.pods + amount.sleepers;
    crate::common::say(&format!("{all} pods and containers"));
    let daemon = Apart::start(all, false)?;
    let _sleepers = Sleepers::start(amount.sleepers)?;
    Ok(starts((programs, daemon.dir.path()), all, rivals, amount.starts))
}

/// Containers that sleep, removed when dropped.
struct Sleepers(usize);

impl Sleepers {
    fn name(n: usize) -> String {
        format!("pinacle-bench-sleeper-{}-{n}", std::process::id())
    }

    fn start(count: usize) -> anyhow::Result<Self> {
        let made = Self(count);
        let images = pinacle_tests::engine::docker(&[
            "images",
            "--format",
            "{{.Repository}}:{{.Tag}}",
            "--filter",
            "reference=pinacle-base",
        ]);
        let image = images.lines().next().unwrap_or("pinacle-debian:bookworm").to_owned();
        let body = json!({
            "Image": image, "Entrypoint": ["sleep"], "Cmd": ["100000"], "Labels": { LABEL: "1" },
            "HostConfig": { "NetworkMode": "none", "Runtime": "runc" },
        });
        let socket = raw::socket();
        let one = |n: usize| -> anyhow::Result<()> {
            let path = format!("/containers/create?name={}", Self::name(n));
            raw::call(&socket, "POST", &path, Some(&body))?;
            let path = format!("/containers/{}/start", Self::name(n));
            raw::call(&socket, "POST", &path, None).map(drop)
        };
        four_at_once(count, one)?;
        Ok(made)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        let socket = raw::socket();
        let one = |n: usize| -> anyhow::Result<()> {
            let path = format!("/containers/{}?force=true&v=true", Self::name(n));
            raw::call(&socket, "DELETE", &path, None).map(drop)
        };
        if let Err(error) = four_at_once(self.0, one) {
            crate::common::say(&format!("cleaning up the sleepers: {error}"));
        }
    }
}

fn four_at_once(
    count: usize,
    one: impl Fn(usize) -> anyhow::Result<()> + Sync,
) -> anyhow::Result<()> {
    let (one, mut results) = (&one, Vec::new());
    std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..4)
            .map(|lane| scope.spawn(move || (lane..count).step_by(4).map(one).collect::<Vec<_>>()))
            .collect();
        for lane in lanes {
            results.extend(lane.join().unwrap_or_default());
        }
    });
    results.into_iter().collect()
}

/// A killed daemon comes back: until it serves its list, and until that is known to be so.
async fn restarts(real: &mut Real, pods: usize, times: usize) -> anyhow::Result<Vec<Row>> {
    let (mut served, mut known) = (Samples::default(), Samples::default());
    for _ in 0..times {
        real.kill();
        let began = real.spawn()?;
        let client = real.client().await?;
        let list = client.inventory().await.map_err(|e| anyhow::anyhow!(e.chain()))?;
        anyhow::ensure!(list.pods.len() == pods, "{} of {pods} pods", list.pods.len());
        served.push(ms(began.elapsed()));
        fake::until_running(&client, pods).await?;
        known.push(ms(began.elapsed()));
    }
    Ok(vec![
        Row::new(DAEMON, "killed and started again, until the list is served", Unit::Ms)
            .ours(served.median()),
        Row::new(DAEMON, "the same, until the host was looked at", Unit::Ms).ours(known.median()),
    ])
}

struct Rest {
    own: f64,
    engine: f64,
    bytes_per_second: f64,
    /// In most seconds: ages on a screen move on now and then.
    median_second: Option<f64>,
    memory: Option<f64>,
}

fn rest(screen: &Screen, engine: &[u32], others: &[u32], over: Duration) -> Rest {
    let mut own = vec![screen.pid()];
    own.extend(others);
    let used = |pids: &[u32]| pids.iter().map(|pid| cpu_seconds(*pid)).sum::<f64>();
    let (own_before, engine_before, bytes) = (used(&own), used(engine), screen.bytes());
    let began = now();
    let seconds = each_second(screen, over);
    let elapsed = began.elapsed().as_secs_f64();
    Rest {
        own: (used(&own) - own_before).max(0.0) / elapsed * 100.0,
        engine: (used(engine) - engine_before).max(0.0) / elapsed * 100.0,
        bytes_per_second: count(screen.bytes() - bytes) / elapsed,
        median_second: seconds.median(),
        memory: rss_mib(screen.pid()),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few megabytes at the most")]
fn count(bytes: u64) -> f64 {
    bytes as f64
}

fn each_second(screen: &Screen, over: Duration) -> Samples {
    let mut samples = Samples::default();
    for _ in 0..over.as_secs() {
        let before = screen.bytes();
        std::thread::sleep(Duration::from_secs(1));
        samples.push(count(screen.bytes() - before));
    }
    samples
}

fn at_rest(real: &mut Real, rivals: &[Rival], amount: Amount) -> anyhow::Result<Vec<Row>> {
    let settle = || std::thread::sleep(Duration::from_secs(4));
    let engine = engine_processes(&raw::socket());
    let others = amount.rest / 2;
    crate::common::say("at rest: nothing looks");
    real.kill();
    settle();
    let nothing = cpu_percent(std::slice::from_ref(&engine), others)[0];
    real.spawn()?;
    let screen = keys::ours(real.programs(), real.dir())?;
    anyhow::ensure!(painted(&screen, "bench-", amount.pods).is_some(), "no list");
    crate::common::say("at rest: pinacle-tui");
    settle();
    let daemon = [real.pid()];
    let daemon_before = cpu_seconds(real.pid());
    let ours = rest(&screen, &engine, &[], amount.rest);
    let seconds = amount.rest.as_secs_f64();
    let daemon_used = (cpu_seconds(daemon[0]) - daemon_before) / seconds * 100.0;
    drop(screen);
    real.kill();
    let mut found = Vec::new();
    for rival in rivals {
        crate::common::say(&format!("at rest: {}", rival.name));
        let screen = rival.start()?;
        let there = painted(&screen, "pinacle-", amount.pods).is_some();
        settle();
        found.push((rival.name, there.then(|| rest(&screen, &engine, &[], others))));
    }
    real.spawn()?;
    let row = |what: &str, unit, ours: Option<f64>, of: &dyn Fn(&Rest) -> Option<f64>| {
        let row = Row::new(REST, what, unit).ours(ours);
        found.iter().fold(row, |row, (name, rest)| row.peer(*name, rest.as_ref().and_then(of)))
    };
    let added = |rest: &Rest| Some((rest.engine - nothing).max(0.0));
    Ok(vec![
        row("processor, the client", Unit::Percent, Some(ours.own), &|r| Some(r.own))
            .aim(Aim::AheadAndAtMost(0.3)),
        Row::new(REST, "processor, client and daemon together", Unit::Percent)
            .ours(Some(ours.own + daemon_used))
            .aim(Aim::Below(0.5)),
        Row::new(REST, "processor of the engine when nothing looks", Unit::Percent)
            .ours(Some(nothing)),
        row("processor, added to the engine", Unit::Percent, added(&ours), &added)
            .aim(Aim::AheadAndAtMost(0.2)),
        row("written in most seconds", Unit::BytesPerSecond, ours.median_second, &|r| {
            r.median_second
        })
        .aim(Aim::AtMost(0.0)),
        row(
            "written on average, ages among it",
            Unit::BytesPerSecond,
            Some(ours.bytes_per_second),
            &|r| Some(r.bytes_per_second),
        )
        .aim(Aim::Ahead),
        row("memory of the client", Unit::Mib, ours.memory, &|r| r.memory).aim(Aim::Below(25.0)),
    ])
}

fn keys_row(real: &Real, rivals: &[Rival], presses: usize) -> anyhow::Result<Row> {
    crate::common::say("keys, beside the others");
    let screen = keys::ours(real.programs(), real.dir())?;
    anyhow::ensure!(painted(&screen, "bench-", 1).is_some(), "no list");
    screen.settle(Duration::from_millis(500), Duration::from_secs(5));
    let ours = keys::moves(&screen, presses);
    let mut row =
        Row::new(REST, "key to screen, p95", Unit::Ms).ours(ours.at(0.95)).aim(Aim::Ahead);
    drop(screen);
    for rival in rivals {
        let screen = rival.start()?;
        let there = painted(&screen, "pinacle-", 1).is_some();
        screen.settle(Duration::from_millis(300), Duration::from_secs(3));
        let p95 = there.then(|| keys::moves(&screen, presses).at(0.95)).flatten();
        row = row.peer(rival.name, p95);
    }
    Ok(row)
}

/// Returns whether the engine answers; without it nothing real can be measured.
pub(crate) fn engine_answers(socket: &Path) -> bool {
    raw::call(socket, "GET", "/version", None).is_ok()
}
