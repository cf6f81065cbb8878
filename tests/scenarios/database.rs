//! Files of the state directory damaged while the daemon is down: it starts with all
//! that was acknowledged, or says what is wrong and what to do.

use crate::{PLAIN, PROGRAMS, daemon, id};
use pinacle_tests::daemon::{Daemon, Ran};
use pinacle_tests::disk::Disk;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What must survive: names, ids, ports, what is wanted.
fn list(daemon: &Daemon) -> Vec<String> {
    let listed = daemon.ok(&["ls", "--json"]).stdout;
    let line = |line: &str| {
        let pod: serde_json::Value = serde_json::from_str(line).expect("JSON");
        format!("{} {} {} {}", pod["id"], pod["name"], pod["port"], pod["desired"])
    };
    listed.lines().map(line).collect()
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("listed").flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, found),
            path => found.push(path),
        }
    }
    found.sort();
}

fn damage(path: &Path, how: usize) {
    let Ok(mut bytes) = std::fs::read(path) else { return };
    match how % 3 {
        0 => std::fs::remove_file(path).expect("removed"),
        1 => {
            bytes.truncate(bytes.len() / 2);
            std::fs::write(path, bytes).expect("cut off");
        }
        _ => {
            let middle = bytes.len() / 2;
            bytes.iter_mut().skip(middle).take(64).for_each(|byte| *byte ^= 0x10);
            std::fs::write(path, bytes).expect("damaged");
        }
    }
}

/// Runs the daemon to its end; for one that is not to start.
fn refused(daemon: &Daemon) -> Ran {
    let output = Command::new("timeout")
        .args(["60", PROGRAMS.daemon, "--state-dir"])
        .arg(daemon.state())
        .stdin(Stdio::null())
        .output()
        .expect("it runs");
    let ran = Ran::from(output);
    assert!(ran.code != 0 && ran.code < 120, "it refuses and does not panic: {ran:#?}");
    assert!(!ran.stderr.contains("panicked"), "{ran:#?}");
    ran
}

#[test]
fn whichever_file_is_damaged_nothing_acknowledged_is_lost() {
    let mut daemon = daemon();
    let running = daemon.create("runner", PLAIN);
    daemon.create("sleeper", PLAIN);
    daemon.ok(&["stop", "sleeper"]);
    let (before, owner) = (list(&daemon), daemon.owner());
    assert_eq!(before.len(), 2);
    daemon.kill();
    let mut all = Vec::new();
    files(&daemon.state(), &mut all);
    let untouched = ["config.toml", "pinacled.log", "pinacled.sock"];
    all.retain(|path| !untouched.iter().any(|name| path.ends_with(name)));
    assert!(all.iter().any(|path| path.ends_with("db/db")), "{all:?}");
    for (n, path) in all.iter().enumerate() {
        // Each kind for the files that matter most, one for the others.
        let kinds = if path.starts_with(daemon.state().join("journal")) { 1 } else { 3 };
        for how in 0..kinds {
            damage(path, n + how);
            daemon.spawn();
            let what = format!("{} damaged ({how})", path.display());
            assert_eq!(list(&daemon), before, "{what}: {}", daemon.log_tail());
            assert_eq!(daemon.owner(), owner, "{what}");
            daemon.kill();
        }
    }
    daemon.spawn();
    daemon.wait_phase("runner", "running");
    daemon.wait_phase("sleeper", "stopped");
    daemon.ok(&["start", "sleeper"]);
    daemon.ok(&["rm", "runner", "sleeper", "--yes"]);
    assert_eq!(pinacle_tests::engine::leftovers(&id(&running)), Vec::<String>::new());
}

