//! The journal of a pod, watched while it is written.

use super::{open, text};
use crate::daemon;
use base64::Engine;
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{CTRL_S, END, ENTER, ESC, HOME, UP};
use pinacle_tests::wait::eventually;

const SPEC: &str = "isolation: runc\ninstall: sh steps\n";

/// Prints 300 lines, two of which are looked for, then waits to be let go on.
const STEPS: &str = "for i in $(seq 1 300); do\n  echo \"line $i of many\"\n  \
    case $i in 50) echo needle-one ;; 250) echo needle-two ;; esac\ndone\n\
    printf '\\033[31mred-words\\033[0m\\n'\n\
    until [ -e /tmp/go-on ]; do sleep 0.05; done\necho went-on\n";

/// Creates a pod whose installation waits, and opens its journal.
fn watched(daemon: &Daemon) -> Terminal {
    let dir = daemon.project("busy", SPEC);
    std::fs::write(dir.join("steps"), STEPS).expect("written");
    daemon.ok(&["create", text(&dir), "--name", "busy", "--no-wait", "--quiet"]);
    let mut terminal = open(daemon);
    terminal.shows("busy");
    terminal.press(ENTER);
    terminal.shows("red-words");
    terminal
}

fn let_go_on(daemon: &Daemon) {
    let name = format!("pinacle-pod-{}", crate::id(&daemon.show("busy")));
    engine::docker(&["exec", &name, "touch", "/tmp/go-on"]);
}

#[test]
fn a_creation_is_followed_step_by_step_and_its_journal_live() {
    let daemon = daemon();
    let mut terminal = watched(&daemon);
    // The step that waits, among all there are.
    terminal.until("the step under way", |screen| {
        let line = screen.lines().nth(2).unwrap_or_default();
        line.starts_with("create [#") && line.contains("nstall")
    });
    terminal.shows("following");
    assert_eq!(terminal.colour("red-words"), vt100::Color::Idx(1));
    assert!(!terminal.contents().contains("went-on"));

    // Looked at from further up, the screen stands still and counts.
    terminal.press(UP);
    terminal.shows(", line ");
    let before = terminal.line(10);
    let_go_on(&daemon);
    terminal.shows("below - f follows");
    assert!(terminal.contents().contains(&before), "{:?}", terminal.picture());
    terminal.press("f");
    terminal.loses("below - f follows");
    terminal.shows("went-on");
    terminal.until("the pod runs", |screen| {
        screen.lines().nth(1).is_some_and(|line| line.starts_with("busy  running"))
    });

    // What is run from elsewhere shows as well, with its end.
    daemon.run(&["exec", "busy", "--", "sh", "-c", "exit 3"]);
    terminal.shows("$ sh -c 'exit 3'");
    terminal.shows("Exit code: 3");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_journal_is_searched_and_folded() {
    let daemon = daemon();
    let mut terminal = watched(&daemon);
    let_go_on(&daemon);
    daemon.wait_phase("busy", "running");
    terminal.shows("went-on");

    // From the end, what was printed last is found first.
    terminal.press("/needle");
    terminal.shows("search: needle");
    terminal.press(ENTER);
    terminal.shows("needle-two");
    terminal.press("N");
    terminal.shows("needle-one");
    terminal.press("n");
    terminal.shows("needle-two");
    terminal.press("n");
    terminal.shows("no further match");
    terminal.press(HOME);
    terminal.shows("line 1 of many");

    // Folded, its output is counted and gone; a search opens it again.
    terminal.press(END);
    terminal.shows("following");
    terminal.press("z");
    terminal.shows("lines folded]");
    assert!(!terminal.contents().contains("went-on"));
    terminal.press("/needle-one");
    terminal.press(ENTER);
    terminal.shows("line 50 of many");
    terminal.loses("lines folded]");
    terminal.press("Z");
    terminal.shows("lines folded]");
    terminal.press("Z");
    terminal.loses("lines folded]");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_journal_is_copied_and_saved_and_has_the_hosts_part_on_a_key() {
    let daemon = daemon();
    let mut terminal = watched(&daemon);
    let_go_on(&daemon);
    daemon.wait_phase("busy", "running");
    terminal.shows("went-on");

    // What was run on the host is shown when it is asked for.
    terminal.press("i");
    terminal.shows("journal with infra");
    terminal.shows("docker exec");
    terminal.press("i");
    terminal.loses("journal with infra");
    terminal.shows("went-on");
    assert!(!terminal.contents().contains("docker exec"));

    terminal.press("y");
    terminal.shows("on the clipboard");
    let copied = terminal.heard().clipboard;
    let [copied] = copied.as_slice() else { panic!("copied once: {copied:?}") };
    let copied = base64::engine::general_purpose::STANDARD.decode(copied).expect("base64");
    let copied = String::from_utf8(copied).expect("text");
    assert!(copied.contains("line 1 of many\nline 2 of many\n"), "{copied}");
    assert!(copied.contains("red-words\nwent-on\n") && !copied.contains('\x1b'), "{copied}");

    terminal.press(CTRL_S);
    terminal.shows("save the journal as: busy.log");
    terminal.press(ENTER);
    terminal.shows("lines are in");
    let path = daemon.dir().join("busy.log");
    let saved = eventually("the journal is written", || {
        std::fs::read_to_string(&path).ok().filter(|text| text.contains("went-on")).ok_or(())
    });
    assert!(saved.contains("line 300 of many") && !saved.contains('\x1b'), "{saved}");
    // What is there already is nobody's to write over.
    terminal.press(CTRL_S);
    terminal.shows("save the journal as: busy.log");
    terminal.press(ENTER);
    terminal.shows("cannot be written");
    terminal.press(ESC);
    terminal.shows("enter journal");
    terminal.press("q");
    terminal.ends(0);
}
