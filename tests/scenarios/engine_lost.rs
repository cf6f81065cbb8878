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
