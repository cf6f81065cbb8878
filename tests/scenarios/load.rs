//! Many pods and many clients at once, and the daemon killed at random moments in the middle:
//! real pods, without gVisor and with nothing in them.

use crate::{PLAIN, PROGRAMS};
use pinacle_daemon::testing::Chance;
use pinacle_tests::daemon::{Daemon, Ran};
use pinacle_tests::engine;
use pinacle_tests::wait::{Over, eventually};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

const PODS: usize = 50;
const CLIENTS: usize = 20;

/// Lets a test have more pods than the others.
fn roomy() -> Daemon {
    let mut daemon = Daemon::prepare_wide(PROGRAMS, "");
    daemon.spawn();
    daemon
}

fn listed(daemon: &Daemon) -> BTreeMap<String, Value> {
    let lines = daemon.ok(&["ls", "--json"]).stdout;
    let pods = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    pods.map(|pod| (pod["slug"].as_str().expect("a slug").to_owned(), pod)).collect()
}

/// Does something with every pod, several clients at once.
fn at_once(names: &[String], act: impl Fn(&str) + Sync) {
    std::thread::scope(|scope| {
        for share in names.chunks(names.len().div_ceil(CLIENTS)) {
            let act = &act;
            scope.spawn(move || share.iter().for_each(|name| act(name)));
        }
    });
}

fn all_are(daemon: &Daemon, phase: &str) -> BTreeMap<String, Value> {
    let settled = |pod: &Value| pod["phase"] == phase && pod["operation"].is_null();
    while_it_goes_on(daemon, &format!("all pods are {phase}"), |pod| !settled(pod))
}

/// Waits until no pod is left to wait for, patient anew with each that is not any more.
fn while_it_goes_on(
    daemon: &Daemon,
    what: &str,
    is_waited_for: impl Fn(&Value) -> bool,
) -> BTreeMap<String, Value> {
    let mut before = usize::MAX;
    loop {
        let (left, pods) = eventually(what, || {
            let pods = listed(daemon);
            let left = pods.values().filter(|pod| is_waited_for(pod)).count();
            if left == 0 || left < before { Ok((left, pods)) } else { Err(format!("{pods:?}")) }
        });
        if left == 0 {
            return pods;
        }
        before = left;
    }
}

#[test]
fn fifty_pods_are_made_listed_stopped_started_and_removed_by_twenty_clients() {
    let daemon = roomy();
    let names: Vec<String> = (0..PODS).map(|i| format!("crowd-{i}")).collect();
    for name in &names {
        daemon.project(name, PLAIN);
    }
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut lists = 0;
            while !over.load(Ordering::Relaxed) {
                listed(&daemon);
                lists += 1;
                std::thread::sleep(Duration::from_millis(100));
            }
            lists
        });
        let guard = Over(&over);
        at_once(&names, |name| {
            let dir = daemon.dir().join(name);
            daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--name", name, "--no-wait"]);
        });
        let pods = all_are(&daemon, "running");
        assert_eq!(pods.len(), PODS);
        let ports: BTreeSet<_> = pods.values().map(|pod| pod["port"].as_u64()).collect();
        assert_eq!(ports.len(), PODS, "each has a port of its own");
        for (action, phase) in [("stop", "stopped"), ("start", "running")] {
            at_once(&names, |name| drop(daemon.ok(&[action, name, "--no-wait"])));
            all_are(&daemon, phase);
        }
        at_once(&names, |name| drop(daemon.ok(&["rm", name, "--yes", "--no-wait"])));
        while_it_goes_on(&daemon, "all pods are gone", |_| true);
        drop(guard);
        assert!(watcher.join().expect("the watcher") > 10);
    });
    assert_eq!(engine::owned_by(&daemon.owner()), Vec::<String>::new());
}

fn seed() -> u64 {
    let given = std::env::var("PINACLE_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| u64::from(std::process::id()));
    println!("PINACLE_TEST_SEED={seed}");
    seed
}

/// What a client wants of its pod, as far as the daemon has said yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Running,
    Stopped,
    Gone,
}

/// One client, which has a pod of its own and does what it likes.
struct Fickle<'a> {
    daemon: &'a RwLock<Daemon>,
    name: String,
    dir: String,
    wanted: Wanted,
}

