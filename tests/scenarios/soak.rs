//! A day in ten minutes: a random user with real pods, and every so often the daemon or
//! the engine killed, or a container gone behind our back. By hand for ten minutes:
//! `PINACLE_SOAK_SECONDS=600 tests/run.sh scenarios 'soak::'`; a failure prints the seed, which
//! `PINACLE_SOAK_SEED` takes.

use crate::{PROGRAMS, id};
use pinacle_daemon::testing::Chance;
use pinacle_tests::daemon::{Daemon, Ran};
use pinacle_tests::own_engine::OwnEngine;
use pinacle_tests::wait::eventually;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Pods at once.
const PODS: usize = 3;
/// How much the daemon's memory may have grown in the quiet part, in KiB: caches fill up
/// and the allocator keeps some, a leak of each operation does not stay below this.
const MAY_GROW_KIB: u64 = 24 * 1024;
/// Descriptors that may be open for a moment longer: connections that are closing.
const MAY_STAY_OPEN: usize = 8;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |text| text.parse().expect("a number"))
}

/// What the user knows of a pod.
#[derive(Debug, Clone)]
struct Known {
    id: String,
    running: bool,
    /// What is in its file.
    note: String,
    /// The value of its variable.
    edit: u64,
}

struct Soak {
    chance: Chance,
    engine: OwnEngine,
    daemon: Daemon,
    pods: BTreeMap<String, Known>,
    made: u64,
    ids: Vec<String>,
    done: BTreeMap<&'static str, u64>,
}

fn spec(edit: u64) -> String {
    format!(
        "isolation: runc\nenv:\n  EDIT: \"{edit}\"\nprocesses:\n  - name: app\n    startCommand: \
         exec sleep 100000\n"
    )
}

impl Soak {
    fn pick(&mut self) -> Option<String> {
        let names: Vec<_> = self.pods.keys().cloned().collect();
        (!names.is_empty()).then(|| names[self.chance.index(names.len())].clone())
    }

    /// Repeats a command until it works: hosts come back, operations end.
    fn until_ok(&self, args: &[&str]) -> Ran {
        eventually(&format!("{args:?} works"), || match self.daemon.run(args) {
            ran if ran.code == 0 => Ok(ran),
            ran => Err((ran, self.daemon.log_tail())),
        })
    }

    /// One thing a user does, and that it is so afterwards.
    fn use_it(&mut self) {
        let choice = self.chance.index(12);
        let Some(name) = self.pick() else { return self.create() };
        match choice {
            0 | 1 if self.pods.len() < PODS => self.create(),
            0 | 1 if self.pods.len() > 1 => self.delete(&name),
            0..=3 => self.switch(&name),
            4 => self.edit(&name),
            5 => {
                self.until_ok(&["restart", &name]);
                self.known(&name).running = true;
                self.count("restart");
            }
            _ => self.write(&name),
        }
        self.check();
    }

    fn known(&mut self, name: &str) -> &mut Known {
        self.pods.get_mut(name).expect("a pod of ours")
    }

