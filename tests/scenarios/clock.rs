//! The date jumps by years, back and forth, under a running daemon.

use crate::{PLAIN, PROGRAMS, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;

const YEARS_MS: i64 = 10 * 365 * 86_400_000;

/// Returns every `…_ms` number in what a command printed.
fn durations(value: &serde_json::Value, found: &mut Vec<(String, i64)>) {
    match value {
        serde_json::Value::Object(members) => {
            for (name, member) in members {
                if let Some(number) = member.as_i64().filter(|_| name.ends_with("_ms")) {
                    found.push((name.clone(), number));
                }
                durations(member, found);
            }
        }
        serde_json::Value::Array(items) => items.iter().for_each(|item| durations(item, found)),
        _ => {}
    }
}

#[test]
fn no_jump_of_the_date_loses_a_record_or_holds_anything_up() {
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    daemon.set_date_offset(0);
    daemon.spawn();
    let shown = daemon.create("timeless", PLAIN);
    daemon.ok(&["exec", "timeless", "--", "echo", "remember-me"]);
    for offset in [YEARS_MS, -YEARS_MS, 0, 2 * YEARS_MS, -60_000] {
        daemon.set_date_offset(offset);
        daemon.ok(&["stop", "timeless"]);
        daemon.ok(&["start", "timeless"]);
        // The next daemon sweeps the journals when it starts.
        daemon.kill();
        daemon.spawn();
        let shown = daemon.wait_phase("timeless", "running");
        let logs = daemon.ok(&["logs", "timeless"]).stdout;
        assert!(logs.contains("remember-me"), "the date is off by {offset} ms: {logs}");
        let mut found = Vec::new();
        durations(&shown, &mut found);
        let negative: Vec<_> = found.iter().filter(|(_, number)| *number < 0).collect();
        assert!(negative.is_empty(), "{negative:?}");
    }
    // A container that dies is started again after a pause, whatever the date does meanwhile.
    engine::docker(&["kill", &format!("pinacle-pod-{}", id(&shown))]);
    daemon.set_date_offset(-2 * YEARS_MS);
    daemon.wait_phase("timeless", "running");
    daemon.ok(&["rm", "timeless", "--yes"]);
}
