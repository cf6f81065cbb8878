//! The daemon killed at every place there is, and at random moments: whatever it was doing,
//! the next one brings about what was asked for, and nothing is left over.
//!
//! Places are not listed here. Each life of the daemon dies at the first place that no life
//! before it died at, so that one operation is interrupted everywhere on its way, and a new
//! place is among them by itself.

use crate::{PROGRAMS, id, port};
use pinacle_tests::daemon::{Daemon, Ran};
use pinacle_tests::engine::{self, docker};
use pinacle_tests::wait::{eventually, eventually_within};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

/// Every kind of step there is without gVisor.
const RICH: &str = "slug: doomed\nisolation: runc\nenv:\n  GREETING: first\ninstall: echo install >> \
                    /workspace/runs\nhooks:\n  preStart: echo prestart >> /workspace/runs\n  \
                    postStart: echo poststart >> /workspace/runs\nprocesses:\n  - name: app\n    \
                    startCommand: exec sleep 100000\n    healthCheck: test -e /workspace/runs\n";
/// More than any operation has places.
const MOST_LIVES: usize = 150;

/// A daemon that dies at every place, and what clients have seen of its journal.
struct Doomed {
    daemon: Daemon,
    places: PathBuf,
    /// A client that follows the pod's journal from one life of the daemon to the next.
    follower: Option<Child>,
    seen: Vec<PathBuf>,
    neighbour: (String, String),
}

/// Lives are short and many.
const POLL: Duration = Duration::from_millis(20);

/// What becomes of one life.
enum End {
    Died,
    Done,
}

impl Doomed {
    /// Starts a daemon with one pod that no operation is about.
    fn new() -> Self {
        let daemon = Daemon::start(PROGRAMS);
        let shown = daemon.create("neighbour", "slug: neighbour\nisolation: runc\n");
        let neighbour = format!("pinacle-pod-{}", id(&shown));
        let started = started_at(&neighbour);
        let places = daemon.dir().join("places");
        Self { daemon, places, follower: None, seen: Vec::new(), neighbour: (neighbour, started) }
    }

    /// Has the pod `doomed` do what is asked for, and the daemon die at each place on the way.
    fn through(&mut self, ask: &dyn Fn(&Daemon) -> Ran, is_done: &dyn Fn(Option<&Value>) -> bool) {
        self.daemon.kill();
        // Places of an earlier operation are new again.
        std::fs::write(&self.places, "").expect("written");
        self.daemon.set_failpoints(&format!("new={}", self.places.display()));
        let mut asked = false;
        for _ in 0..MOST_LIVES {
            if let End::Done = self.live(&mut asked, ask, is_done) {
                self.daemon.kill();
                self.daemon.set_failpoints("");
                self.daemon.spawn();
                let places = std::fs::read_to_string(&self.places).expect("read");
                let distinct: BTreeSet<&str> = places.lines().collect();
                assert_eq!(distinct.len(), places.lines().count(), "once at each: {places}");
                println!("died {} times:\n{places}", distinct.len());
                for needed in ["store.", "engine.", "driver.answered"] {
                    assert!(places.contains(needed), "no {needed} among {places}");
                }
                return;
            }
        }
        panic!("no end after {MOST_LIVES} lives: {}", self.daemon.log_tail());
    }

    fn live(
        &mut self,
        asked: &mut bool,
        ask: &dyn Fn(&Daemon) -> Ran,
        is_done: &dyn Fn(Option<&Value>) -> bool,
    ) -> End {
        self.daemon.spawn();
        eventually_within(POLL, "the daemon dies at a place, or all is done", || {
            if self.daemon.has_died() {
                return Ok(End::Died);
            }
            if !*asked {
                let ran = ask(&self.daemon);
                // Whoever asks again after an answer that was lost is told that it is so already.
                let known = matches!(ran.code, 0 | 4) || ran.stderr.contains("conflict");
                *asked = known && !self.daemon.has_died();
                if !*asked {
                    return Err((ran.stderr, String::new()));
                }
            }
            let shown = self.daemon.run(&["show", "doomed", "--json"]);
            let value = (shown.code == 0).then(|| shown.json());
            if value.is_some() {
                self.follow();
            }
            // Code 4 says that there is no such pod, others that nobody was there to ask.
            let known = matches!(shown.code, 0 | 4);
            if known && is_done(value.as_ref()) && !self.daemon.has_died() {
                return Ok(End::Done);
            }
            Err((format!("{shown:?}"), self.daemon.log_tail()))
        })
    }

