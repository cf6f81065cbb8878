//! Networks made ahead: the next pod has one, no other daemon's and no lost record's is taken
//! for a pod, and none stays behind.

use crate::{PLAIN, PROGRAMS, daemon, id, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine::{self, docker};
use pinacle_tests::http;
use pinacle_tests::wait::eventually;
use std::collections::{BTreeMap, BTreeSet};

/// As many as a pool of sixteen ranges leaves room for.
const SPARES: usize = 3;
/// As long as a daemon takes for it at its end.
const DRAIN: std::time::Duration = std::time::Duration::from_secs(4);
const SETTINGS: &str = "spares = 3\n";

fn with_spares() -> Daemon {
    Daemon::start_with(PROGRAMS, SETTINGS)
}

/// Returns the daemon's networks: name, and the engine's id.
fn networks(owner: &str) -> BTreeMap<String, String> {
    let filter = format!("label=dev.pinacle.owner={owner}");
    let list = docker(&["network", "ls", "--filter", &filter, "--format", "{{.Name}} {{.ID}}"]);
    let pairs = list.lines().filter_map(|line| line.split_once(' '));
    pairs.map(|(name, id)| (name.to_owned(), id.to_owned())).collect()
}

fn network_of(shown: &serde_json::Value) -> String {
    format!("pinacle-pod-{}", id(shown))
}

/// Waits until there are so many networks beside those of these pods, and returns them.
fn until_spare(
    daemon: &Daemon,
    pods: &[&serde_json::Value],
    count: usize,
) -> BTreeMap<String, String> {
    let owner = daemon.owner();
    let theirs: BTreeSet<String> = pods.iter().map(|shown| network_of(shown)).collect();
    eventually("networks are made ahead", || {
        let mut all = networks(&owner);
        let before = all.len();
        all.retain(|name, _| !theirs.contains(name));
        let whole = before - all.len() == theirs.len();
        if whole && all.len() == count { Ok(all) } else { Err((all, daemon.log_tail())) }
    })
}

fn until_nothing_is_left(daemon: &Daemon) {
    let owner = daemon.owner();
    eventually("all is gone", || {
        let left = engine::owned_by(&owner);
        if left.is_empty() { Ok(()) } else { Err((left, daemon.log_tail())) }
    });
}

fn pods(daemon: &Daemon) -> usize {
    daemon.ok(&["ls", "--json"]).stdout.lines().count()
}

#[test]
fn the_next_pod_has_a_network_that_was_made_ahead() {
    let daemon = with_spares();
    assert_eq!(networks(&daemon.owner()).len(), 0, "a host without pods is left as it was");
    let first = daemon.create("first", PLAIN);
    let spares = until_spare(&daemon, &[&first], SPARES);
    assert_eq!(pods(&daemon), 1);
    // Another daemon does not take them for pods, nor their ranges.
    let other = self::daemon();
    let report = other.ok(&["doctor", "--json"]).stdout;
    assert!(report.contains(&id(&first)), "{report}");
    for name in spares.keys() {
        let spare = name.trim_start_matches("pinacle-pod-");
        assert!(!report.contains(spare), "{spare} in {report}");
        let refused = other.run(&["adopt", spare, "--json"]);
        assert_ne!(refused.code, 0, "{refused:#?}");
    }
    let second = daemon.create("second", PLAIN);
    let made = spares.get(&network_of(&second)).expect("one of those made ahead");
    assert_eq!(networks(&daemon.owner()).get(&network_of(&second)), Some(made), "the same one");
    assert_eq!(
        http::get(port(&second), "second.localhost", "/.pinacle/ready").expect("an answer").status,
        200
    );
    let logs = daemon.ok(&["logs", "second", "--infra"]).stdout;
    assert!(!logs.contains("docker network create"), "the journal begins with the pod: {logs}");
    until_spare(&daemon, &[&first, &second], SPARES);
    daemon.ok(&["rm", "first", "second", "--yes"]);
    until_nothing_is_left(&daemon);
}

#[test]
fn what_others_do_to_them_costs_a_creation_nothing_but_time() {
    let mut daemon = with_spares();
    let first = daemon.create("first", PLAIN);
    let spares = until_spare(&daemon, &[&first], SPARES);
    // Removed by somebody: made again, and whoever comes before that has one made as ever.
    for name in spares.keys() {
        docker(&["network", "rm", name]);
    }
    let second = daemon.create("second", PLAIN);
    until_spare(&daemon, &[&first, &second], SPARES);
    // Records lost: none is taken for a pod, and none is left over.
    daemon.kill();
    for gone in ["db", "export"] {
        std::fs::remove_dir_all(daemon.state().join(gone)).expect("removed");
    }
    daemon.spawn();
    let again = [daemon.wait_phase("first", "running"), daemon.wait_phase("second", "running")];
    assert_eq!(id(&again[1]), id(&second));
    until_spare(&daemon, &[&first, &second], SPARES);
    assert_eq!(pods(&daemon), 2);
    // Not wanted any more.
    assert_eq!(daemon.terminate(), Some(0));
    let file = daemon.state().join("config.toml");
    let text = std::fs::read_to_string(&file).expect("read");
    std::fs::write(&file, text.replace(SETTINGS, "spares = 0\n")).expect("written");
    daemon.spawn();
    until_spare(&daemon, &[&first, &second], 0);
    daemon.ok(&["rm", "first", "second", "--yes"]);
    until_nothing_is_left(&daemon);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real program's end takes real time")]
fn a_daemon_that_ends_without_pods_leaves_nothing() {
    let mut daemon = with_spares();
    let first = daemon.create("first", PLAIN);
    until_spare(&daemon, &[&first], SPARES);
    // With pods they stay for the next one.
    assert_eq!(daemon.terminate(), Some(0));
    daemon.spawn();
    assert_eq!(until_spare(&daemon, &[&first], SPARES).len(), SPARES);
    daemon.ok(&["rm", "first", "--yes"]);
    let owner = daemon.owner();
    let began = std::time::Instant::now();
    assert_eq!(daemon.terminate(), Some(0));
    if began.elapsed() >= DRAIN {
        // An engine that took all of the time there is leaves it to the next daemon.
        daemon.spawn();
        until_nothing_is_left(&daemon);
    }
    assert_eq!(engine::owned_by(&owner), Vec::<String>::new());
}

/// Has the daemon die at the next place it comes to, until it has come to all of them and
/// `is_done`.
fn through(daemon: &mut Daemon, is_done: impl Fn(&Daemon) -> bool) -> String {
    daemon.kill();
    let places = daemon.dir().join("places");
    std::fs::write(&places, "").expect("written");
    daemon.set_failpoints(&format!("new={}", places.display()));
    for _ in 0..80 {
        daemon.spawn();
        let died = eventually("the daemon dies at a place, or all is done", || {
            match (daemon.has_died(), is_done(daemon)) {
                (true, _) => Ok(true),
                (false, true) => Ok(false),
                _ => Err(daemon.log_tail()),
            }
        });
        if !died {
            daemon.kill();
            daemon.set_failpoints("");
            daemon.spawn();
            return std::fs::read_to_string(&places).expect("read");
        }
    }
    panic!("no end: {}", daemon.log_tail());
}

#[test]
fn a_death_at_every_place_loses_none_and_makes_none_twice() {
    let mut daemon = with_spares();
    let owner = daemon.owner();
    let first = daemon.create("first", PLAIN);
    let name = network_of(&first);
    let all = |daemon: &Daemon| {
        let seen = networks(&owner);
        // What is on record as ready has no place to die at any more.
        seen.len() == 1 + SPARES && daemon.run(&["ls"]).code == 0
    };
    let places = through(&mut daemon, all);
    for needed in ["store.spare.after", "create_network"] {
        assert!(places.contains(needed), "no {needed} among {places}");
    }
    let spares = until_spare(&daemon, &[&first], SPARES);
    // Each can be had.
    let second = daemon.create("second", PLAIN);
    let had = spares.get(&network_of(&second));
    assert!(had.is_some(), "one of them became the second's");
    assert_eq!(networks(&owner).get(&network_of(&second)), had);
    until_spare(&daemon, &[&first, &second], SPARES);
    let ranges: BTreeSet<String> = networks(&owner)
        .keys()
        .map(|n| docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", n]))
        .collect();
    assert_eq!(ranges.len(), 2 + SPARES);
    daemon.ok(&["rm", "second", "--yes"]);
    assert!(!networks(&owner).contains_key(&network_of(&second)));
    // Killed while its networks are still there, or nothing could die on their way.
    daemon.ok(&["rm", "first", "--yes", "--no-wait"]);
    let gone = |_: &Daemon| engine::owned_by(&owner).is_empty();
    let places = through(&mut daemon, gone);
    for needed in ["store.spare-forgotten.after", "remove_network"] {
        assert!(places.contains(needed), "no {needed} among {places}");
    }
    assert!(!engine::owned_by(&owner).iter().any(|thing| thing.contains(&name)));
    assert_eq!(pods(&daemon), 0);
}
