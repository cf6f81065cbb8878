//! Who in the daemon may start tasks, look at a clock, or draw random numbers.
//! Anything else would not happen again in a test that sets them.

use crate::code::Source;

/// A file, or all files with that beginning, and its reason.
type Allowed = (&'static str, &'static str);

const SPAWNING: [&str; 6] = [
    "tokio::spawn",
    "task::spawn",
    "JoinSet",
    "spawn_blocking",
    "thread::spawn",
    "thread::Builder",
];
const MAY_SPAWN: [Allowed; 8] = [
    ("daemon/src/effects.rs", "each effect is a task, and its end an event"),
    ("daemon/src/lib.rs", "the daemon's own long tasks, ended together"),
    ("daemon/src/rpc/mod.rs", "a connection each, so that a fault ends only that one"),
    ("daemon/src/rpc/service.rs", "reading a spec's directory may block"),
    ("daemon/src/engine/docker/", "streams must be drained whoever waits for them; packing blocks"),
    ("daemon/src/journal/mod.rs", "one thread writes; reading files blocks"),
    ("daemon/src/journal/writer.rs", "what syncs must not hold up what writes"),
    ("daemon/src/store/actor.rs", "the database blocks, so it has a thread"),
];

const CLOCKS: [&str; 4] = ["Instant::now", "SystemTime::now", "getrandom", "rand"];
const MAY_LOOK: [Allowed; 2] = [
    ("daemon/src/clock.rs", "the one place"),
    ("daemon/src/rpc/service.rs", "tarpc gives a call's deadline as an instant"),
];

fn is_concerned(source: &Source) -> bool {
    source.path.starts_with("daemon/") || source.path.starts_with("protocol/")
}

fn places<'a>(source: &'a Source, pieces: &'a [&str]) -> impl Iterator<Item = usize> + 'a {
    let all = pieces.iter().flat_map(|piece| source.find(piece));
    all.filter(|at| !source.is_test(*at))
}

fn outside(source: &Source, pieces: &[&str], allowed: &[Allowed], rule: &str) -> Vec<String> {
    if !is_concerned(source) || allowed.iter().any(|(path, _)| source.path.starts_with(path)) {
        return Vec::new();
    }
    places(source, pieces).map(|at| format!("{}: {rule}", source.at(at))).collect()
}

/// Entries nobody needs any more.
fn stale(sources: &[Source], pieces: &[&str], allowed: &[Allowed]) -> Vec<String> {
    let needed = |path: &str| {
        let mut files = sources.iter().filter(|source| source.path.starts_with(path));
        files.any(|source| places(source, pieces).next().is_some())
    };
    let stale = allowed.iter().filter(|(path, _)| !needed(path));
    stale
        .map(|(path, _)| format!("tests/tidy/clocks.rs: {path} is allowed what it does not do"))
        .collect()
}

const SPAWN_RULE: &str =
    "tasks are started in few places; add this one to tests/tidy/clocks.rs with its reason";
const CLOCK_RULE: &str = "time and randomness come from daemon/src/clock.rs";

#[test]
fn tasks_are_started_in_few_places() {
    let sources = crate::tree::sources();
    let check = |source: &Source| outside(source, &SPAWNING, &MAY_SPAWN, SPAWN_RULE);
    let mut found: Vec<String> = sources.iter().flat_map(check).collect();
    found.extend(stale(&sources, &SPAWNING, &MAY_SPAWN));
    crate::none(&found);
}

#[test]
fn time_and_randomness_have_one_source() {
    let sources = crate::tree::sources();
    let check = |source: &Source| outside(source, &CLOCKS, &MAY_LOOK, CLOCK_RULE);
    let mut found: Vec<String> = sources.iter().flat_map(check).collect();
    found.extend(stale(&sources, &CLOCKS, &MAY_LOOK));
    crate::none(&found);
}

#[test]
fn a_task_or_a_clock_elsewhere_is_found() {
    let at = |path: &str, text: &str| Source::new(path, text);
    let spawn = |path, text| outside(&at(path, text), &SPAWNING, &MAY_SPAWN, "").len();
    assert_eq!(spawn("daemon/src/driver.rs", "tokio::spawn(f);\n"), 1);
    assert_eq!(spawn("daemon/src/driver.rs", "use tokio::task::JoinSet;\n"), 1);
    assert_eq!(spawn("daemon/src/effects.rs", "tokio::spawn(f);\n"), 0);
    assert_eq!(spawn("daemon/tests/a.rs", "tokio::spawn(f);\n"), 0);
    let look = |path, text| outside(&at(path, text), &CLOCKS, &MAY_LOOK, "").len();
    assert_eq!(look("daemon/src/driver.rs", "let a = std::time::Instant::now();\n"), 1);
    assert_eq!(look("protocol/src/ids.rs", "getrandom::fill(&mut b);\n"), 1);
    assert_eq!(look("daemon/src/driver.rs", "let a = clock.now();\n"), 0);
    let unused = stale(&[at("daemon/src/clock.rs", "fn f() {}\n")], &CLOCKS, &MAY_LOOK);
    assert_eq!(unused.len(), MAY_LOOK.len());
}
