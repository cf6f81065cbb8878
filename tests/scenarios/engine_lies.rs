//! An engine that answers with errors, half, late, something else or not at all, at the first
//! call of each kind there is: what was asked for comes about, and nothing is left over.

use crate::{PLAIN, PROGRAMS, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::own_engine::settings_for;
use pinacle_tests::proxy::{Mischief, Proxy};
use pinacle_tests::wait::eventually;
use std::time::Duration;

struct Rig {
    daemon: Daemon,
    proxy: Proxy,
    _dir: tempfile::TempDir,
}

fn rig() -> Rig {
    let dir = tempfile::tempdir().expect("a directory");
    let proxy = Proxy::start(dir.path().join("docker.sock"), &engine::socket());
    let daemon = Daemon::start_with(PROGRAMS, &settings_for(proxy.socket()));
    Rig { daemon, proxy, _dir: dir }
}

/// Asks until the request is taken: a host that is lost in this moment takes none.
fn ask(daemon: &Daemon, args: &[&str]) {
    eventually(&format!("{args:?} is taken"), || {
        match daemon.run(&[args, &["--no-wait", "--json"]].concat()) {
            ran if ran.code == 0 => Ok(()),
            ran => Err((ran, daemon.log_tail())),
        }
    });
}

/// A pod's whole life; each operation meets the mischief anew.
fn lives_through(mischief: Mischief) {
    let Rig { daemon, proxy, _dir } = &rig();
    let spec = "slug: liar\nisolation: runc\ninstall: echo once >> /workspace/runs\n";
    let dir = daemon.project("liar", spec);
    let dir = dir.to_str().expect("UTF-8").to_owned();
    let file = format!("{dir}/pinacle.yaml");
    proxy.once_each(mischief);
    ask(daemon, &["create", &dir]);
    let shown = daemon.wait_phase("liar", "running");
    let suffered = proxy.suffered();
    for kind in ["POST /networks/create", "POST /containers/create", "POST /containers/*/start"] {
        assert!(suffered.contains(kind), "no {kind} among {suffered:#?}");
    }
    let runs = daemon.ok(&["exec", "liar", "--", "cat", "/workspace/runs"]).stdout;
    assert_eq!(runs, "once\n");
    for (action, phase) in [("stop", "stopped"), ("start", "running"), ("restart", "running")] {
        proxy.once_each(mischief);
        ask(daemon, &[action, "liar"]);
        daemon.wait_phase("liar", phase);
    }
    proxy.once_each(mischief);
    std::fs::write(&file, format!("{spec}bindAddress: 127.0.0.2\n")).expect("written");
    ask(daemon, &["config", "apply", "liar", "--file", &file, "--accept-loss", "--yes"]);
    let again = daemon.wait_phase("liar", "running");
    assert_eq!(again["pod"]["port"], shown["pod"]["port"]);
    assert_eq!(again["pod"]["spec_revision"], 2);
    proxy.once_each(mischief);
    ask(daemon, &["rm", "liar", "--yes"]);
    eventually("the pod is gone", || match daemon.run(&["show", "liar", "--json"]) {
        ran if ran.code == 4 => Ok(()),
        ran => Err((ran, daemon.log_tail())),
    });
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
    assert_eq!(engine::owned_by(&daemon.owner()), Vec::<String>::new());
}

#[test]
fn a_pod_lives_through_answers_that_are_lost() {
    lives_through(Mischief::Lost);
}

#[test]
fn a_pod_lives_through_half_answers() {
    lives_through(Mischief::Half);
}

#[test]
fn a_pod_lives_through_noise() {
    lives_through(Mischief::Noise);
}

#[test]
fn a_pod_lives_through_nonsense() {
    lives_through(Mischief::Nonsense);
}

#[test]
fn a_pod_lives_through_errors_of_what_was_not_done() {
    lives_through(Mischief::Failed);
}

#[test]
fn a_pod_lives_through_errors_of_what_was_done() {
    lives_through(Mischief::FailedAfterwards);
}

#[test]
fn a_pod_lives_through_refused_connections() {
    lives_through(Mischief::Refused);
}

#[test]
fn a_pod_lives_through_late_answers() {
    lives_through(Mischief::Late(Duration::from_millis(500)));
}

#[test]
fn an_error_that_stays_is_told_and_undone_and_the_next_try_works() {
    let Rig { daemon, proxy, _dir } = &rig();
    let dir = daemon.project("unlucky", PLAIN);
    let dir = dir.to_str().expect("UTF-8");
    proxy.always("POST /containers/*/start", Mischief::Failed);
    let ran = daemon.run(&["create", dir, "--name", "unlucky", "--json", "--quiet"]);
    assert_ne!(ran.code, 0, "{ran:#?}");
    assert!(ran.error().to_string().contains("it went wrong"), "{ran:#?}");
    let shown = daemon.wait_phase("unlucky", "failed");
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
    proxy.behave();
    daemon.ok(&["start", "unlucky"]);
    daemon.wait_phase("unlucky", "running");
    daemon.ok(&["rm", "unlucky", "--yes"]);
}

#[test]
fn a_socket_that_was_removed_and_made_again_is_found() {
    let Rig { daemon, proxy, _dir } = &rig();
    daemon.create("steady", PLAIN);
    proxy.vanish();
    let lost = |expected: bool| {
        eventually(&format!("the host is lost: {expected}"), || {
            let shown = daemon.show("steady");
            let lost = !shown["pod"]["unknown_since"].is_null();
            if lost == expected { Ok(()) } else { Err(shown) }
        });
    };
    lost(true);
    proxy.listen();
    lost(false);
    daemon.ok(&["restart", "steady"]);
    daemon.wait_phase("steady", "running");
    daemon.ok(&["rm", "steady", "--yes"]);
}

/// A look at a pod takes three lists: what happens to it in one go is looked at in one go.
#[test]
fn a_stopped_pod_costs_few_looks() {
    let Rig { daemon, proxy, _dir } = &rig();
    daemon.create("seen", PLAIN);
    let lists = || proxy.seen().get("GET /containers/json").copied().unwrap_or_default();
    let mut all = Vec::new();
    // What comes in one go on one day comes in two on a busy one: the best of three.
    for _ in 0..3 {
        let (mut last, mut times) = (lists(), 0);
        let before = eventually("nothing is looked at any more", || {
            let now = lists();
            times = if std::mem::replace(&mut last, now) == now { times + 1 } else { 0 };
            if times == 5 { Ok(now) } else { Err(now) }
        });
        daemon.ok(&["stop", "seen"]);
        daemon.wait_phase("seen", "stopped");
        all.push(lists() - before);
        daemon.ok(&["start", "seen"]);
        daemon.wait_phase("seen", "running");
    }
    assert!(all.iter().all(|looks| *looks > 0), "{all:?}");
    assert!(all.iter().any(|looks| *looks <= 6), "{all:?} looks for a stop each");
    daemon.ok(&["rm", "seen", "--yes"]);
}
