//! Scenarios: the programs as built, a real engine, real pods. One flow per
//! file. A missing engine is a failure, never a skip.

mod adopt;
mod behind_our_back;
mod clients;
mod clock;
mod config;
mod crash;
mod create;
mod database;
mod demanding;
mod engine_lies;
mod engine_lost;
mod exec;
mod faults;
mod follow;
mod full_disk;
mod gvisor;
mod hostile;
mod isolation;
mod kills;
mod lifecycle;
mod lima;
mod load;
mod power_cut;
mod race;
mod screen;
mod secrets;
mod soak;
mod spares;
mod start_daemon;

use pinacle_tests::daemon::{Daemon, Programs};

/// The programs under test.
const PROGRAMS: Programs = Programs {
    daemon: env!("CARGO_BIN_EXE_test-pinacled"),
    client: env!("CARGO_BIN_EXE_test-pinacle-tui"),
};

/// A spec without gVisor, for what does not depend on the isolation.
const PLAIN: &str = "isolation: runc\n";

fn daemon() -> Daemon {
    Daemon::start(PROGRAMS)
}

/// Returns the published port in what `show` says.
fn port(shown: &serde_json::Value) -> u16 {
    let port = shown["pod"]["port"].as_u64().expect("a port");
    u16::try_from(port).expect("a port number")
}

/// Returns the pod's id in what `show` says.
fn id(shown: &serde_json::Value) -> String {
    shown["pod"]["id"].as_str().expect("an id").to_owned()
}
