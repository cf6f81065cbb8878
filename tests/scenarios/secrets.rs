//! A value of `env` is in no command line, log, journal or cache, and leaves the exports
//! with its pod.

use crate::daemon;
use pinacle_tests::wait::{Over, eventually};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

const SECRET: &str = "correct-horse-battery-7319";

fn holds(bytes: &[u8]) -> bool {
    bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes())
}

/// Returns the command lines with the secret in them, of every process there is.
fn told_by_processes() -> Vec<String> {
    let entries = std::fs::read_dir("/proc").expect("processes").flatten();
    let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| holds(line)).map(|line| String::from_utf8_lossy(&line).into()).collect()
}

fn files_with_it(dir: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_with_it(&path, found);
        } else if std::fs::read(&path).is_ok_and(|bytes| holds(&bytes)) {
            found.push(path);
        }
    }
}

#[test]
fn a_secret_is_told_by_no_process_and_leaves_the_exports_with_its_pod() {
    let daemon = daemon();
    let spec = format!(
        "isolation: runc\nenv:\n  TOKEN: {SECRET}\ninstall: test -n \"$TOKEN\"; sleep 1\n\
         processes:\n  - name: app\n    startCommand: exec sleep 100000\n"
    );
    let over = AtomicBool::new(false);
    let told = std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            let mut told = Vec::new();
            while !over.load(Ordering::Relaxed) {
                told.extend(told_by_processes());
            }
            told
        });
        let guard = Over(&over);
        daemon.create("keyholder", &spec);
        let said = daemon.ok(&["exec", "keyholder", "--", "sh", "-c", "echo \"$TOKEN\""]).stdout;
        daemon.ok(&["restart", "keyholder"]);
        drop(guard);
        assert_eq!(said.trim(), SECRET, "it is there where it belongs");
        watching.join().expect("watched")
    });
    assert_eq!(told, Vec::<String>::new());
    daemon.ok(&["rm", "keyholder", "--yes"]);
    eventually("no file but the database has it any more", || {
        let mut found = Vec::new();
        files_with_it(&daemon.state(), &mut found);
        found.retain(|path| !path.starts_with(daemon.state().join("db")));
        if found.is_empty() { Ok(()) } else { Err(found) }
    });
}
