//! The database gone: the hosts' labels are the second source of truth.

use crate::{daemon, id, port};
use pinacle_tests::wait::eventually;

const SPEC: &str = "name: Phoenix\nslug: phoenix\nisolation: runc\nenv:\n  GREETING: hello-there\n";

#[test]
fn a_deleted_database_is_rebuilt_from_labels() {
    let mut daemon = daemon();
    let running = daemon.create("phoenix", SPEC);
    let stopped = daemon.create("ash", "slug: ash\nisolation: runc\n");
    daemon.ok(&["stop", "ash"]);
    daemon.kill();
    for gone in ["db", "export"] {
        let dir = daemon.state().join(gone);
        if dir.exists() {
            std::fs::remove_dir_all(dir).expect("removed");
        }
    }
    daemon.spawn();
    let again = daemon.wait_phase("phoenix", "running");
    assert_eq!((id(&again), port(&again)), (id(&running), port(&running)));
    assert_eq!(again["spec_text"], running["spec_text"]);
    let down = daemon.wait_phase("ash", "stopped");
    assert_eq!((id(&down), port(&down)), (id(&stopped), port(&stopped)));
    daemon.ok(&["start", "ash"]);
    let greeting = daemon.ok(&["exec", "phoenix", "--", "sh", "-c", "echo $GREETING"]).stdout;
    assert_eq!(greeting, "hello-there\n");
    daemon.ok(&["rm", "phoenix", "ash", "--yes"]);
}

#[test]
fn a_pod_of_another_daemon_is_adopted_only_when_asked() {
    let mut old = daemon();
    let shown = old.create("orphan", "slug: orphan\nisolation: runc\n");
    let new = daemon();
    let listed = new.ok(&["ls", "--json"]).stdout;
    assert!(!listed.contains("orphan"), "{listed}");
    eventually("the doctor sees it", || {
        let report = new.run(&["doctor", "--json"]).stdout;
        if report.contains(&id(&shown)) { Ok(()) } else { Err(report) }
    });
    let refused = new.run(&["adopt", &id(&shown), "--json"]);
    assert_eq!(refused.code, 5, "{refused:#?}");
    let said = refused.error()["message"].to_string();
    assert!(said.contains("another daemon, which runs on this machine"), "{said}");
    assert_eq!(old.show("orphan")["pod"]["phase"], "running");
    old.kill();
    new.ok(&["adopt", &id(&shown)]);
    new.wait_phase("orphan", "running");
    new.ok(&["rm", "orphan", "--yes"]);
}
