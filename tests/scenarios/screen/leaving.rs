//! However the program is left, the terminal is as it was.

use super::{LISTED, open, program, text};
use crate::{PROGRAMS, daemon};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::keys::{CTRL_Z, ENTER};
use pinacle_tests::terminal::{Terminal, signal};
use pinacle_tests::wait::eventually;
use std::process::Command;

/// A shell with job control and a prompt that can be waited for.
fn shell(daemon: &Daemon) -> Terminal {
    let rc = daemon.dir().join("bashrc");
    std::fs::write(&rc, "PS1='prompt-> '\nHISTFILE=\n").expect("a file");
    let program = program(daemon);
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--rcfile", text(&rc), "-i"]);
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(daemon.dir());
    let terminal = Terminal::start(&command);
    terminal.shows("prompt->");
    terminal
}

/// Returns the terminal's settings, as the shell sees them.
fn stty(terminal: &mut Terminal, name: &str) -> String {
    terminal.press(&format!("clear; echo {name}=$(stty -g)={ENTER}"));
    let begin = format!("{name}=");
    eventually("the settings", || {
        let contents = terminal.contents().replace('\n', "");
        let rest = contents.rsplit_once(&begin).map(|(_, rest)| rest.to_owned());
        let settings = rest.and_then(|r| r.split_once('=').map(|(s, _)| s.to_owned()));
        match settings.filter(|s| s.contains(':')) {
            Some(settings) => Ok(settings),
            None => Err(terminal.picture()),
        }
    })
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_takes_it_again() {
    let daemon = daemon();
    let mut terminal = shell(&daemon);
    let before = stty(&mut terminal, "before");
    for word in ["first", "second"] {
        terminal.press(&format!("clear; '{}'{ENTER}", PROGRAMS.client));
        terminal.shows(LISTED);
        for round in 0..2 {
            terminal.press(CTRL_Z);
            terminal.shows("Stopped");
            terminal.shows("prompt->");
            assert_eq!(stty(&mut terminal, &format!("{word}{round}")), before);
            terminal.resize(80 + 10 * round, 24);
            terminal.press(&format!("clear; fg{ENTER}"));
            terminal.shows("No pods yet");
            terminal.until("the hints are in the last row", |screen| {
                screen.lines().nth(23).is_some_and(|line| line.contains(LISTED))
            });
        }
        terminal.press("q");
        terminal.shows("prompt->");
        assert_eq!(stty(&mut terminal, &format!("{word}-after")), before);
    }
    terminal.press(&format!("exit{ENTER}"));
    terminal.ends(0);
}

#[test]
fn a_program_stopped_and_continued_by_somebody_else_takes_the_terminal_anew() {
    let daemon = daemon();
    let mut terminal = shell(&daemon);
    terminal.press(&format!("clear; '{}'{ENTER}", PROGRAMS.client));
    terminal.shows(LISTED);
    let id = Command::new("pgrep").args(["-P", &terminal.pid().to_string()]).output();
    let id = String::from_utf8(id.expect("pgrep runs").stdout).expect("text");
    signal(id.trim().parse().expect("one child"), "STOP");
    // The shell takes its terminal back, in whatever state it is.
    terminal.shows("Stopped");
    terminal.press(&format!("printf '\\033[?1049l\\033[?25h'; clear; echo stopped-''now{ENTER}"));
    terminal.shows("stopped-now");
    terminal.press(&format!("clear; fg{ENTER}"));
    terminal.shows("No pods yet");
    terminal.press("?");
    terminal.shows("esc closes, up and down scroll");
    assert!(!terminal.is_as_before(), "raw again");
    terminal.press("q");
    terminal.loses("esc closes, up and down scroll");
    terminal.press("q");
    terminal.shows("prompt->");
    terminal.press(&format!("exit{ENTER}"));
    terminal.ends(0);
}

#[test]
fn signals_end_the_program_with_the_terminal_given_back() {
    let daemon = daemon();
    for name in ["TERM", "HUP"] {
        let places =
            [("", LISTED), ("?", "esc closes"), ("n", "new pod from"), (":", "What to do")];
        for (keys, shown) in places {
            let mut terminal = open(&daemon);
            terminal.press(keys);
            terminal.shows(shown);
            terminal.signal(name);
            terminal.ends(0);
        }
    }
    // Ctrl-C is a key here, also when it is sent by somebody else.
    let mut terminal = open(&daemon);
    terminal.signal("INT");
    terminal.press("?");
    terminal.shows("esc closes, up and down scroll");
    terminal.press("q");
    terminal.loses("esc closes, up and down scroll");
    terminal.press("\x03");
    terminal.ends(0);
}

#[test]
fn a_panic_in_whatever_thread_gives_the_terminal_back_and_ends_the_program() {
    let daemon = daemon();
    let trigger = daemon.dir().join("panic-now");
    let mut command = program(&daemon);
    command.env("PINACLE_TEST_PANIC", &trigger);
    let terminal = Terminal::start(&command);
    terminal.shows(LISTED);
    std::fs::write(&trigger, "").expect("written");
    let contents = terminal.ends(101);
    assert!(contents.contains("a panic that was asked for"), "{contents}");
    assert!(contents.replace('\n', "").contains("pinacle-tui replay"), "{contents}");
    let recordings = std::fs::read_dir(daemon.state().join("recordings")).expect("recordings");
    let path = recordings.flatten().next().expect("a recording").path();
    let replayed = daemon.ok(&["replay", text(&path)]).stdout;
    assert!(replayed.contains("No pods yet"), "{replayed}");
}
