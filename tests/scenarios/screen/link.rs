//! The daemon goes and comes back while somebody looks.

use super::{LISTED, open, program};
use crate::{PLAIN, PROGRAMS, daemon};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{CTRL_S, ENTER, ESC};
use pinacle_tests::wait::eventually;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command};

#[test]
fn a_killed_daemon_is_said_and_its_return_goes_on_where_it_was() {
    let mut daemon = daemon();
    daemon.create("steady", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("steady");
    terminal.press(ENTER);
    terminal.shows("-- journal");
    daemon.run(&["exec", "steady", "--", "echo", "first"]);
    terminal.shows("$ echo first");

    daemon.kill();
    terminal.shows("no link to the daemon");
    // All that was known stays on the screen.
    assert!(terminal.contents().contains("$ echo first"), "{:?}", terminal.picture());
    terminal.press("x");
    terminal.shows("nothing was asked of it");
    daemon.spawn();
    terminal.loses("no link to the daemon");
    daemon.run(&["exec", "steady", "--", "echo", "second"]);
    terminal.shows("$ echo second");
    let contents = terminal.contents();
    assert_eq!(contents.matches("$ echo first").count(), 1, "nothing twice: {contents}");

    // Text that is being typed outlives it as well.
    terminal.press("e");
    terminal.shows("good");
    terminal.press(&format!("env: {{BEFORE: it}}{ENTER}"));
    terminal.shows("changed  good");
    daemon.kill();
    terminal.shows("no link to the daemon");
    terminal.press(&format!("# while it was gone{ENTER}"));
    terminal.shows("# while it was gone");
    terminal.press(CTRL_S);
    terminal.shows("nothing was asked of it");
    daemon.spawn();
    terminal.loses("no link to the daemon");
    terminal.press(CTRL_S);
    terminal.shows("Apply these changes?");
    terminal.press("y");
    terminal.shows("-- journal");
    daemon.wait_phase("steady", "running");
    let text = daemon.show("steady")["spec_text"].to_string();
    assert!(text.contains("BEFORE") && text.contains("while it was gone"), "{text}");
    terminal.press(ESC);
    terminal.shows(LISTED);
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn what_happened_while_the_daemon_was_gone_is_shown_once_it_is_back() {
    let mut daemon = daemon();
    daemon.create("early", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("early");
    daemon.kill();
    terminal.shows("no link to the daemon");
    daemon.spawn();
    daemon.create("later", PLAIN);
    daemon.ok(&["stop", "early"]);
    terminal.shows("later");
    terminal.shows("1 stopped");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_journal_that_was_lost_begins_anew_on_the_screen() {
    let mut daemon = daemon();
    daemon.create("reset", PLAIN);
    daemon.run(&["exec", "reset", "--", "echo", "first"]);
    let mut terminal = open(&daemon);
    terminal.shows("reset");
    terminal.press(ENTER);
    terminal.shows("$ echo first");
    daemon.kill();
    terminal.shows("no link to the daemon");
    std::fs::remove_dir_all(daemon.state().join("journal")).expect("removed");
    daemon.spawn();
    terminal.loses("no link to the daemon");
    daemon.run(&["exec", "reset", "--", "echo", "second"]);
    terminal.shows("$ echo second");
    terminal.loses("$ echo first");
    daemon.run(&["exec", "reset", "--", "echo", "third"]);
    terminal.shows("$ echo third");
    terminal.press("q");
    terminal.ends(0);
}

/// A way to the engine that can be closed.
struct Way(Child);

impl Way {
    fn open(path: &Path) -> Self {
        let engine = std::env::var("DOCKER_HOST").unwrap_or_default();
        let engine = engine.strip_prefix("unix://").unwrap_or("/var/run/docker.sock");
        let child = Command::new("socat")
            .arg(format!("UNIX-LISTEN:{},fork,unlink-early", path.display()))
            .arg(format!("UNIX-CONNECT:{engine}"))
            .process_group(0)
            .spawn()
            .expect("socat runs");
        eventually("the way is open", || std::os::unix::net::UnixStream::connect(path));
        Self(child)
    }
}

impl Drop for Way {
    /// Closes it, with every connection there is.
    fn drop(&mut self) {
        let group = format!("-{}", self.0.id());
        let killed = Command::new("kill").args(["-s", "KILL", "--", &group]).status();
        self.0.wait().map(drop).unwrap_or_default();
        assert!(killed.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

#[test]
fn a_host_that_is_lost_and_found_is_shown_with_what_it_means_for_its_pods() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = dir.path().join("docker.sock");
    let way = Way::open(&socket);
    let settings = format!("[engine]\nsocket = \"{}\"\n", socket.display());
    let daemon = Daemon::start_with(PROGRAMS, &settings);
    daemon.create("distant", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    drop(way);
    terminal.shows("host local out of reach");
    terminal.until("what is not known of the pod", |screen| {
        screen.lines().any(|line| line.contains("distant") && line.contains(" unknown "))
    });
    let _way = Way::open(&socket);
    terminal.loses("host local out of reach");
    terminal.shows("1 running");
    terminal.loses("unknown");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_daemon_that_is_gone_is_started_on_a_key() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let mut terminal = Terminal::start(&program(&daemon));
    terminal.shows("No pods yet");
    let pid = || daemon.ok(&["daemon", "status", "--json"]).json()["pid"].clone();
    let first = pid();
    daemon.ok(&["daemon", "stop"]);
    terminal.shows("f6 starts it");
    terminal.press("\x1b[17~");
    terminal.shows("the daemon runs");
    terminal.loses("no link to the daemon");
    assert_ne!(pid(), first);
    terminal.press("\x1b[17~");
    terminal.shows("the daemon is there");
    terminal.press("q");
    terminal.ends(0);
}