    /// Has somebody follow. One that has found no daemon for too long has given up.
    fn follow(&mut self) {
        let goes_on = |child: &mut Child| child.try_wait().expect("asked").is_none();
        if self.follower.as_mut().is_some_and(goes_on) {
            return;
        }
        let path = self.daemon.dir().join(format!("seen-{}", self.seen.len()));
        let file = File::create(&path).expect("a file");
        self.seen.push(path);
        let mut client = self.daemon.client();
        client.args(["logs", "doomed", "--infra", "--follow", "--json"]);
        let child = client.stdout(file).stderr(Stdio::null()).spawn().expect("the client starts");
        self.follower = Some(child);
    }

    /// Checks what must hold after anything at all.
    fn at_rest(&mut self, pod: Option<&str>) {
        let (name, started) = &self.neighbour;
        assert_eq!(&started_at(name), started, "the neighbour was left alone");
        let mut expected = things(name);
        expected.extend(pod.into_iter().flat_map(|id| things(&format!("pinacle-pod-{id}"))));
        let found: BTreeSet<String> = engine::owned_by(&self.daemon.owner()).into_iter().collect();
        assert_eq!(found, expected);
        if pod.is_some() {
            self.nothing_seen_is_lost();
        }
    }

    /// Every record that a client was ever shown is there, as it was shown and where it was
    /// shown; and whoever followed all the time has missed none.
    fn nothing_seen_is_lost(&mut self) {
        let read = |path: &PathBuf| std::fs::read_to_string(path).expect("read");
        eventually("a follower has seen the last record", || {
            // One may be about to give up on a daemon that was dead for too long.
            self.follow();
            let text = read(self.seen.last().expect("somebody follows"));
            // Read each time: a record may come after the operation has ended.
            let kept = self.kept();
            let last = (text.lines().last(), kept.lines().last());
            if last.0 == last.1 { Ok(()) } else { Err(format!("{last:?}")) }
        });
        let seen: Vec<String> = self.seen.iter().map(read).collect();
        // After them, so that it has all that anybody was shown.
        let kept = self.kept();
        for text in seen {
            // The last line may be on its way.
            let text = &text[..text.rfind('\n').map_or(0, |end| end + 1)];
            let count = text.lines().count();
            assert_eq!(
                text.lines().collect::<Vec<_>>(),
                kept.lines().take(count).collect::<Vec<_>>()
            );
        }
    }

    fn kept(&self) -> String {
        self.daemon.ok(&["logs", "doomed", "--infra", "--json"]).stdout
    }

    fn shown(&self) -> Value {
        self.daemon.show("doomed")
    }

    fn runs(&self) -> String {
        self.daemon.ok(&["exec", "doomed", "--", "cat", "/workspace/runs"]).stdout
    }

    /// Writes the spec anew and applies it.
    fn spec_file(&self, text: &str) -> String {
        let dir = self.daemon.project("doomed", text);
        dir.join("pinacle.yaml").to_str().expect("UTF-8").to_owned()
    }
}

