//! The state directory's disk full under a running daemon with real pods.

use crate::{PLAIN, PROGRAMS, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::disk::Disk;
use pinacle_tests::wait::eventually;

/// The daemon goes before its disk.
struct OnDisk {
    daemon: Daemon,
    disk: Disk,
}

fn prepare(options: &str) -> OnDisk {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let disk = Disk::in_memory(&daemon.state(), options);
    OnDisk { daemon, disk }
}

/// Has the daemon fill its disk up with what is asked of it, until it refuses.
fn until_refused(daemon: &Daemon, pod: &str) -> serde_json::Value {
    eventually("the disk is full", || {
        for action in ["stop", "start"] {
            let ran = daemon.run(&[action, pod, "--json"]);
            if ran.code == 11 {
                return Ok(ran.error());
            }
        }
        Err(daemon.log_tail())
    })
}

#[test]
fn a_full_disk_stops_changes_and_nothing_else() {
    let mut this = prepare("size=32m");
    this.daemon.spawn();
    let (daemon, disk) = (&mut this.daemon, &this.disk);
    let shown = daemon.create("hungry", PLAIN);
    disk.fill_up_to(0);
    let error = until_refused(daemon, "hungry");
    assert_eq!(error["kind"], "storage", "{error:#}");
    let hint = error["hint"].as_str().expect("a next step");
    assert!(hint.contains("room"), "{error:#}");
    // Everything is still shown, and a new daemon shows it too.
    for _ in 0..2 {
        let listed = daemon.ok(&["ls", "--json"]).stdout;
        assert!(listed.contains(&id(&shown)), "{listed}");
        let ran = daemon.run(&["create", "--name", "more", "--json"]);
        assert_ne!(ran.code, 0, "{ran:#?}");
        daemon.kill();
        daemon.spawn();
    }
    disk.make_room();
    eventually("it goes on by itself", || match daemon.run(&["start", "hungry", "--json"]) {
        ran if ran.code == 0 => Ok(()),
        ran => Err((ran, daemon.log_tail())),
    });
    daemon.wait_phase("hungry", "running");
    let status = daemon.ok(&["daemon", "status", "--json"]).json();
    assert!(status["trouble"].is_null(), "{status:#}");
    daemon.ok(&["rm", "hungry", "--yes"]);
    assert_eq!(pinacle_tests::engine::leftovers(&id(&shown)), Vec::<String>::new());
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_creation_only_delays_it() {
    for left in [0, 8, 40, 200] {
        let mut this = prepare("size=32m");
        this.daemon.spawn();
        let (daemon, disk) = (&this.daemon, &this.disk);
        let dir = daemon.project("slow", "isolation: runc\ninstall: sleep 1\n");
        daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--name", "slow", "--no-wait"]);
        disk.fill_up_to(left * 4096);
        eventually("it is noticed, or it was quicker", || {
            let status = daemon.ok(&["daemon", "status", "--json"]).json();
            let shown = daemon.run(&["show", "slow", "--json"]);
            let ready = shown.code == 0 && shown.json()["pod"]["phase"] == "running";
            if ready || status["trouble"].is_object() { Ok(()) } else { Err(shown) }
        });
        disk.make_room();
        let shown = daemon.wait_phase("slow", "running");
        daemon.ok(&["rm", "slow", "--yes"]);
        assert_eq!(pinacle_tests::engine::leftovers(&id(&shown)), Vec::<String>::new());
    }
}
