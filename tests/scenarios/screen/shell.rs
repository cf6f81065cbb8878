//! A shell in a pod takes the whole terminal, and gives it back as it was.

use super::open;
use crate::{PLAIN, daemon, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{DETACH, ENTER};
use pinacle_tests::wait::eventually;

/// Waits in the shell until its terminal has this size, and then says so.
fn has_size(terminal: &mut Terminal, rows: u16, columns: u16) {
    let wait = format!("until [ \"$(stty size)\" = '{rows} {columns}' ]; do sleep 0.1; done");
    // Not the typed words are waited for, but what comes of them.
    terminal.press(&format!("{wait}; echo size-''{rows}-{columns}{ENTER}"));
    terminal.shows(&format!("size-{rows}-{columns}"));
}

fn a_shell_comes_and_goes(isolation: &str) {
    let daemon = daemon();
    let shown = daemon.create("sheller", &format!("isolation: {isolation}\n"));
    let mut terminal = open(&daemon);
    terminal.press("/she");
    terminal.shows("show only: she");
    terminal.press(ENTER);
    terminal.shows("only \"she\"");
    terminal.press("s");
    terminal.shows("sheller:/workspace");
    has_size(&mut terminal, 24, 80);
    terminal.resize(100, 30);
    has_size(&mut terminal, 30, 100);
    // What a program in there leaves behind is not left behind.
    let modes = "printf '\\033[?1000h\\033[?2004h\\033[?25l'";
    terminal.press(&format!("{modes}; echo modes-''set{ENTER}"));
    terminal.shows("modes-set");
    // Cleared, so that only the next shell's prompt is one.
    terminal.press(&format!("clear; exit 7{ENTER}"));
    terminal.shows("the shell ended with code 7");
    // Where it was, on a screen that is larger now.
    terminal.shows("only \"she\"");
    terminal.until("the hints are in the last row", |screen| {
        screen.lines().nth(29).is_some_and(|line| line.contains("q quit"))
    });

    // Left with something running in it.
    terminal.press("s");
    terminal.shows("sheller:/workspace");
    terminal.press(&format!("sleep 7777 & echo started-''it{ENTER}"));
    terminal.shows("started-it");
    terminal.press(DETACH);
    terminal.shows("only \"she\"");
    terminal.shows("back from the shell");
    let pod = format!("pinacle-pod-{}", id(&shown));
    let running = || engine::try_docker(&["exec", &pod, "pgrep", "-f", "^sleep 7777"]);
    running().expect("what was started goes on");
    terminal.press("q");
    terminal.ends(0);
    running().expect("what was started goes on");
}

#[test]
fn a_shell_takes_the_terminal_and_gives_it_back_as_it_was() {
    a_shell_comes_and_goes("runc");
}

#[test]
fn a_shell_in_gvisor_takes_the_terminal_and_gives_it_back_as_it_was() {
    a_shell_comes_and_goes("gvisor");
}

/// Returns what runs in a pod with these words in its command line.
fn running(daemon: &Daemon, pod: &str, words: &str) -> Result<String, String> {
    let name = format!("pinacle-pod-{}", id(&daemon.show(pod)));
    engine::try_docker(&["exec", &name, "pgrep", "-f", words])
}

#[test]
fn a_terminal_that_is_closed_ends_the_shell_in_the_pod() {
    let daemon = daemon();
    daemon.create("closed", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("s");
    terminal.shows("closed:/workspace");
    terminal.press(&format!("sleep 8888{ENTER}"));
    eventually("it runs", || running(&daemon, "closed", "^sleep 8888"));
    terminal.signal("HUP");
    terminal.ends(0);
    eventually("it was hung up", || match running(&daemon, "closed", "^sleep 8888") {
        Ok(pids) => Err(pids),
        Err(_) => Ok(()),
    });
    eventually("the shell went with it", || match running(&daemon, "closed", "^bash -l") {
        Ok(pids) => Err(pids),
        Err(_) => Ok(()),
    });
}

#[test]
fn a_shell_that_loses_its_daemon_comes_back_to_the_screen() {
    let mut daemon = daemon();
    daemon.create("orphan", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("s");
    terminal.shows("orphan:/workspace");
    daemon.kill();
    terminal.shows("no link to the daemon");
    daemon.spawn();
    terminal.loses("no link to the daemon");
    terminal.shows("1 running");
    terminal.press("q");
    terminal.ends(0);
}
