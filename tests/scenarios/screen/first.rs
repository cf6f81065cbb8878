//! The first minutes: nothing there yet, or nothing that works.

use super::{LISTED, program};
use crate::PROGRAMS;
use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{CTRL_S, DOWN, END, ENTER, ESC, F2};

#[test]
fn nothing_there_leads_to_a_running_pod_of_the_spec_as_it_was_edited() {
    let daemon = Daemon::prepare(PROGRAMS, "");
    let dir = daemon.project("blog", "isolation: runc\n");
    let mut command = program(&daemon);
    command.current_dir(&dir);
    // No daemon runs either: the program starts one.
    let mut terminal = Terminal::start(&command);
    terminal.shows("No pods yet");
    // What the doctor found: everything, or what is amiss and how to mend it.
    terminal.until("the machine was looked at", |screen| {
        screen.contains("This machine is ready") || screen.contains("to mend it:")
    });
    terminal.press("n");
    terminal.shows("new pod from directory or file: ");
    terminal.shows("/blog");
    terminal.press(ENTER);
    terminal.shows("New pod from");
    // The effective spec, with defaults that the file does not name.
    terminal.shows("-- with every default");
    terminal.shows("tier: dev.small");
    terminal.press(&format!("{END}{ENTER}tier: dev.medium"));
    terminal.loses("tier: dev.small");
    terminal.shows("changed  good");
    terminal.press(CTRL_S);
    terminal.shows("blog");
    terminal.until("the pod runs", |screen| {
        screen.lines().nth(1).is_some_and(|line| line.starts_with("blog  running"))
    });
    let shown = daemon.show("blog");
    assert_eq!(shown["pod"]["tier"], "dev.medium", "{shown:#}");
    assert_eq!(shown["pod"]["phase"], "running", "{shown:#}");
    terminal.press(ESC);
    terminal.shows(LISTED);
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_host_without_an_engine_is_explained_with_its_remedy() {
    let settings = "[engine]\nsocket = \"/nonexistent/docker.sock\"\n";
    let daemon = Daemon::start_with(PROGRAMS, settings);
    daemon.project("blog", "isolation: runc\n");
    let mut terminal = Terminal::start(&program(&daemon));
    terminal.shows("No pods yet");
    terminal.shows("/nonexistent/docker.sock");
    terminal.shows("to mend it:");
    terminal.press(F2);
    terminal.shows("Can pods run on local?");
    terminal.shows("failed  engine");
    terminal.shows("to mend it:");
    terminal.press("r");
    terminal.shows("failed  engine");
    terminal.press(ESC);
    // A pod can be asked for all the same, and says why it does not come to be.
    terminal.loses("Can pods run");
    terminal.press("n");
    terminal.shows("new pod from");
    terminal.press(&format!("/blog{ENTER}"));
    terminal.shows("New pod from");
    terminal.shows("good");
    terminal.press(CTRL_S);
    terminal.shows("/nonexistent/docker.sock");
    terminal.press(ESC);
    terminal.shows(LISTED);
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_host_without_gvisor_is_explained_with_its_remedy() {
    let daemon = Daemon::start_with(PROGRAMS, "[engine]\ngvisor_runtime = \"no-such-runtime\"\n");
    let mut terminal = Terminal::start_sized(&program(&daemon), 120, 40);
    terminal.shows("no-such-runtime");
    terminal.shows("to mend it:");
    terminal.press(F2);
    terminal.shows("only `isolation: runc` works here");
    // There is nothing to scroll to; nothing goes wrong when it is tried.
    terminal.press(DOWN);
    terminal.press(ESC);
    terminal.shows(LISTED);
    terminal.press("q");
    terminal.ends(0);
}
