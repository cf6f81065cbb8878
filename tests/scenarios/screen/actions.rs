//! What is done to pods, and what is asked before.

use super::open;
use crate::{PLAIN, daemon, id};
use pinacle_tests::engine;
use pinacle_tests::terminal::keys::{CTRL_U, ENTER, ESC};

#[test]
fn a_pod_is_stopped_started_restarted_and_deleted_after_asking() {
    let daemon = daemon();
    let shown = daemon.create("worker", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("worker");

    terminal.press("x");
    terminal.shows("stop worker?");
    terminal.press("n");
    terminal.loses("stop worker?");
    assert_eq!(daemon.show("worker")["pod"]["phase"], "running");
    terminal.press("x");
    terminal.shows("stop worker?");
    terminal.press("y");
    terminal.shows("stop of worker is done");
    terminal.shows("1 stopped");
    // What it used while it ran is of no interest any more.
    terminal.until("no usage of a stopped pod", |screen| {
        let line = screen.lines().find(|line| line.contains("dev.small")).unwrap_or_default();
        line.contains("stopped") && !line.contains('%') && line.contains(" - ")
    });

    terminal.press("u");
    terminal.shows("start of worker is done");
    terminal.shows("1 running");
    // Started twice it is not: nothing is asked, nothing is done.
    terminal.press("u");
    terminal.shows("worker: nothing to start");

    terminal.press("r");
    terminal.shows("restart worker?");
    terminal.press("y");
    terminal.shows("restart of worker is done");
    daemon.wait_phase("worker", "running");

    // A running pod goes only by its name.
    terminal.press("D");
    terminal.shows("delete worker?");
    terminal.press(&format!("worke{ENTER}"));
    terminal.shows("that is not the word");
    terminal.press("D");
    terminal.shows("type worker and enter");
    terminal.press(ESC);
    terminal.loses("type worker and enter");
    assert_eq!(daemon.show("worker")["pod"]["desired"], "running");
    terminal.press("D");
    terminal.shows("type worker and enter");
    terminal.press(&format!("nonsense{CTRL_U}worker{ENTER}"));
    terminal.shows("No pods yet");
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn several_pods_are_marked_and_stopped_at_once() {
    let daemon = daemon();
    daemon.create("one", PLAIN);
    daemon.create("two", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("2 running");
    terminal.press("a");
    terminal.shows("2 marked");
    terminal.press("x");
    terminal.shows("stop 2 pods?");
    terminal.press("y");
    terminal.shows("2 stopped");
    terminal.press("/tw");
    terminal.until("one row", |screen| screen.contains("two") && !screen.contains("one "));
    terminal.press(ENTER);
    terminal.press("u");
    terminal.shows("1 running");
    daemon.wait_phase("two", "running");
    daemon.wait_phase("one", "stopped");
    terminal.press("q");
    terminal.ends(0);
}
