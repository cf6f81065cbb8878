//! The program inside GNU screen.

use super::program;
use crate::{PLAIN, PROGRAMS, daemon};
use base64::Engine;
use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{DOWN, ENTER, ESC};
use pinacle_tests::wait::eventually;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

/// A GNU screen of its own on a terminal of the test; gone when dropped.
struct Screen {
    sockets: PathBuf,
    terminal: Terminal,
}

impl Screen {
    /// Runs a line of shell in a window.
    fn start(daemon: &Daemon, line: &str) -> Self {
        let sockets = daemon.dir().join("screens");
        std::fs::create_dir(&sockets).expect("a directory");
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(&sockets, private).expect("a private directory");
        let ours = program(daemon);
        let mut command = Command::new("screen");
        command.args(["-U", "-c", "/dev/null", "-S", "ours", "sh", "-c", line]);
        for (name, value) in ours.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.env("SCREENDIR", &sockets).env("LANG", "C.UTF-8").current_dir(daemon.dir());
        Self { terminal: Terminal::start(&command), sockets }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // One that has ended need not be told.
        let mut command = Command::new("screen");
        command.args(["-S", "ours", "-X", "quit"]).env("SCREENDIR", &self.sockets);
        command.output().map(drop).unwrap_or_default();
    }
}

#[test]
fn inside_gnu_screen_it_is_seen_moved_copied_from_resized_and_left() {
    let daemon = daemon();
    daemon.create("alpha", PLAIN);
    daemon.run(&["exec", "alpha", "--", "echo", "from afar"]);
    let line = format!("echo before; '{}'; echo left-with-$?; read line", PROGRAMS.client);
    let mut screen = Screen::start(&daemon, &line);
    let terminal = &mut screen.terminal;
    terminal.shows("1 running");
    // Colours come through, and the arrow of Unicode.
    terminal.shows("NAME ▾");
    assert_eq!(terminal.colour("1 running"), vt100::Color::Idx(2));
    // One key is enough to close: nothing waits for the next.
    terminal.press("?");
    terminal.shows("esc closes");
    terminal.press(ESC);
    terminal.loses("esc closes");
    terminal.press(DOWN);
    terminal.press(ENTER);
    terminal.shows("$ echo 'from afar'");
    terminal.press("y");
    terminal.shows("on the clipboard");
    let copied = eventually("the clipboard has the text", || {
        let heard = terminal.heard().clipboard;
        heard.last().cloned().ok_or(heard)
    });
    let copied = base64::engine::general_purpose::STANDARD.decode(copied).expect("base64");
    let copied = String::from_utf8(copied).expect("text");
    assert!(copied.contains("$ echo 'from afar'"), "{copied}");
    terminal.resize(130, 40);
    terminal.until("the hints are in the last row", |screen| {
        screen.lines().nth(39).is_some_and(|line| line.contains("f follow"))
    });
    terminal.press("s");
    terminal.shows("alpha:/workspace");
    terminal.press(&format!("exit{ENTER}"));
    terminal.shows("back from the shell");
    terminal.press("q");
    terminal.shows("left-with-0");
    // There is no other screen to go back to; nothing of ours is left on this one.
    let contents = terminal.contents();
    assert!(!contents.contains("f follow") && !contents.contains("journal"), "{contents}");
    terminal.press(ENTER);
    let ended = terminal.wait_end();
    assert_eq!(ended, 0, "{:?}", terminal.picture());
    terminal.assert_given_back();
}
