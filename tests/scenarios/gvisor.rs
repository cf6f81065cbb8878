//! gVisor runtimes, good and bad. The engine must have `runsc` (sockets of the
//! pod's own network namespace), `runsc-netstack` (gVisor's own network stack)
//! and `runsc-overlay` (a build that loses the root filesystem at a stop).

use crate::{PROGRAMS, id, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine::{self, checks_of, docker};
use pinacle_tests::http;
use pinacle_tests::wait::eventually;
use std::path::Path;
use std::process::Command;

/// Sends a question to the pod's name server and prints the number of its answer,
/// whatever the answer is: names of the world are none of a test's business.
const ASK_NAME_SERVER: &str = r"
import socket
lines = open('/etc/resolv.conf').read().splitlines()
server = next(l.split()[1] for l in lines if l.startswith('nameserver'))
question = bytes.fromhex('abcd01000001000000000000') + b'\x04test\x00\x00\x01\x00\x01'
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(10)
s.sendto(question, (server, 53))
print(s.recv(512)[:2].hex())
";

fn settings(runtime: &str) -> String {
    format!("[engine]\ngvisor_runtime = \"{runtime}\"\n")
}

fn with_runtime(runtime: &str) -> Daemon {
    Daemon::start_with(PROGRAMS, &settings(runtime))
}

fn keeps_its_files_and_answers(runtime: &str) {
    let daemon = with_runtime(runtime);
    let spec = "processes:\n  - name: app\n    url: http://localhost:3000\n    startCommand: \
                exec python3 -m http.server 3000 -d /etc/pinacle\n    healthCheck: curl -fsS localhost:3000\n";
    let shown = daemon.create("boxed", spec);
    assert_eq!(shown["pod"]["isolation"], "gvisor", "{shown:#}");
    let name = format!("pinacle-pod-{}", id(&shown));
    assert_eq!(docker(&["inspect", "-f", "{{.HostConfig.Runtime}}", &name]), runtime);
    let write = "echo kept > /root/file; echo kept > /opt/file";
    daemon.ok(&["exec", "boxed", "--", "sh", "-c", write]);
    let answer = daemon.ok(&["exec", "boxed", "--", "python3", "-c", ASK_NAME_SERVER]).stdout;
    assert_eq!(answer, "abcd\n", "the name server answers");
    daemon.ok(&["stop", "boxed"]);
    daemon.ok(&["start", "boxed"]);
    let read = daemon.ok(&["exec", "boxed", "--", "sh", "-c", "cat /root/file /opt/file"]).stdout;
    assert_eq!(read, "kept\nkept\n");
    eventually("the app is back", || {
        match http::get(port(&shown), "localhost-3000.pod-boxed.localhost", "/") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(other),
        }
    });
    daemon.ok(&["rm", "boxed", "--yes"]);
}

#[test]
fn files_survive_a_stop_under_runsc() {
    keeps_its_files_and_answers("runsc");
}

#[test]
fn files_survive_a_stop_under_runsc_with_its_own_network_stack() {
    keeps_its_files_and_answers("runsc-netstack");
}

#[test]
fn a_runtime_that_loses_files_at_a_stop_is_refused_with_the_mend() {
    let daemon = with_runtime("runsc-overlay");
    let dir = daemon.project("lossy", "name: lossy\n");
    let ran = daemon.run(&["create", dir.to_str().expect("UTF-8"), "--json"]);
    assert_eq!(ran.code, 6, "{ran:#?}");
    let said = ran.stderr;
    assert!(said.contains("runsc-overlay") && said.contains("--overlay2=none"), "{said}");
    let shown = daemon.wait_phase("lossy", "failed");
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
}

fn nothing_of_a_check(daemon: &Daemon) {
    eventually("nothing of a check is left", || match checks_of(&daemon.owner()) {
        left if left.is_empty() => Ok(()),
        left => Err((left, daemon.log_tail())),
    });
}

/// Makes what a check has on the engine; its range is none of the engine's own.
fn leave_behind(owner: &str, subnet: &str) {
    let (label, name) = (format!("dev.pinacle.check={owner}"), format!("pinacle-check-{owner}"));
    docker(&["network", "create", "--label", &label, "--subnet", subnet, &name]);
    let image = "pinacle-test-busybox:1";
    let run = ["run", "-d", "--label", &label, "--name", &name, "--network", &name, image];
    docker(&[&run[..], &["/bin/busybox", "sleep", "600"]].concat());
}

fn died_in_a_check_at(point: &str) -> Daemon {
    let mut daemon = Daemon::prepare(PROGRAMS, &settings("runsc"));
    daemon.set_failpoints(&format!("engine.{point}.after=abort"));
    daemon.spawn();
    let dir = daemon.project("boxed", "name: boxed\n");
    eventually("the request was taken", || {
        // Where it dies it has taken it, whatever its client came to hear.
        if daemon.has_died() {
            return Ok(());
        }
        match daemon.run(&["create", dir.to_str().expect("UTF-8"), "--no-wait", "--json"]) {
            ran if ran.code == 0 || ran.stderr.contains("boxed") => Ok(()),
            ran => Err(ran),
        }
    });
    daemon.wait_for_death();
    daemon
}

#[test]
fn a_check_that_is_broken_off_leaves_nothing() {
    for point in ["create_check_network", "create_check", "start_check", "remove_check"] {
        let mut daemon = died_in_a_check_at(point);
        assert!(!checks_of(&daemon.owner()).is_empty(), "{point}: something was left to clear");
        // Without its pods, so that no other check clears up: only the start does.
        std::fs::remove_dir_all(daemon.state().join("db")).expect("removed");
        daemon.set_failpoints("");
        daemon.spawn();
        nothing_of_a_check(&daemon);
    }
}