    fn count(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn create(&mut self) {
        self.made += 1;
        let name = format!("soak{}", self.made);
        let dir = self.daemon.project(&name, &spec(0));
        let dir = dir.to_str().expect("UTF-8").to_owned();
        self.until_ok(&["create", &dir, "--name", &name, "--quiet"]);
        let shown = self.daemon.wait_phase(&name, "running");
        self.ids.push(id(&shown));
        let known = Known { id: id(&shown), running: true, note: String::new(), edit: 0 };
        self.pods.insert(name, known);
        self.count("create");
    }

    fn delete(&mut self, name: &str) {
        self.until_ok(&["rm", name, "--yes"]);
        self.pods.remove(name);
        self.count("delete");
    }

    fn switch(&mut self, name: &str) {
        let running = self.known(name).running;
        self.until_ok(&[if running { "stop" } else { "start" }, name]);
        self.known(name).running = !running;
        self.count(if running { "stop" } else { "start" });
    }

    fn edit(&mut self, name: &str) {
        let edit = self.known(name).edit + 1;
        let file = self.daemon.project(&format!("{name}-edit"), &spec(edit)).join("pinacle.yaml");
        let file = file.to_str().expect("UTF-8").to_owned();
        self.until_ok(&["config", "apply", name, "--file", &file, "--yes"]);
        self.known(name).edit = edit;
        self.count("edit");
    }

    fn write(&mut self, name: &str) {
        if !self.known(name).running {
            return;
        }
        let note = format!("note-{}", self.chance.index(1_000_000));
        let write = format!("echo {note} > /workspace/note; sync; echo $EDIT");
        let said = self.until_ok(&["exec", name, "--", "sh", "-c", &write]).stdout;
        let known = self.known(name);
        assert_eq!(said.trim(), known.edit.to_string(), "the edit is in force in {name}");
        known.note = note;
        self.count("use");
    }

    /// Whatever happened, the list is what the user wants, and files are there.
    fn check(&mut self) {
        for (name, known) in &self.pods {
            let phase = if known.running { "running" } else { "stopped" };
            let shown = self.daemon.wait_phase(name, phase);
            assert_eq!(id(&shown), known.id, "{name}");
            if known.running && !known.note.is_empty() {
                let read = ["exec", name, "--", "cat", "/workspace/note"];
                assert_eq!(self.until_ok(&read).stdout.trim(), known.note, "{name}");
            }
        }
    }

    fn fault(&mut self) {
        match self.chance.index(5) {
            0 | 1 => {
                self.daemon.kill();
                self.daemon.spawn();
                self.count("daemon killed");
            }
            2 => {
                self.engine.kill();
                self.engine.spawn();
                self.count("engine killed");
            }
            3 => {
                self.engine.stop();
                self.engine.spawn();
                self.count("engine restarted");
            }
            _ => {
                let Some(name) = self.pick() else { return };
                let container = format!("pinacle-pod-{}", self.known(&name).id);
                // It may be on its way down by itself.
                let _ = self.engine.try_docker(&["rm", "-f", &container]);
                self.count("container removed");
            }
        }
        self.check();
    }

    /// Returns the daemon's memory in KiB and its open descriptors.
    fn weight(&self) -> (u64, usize) {
        let proc = std::path::PathBuf::from(format!("/proc/{}", self.daemon.pid()));
        let status = std::fs::read_to_string(proc.join("status")).expect("it runs");
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).expect("its memory");
        let kib = line.split_whitespace().nth(1).expect("a number").parse().expect("a number");
        (kib, std::fs::read_dir(proc.join("fd")).expect("its descriptors").count())
    }

    /// Removes everything, and sees that nothing is left.
    fn clear(&mut self) {
        let names: Vec<_> = self.pods.keys().cloned().collect();
        for name in names {
            self.delete(&name);
        }
        assert_eq!(self.daemon.ok(&["ls", "--json"]).stdout.trim(), "");
        let label = format!("label=dev.pinacle.owner={}", self.daemon.owner());
        let kinds: [&[&str]; 3] =
            [&["ps", "-aq"], &["network", "ls", "-q"], &["volume", "ls", "-q"]];
        for kind in kinds {
            // Networks made ahead go a moment after the last pod.
            eventually("nothing is left", || {
                let found = self.engine.docker(&[kind, &["--filter", &label]].concat());
                if found.trim().is_empty() { Ok(()) } else { Err((kind, found)) }
            });
        }
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "it lasts as long as it is told to")]
fn a_day_in_ten_minutes_leaves_everything_as_wanted() {
    let seed = number("PINACLE_SOAK_SEED", u64::from(std::process::id()));
    let length = Duration::from_secs(number("PINACLE_SOAK_SECONDS", 40));
    eprintln!("seed {seed}: again with PINACLE_SOAK_SEED={seed}");
    let engine = OwnEngine::start();
    let daemon = Daemon::start_on(PROGRAMS, &engine, "spares = 3\n");
    let mut soak = Soak {
        chance: Chance::new(seed),
        engine,
        daemon,
        pods: BTreeMap::new(),
        made: 0,
        ids: Vec::new(),
        done: BTreeMap::new(),
    };
    let began = Instant::now();
    while began.elapsed() < length * 2 / 3 {
        for _ in 0..=soak.chance.index(4) {
            soak.use_it();
        }
        soak.fault();
    }
    // The quiet part: one daemon, the same work, and it must not grow.
    soak.clear();
    soak.create();
    soak.use_it();
    soak.clear();
    let before = soak.weight();
    while began.elapsed() < length {
        soak.use_it();
    }
    soak.clear();
    let after = eventually("descriptors are closed again", || {
        let after = soak.weight();
        if after.1 <= before.1 + MAY_STAY_OPEN { Ok(after) } else { Err((before, after)) }
    });
    eprintln!("{:?}; memory and descriptors {before:?} before, {after:?} after", soak.done);
    assert!(after.0 <= before.0 + MAY_GROW_KIB, "seed {seed}: {before:?} KiB, {after:?} KiB");
    assert!(soak.ids.len() > 1, "something happened");
}