impl Drop for Doomed {
    fn drop(&mut self) {
        if let Some(mut child) = self.follower.take() {
            // It may have ended by itself.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn started_at(container: &str) -> String {
    docker(&["inspect", "-f", "{{.State.StartedAt}}", container])
}

/// Everything a pod has on the engine.
fn things(name: &str) -> BTreeSet<String> {
    [
        format!("container {name}"),
        format!("network {name}"),
        format!("volume {name}-home"),
        format!("volume {name}-workspace"),
    ]
    .into()
}

fn is(phase: &'static str) -> impl Fn(Option<&Value>) -> bool {
    move |shown| {
        shown.is_some_and(|shown| {
            shown["pod"]["phase"] == phase && shown["pod"]["operation"].is_null()
        })
    }
}

fn create(daemon: &Daemon) -> Ran {
    let dir = daemon.dir().join("doomed");
    daemon.run(&["create", dir.to_str().expect("UTF-8"), "--no-wait", "--json"])
}

#[test]
fn create_and_delete_survive_a_death_at_every_place() {
    let mut doomed = Doomed::new();
    doomed.spec_file(RICH);
    doomed.through(&create, &is("running"));
    doomed.at_rest(Some(&id(&doomed.shown())));
    let (runs, shown) = (doomed.runs(), doomed.shown());
    let first = (port(&shown), subnet(&shown));
    // The hook that runs at every start runs again when the daemon of a start is gone.
    assert_eq!(runs.matches("prestart").count(), 1, "{runs}");
    assert_eq!(runs.matches("install").count(), 1, "{runs}");
    assert!(runs.contains("poststart"), "{runs}");

    let delete = |daemon: &Daemon| daemon.run(&["rm", "doomed", "--yes", "--no-wait", "--json"]);
    doomed.through(&delete, &|shown| shown.is_none());
    doomed.at_rest(None);
    // Neither the port nor the subnet was lost on the way.
    let next = doomed.daemon.create("next", "slug: next\nisolation: runc\n");
    let again = (port(&next), subnet(&next));
    // The lowest is given; another test may have let go of a lower one meanwhile.
    assert!(again.0 <= first.0 && again.1 <= first.1, "{again:?} after {first:?}");
}

fn subnet(shown: &Value) -> Ipv4Addr {
    let name = format!("pinacle-pod-{}", id(shown));
    let range = docker(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", &name]);
    range.split('/').next().and_then(|network| network.parse().ok()).expect("a range")
}

#[test]
fn a_creation_that_fails_is_undone_through_a_death_at_every_place() {
    let mut doomed = Doomed::new();
    doomed.spec_file("slug: doomed\nisolation: runc\ninstall: exit 7\n");
    doomed.through(&create, &is("failed"));
    let found = engine::leftovers(&id(&doomed.shown()));
    assert_eq!(found, Vec::<String>::new());
    doomed.nothing_seen_is_lost();
}

#[test]
fn stop_start_and_restart_survive_a_death_at_every_place() {
    let mut doomed = Doomed::new();
    doomed.spec_file(RICH);
    create(&doomed.daemon);
    let before = doomed.daemon.wait_phase("doomed", "running");
    doomed.daemon.ok(&["exec", "doomed", "--", "sh", "-c", "echo kept > /opt/file"]);
    for (action, phase) in [("stop", "stopped"), ("start", "running"), ("restart", "running")] {
        let ask = |daemon: &Daemon| daemon.run(&[action, "doomed", "--no-wait", "--json"]);
        doomed.through(&ask, &is(phase));
        doomed.at_rest(Some(&id(&before)));
        let shown = doomed.daemon.wait_phase("doomed", phase);
        assert_eq!(port(&shown), port(&before));
        let state = ["inspect", "-f", "{{.State.Running}}"];
        let name = format!("pinacle-pod-{}", id(&before));
        assert_eq!(docker(&[&state[..], &[&name]].concat()), (phase == "running").to_string());
    }
    assert_eq!(doomed.daemon.ok(&["exec", "doomed", "--", "cat", "/opt/file"]).stdout, "kept\n");
    assert_eq!(doomed.runs().matches("install").count(), 1);
}

fn changed() -> String {
    let changed = RICH.replace("sleep 100000", "sleep 200000");
    format!("{changed}resources:\n  memoryMb: 512\n")
}

/// Applies another spec to a running pod, and returns what is shown of it afterwards.
fn reconfigured(text: &str) -> Doomed {
    let mut doomed = Doomed::new();
    doomed.spec_file(RICH);
    create(&doomed.daemon);
    let before = doomed.daemon.wait_phase("doomed", "running");
    let file = doomed.spec_file(text);
    let consent = ["--accept-loss", "--yes", "--no-wait", "--json"];
    let ask = |daemon: &Daemon| {
        let words = ["config", "apply", "doomed", "--file", &file];
        daemon.run(&[&words[..], &consent].concat())
    };
    let applied = |shown: Option<&Value>| {
        let revised = |shown: &Value| shown["pod"]["spec_revision"] == 2;
        is("running")(shown) && shown.is_some_and(revised)
    };
    doomed.through(&ask, &applied);
    doomed.at_rest(Some(&id(&before)));
    let shown = doomed.daemon.wait_phase("doomed", "running");
    assert_eq!(port(&shown), port(&before));
    eventually("the changed process runs", || {
        let ran = doomed.daemon.run(&["exec", "doomed", "--", "pgrep", "-f", "sleep 200000"]);
        if ran.code == 0 { Ok(()) } else { Err(ran) }
    });
    let name = format!("pinacle-pod-{}", id(&shown));
    let memory = docker(&["inspect", "-f", "{{.HostConfig.Memory}}", &name]);
    assert_eq!(memory, (512_u64 << 20).to_string());
    doomed
}

#[test]
fn reconfigure_survives_a_death_at_every_place() {
    reconfigured(&changed());
}

#[test]
fn a_new_container_for_a_pod_survives_a_death_at_every_place() {
    let doomed = reconfigured(&format!("{}bindAddress: 127.0.0.2\n", changed()));
    let name = format!("pinacle-pod-{}", id(&doomed.shown()));
    let bound = docker(&["inspect", "-f", "{{json .HostConfig.PortBindings}}", &name]);
    assert!(bound.contains("127.0.0.2"), "{bound}");
}
