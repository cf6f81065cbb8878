//! Text that somebody typed: kept when the program is killed, and handed to an
//! editor of his own.

use super::{open, program, script};
use crate::{PLAIN, daemon};
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{CTRL_C, CTRL_S, CTRL_U, ENTER, ESC, F4};
use pinacle_tests::wait::eventually;

#[test]
fn text_is_offered_again_after_the_program_was_killed() {
    let daemon = daemon();
    let shown = daemon.create("drafted", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("e");
    terminal.shows("good");
    terminal.press(&format!("# half a thought{ENTER}"));
    let draft = daemon.state().join(format!("drafts/{}.yaml", crate::id(&shown)));
    eventually("the text is kept", || match std::fs::read_to_string(&draft) {
        Ok(text) if text.contains("# half a thought") => Ok(()),
        other => Err(other.map_err(|e| e.to_string())),
    });
    terminal.signal("KILL");
    assert_eq!(terminal.wait_end(), 128);

    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("e");
    terminal.shows("Take up your draft?");
    terminal.shows("+ # half a thought");
    terminal.press("y");
    terminal.shows("the draft is here again");
    terminal.shows("1 # half a thought");
    terminal.press(CTRL_S);
    terminal.shows("Apply these changes?");
    terminal.press("y");
    terminal.shows("-- journal");
    eventually("the draft is gone", || if draft.exists() { Err(()) } else { Ok(()) });
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn the_draft_of_a_new_pod_is_offered_again_and_one_of_a_deleted_pod_is_gone() {
    let daemon = daemon();
    let shown = daemon.create("leaving", PLAIN);
    daemon.project("blog", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("n");
    terminal.shows("new pod from");
    terminal.press(&format!("/blog{ENTER}"));
    terminal.shows("New pod from");
    terminal.press("# not yet");
    terminal.press(ESC);
    terminal.shows("kept as a draft");
    terminal.press("e");
    terminal.shows("Spec of leaving");
    terminal.press("# never");
    terminal.press(ESC);
    terminal.shows("kept as a draft");
    let draft = daemon.state().join(format!("drafts/{}.yaml", crate::id(&shown)));
    eventually("it is kept", || if draft.exists() { Ok(()) } else { Err(()) });
    terminal.press("x");
    terminal.shows("stop leaving?");
    terminal.press("y");
    terminal.shows("stop of leaving is done");
    terminal.press("D");
    terminal.shows("delete leaving?");
    terminal.press("y");
    terminal.shows("No pods yet");
    eventually("it is gone with its pod", || if draft.exists() { Err(()) } else { Ok(()) });
    terminal.press("n");
    terminal.shows("new pod from");
    terminal.press(&format!("/blog{ENTER}"));
    terminal.shows("Take up your draft?");
    terminal.press("y");
    terminal.shows("# not yet");
    // What was typed last is kept also when nobody is asked.
    terminal.press("# last words, ");
    terminal.shows("# last words, ");
    terminal.signal("TERM");
    terminal.ends(0);
    let text = std::fs::read_to_string(daemon.state().join("drafts/new.yaml")).expect("a draft");
    assert!(text.starts_with("# last words, "), "{text}");
}

#[test]
fn text_that_was_left_is_kept_however_quickly_the_program_is_left_after_it() {
    let daemon = daemon();
    let shown = daemon.create("hasty", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("e");
    terminal.shows("good");
    terminal.press("# in a hurry");
    terminal.shows("# in a hurry");
    // The key that closes the editor, and the one that leaves: Ctrl-C is both in turn.
    terminal.press(&CTRL_C.repeat(2));
    terminal.ends(0);
    let draft = daemon.state().join(format!("drafts/{}.yaml", crate::id(&shown)));
    let text = std::fs::read_to_string(draft).expect("a draft");
    assert!(text.starts_with("# in a hurry"), "{text}");
}

#[test]
fn a_large_paste_arrives_whole_and_as_one() {
    let daemon = daemon();
    let shown = daemon.create("pasted", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press("e");
    terminal.shows("good");
    let lines: String = (1..=3_000).map(|n| format!("# pasted line {n}\r")).collect();
    // More than the terminal holds at once, with a change of size in the middle.
    let (first, second) = lines.split_at(lines.len() / 2);
    terminal.press(&format!("\x1b[200~{first}"));
    terminal.resize(100, 30);
    terminal.press(&format!("{second}\x1b[201~"));
    terminal.shows("# pasted line 3000");
    let draft = daemon.state().join(format!("drafts/{}.yaml", crate::id(&shown)));
    let kept = eventually("the text is kept", || match std::fs::read_to_string(&draft) {
        Ok(text) if text.contains("# pasted line 3000") => Ok(text),
        other => Err(other.map(|text| text.len()).map_err(|e| e.to_string())),
    });
    assert_eq!(kept, format!("{}{PLAIN}", lines.replace('\r', "\n")));
    // One step back undoes all of it.
    terminal.press(CTRL_U);
    terminal.loses("# pasted line");
    terminal.shows("isolation: runc");
    terminal.press("\x1b");
    terminal.loses("Spec of pasted");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn the_users_own_editor_has_the_terminal_and_its_ctrl_c_for_itself() {
    let daemon = daemon();
    daemon.create("edited", "isolation: runc\ntier: dev.small\n");
    let (editor, log) = (daemon.dir().join("my editor"), daemon.dir().join("heard"));
    let body = format!(
        "trap 'echo heard >> \"{}\"' INT\necho editing \"$1\" for $(stty size)\n\
         until [ \"$line\" = done ]; do read line; done\n\
         sed -i s/dev.small/dev.large/ \"$2\"\n",
        log.display()
    );
    script(&editor, &body);
    let mut command = program(&daemon);
    command.env("EDITOR", format!("'{}' --wait", editor.display()));
    let mut terminal = Terminal::start(&command);
    terminal.shows("1 running");
    terminal.press("e");
    terminal.shows("good");
    terminal.press(F4);
    terminal.shows("editing --wait for 24 80");
    assert!(terminal.is_as_before(), "the editor has a terminal that is not raw");
    terminal.press(CTRL_C);
    eventually("the editor hears it", || if log.exists() { Ok(()) } else { Err(()) });
    terminal.press(&format!("done{ENTER}"));
    terminal.shows("tier: dev.large");
    terminal.shows("changed");
    terminal.press(ESC);
    terminal.shows("kept as a draft");
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn an_editor_that_fails_or_is_not_there_changes_nothing_and_is_named() {
    let daemon = daemon();
    daemon.create("edited", PLAIN);
    for (editor, words) in [("false", "ended with"), ("no-such-editor", "no-such-editor")] {
        let mut command = program(&daemon);
        command.env("EDITOR", editor);
        let mut terminal = Terminal::start(&command);
        terminal.shows("1 running");
        terminal.press("e");
        terminal.shows("good");
        terminal.press(F4);
        terminal.shows(words);
        terminal.shows("Spec of edited, revision 1  good");
        terminal.press(ESC);
        terminal.shows("enter journal");
        terminal.press("q");
        terminal.ends(0);
    }
}

#[test]
fn a_signal_ends_the_program_and_the_editor_with_what_was_saved_kept() {
    let daemon = daemon();
    let shown = daemon.create("signalled", "isolation: runc\ntier: dev.small\n");
    let draft = daemon.state().join(format!("drafts/{}.yaml", crate::id(&shown)));
    let editor = daemon.dir().join("editor");
    // A wrapper that hands nothing on, around an editor that leaves the terminal raw, and
    // one that is deaf to the signal.
    for deaf in ["", "trap '' TERM; "] {
        let inner = daemon.dir().join("inner");
        let raw = "stty raw -echo; sed -i s/dev.small/dev.large/ \"$1\"";
        script(
            &inner,
            &format!("{deaf}{raw}\nprintf 'saved and busy'\nwhile :; do sleep 1000; done\n"),
        );
        script(&editor, &format!("{deaf}'{}' \"$1\"\ntrue\n", inner.display()));
        let mut command = program(&daemon);
        command.env("EDITOR", &editor);
        let mut terminal = Terminal::start(&command);
        terminal.shows("1 running");
        terminal.press("e");
        terminal.shows("good");
        terminal.press(F4);
        terminal.shows("saved and busy");
        terminal.signal("TERM");
        terminal.ends(0);
        let kept = std::fs::read_to_string(&draft).expect("a draft");
        assert!(kept.contains("dev.large"), "{kept}");
        std::fs::remove_file(&draft).expect("removed");
        let mut left = std::process::Command::new("pgrep");
        left.args(["-f", &inner.display().to_string()]);
        eventually("the editor has ended with all it ran", || {
            let left = left.output().expect("pgrep runs").stdout;
            if left.is_empty() { Ok(()) } else { Err(String::from_utf8_lossy(&left).into_owned()) }
        });
    }
}
