//! Many clients at once, and ports others hold.

use crate::{PLAIN, daemon, id, port};
use pinacle_tests::engine;
use pinacle_tests::wait::eventually;
use std::net::TcpListener;

#[test]
fn two_pods_asked_for_by_twenty_clients_at_once_are_two_pods() {
    let daemon = daemon();
    for name in ["left", "right"] {
        daemon.project(name, &format!("slug: {name}\nisolation: runc\n"));
    }
    let daemon = &daemon;
    std::thread::scope(|scope| {
        let ask = |i: usize| {
            let name = if i.is_multiple_of(2) { "left" } else { "right" };
            let dir = daemon.dir().join(name);
            (name, daemon.run(&["create", dir.to_str().expect("UTF-8"), "--quiet", "--json"]))
        };
        let clients: Vec<_> = (0..20).map(|i| scope.spawn(move || ask(i))).collect();
        let ran: Vec<_> = clients.into_iter().map(|c| c.join().expect("joined")).collect();
        for name in ["left", "right"] {
            let won = ran.iter().filter(|(of, ran)| *of == name && ran.code == 0).count();
            assert_eq!(won, 1, "{ran:#?}");
        }
        for (_, ran) in ran.iter().filter(|(_, ran)| ran.code != 0) {
            assert_eq!(ran.error()["kind"], "conflict", "{ran:#?}");
        }
    });
    let (left, right) =
        (daemon.wait_phase("left", "running"), daemon.wait_phase("right", "running"));
    assert_ne!(port(&left), port(&right));
    assert_eq!(engine::owned_by(&daemon.owner()).len(), 8);
}

#[test]
fn a_port_held_by_another_program_is_passed_over() {
    let daemon = daemon();
    let first = daemon.create("first", PLAIN);
    let taken = port(&first) + 1;
    let _held = TcpListener::bind(("127.0.0.1", taken)).expect("bound");
    let second = daemon.create("second", PLAIN);
    assert_eq!(second["pod"]["phase"], "running");
    assert_eq!(port(&second), taken + 1);
    let logs = daemon.ok(&["logs", "second", "--infra"]).stdout;
    assert!(logs.contains(&taken.to_string()), "{logs}");
}

#[test]
fn a_start_that_finds_its_port_taken_says_so_and_keeps_the_files() {
    let daemon = daemon();
    let shown = daemon.create("blocked", PLAIN);
    daemon.ok(&["exec", "blocked", "--", "sh", "-c", "echo kept > /opt/file"]);
    daemon.ok(&["stop", "blocked"]);
    // The engine lets go of it a moment after it says that the container has ended.
    let held = eventually("the port is free", || TcpListener::bind(("127.0.0.1", port(&shown))));
    let ran = daemon.run(&["start", "blocked", "--json"]);
    assert_ne!(ran.code, 0, "{ran:#?}");
    let message = ran.error().to_string();
    assert!(message.contains(&port(&shown).to_string()), "{message}");
    drop(held);
    daemon.ok(&["start", "blocked"]);
    let after = daemon.wait_phase("blocked", "running");
    assert_eq!((id(&after), port(&after)), (id(&shown), port(&shown)));
    assert_eq!(daemon.ok(&["exec", "blocked", "--", "cat", "/opt/file"]).stdout, "kept\n");
}

#[test]
fn two_daemons_on_one_engine_leave_each_other_alone() {
    let (one, two) = (daemon(), daemon());
    one.create("same", PLAIN);
    two.create("same", PLAIN);
    one.ok(&["rm", "same", "--yes"]);
    two.wait_phase("same", "running");
    assert_eq!(engine::owned_by(&one.owner()).len(), 0);
    assert_eq!(engine::owned_by(&two.owner()).len(), 4);
}
