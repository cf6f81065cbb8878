//! Lines that a pod prints: how soon one is on the screen, and how fast a million
//! are in the store and on the screen.

use crate::common::{Programs, Scale};
use crate::fake;
use crate::keys;
use crate::measure::{self, Samples, cpu_seconds, now, wall_ns};
use crate::raw::LABEL;
use crate::real::{self, Real};
use crate::rivals::{self, Rival};
use crate::screen::Screen;
use crate::table::{Aim, Row, Unit};
use pinacle_protocol::{ConfigApply, Cursor, JournalEntry, PodId, PodRef};
use pinacle_tests::engine::docker;
use pinacle_tui::client::Client;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const GROUP: &str = "Lines";
/// Before what shows when a line was printed, in nanoseconds.
const STAMP: &str = "stamp";
const END: &str = "end";
/// A million lines, by whoever it is.
const FLOOD_LIMIT: Duration = Duration::from_secs(90);
/// The limits of a small pod, for containers beside it.
const LIMITS: [&str; 4] = ["--cpus", "0.5", "--memory", "1g"];

/// What a pod or a container prints.
#[derive(Clone, Copy)]
enum Prints {
    /// A line ten times a second.
    Stamps(usize),
    /// Lines as fast as it can, and then when it began.
    Lines(usize),
}

impl Prints {
    fn script(self) -> String {
        match self {
            Self::Stamps(n) => format!(
                "i=0; while [ $i -lt {n} ]; do echo {STAMP}$(date +%s%N); sleep 0.1; i=$((i+1)); done"
            ),
            Self::Lines(n) => format!(
                "t=$(date +%s%N); awk 'BEGIN{{for(i=1;i<={n};i++) \
                 printf \"line %07d of a command that prints as fast as it can\\n\", i}}'; \
                 echo {END}$t"
            ),
        }
    }
}

pub(crate) fn run(programs: &Programs, scale: Scale) -> anyhow::Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let rivals = rivals::all(home.path())?;
    let lines = scale.pick(1_000_000, 100_000);
    measure(programs, &rivals, scale.pick(100, 40), lines, scale.pick(3, 1))
}

/// Measures so many stamps, and so many lines in each of some rounds.
pub(crate) fn measure(
    programs: &Programs,
    rivals: &[Rival],
    stamps: usize,
    lines: usize,
    rounds: usize,
) -> anyhow::Result<Vec<Row>> {
    crate::common::say("a printed line on the screen");
    let runtime = crate::common::runtime()?;
    let real = Real::start(programs)?;
    let printing = runtime.block_on(Printing::start(&real, stamps))?;
    let screen = keys::ours(real.programs(), real.dir())?;
    anyhow::ensure!(screen.wait_text(Duration::from_secs(20), "printer").is_some(), "no list");
    screen.press("\r");
    let soon = latencies(&screen, stamps);
    runtime.block_on(printing.until_up(&real))?;
    let mut row = Row::new(GROUP, "a printed line on the screen, p50", Unit::Ms)
        .ours(soon.median())
        .aim(Aim::Below(5.0));
    row = row.peer("docker logs -f", logs_latency(&printing.image, stamps)?.median());
    for rival in rivals {
        row = row.peer(rival.name, rival_latency(rival, &printing.image, stamps)?);
    }
    let mut rows = vec![row];
    let many = Many { real: &real, printing: &printing, screen: &screen, lines };
    rows.extend(many.measure(rivals, rounds)?);
    drop(screen);
    runtime.block_on(real::remove(&printing.client, std::slice::from_ref(&printing.pod)))?;
    Ok(rows)
}

/// A pod whose install command prints.
struct Printing {
    client: Arc<Client>,
    pod: PodId,
    image: String,
    runtime: tokio::runtime::Handle,
}

