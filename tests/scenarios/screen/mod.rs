//! The full screen as a person has it: the program on a terminal of its own, a
//! real daemon, real pods.

mod actions;
mod around;
mod editor;
mod first;
mod gnu_screen;
mod hostile;
mod journal;
mod leaving;
mod link;
mod shell;
mod spec;
mod tmux;

use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::Terminal;
use std::path::Path;
use std::process::Command;

/// One of the hints on the list, with pods and without, and nowhere else.
const LISTED: &str = "n new  ";

/// Returns the program with nothing of this machine's settings.
fn program(daemon: &Daemon) -> Command {
    let mut command = daemon.client();
    command.env("HOME", daemon.dir()).env_remove("XDG_CONFIG_HOME");
    command
}

/// Opens the full screen on a terminal of 80 columns and 24 rows.
fn open(daemon: &Daemon) -> Terminal {
    let terminal = Terminal::start(&program(daemon));
    terminal.shows(LISTED);
    terminal
}

/// Writes a script that can be run.
fn script(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::write(path, format!("#!/bin/sh\n{text}")).expect("a script");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, mode).expect("a script that can be run");
}

/// Returns the words of a path, for a command line.
fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}
