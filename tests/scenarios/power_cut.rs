//! The power cut the moment a request was acknowledged: what was promised is done after
//! the next start, and nothing else is left on the host.

use crate::{PLAIN, PROGRAMS, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::disk::Disk;
use pinacle_tests::engine;
use pinacle_tests::wait::eventually;

/// The daemon goes before its disk.
struct OnDisk {
    daemon: Daemon,
    disk: Disk,
}

impl OnDisk {
    /// Everything not synced is forgotten; then the daemon starts again.
    fn cut(&mut self) {
        self.disk.cut();
        self.daemon.kill();
        self.disk.power_on();
        self.daemon.spawn();
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_cut() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let disk = Disk::ext4(&daemon.state(), 64);
    let mut this = OnDisk { daemon, disk };
    this.daemon.spawn();
    let dir = this.daemon.project("promised", PLAIN);
    let dir = dir.to_str().expect("UTF-8").to_owned();
    this.daemon.ok(&["create", &dir, "--name", "promised", "--no-wait"]);
    this.cut();
    let shown = this.daemon.wait_phase("promised", "running");
    this.daemon.ok(&["stop", "promised", "--no-wait"]);
    this.cut();
    this.daemon.wait_phase("promised", "stopped");
    this.daemon.ok(&["start", "promised", "--no-wait"]);
    this.cut();
    this.daemon.wait_phase("promised", "running");
    this.cut();
    this.daemon.wait_phase("promised", "running");
    this.daemon.ok(&["rm", "promised", "--yes", "--no-wait"]);
    this.cut();
    eventually("it is gone", || match this.daemon.run(&["show", "promised", "--json"]) {
        ran if ran.code == 4 => Ok(()),
        ran => Err((ran, this.daemon.log_tail())),
    });
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
    this.cut();
    let listed = this.daemon.ok(&["ls", "--json"]).stdout;
    assert!(!listed.contains(&id(&shown)), "a deleted pod stays deleted: {listed}");
}
