//! The daemon on demand, and what stands in its way.

use crate::PROGRAMS;
use pinacle_tests::daemon::{Daemon, Ran};
use pinacle_tests::wait::eventually;
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn two_clients_at_once_start_one_daemon() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let daemon = &daemon;
    let pids: BTreeSet<u64> = std::thread::scope(|scope| {
        let ask = || {
            daemon.ok(&["ls", "--json"]);
            daemon.ok(&["daemon", "status", "--json"]).json()["pid"].as_u64().expect("a pid")
        };
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().expect("joined")).collect()
    });
    assert_eq!(pids.len(), 1, "{pids:?}");
    daemon.ok(&["daemon", "stop"]);
    eventually("the socket is gone", || {
        if daemon.socket().exists() { Err(daemon.log_tail()) } else { Ok(()) }
    });
    assert_eq!(daemon.run(&["daemon", "status"]).code, 10);
}

#[test]
fn a_daemon_that_was_stopped_is_gone_and_the_next_one_starts_at_once() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    for _ in 0..5 {
        daemon.ok(&["daemon", "start"]);
        daemon.ok(&["daemon", "stop"]);
        let lock = std::fs::File::open(daemon.state().join("pinacled.lock")).expect("a lock");
        assert!(
            lock.try_lock().is_ok(),
            "it is said once another may start: {}",
            daemon.log_tail()
        );
    }
}

/// Whoever calls a daemon into being is not told that it knows nothing yet.
#[test]
#[expect(clippy::disallowed_methods, reason = "a real program's answer takes real time")]
fn the_first_list_of_a_new_daemon_says_how_the_pods_are() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    daemon.create("listed", "isolation: runc\n");
    for _ in 0..3 {
        // It waits a second for the first look, which an engine may take longer for: then it
        // says so, and the next daemon has another chance.
        eventually("the first list of a new daemon knows", || {
            daemon.ok(&["daemon", "restart"]);
            let began = std::time::Instant::now();
            let listed = daemon.ok(&["ls", "--json"]).json();
            assert_eq!(listed["phase"], "running", "{listed}");
            if listed["unknown_since"].is_null() {
                return Ok(());
            }
            assert!(began.elapsed() >= Duration::from_secs(1), "at once: {listed}");
            Err(listed)
        });
    }
    daemon.ok(&["rm", "listed", "--yes"]);
    daemon.ok(&["daemon", "stop"]);
}

/// A script that holds a lock, or reads the client's output through a pipe, is not held up by the daemon it started.
#[test]
fn a_daemon_started_by_a_script_keeps_none_of_its_files() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let lock = daemon.dir().join("script.lock");
    let client = daemon.client();
    let mut script = std::process::Command::new("bash");
    script
        .args(["-c", "exec 9>\"$1\"; flock 9; \"$0\" daemon start >&2"])
        .arg(client.get_program())
        .arg(&lock);
    script.envs(client.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = script.output().expect("run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    daemon.ok(&["daemon", "status"]);
    let lock = std::fs::File::open(lock).expect("the script's lock");
    assert!(lock.try_lock().is_ok(), "the daemon holds the script's lock");
    daemon.ok(&["daemon", "stop"]);
}

#[test]
fn a_stale_socket_is_replaced_and_another_file_is_not() {
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    drop(std::os::unix::net::UnixListener::bind(daemon.socket()).expect("bound"));
    daemon.spawn();
    daemon.kill();
    std::fs::remove_file(daemon.socket()).expect("removed");
    std::fs::write(daemon.socket(), "precious").expect("written");
    let ran = daemon.run(&["ls"]);
    assert_ne!(ran.code, 0);
    assert!(ran.stderr.contains("pinacled.sock"), "{ran:#?}");
    assert_eq!(std::fs::read_to_string(daemon.socket()).expect("read"), "precious");
}

#[test]
fn a_wrong_settings_file_is_named_with_line_key_and_next_step() {
    let daemon = Daemon::prepare(PROGRAMS, "prots = 1\n");
    let config = daemon.state().join("config.toml");
    let place = format!("{}:7: `network.prots`: unknown field", config.display());
    for args in [&["ls"][..], &["daemon", "start"], &["daemon", "restart"]] {
        let ran = daemon.run(args);
        assert_ne!(ran.code, 0, "{ran:#?}");
        assert!(ran.stderr.contains(&format!("  because {place}")), "{ran:#?}");
        assert!(ran.stderr.contains("hint: mend that line"), "{ran:#?}");
        assert!(!ran.stderr.contains("ERROR"), "no line of a log: {ran:#?}");
    }
    let error = daemon.run(&["ls", "--json"]).error();
    assert_eq!(error["kind"], "daemon_unreachable", "{error:#}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--check")), "{error:#}");

    let ran = checked(&daemon, &[]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(ran.stderr.starts_with(&format!("error: {place}")), "{ran:#?}");
    assert!(ran.stderr.contains("\nhint: mend that line"), "{ran:#?}");
}

#[test]
fn a_check_refuses_what_cannot_work() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    assert_eq!(checked(&daemon, &[]).code, 0);
    let long = format!("/{}", "s".repeat(200));
    for (option, code, words) in
        [("", 2, "a value is required"), ("p.sock", 1, "absolute path"), (&long, 1, "allows")]
    {
        let ran = checked(&daemon, &["--socket", option]);
        assert!(ran.code == code && ran.stderr.contains(words), "{ran:#?}");
    }
    let pool = "[network]\npool = \"127.0.0.0/8\"\n";
    let socket = "[engine]\nsocket = \"docker.sock\"\n";
    let spares = "[network]\nspares = 65\n";
    for (text, words) in [(pool, "loopback"), (socket, "begins with `/`"), (spares, "0 to 64")] {
        std::fs::write(daemon.state().join("config.toml"), text).expect("written");
        let ran = checked(&daemon, &[]);
        assert!(ran.code == 1 && ran.stderr.contains("config.toml:2: "), "{ran:#?}");
        assert!(ran.stderr.contains(words), "{ran:#?}");
    }
}

fn checked(daemon: &Daemon, options: &[&str]) -> Ran {
    let output = std::process::Command::new(PROGRAMS.daemon)
        .arg("--check")
        .arg("--state-dir")
        .arg(daemon.state())
        .args(options)
        .output()
        .expect("it runs");
    Ran::from(output)
}