impl Printing {
    async fn start(real: &Real, stamps: usize) -> anyhow::Result<Self> {
        let client = Arc::new(real.client().await?);
        let pod = fake::create(&client, "printer", &spec(Prints::Stamps(stamps))).await?;
        let installing = async {
            loop {
                let seen = client.pod(PodRef(pod.to_string())).await;
                let seen = seen.map_err(|error| anyhow::anyhow!(error.chain()))?;
                let step = seen.pod.operation.map(|operation| operation.step);
                if step.is_none_or(|step| step.to_lowercase().contains("install")) {
                    return anyhow::Ok(seen.objects.image.unwrap_or_default());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let image = tokio::time::timeout(Duration::from_secs(120), installing).await??;
        Ok(Self { client: client.clone(), pod, image, runtime: tokio::runtime::Handle::current() })
    }

    async fn until_up(&self, real: &Real) -> anyhow::Result<()> {
        real::until_up(real, &self.client, &self.pod).await
    }

    /// Has the install command run again, another one.
    async fn again(&self, prints: Prints, round: usize) -> anyhow::Result<()> {
        let expected = real::view(&self.client, &self.pod).await?.spec_revision;
        let request = ConfigApply {
            request_id: fake::request_id()?,
            pod: PodRef(self.pod.to_string()),
            expected,
            spec_text: format!("{} # {round}\n", spec(prints).trim_end()),
            accept_loss: false,
        };
        let applied = self.client.config_apply(request).await;
        applied.map(drop).map_err(|error| anyhow::anyhow!(error.chain()))
    }

    /// Returns, of the newest command that printed lines: how many are in the store, and
    /// how long after it began its end was there.
    async fn stored(&self, from: Cursor) -> anyhow::Result<Stored> {
        let mut stored = Stored { lines: 0, end: from, took_ms: None };
        let mut began = None;
        let mut text = String::new();
        loop {
            let pod = PodRef(self.pod.to_string());
            let page = self.client.journal(pod, stored.end, 10_000, false).await;
            let page = page.map_err(|error| anyhow::anyhow!(error.chain()))?;
            for record in &page.records {
                match &record.entry {
                    JournalEntry::Output { text: more, .. } => text.push_str(more),
                    JournalEntry::End { .. } => stored.took_ms = Some(record.time.0),
                    _ => {}
                }
                stored.count(&mut text, &mut began);
            }
            stored.end = page.next;
            if page.at_end {
                break;
            }
        }
        let began = began.map(|ns| u64::try_from(ns / 1_000_000).unwrap_or(u64::MAX));
        stored.took_ms = stored.took_ms.zip(began).map(|(end, began)| end.saturating_sub(began));
        Ok(stored)
    }
}

struct Stored {
    lines: usize,
    end: Cursor,
    took_ms: Option<u64>,
}

impl Stored {
    /// Counts the whole lines of a long text and leaves what has no end yet.
    fn count(&mut self, text: &mut String, began: &mut Option<u128>) {
        let Some(whole) = text.rfind('\n') else { return };
        for line in text[..whole].lines() {
            self.lines += usize::from(line.starts_with("line "));
            *began = number_behind(line, END).or(*began);
        }
        *text = text[whole + 1..].to_owned();
    }
}

fn spec(prints: Prints) -> String {
    format!("isolation: runc\ninstall: |\n  {}\n", prints.script())
}

/// Returns the nanoseconds behind a word.
fn number_behind(text: &str, word: &str) -> Option<u128> {
    let starts = text.match_indices(word).map(|(at, _)| at + word.len());
    let numbers = starts.filter_map(|at| text.get(at..at + 19)?.parse::<u128>().ok());
    numbers.last()
}

/// Milliseconds from a stamp to a moment.
fn since_stamp(stamp: u128, at: Instant) -> f64 {
    let then = wall_ns().saturating_sub(at.elapsed().as_nanos());
    #[expect(clippy::cast_precision_loss, reason = "seconds at the most")]
    let ns = then.saturating_sub(stamp) as f64;
    ns / 1e6
}

/// Returns how old each new line was when it came to the screen.
fn latencies(screen: &Screen, most: usize) -> Samples {
    let mut samples = Samples::default();
    let mut last = None;
    while samples.len() < most.saturating_sub(most / 5) {
        let mut newest = None;
        let at = screen.wait(Duration::from_secs(15), |seen| {
            newest = number_behind(&seen.contents(), STAMP);
            newest.is_some() && newest != last
        });
        let (Some(at), Some(stamp)) = (at, newest) else { break };
        // The first shows lines that were there before the screen.
        if last.is_some() {
            samples.push(since_stamp(stamp, at));
        }
        last = newest;
    }
    samples
}

/// A container that prints, removed when dropped.
struct Container(String);

impl Container {
    fn start(image: &str, name: &str, script: &str) -> anyhow::Result<Self> {
        let name = format!("pinacle-bench-{name}-{}", std::process::id());
        let label = format!("{LABEL}=1");
        let mut args = vec!["run", "--detach", "--name", &name, "--label", &label];
        args.extend(LIMITS);
        args.extend(["--network", "none", "--runtime", "runc", "--entrypoint", "sh", image]);
        args.extend(["-c", script]);
        let started = pinacle_tests::engine::try_docker(&args);
        started.map_err(|said| anyhow::anyhow!(said))?;
        Ok(Self(name))
    }

    fn follow(&self) -> anyhow::Result<Follower> {
        let mut command = Command::new("docker");
        command.args(["logs", "-f", &self.0]).stdin(Stdio::null());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        Ok(Follower(child))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Err(said) = pinacle_tests::engine::try_docker(&["rm", "-f", &self.0]) {
            crate::common::say(&format!("cleaning up {}: {said}", self.0));
        }
    }
}

struct Follower(Child);

impl Follower {
    /// Gives every line to `take` until that has enough.
    fn lines(&mut self, mut take: impl FnMut(&str) -> bool) {
        let Some(output) = self.0.stdout.take() else { return };
        let mut reader = BufReader::with_capacity(64 * 1024, output);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|n| n > 0) {
            if take(&line) {
                return;
            }
            line.clear();
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn logs_latency(image: &str, stamps: usize) -> anyhow::Result<Samples> {
    let container = Container::start(image, "stamps", &Prints::Stamps(stamps).script())?;
    let mut samples = Samples::default();
    container.follow()?.lines(|line| {
        if let Some(stamp) = number_behind(line, STAMP) {
            samples.push(since_stamp(stamp, now()));
        }
        samples.len() >= stamps / 2
    });
    Ok(samples)
}

fn rival_latency(rival: &Rival, image: &str, stamps: usize) -> anyhow::Result<Option<f64>> {
    let script = Prints::Stamps(600).script();
    let container = Container::start(image, "stamps", &script)?;
    let screen = rival.start()?;
    if !rival.show_log(&screen, &container.0[..20]) {
        crate::common::say(&format!("{} does not show the log: {}", rival.name, screen.text()));
        return Ok(None);
    }
    Ok(latencies(&screen, stamps / 2).median())
}

/// A million lines.
struct Many<'a> {
    real: &'a Real,
    printing: &'a Printing,
    screen: &'a Screen,
    lines: usize,
}

#[derive(Default)]
struct Found {
    store: Samples,
    exec: Samples,
    shown: Samples,
    logs: Samples,
    lost: usize,
    daemon_peak: f64,
    client_peak: f64,
    client_cpu: Samples,
}

impl Many<'_> {
    fn measure(&self, rivals: &[Rival], rounds: usize) -> anyhow::Result<Vec<Row>> {
        let mut found = Found::default();
        let container = docker(&["ps", "-q", "--filter", &format!("name={}", self.printing.pod)]);
        for round in 0..rounds {
            crate::common::say(&format!("{} lines, {} of {rounds}", self.lines, round + 1));
            found.exec.push(self.exec_to_file(&container)?);
            self.through_us(round, &mut found)?;
            found.logs.push(self.logs()?);
        }
        let mut row = Row::new(
            GROUP,
            format!("{} lines, until the last is on the screen", self.lines),
            Unit::Ms,
        )
        .ours(found.shown.median())
        .peer("docker logs -f", found.logs.median())
        .aim(Aim::Times(1.25));
        for rival in rivals {
            row = row.peer(rival.name, self.rival(rival)?);
        }
        let count = |n: usize| {
            #[expect(clippy::cast_precision_loss, reason = "a million")]
            let n = n as f64;
            Some(n)
        };
        let some = |peak: f64| (peak > 0.0).then_some(peak);
        Ok(vec![
            row,
            Row::new(GROUP, "the same, until the last is in the store", Unit::Ms)
                .ours(found.store.median())
                .peer("docker exec > file", found.exec.median())
                .aim(Aim::Times(2.0)),
            Row::new(GROUP, "lines lost", Unit::Count)
                .ours(count(found.lost))
                .aim(Aim::AtMost(0.0)),
            Row::new(GROUP, "most memory of the client meanwhile", Unit::Mib)
                .ours(some(found.client_peak))
                .aim(Aim::Below(64.0)),
            Row::new(GROUP, "processor time of the client for it", Unit::Ms)
                .ours(found.client_cpu.median()),
            Row::new(GROUP, "most memory of the daemon meanwhile", Unit::Mib)
                .ours(some(found.daemon_peak)),
        ])
    }

    fn through_us(&self, round: usize, found: &mut Found) -> anyhow::Result<()> {
        let runtime = &self.printing.runtime;
        let from = runtime.block_on(self.printing.stored(Cursor::default()))?.end;
        let (client, daemon) = (self.screen.pid(), self.real.pid());
        measure::forget_peak(client);
        measure::forget_peak(daemon);
        let cpu = cpu_seconds(client);
        runtime.block_on(self.printing.again(Prints::Lines(self.lines), round))?;
        let mut began = None;
        let seen_before = number_behind(&self.screen.text(), END);
        let at = self.screen.wait(FLOOD_LIMIT, |screen| {
            began = number_behind(&screen.contents(), END);
            began.is_some() && began != seen_before
        });
        match (at, began) {
            (Some(at), Some(began)) => found.shown.push(since_stamp(began, at)),
            _ => crate::common::say(&format!("the last line is not shown: {}", self.screen.text())),
        }
        found.client_cpu.push((cpu_seconds(client) - cpu) * 1e3);
        runtime.block_on(self.printing.until_up(self.real))?;
        found.client_peak = found.client_peak.max(measure::peak_mib(client).unwrap_or(0.0));
        found.daemon_peak = found.daemon_peak.max(measure::peak_mib(daemon).unwrap_or(0.0));
        let stored = runtime.block_on(self.printing.stored(from))?;
        found.lost += self.lines.saturating_sub(stored.lines);
        if let Some(took) = stored.took_ms {
            #[expect(clippy::cast_precision_loss, reason = "minutes at the most")]
            found.store.push(took as f64);
        }
        Ok(())
    }

    fn exec_to_file(&self, container: &str) -> anyhow::Result<f64> {
        let path = self.real.dir().join("exec.txt");
        let script = Prints::Lines(self.lines).script();
        let mut command = Command::new("docker");
        command.args(["exec", container, "sh", "-c", &script]).stdin(Stdio::null());
        let status = command.stdout(File::create(&path)?).status()?;
        let at = now();
        anyhow::ensure!(status.success(), "docker exec: {status}");
        let text = std::fs::read_to_string(&path)?;
        let began = number_behind(&text[text.len().saturating_sub(100)..], END);
        Ok(began.map_or(f64::NAN, |began| since_stamp(began, at)))
    }

    fn logs(&self) -> anyhow::Result<f64> {
        let script = format!("sleep 1; {}; sleep 100", Prints::Lines(self.lines).script());
        let container = Container::start(&self.printing.image, "lines", &script)?;
        let mut took = f64::NAN;
        container.follow()?.lines(|line| {
            let Some(began) = line.starts_with(END).then(|| number_behind(line, END)).flatten()
            else {
                return false;
            };
            took = since_stamp(began, now());
            true
        });
        Ok(took)
    }

    fn rival(&self, rival: &Rival) -> anyhow::Result<Option<f64>> {
        let script = format!(
            "{}; sleep 10; {}; sleep 300",
            Prints::Stamps(3).script(),
            Prints::Lines(self.lines).script()
        );
        crate::common::say(&format!("{} lines through {}", self.lines, rival.name));
        let container = Container::start(&self.printing.image, "lines", &script)?;
        let screen = rival.start()?;
        if !rival.show_log(&screen, &container.0[..20]) {
            return Ok(None);
        }
        let mut began = None;
        // A tenth of the lines gets a share of the patience.
        let limit = if self.lines < 1_000_000 { FLOOD_LIMIT / 4 } else { FLOOD_LIMIT };
        let at = screen.wait(limit, |screen| {
            began = number_behind(&screen.contents(), END);
            began.is_some()
        });
        Ok(at.zip(began).map(|(at, began)| since_stamp(began, at)))
    }
}
