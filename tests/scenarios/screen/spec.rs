//! Specs edited on the screen and brought into force.

use super::open;
use crate::{PLAIN, daemon};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{CTRL_S, CTRL_T, END, ENTER, ESC, F5};

/// The end of a text, on most terminals.
const CTRL_END: &str = "\x1b[1;5F";

/// Opens the editor on the only pod there is.
fn edit(daemon: &Daemon) -> Terminal {
    let mut terminal = open(daemon);
    terminal.shows("1 running");
    terminal.press("e");
    terminal.shows("Spec of ");
    terminal.shows("good");
    terminal
}

#[test]
fn a_spec_is_edited_diagnosed_planned_and_applied() {
    let daemon = daemon();
    daemon.create("edited", PLAIN);
    let mut terminal = edit(&daemon);
    terminal.press(&format!("{CTRL_END}{ENTER}teir: dev.large"));
    // The finding is where the mistake is, with what to write instead.
    terminal.shows("did you mean `tier`?");
    terminal.shows("1 error");
    let row = terminal.contents().lines().position(|l| l.starts_with('E')).expect("a mark");
    assert!(terminal.line(row).contains("teir: dev.large"), "{:?}", terminal.picture());
    assert_eq!(terminal.colour("line 2: unknown key"), vt100::Color::Idx(1));
    terminal.press(CTRL_S);
    terminal.shows("there are errors; the cursor is on one of them");
    // Corrected, the plan is shown as a difference while it is typed.
    terminal.press(&format!("{END}{}", "\x7f".repeat("teir: dev.large".len())));
    terminal.press("tier: dev.medium");
    terminal.shows("changed  good");
    terminal.press(CTRL_T);
    terminal.shows("-- what changes");
    terminal.shows("+ dev.medium");
    terminal.shows("- dev.small");
    terminal.press(CTRL_S);
    terminal.shows("Apply these changes?");
    terminal.press("n");
    terminal.loses("Apply these changes?");
    assert_eq!(daemon.show("edited")["pod"]["tier"], "dev.small");
    terminal.press(CTRL_S);
    terminal.shows("Apply these changes?");
    terminal.press("y");
    terminal.shows("-- journal");
    terminal.shows("dev.medium");
    daemon.wait_phase("edited", "running");
    assert_eq!(daemon.show("edited")["pod"]["tier"], "dev.medium");
    terminal.press("q");
    terminal.ends(0);
    // What is in force needs no draft.
    let drafts = std::fs::read_dir(daemon.state().join("drafts"));
    assert_eq!(drafts.map_or(0, Iterator::count), 0);
}

/// Changes the only pod's spec from elsewhere.
fn change_elsewhere(daemon: &Daemon, tier: &str) {
    let dir = daemon.project("elsewhere", &format!("{PLAIN}tier: {tier}\n"));
    let file = dir.join("pinacle.yaml");
    daemon.ok(&["config", "apply", "shared", "--file", super::text(&file), "--yes"]);
}

#[test]
fn a_spec_that_changed_meanwhile_is_a_conflict_with_two_ways_out() {
    let daemon = daemon();
    daemon.create("shared", PLAIN);
    let mut terminal = edit(&daemon);
    terminal.press(&format!("{CTRL_END}{ENTER}env:{ENTER}  MINE: yes"));
    terminal.shows("changed  good");
    change_elsewhere(&daemon, "dev.medium");

    // Theirs is taken.
    terminal.press(CTRL_S);
    terminal.shows("Somebody else changed the spec meanwhile");
    terminal.press("n");
    terminal.loses("Somebody else changed the spec meanwhile");
    terminal.shows("MINE: yes");
    terminal.press(F5);
    terminal.shows("Drop your changes?");
    terminal.press("y");
    terminal.shows("tier: dev.medium");
    assert!(!terminal.contents().contains("MINE"), "{:?}", terminal.picture());

    // Ours is put in its place.
    terminal.press(&format!("{CTRL_END}{ENTER}env:{ENTER}  MINE: yes"));
    terminal.shows("changed  good");
    change_elsewhere(&daemon, "dev.large");
    terminal.press(CTRL_S);
    terminal.shows("Somebody else changed the spec meanwhile");
    terminal.press("y");
    terminal.shows("-- journal");
    daemon.wait_phase("shared", "running");
    let text = daemon.show("shared")["spec_text"].to_string();
    assert!(text.contains("MINE") && text.contains("dev.medium"), "{text}");
    terminal.press(ESC);
    terminal.shows("enter journal");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn a_change_between_the_plan_and_the_word_yes_is_noticed() {
    let daemon = daemon();
    daemon.create("shared", PLAIN);
    let mut terminal = edit(&daemon);
    terminal.press(&format!("{CTRL_END}{ENTER}env:{ENTER}  MINE: yes"));
    terminal.shows("changed  good");
    terminal.press(CTRL_S);
    terminal.shows("Apply these changes?");
    change_elsewhere(&daemon, "dev.medium");
    terminal.press("y");
    terminal.shows("Put yours in place of theirs?");
    terminal.shows("+ tier: dev.medium");
    terminal.press("n");
    terminal.loses("Put yours in place of theirs?");
    terminal.shows("changed by somebody else meanwhile");
    terminal.shows("MINE: yes");
    assert_eq!(daemon.show("shared")["pod"]["tier"], "dev.medium");
    terminal.press(ESC);
    terminal.shows("kept as a draft");
    terminal.press("q");
    terminal.ends(0);
}
