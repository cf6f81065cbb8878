//! The engine ends, freezes or loses its power under running pods: one of the test's own,
//! so that nobody else's is disturbed.

use crate::{PLAIN, PROGRAMS, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::own_engine::OwnEngine;
use pinacle_tests::wait::eventually;

/// A process whose word can be asked for through the pod's port.
const APP: &str = "isolation: runc\nprocesses:\n  - name: app\n    startCommand: \
                   exec sleep 100000\n";

fn answers(engine: &OwnEngine, port: u16) {
    eventually("the pod answers on its port", || {
        match engine.http_status(port, "/.pinacle/ready") {
            200 => Ok(()),
            other => Err(other),
        }
    });
}

#[test]
fn pods_come_back_after_the_host_lost_its_power() {
    let mut engine = OwnEngine::start();
    let mut daemon = Daemon::start_on(PROGRAMS, &engine, "");
    let running = daemon.create("phoenix", APP);
    let stopped = daemon.create("ash", PLAIN);
    daemon.ok(&["stop", "ash"]);
    daemon.ok(&["exec", "phoenix", "--", "sh", "-c", "echo kept > /opt/file; sync"]);
    daemon.kill();
    engine.power_off();
    engine.power_on();
    daemon.move_to(&engine);
    daemon.spawn();
    let again = daemon.wait_phase("phoenix", "running");
    assert_eq!(port(&again), port(&running));
    answers(&engine, port(&again));
    assert_eq!(daemon.ok(&["exec", "phoenix", "--", "cat", "/opt/file"]).stdout, "kept\n");
    eventually("its process runs", || {
        let ran = daemon.run(&["exec", "phoenix", "--", "pgrep", "-f", "sleep 100000"]);
        if ran.code == 0 { Ok(()) } else { Err(ran) }
    });
    let down = daemon.wait_phase("ash", "stopped");
    assert_eq!(port(&down), port(&stopped));
    daemon.ok(&["rm", "phoenix", "ash", "--yes"]);
}

fn unknown(daemon: &Daemon, pod: &str) -> bool {
    !daemon.show(pod)["pod"]["unknown_since"].is_null()
}

fn is_lost(daemon: &Daemon, pod: &str) {
    eventually("the host is known to be lost", || {
        if unknown(daemon, pod) { Ok(()) } else { Err(daemon.log_tail()) }
    });
}

#[test]
fn pods_come_back_after_the_engine_was_stopped_or_killed() {
    let mut engine = OwnEngine::start();
    let daemon = Daemon::start_on(PROGRAMS, &engine, "");
    let running = daemon.create("phoenix", APP);
    let stopped = daemon.create("ash", PLAIN);
    daemon.ok(&["stop", "ash"]);
    for end in [OwnEngine::stop, OwnEngine::kill] {
        end(&mut engine);
        is_lost(&daemon, "phoenix");
        // What is wanted meanwhile is answered: it is known, or it is refused at once.
        daemon.ok(&["ls", "--json"]);
        let ran = daemon.run(&["exec", "phoenix", "--", "true"]);
        assert_ne!(ran.code, 0, "{ran:#?}");
        engine.spawn();
        let again = daemon.wait_phase("phoenix", "running");
        assert_eq!(port(&again), port(&running));
        eventually("the pod is known again", || {
            if unknown(&daemon, "phoenix") { Err(daemon.log_tail()) } else { Ok(()) }
        });
        answers(&engine, port(&again));
        eventually("its process runs", || {
            let ran = daemon.run(&["exec", "phoenix", "--", "pgrep", "-f", "sleep 100000"]);
            if ran.code == 0 { Ok(()) } else { Err(ran) }
        });
        assert_eq!(port(&daemon.wait_phase("ash", "stopped")), port(&stopped));
    }
    daemon.ok(&["rm", "phoenix", "ash", "--yes"]);
}

#[test]
fn what_was_under_way_when_the_engine_was_killed_is_finished() {
    let mut engine = OwnEngine::start();
    let daemon = Daemon::start_on(PROGRAMS, &engine, "");
    let names = ["one", "two", "three", "four"];
    for name in names {
        let dir = daemon.project(name, PLAIN);
        daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--name", name, "--no-wait"]);
    }
    eventually("some of it is there", || {
        match engine.docker(&["ps", "-aq", "--filter", "label=dev.pinacle.pod"]) {
            none if none.is_empty() => Err(daemon.log_tail()),
            _ => Ok(()),
        }
    });
    engine.kill();
    is_lost(&daemon, "one");
    engine.spawn();
    for name in names {
        let shown = daemon.wait_phase(name, "running");
        answers(&engine, port(&shown));
    }
    daemon.ok(&["rm", "one", "two", "three", "four", "--yes"]);
    let label = ["--filter", "label=dev.pinacle.pod", "-q"];
    for list in [&["ps", "-a"][..], &["network", "ls"], &["volume", "ls"]] {
        assert_eq!(engine.docker(&[list, &label].concat()), "", "{list:?}");
    }
}

#[test]
fn a_frozen_engine_hangs_nobody() {
    let engine = OwnEngine::start();
    let mut daemon = Daemon::start_on(PROGRAMS, &engine, "");
    daemon.create("icy", PLAIN);
    daemon.create("busy", PLAIN);
    let next = daemon.project("next", PLAIN);
    engine.pause();
    // What is known is told, what is asked for is taken.
    assert!(daemon.ok(&["ls", "--json"]).stdout.contains("icy"));
    daemon.ok(&["stop", "icy", "--no-wait"]);
    daemon.ok(&["create", next.to_str().expect("UTF-8"), "--name", "next", "--no-wait"]);
    // What needs the engine's answer says that there is none.
    for words in [&["exec", "busy", "--", "true"][..], &["doctor", "--json"]] {
        let ran = daemon.run(words);
        assert_ne!(ran.code, 0, "{ran:#?}");
        assert!(format!("{}{}", ran.stdout, ran.stderr).contains("answer"), "{ran:#?}");
    }
    assert_eq!(daemon.terminate(), Some(0));
    daemon.spawn();
    assert!(daemon.ok(&["ls", "--json"]).stdout.contains("next"));
    engine.resume();
    daemon.wait_phase("icy", "stopped");
    daemon.wait_phase("next", "running");
    daemon.wait_phase("busy", "running");
    daemon.ok(&["rm", "icy", "next", "busy", "--yes"]);
}