#[test]
fn a_daemon_that_ends_clears_its_running_check_away() {
    let mut daemon = with_runtime("runsc");
    let found = daemon.state().join("cache/isolation-local.json");
    let dir = daemon.project("boxed", "name: boxed\n");
    daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--no-wait"]);
    let label = format!("label=dev.pinacle.check={}", daemon.owner());
    eventually("the check's container is there", || {
        let things = docker(&["ps", "-a", "--filter", &label, "--format", "{{.Names}}"]);
        if things.is_empty() { Err(daemon.log_tail()) } else { Ok(()) }
    });
    assert_eq!(daemon.terminate(), Some(0));
    // An engine that took longer than the daemon waits at its end leaves it to the next one.
    let late = daemon.log_tail().contains("something of a check is left to the next daemon");
    let left = checks_of(&daemon.owner());
    assert!(late || left.is_empty(), "{left:?} {}", daemon.log_tail());
    assert!(!found.exists(), "the check was broken off, not ended");
    daemon.spawn();
    let shown = daemon.wait_phase("boxed", "running");
    assert_eq!(shown["pod"]["isolation"], "gvisor");
    nothing_of_a_check(&daemon);
}

#[test]
fn what_a_check_of_another_daemon_has_is_left_to_it() {
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    daemon.spawn();
    daemon.kill();
    let (own, other) = (daemon.owner(), Daemon::prepare(PROGRAMS, ""));
    std::fs::write(other.state().join("owner"), "zzzzzzzzengine22\n").expect("written");
    leave_behind(&own, "10.219.250.0/24");
    leave_behind(&other.owner(), "10.219.251.0/24");
    daemon.spawn();
    nothing_of_a_check(&daemon);
    assert_eq!(checks_of(&other.owner()).len(), 2, "another's fresh check stays");
}

/// Returns how many containers a daemon has made to try a runtime.
fn tries(daemon: &Daemon, since: &str) -> usize {
    let label = format!("label=dev.pinacle.check={}", daemon.owner());
    let until = docker(&["info", "--format", "{{.SystemTime}}"]);
    let filters = ["--filter", "type=container", "--filter", "event=create", "--filter", &label];
    docker(&[&["events", "--since", since, "--until", &until][..], &filters].concat())
        .lines()
        .count()
}

#[test]
fn gvisor_is_tried_once_for_all_who_ask_and_for_the_next_daemon() {
    let since = docker(&["info", "--format", "{{.SystemTime}}"]);
    let mut daemon = with_runtime("runsc");
    let names = ["one", "two", "three"];
    for name in names {
        let dir = daemon.project(name, &format!("name: {name}\n"));
        daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--no-wait"]);
    }
    for name in names {
        daemon.wait_phase(name, "running");
    }
    daemon.kill();
    daemon.spawn();
    daemon.create("four", "name: four\n");
    assert_eq!(tries(&daemon, &since), 1, "{}", daemon.log_tail());
}

#[test]
fn gvisor_is_tried_once_for_all_who_ask_also_when_it_is_not_fit() {
    let since = docker(&["info", "--format", "{{.SystemTime}}"]);
    let daemon = with_runtime("runsc-overlay");
    let names = ["one", "two", "three", "four"];
    for name in names {
        let dir = daemon.project(name, &format!("name: {name}\n"));
        daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--no-wait"]);
    }
    for name in names {
        let shown = daemon.wait_phase(name, "failed");
        assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
    }
    assert_eq!(tries(&daemon, &since), 1, "{}", daemon.log_tail());
}

#[test]
fn a_check_takes_its_range_from_the_daemons_own_pool() {
    let daemon = died_in_a_check_at("create_check_network");
    let things = checks_of(&daemon.owner());
    let name = things[0].strip_prefix("network ").expect("a network");
    let format = "{{(index .IPAM.Config 0).Subnet}}";
    let subnet = docker(&["network", "inspect", "--format", format, name]);
    let settings = std::fs::read_to_string(daemon.state().join("config.toml")).expect("read");
    let pool = settings.split("pool = \"").nth(1).and_then(|rest| rest.split('"').next());
    let second = |range: &str| range.split('.').nth(1).map(ToOwned::to_owned);
    assert_eq!(second(&subnet), second(pool.expect("a pool")), "{subnet} of {settings}");
}

/// What `tests/run.sh` does at its end for tests that were ended and could not clean up.
#[test]
fn the_things_of_an_ended_test_are_noticed_and_removed() {
    let run = tempfile::tempdir().expect("a directory");
    let state = run.path().join("tmp/pinacle-x/state");
    std::fs::create_dir_all(&state).expect("made");
    let owner = "zzzzzzzzengine33";
    std::fs::write(state.join("owner"), format!("{owner}\n")).expect("written");
    leave_behind(owner, "10.219.252.0/24");
    let said = remove_abandoned(run.path());
    engine::remove_all_of(owner);
    for kind in ["container", "network"] {
        assert!(said.contains(&format!("left {kind} pinacle-check-{owner}")), "{said}");
    }
    assert!(!said.contains("could not remove"), "{said}");
}

fn remove_abandoned(run: &Path) -> String {
    let env = concat!(env!("CARGO_MANIFEST_DIR"), "/env");
    let script = format!(
        "note() {{ echo \"$*\"; }}; run_dir={}; source {env}/leftovers.sh; remove_abandoned",
        run.display()
    );
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash runs");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