#[test]
fn what_it_cannot_start_with_is_said_with_the_next_step() {
    let mut daemon = daemon();
    assert_eq!(daemon.terminate(), Some(0));
    let config = daemon.state().join("config.toml");
    let good = std::fs::read(&config).expect("settings");
    std::fs::write(&config, [&good[..], b"\nprots = 1\n"].concat()).expect("written");
    let said = refused(&daemon).stderr;
    assert!(said.contains("config.toml") && said.contains("prots"), "{said}");
    std::fs::write(&config, &good).expect("written");

    // Another process has the database open: a copy that is being made, say.
    let database = daemon.state().join("db/db");
    let mut holder = Command::new("flock")
        .arg(&database)
        .args(["-c", "echo held; read -r line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("flock runs");
    let mut line = String::new();
    let out = holder.stdout.take().expect("a pipe");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("held");
    let said = refused(&daemon).stderr;
    assert!(said.contains("fuser") && said.contains("db"), "{said}");
    drop(holder.stdin.take());
    holder.wait().expect("gone");

    let owner = daemon.state().join("owner");
    let (db, export) = (daemon.state().join("db"), daemon.state().join("export"));
    let id = std::fs::read(&owner).expect("an owner");
    std::fs::write(&owner, "?").expect("damaged");
    std::fs::remove_dir_all(&db).expect("removed");
    std::fs::remove_dir_all(&export).expect("removed");
    let said = refused(&daemon).stderr;
    assert!(said.contains("dev.pinacle.owner") && said.contains("owner"), "{said}");
    std::fs::write(&owner, id).expect("mended");
    daemon.spawn();
}

#[test]
fn a_state_directory_that_cannot_be_written_is_said() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let disk = Disk::in_memory(&daemon.state(), "size=16m");
    disk.remount("ro");
    let said = refused(&daemon).stderr;
    assert!(said.contains("Read-only file system"), "{said}");
    assert!(said.contains(daemon.state().to_str().expect("UTF-8")), "{said}");
    let ran = daemon.run(&["ls", "--json"]);
    assert_eq!(ran.code, 10, "{ran:#?}");
    drop(daemon);
    drop(disk);
}

#[test]
fn a_restart_with_wrong_settings_leaves_the_daemon_running() {
    let daemon = daemon();
    let config = daemon.state().join("config.toml");
    let good = std::fs::read_to_string(&config).expect("settings");
    std::fs::write(&config, format!("{good}\n[journal]\ndays = \"many\"\n")).expect("written");
    let pid = daemon.pid();
    let ran = daemon.run(&["daemon", "restart", "--json"]);
    assert_ne!(ran.code, 0, "{ran:#?}");
    assert!(ran.stderr.contains("config.toml") && ran.stderr.contains("days"), "{ran:#?}");
    let status = daemon.ok(&["daemon", "status", "--json"]).json();
    assert_eq!(status["pid"], pid, "the same one still runs");
}

#[test]
fn a_state_directory_of_another_user_or_with_too_long_a_name_is_refused() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let nobody = Some(65_534);
    std::os::unix::fs::chown(daemon.state(), nobody, nobody).expect("given away");
    let said = refused(&daemon).stderr;
    assert!(said.contains("belongs to user 65534") && said.contains("--state-dir"), "{said}");

    let long = daemon.dir().join("x".repeat(120));
    let ran: Ran = daemon
        .client()
        .env("PINACLE_STATE_DIR", &long)
        .args(["ls", "--json"])
        .output()
        .expect("it runs")
        .into();
    assert_ne!(ran.code, 0, "{ran:#?}");
    assert!(ran.stderr.contains("--socket"), "{ran:#?}");
    assert!(!long.exists(), "nothing is made there");

    // Without a home there is one place, and whether it can be used is said with its name.
    let ran: Ran = daemon
        .client()
        .env_remove("PINACLE_STATE_DIR")
        .env_remove("HOME")
        .env_remove("XDG_STATE_HOME")
        .args(["daemon", "status", "--json"])
        .output()
        .expect("it runs")
        .into();
    assert!(ran.stdout.contains("/var/lib/pinacle/pinacled.sock"), "{ran:#?}");
}