impl Fickle<'_> {
    /// Asks until there is an answer: the daemon may die before it gives one.
    fn ask(&self, words: &[&str]) -> Ran {
        eventually(&format!("{words:?} is answered"), || {
            let mut command: Command =
                self.daemon.read().unwrap_or_else(PoisonError::into_inner).client();
            let ran: Ran = command.args(words).output().expect("the client runs").into();
            // No daemon, a lost answer, a host that is not looked at yet.
            let answered = !matches!(ran.code, 6 | 10) && !ran.stderr.contains("daemon");
            if answered { Ok(ran) } else { Err(ran) }
        })
    }

    fn act(&mut self, chance: &mut Chance) {
        let name = self.name.clone();
        let dir = self.dir.clone();
        let flags = ["--no-wait", "--json"];
        if self.wanted == Wanted::Gone {
            // While the one before it is being deleted its name is taken.
            eventually(&format!("{name} is gone"), || {
                let shown = self.ask(&["show", &name, "--json"]);
                if shown.code == 4 { Ok(()) } else { Err(shown) }
            });
        }
        let (words, wanted) = match (self.wanted, chance.below(4)) {
            (Wanted::Gone, _) => (vec!["create", &dir, "--name", &name], Wanted::Running),
            (_, 0) => (vec!["rm", &name, "--yes"], Wanted::Gone),
            (_, 1) => (vec!["stop", &name], Wanted::Stopped),
            (_, 2) => (vec!["start", &name], Wanted::Running),
            (_, _) => (vec!["restart", &name], Wanted::Running),
        };
        let ran = self.ask(&[&words[..], &flags].concat());
        let kind = ran.stderr.clone();
        match ran.code {
            0 => self.wanted = wanted,
            // An answer was lost: what was asked for is so already.
            4 if wanted == Wanted::Gone => self.wanted = wanted,
            _ if words[0] == "create" && kind.contains("conflict") => self.wanted = wanted,
            // Something else is being done to it.
            _ if kind.contains("wrong_phase") || kind.contains("conflict") => {}
            _ => panic!("{words:?}: {ran:#?}"),
        }
    }
}

#[test]
fn kills_at_random_moments_under_load_lose_nothing() {
    let seed = seed();
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    daemon.stay_alone();
    daemon.spawn();
    let names: Vec<String> = (0..6).map(|i| format!("fickle-{i}")).collect();
    for name in &names {
        daemon.project(name, &format!("slug: {name}\nisolation: runc\n"));
    }
    let base = daemon.dir().to_owned();
    let over = AtomicBool::new(false);
    let shared = RwLock::new(daemon);
    let wanted: Vec<(String, Wanted)> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0_u64..)
            .zip(&names)
            .map(|(i, name)| {
                let dir = base.join(name).display().to_string();
                let (daemon, over) = (&shared, &over);
                scope.spawn(move || {
                    let mut chance = Chance::new(seed ^ (i << 40));
                    let mut client =
                        Fickle { daemon, name: name.clone(), dir, wanted: Wanted::Gone };
                    while !over.load(Ordering::Relaxed) {
                        client.act(&mut chance);
                        std::thread::sleep(Duration::from_millis(chance.below(900)));
                    }
                    (client.name, client.wanted)
                })
            })
            .collect();
        let mut chance = Chance::new(seed);
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(200 + chance.below(1_500)));
            let mut daemon = shared.write().unwrap_or_else(PoisonError::into_inner);
            daemon.kill();
            daemon.spawn();
        }
        over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client")).collect()
    });
    let daemon = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    comes_to_rest(&daemon, &wanted);
}

fn comes_to_rest(daemon: &Daemon, wanted: &[(String, Wanted)]) {
    let mut there = 0;
    for (name, wanted) in wanted {
        let phase = match wanted {
            Wanted::Running => "running",
            Wanted::Stopped => "stopped",
            Wanted::Gone => {
                eventually(&format!("{name} is gone"), || {
                    let shown = daemon.run(&["show", name, "--json"]);
                    if shown.code == 4 { Ok(()) } else { Err((shown, daemon.log_tail())) }
                });
                continue;
            }
        };
        let shown = daemon.wait_phase(name, phase);
        let container = format!("pinacle-pod-{}", crate::id(&shown));
        let look = ["container", "inspect", "-f", "{{.State.Running}}", &container];
        let running = engine::try_docker(&look).is_ok_and(|running| running == "true");
        assert_eq!(running, *wanted == Wanted::Running, "{name}");
        // A stop in the middle of a creation may have come before the container; the next
        // start makes what is missing.
        let things = engine::owned_by(&daemon.owner());
        let of_it = things.iter().filter(|thing| thing.contains(&container)).count();
        assert!(of_it == 4 || (!running && of_it < 4), "{name}: {things:?}");
        there += of_it;
    }
    assert_eq!(engine::owned_by(&daemon.owner()).len(), there, "{wanted:?}");
    let there = wanted.iter().filter(|(_, wanted)| *wanted != Wanted::Gone).count();
    let pods = listed(daemon);
    let ports: BTreeSet<_> = pods.values().map(|pod| pod["port"].as_u64()).collect();
    assert_eq!(ports.len(), there, "each has a port of its own: {pods:?}");
    for name in pods.keys() {
        daemon.ok(&["rm", name, "--yes"]);
    }
    assert_eq!(engine::owned_by(&daemon.owner()), Vec::<String>::new());
}
