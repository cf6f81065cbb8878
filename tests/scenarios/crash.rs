//! The daemon killed in the middle: the next one finishes what was begun.

use crate::{PLAIN, PROGRAMS, daemon, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::wait::eventually;

fn create_and_die_at(point: &str) {
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    daemon.set_failpoints(&format!("{point}=abort"));
    daemon.spawn();
    let dir = daemon.project("phoenix", PLAIN);
    eventually("the request was taken", || {
        // Where it dies it has taken it, whatever its client came to hear.
        if daemon.has_died() {
            return Ok(());
        }
        match daemon.run(&["create", dir.to_str().expect("UTF-8"), "--no-wait", "--json"]) {
            ran if ran.code == 0 || ran.stderr.contains("phoenix") => Ok(()),
            // Died before the reply, or not up yet.
            ran => Err(ran),
        }
    });
    daemon.wait_for_death();
    daemon.set_failpoints("");
    daemon.spawn();
    let shown = daemon.wait_phase("phoenix", "running");
    let mut found = engine::leftovers(&id(&shown));
    found.sort();
    let name = format!("pinacle-pod-{}", id(&shown));
    let expected = [
        format!("container {name}"),
        format!("network {name}"),
        format!("volume {name}-home"),
        format!("volume {name}-workspace"),
    ];
    assert_eq!(found, expected);
    assert_eq!(engine::owned_by(&daemon.owner()).len(), expected.len());
}

#[test]
fn create_survives_a_death_after_the_network() {
    create_and_die_at("engine.create_network.after");
}

#[test]
fn create_survives_a_death_after_the_container() {
    create_and_die_at("engine.create_container.after");
}

#[test]
fn create_survives_a_death_after_the_start() {
    create_and_die_at("engine.start_container.after");
}

#[test]
fn delete_survives_a_death_after_the_container() {
    let mut daemon = daemon();
    let shown = daemon.create("doomed", PLAIN);
    daemon.kill();
    daemon.set_failpoints("engine.remove_container.after=abort");
    daemon.spawn();
    eventually("the request was taken", || {
        if daemon.has_died() {
            return Ok(());
        }
        match daemon.run(&["rm", "doomed", "--yes", "--no-wait", "--json"]) {
            ran if ran.code == 0 => Ok(()),
            ran => Err(ran),
        }
    });
    daemon.wait_for_death();
    daemon.set_failpoints("");
    daemon.spawn();
    eventually("the pod is gone", || match daemon.run(&["show", "doomed", "--json"]) {
        ran if ran.code == 4 => Ok(()),
        ran => Err(ran),
    });
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
}

#[test]
fn pods_outlive_the_daemon_and_are_taken_up_by_the_next_one() {
    let mut daemon = daemon();
    let shown = daemon.create("steady", PLAIN);
    let name = format!("pinacle-pod-{}", id(&shown));
    let started = || engine::docker(&["inspect", "-f", "{{.State.StartedAt}}", &name]);
    let before = started();
    assert_eq!(daemon.terminate(), Some(0));
    assert!(!daemon.socket().exists(), "the socket goes with the daemon");
    daemon.spawn();
    daemon.wait_phase("steady", "running");
    daemon.kill();
    daemon.spawn();
    daemon.wait_phase("steady", "running");
    assert_eq!(started(), before, "the container was left alone");
}

#[test]
fn a_daemon_told_to_end_in_the_middle_leaves_the_work_to_the_next_one() {
    let mut daemon = daemon();
    // Long enough that a daemon which waited for it would be killed by any service manager.
    let install = "isolation: runc\ninstall: echo once >> /workspace/runs; sleep 20\n";
    let dir = daemon.project("handover", install);
    daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--no-wait"]);
    let running = |daemon: &Daemon| {
        let ran = daemon.run(&["logs", "handover"]);
        if ran.stdout.contains("sleep 20") { Ok(()) } else { Err(ran) }
    };
    eventually("install runs", || running(&daemon));
    assert_eq!(daemon.terminate(), Some(0));
    daemon.spawn();
    let shown = daemon.wait_phase("handover", "running");
    let runs = daemon.ok(&["exec", "handover", "--", "cat", "/workspace/runs"]).stdout;
    assert_eq!(runs, "once\n", "install ran once: {shown:#}");
}
