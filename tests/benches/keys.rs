//! From a key to the changed screen, with a thousand pods and with a pod that floods.

use crate::common::{Programs, Scale};
use crate::fake::Apart;
use crate::measure::{self, Samples, ms, now};
use crate::screen::{Screen, Start};
use crate::table::{Aim, Row, Unit};
use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

const GROUP: &str = "Keys, with 1,000 pods";
const PODS: usize = 1_000;
const LIMIT: Duration = Duration::from_secs(20);

/// Starts our client on a daemon's state directory.
pub(crate) fn ours(programs: &Programs, state: &Path) -> anyhow::Result<Screen> {
    Screen::start(&Start {
        program: &programs.client,
        args: &[],
        env: &[
            ("PINACLE_STATE_DIR", state.as_os_str()),
            ("PINACLED", programs.daemon.as_os_str()),
            ("HOME", state.as_os_str()),
            ("XDG_CONFIG_HOME", state.as_os_str()),
            ("PINACLE_SOCKET", OsStr::new("")),
        ],
        dir: state,
    })
}

pub(crate) fn run(programs: &Programs, scale: Scale) -> anyhow::Result<Vec<Row>> {
    measure(programs, PODS, scale.pick(300, 60))
}

/// Measures with so many pods and presses.
pub(crate) fn measure(
    programs: &Programs,
    pods: usize,
    presses: usize,
) -> anyhow::Result<Vec<Row>> {
    crate::common::say(&format!("keys: a fake host with {pods} pods"));
    let mut rows = Vec::new();
    let daemon = Apart::start(pods, false)?;
    let screen = ours(programs, daemon.dir.path())?;
    anyhow::ensure!(screen.wait_text(LIMIT, "bench-00000").is_some(), "no list: {}", screen.text());
    screen.settle(Duration::from_millis(500), Duration::from_secs(5));
    let moved = moves(&screen, presses);
    rows.extend(latency("a row down or up", &moved, Aim::Below(5.0)));
    rows.push(
        Row::new(GROUP, "memory of the client", Unit::Mib)
            .ours(measure::rss_mib(screen.pid()))
            .aim(Aim::Below(25.0)),
    );
    drop((screen, daemon));

    let daemon = Apart::start(pods, true)?;
    let screen = ours(programs, daemon.dir.path())?;
    anyhow::ensure!(screen.wait_text(LIMIT, "bench-00000").is_some(), "no list: {}", screen.text());
    screen.press("\r");
    anyhow::ensure!(screen.wait_text(LIMIT, "of a flood").is_some(), "no flood: {}", screen.text());
    let flooded = overlays(&screen, presses);
    rows.extend(latency("help over a flooding journal", &flooded, Aim::Below(16.0)));
    rows.push(
        Row::new(GROUP, "memory of the client with the flood", Unit::Mib)
            .ours(measure::rss_mib(screen.pid()))
            .aim(Aim::Below(64.0)),
    );
    Ok(rows)
}

fn latency(what: &str, samples: &Samples, aim: Aim) -> Vec<Row> {
    let row = |name: &str, share| {
        Row::new(GROUP, format!("key to screen, {what}, {name}"), Unit::Ms).ours(samples.at(share))
    };
    vec![row("p50", 0.5), row("p95", 0.95).aim(aim), row("p99", 0.99)]
}

/// Moves up and down; each press is over when the screen is another.
pub(crate) fn moves(screen: &Screen, presses: usize) -> Samples {
    let mut samples = Samples::default();
    for n in 0..presses {
        let before = screen.looks();
        // Never beyond the end of a short list, where nothing would change.
        let key = if n % 10 < 5 { "j" } else { "k" };
        let began = now();
        screen.press(key);
        let changed = |screen: &vt100::Screen| screen.contents_formatted() != before;
        if let Some(at) = screen.wait(LIMIT, changed) {
            samples.push(ms(at.saturating_duration_since(began)));
        }
        // Not in step with anything of the program's own.
        std::thread::sleep(Duration::from_millis(20 + u64::try_from(n % 7).unwrap_or(0) * 3));
    }
    samples
}

/// Opens the help and closes it again: seen whatever else changes on the screen.
pub(crate) fn overlays(screen: &Screen, presses: usize) -> Samples {
    const SIGN: &str = "show every key";
    let mut samples = Samples::default();
    for n in 0..presses {
        let open = n % 2 == 0;
        let began = now();
        screen.press(if open { "?" } else { "q" });
        let there = |screen: &vt100::Screen| screen.contents().contains(SIGN) == open;
        match screen.wait(LIMIT, there) {
            Some(at) => samples.push(ms(at.saturating_duration_since(began))),
            None => crate::common::say(&format!("the help does not come or go: {}", screen.text())),
        }
        std::thread::sleep(Duration::from_millis(20 + u64::try_from(n % 7).unwrap_or(0) * 3));
    }
    samples
}
