//! The figures: each in one run with what it is measured against. `tests/run.sh bench`
//! builds everything and runs this; see CONTRIBUTING.md.
//!
//!     figures DIRECTORY-OF-PROGRAMS TABLE.md [FILTER]
//!
//! Read in this order: `table` (what comes out), `measure` and `screen` (how), then one
//! file for each group of figures.

mod common;
mod create;
mod crowd;
mod fake;
mod growth;
mod keys;
mod lines;
mod measure;
mod raw;
mod real;
mod rivals;
mod rpc;
mod screen;
mod table;

use anyhow::Context as _;
use common::{Programs, Scale, say};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;
use table::{Growth, Row};

/// After this the table is written with what there is, and the run has failed.
const WATCHDOG: Duration = Duration::from_secs(19 * 60);

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["--fake-daemon", dir, pods, ref flood @ ..] => {
            number(pods).and_then(|pods| fake::stand_alone(Path::new(dir), pods, !flood.is_empty()))
        }
        ["--growth", dir, pods] => {
            number(pods).and_then(|pods| growth::child(Path::new(dir), pods))
        }
        ["--echo", path] => rpc::echo(Path::new(path)),
        [programs, table] => all(Path::new(programs), Path::new(table), ""),
        [programs, table, filter] => all(Path::new(programs), Path::new(table), filter),
        _ => Err(anyhow::anyhow!("figures DIRECTORY-OF-PROGRAMS TABLE.md [FILTER]")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn number(text: &str) -> anyhow::Result<usize> {
    text.parse().with_context(|| format!("{text} is no number"))
}

type Group<'a> = (&'a str, Box<dyn Fn(&mut Vec<Growth>) -> anyhow::Result<Vec<Row>> + 'a>);

fn groups(programs: &Programs, scale: Scale) -> Vec<Group<'_>> {
    let sizes = scale.pick(vec![10, 100, 1_000, 10_000], vec![10, 100, 1_000]);
    vec![
        ("crowd", Box::new(move |_| crowd::run(programs, scale))),
        ("keys", Box::new(move |_| keys::run(programs, scale))),
        ("lines", Box::new(move |_| lines::run(programs, scale))),
        ("create", Box::new(move |_| create::run(programs, scale))),
        ("rpc", Box::new(move |_| rpc::run(scale))),
        (
            "growth",
            Box::new(move |growth: &mut Vec<Growth>| {
                growth.extend(growth::run(&sizes)?);
                Ok(Vec::new())
            }),
        ),
    ]
}

fn all(programs: &Path, table: &Path, filter: &str) -> anyhow::Result<()> {
    let programs =
        Programs { daemon: programs.join("pinacled"), client: programs.join("pinacle-tui") };
    for program in [&programs.daemon, &programs.client] {
        anyhow::ensure!(program.is_file(), "{} is missing", program.display());
    }
    let engine = raw::socket();
    anyhow::ensure!(crowd::engine_answers(&engine), "no engine answers at {}", engine.display());
    let quick = std::env::var_os("QUICK").is_some_and(|quick| !quick.is_empty());
    let scale = if quick { Scale::Quick } else { Scale::Full };
    std::thread::spawn(|| {
        std::thread::sleep(WATCHDOG);
        say("this takes too long; what was measured is in the table");
        // A daemon left alone would bring back what the runner removes.
        measure::end_children();
        std::process::exit(1);
    });
    let (mut rows, mut growth, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (name, group) in groups(&programs, scale) {
        if !name.contains(filter) {
            continue;
        }
        let began = measure::now();
        match group(&mut growth) {
            Ok(more) => rows.extend(more),
            Err(error) => {
                say(&format!("{name} failed: {error:#}"));
                failed.push(name);
            }
        }
        say(&format!("{name} took {:.0} s", began.elapsed().as_secs_f64()));
        // After each group, so that one that hangs loses only itself.
        std::fs::write(table, table::render(&rows, &growth, &about(scale)))?;
    }
    anyhow::ensure!(!rows.is_empty() || !growth.is_empty(), "nothing was measured");
    print_table(table)?;
    anyhow::ensure!(failed.is_empty(), "could not measure: {}", failed.join(", "));
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the result")]
fn print_table(table: &Path) -> anyhow::Result<()> {
    println!("{}", std::fs::read_to_string(table)?);
    println!("The table is in {}", table.display());
    Ok(())
}

fn about(scale: Scale) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let how = scale.pick(
        "Medians of several, each beside what it is measured against.",
        "Quick: few samples.",
    );
    format!("{how} {cores} cores, Linux {}, load {load} at the end.", kernel.trim())
}
