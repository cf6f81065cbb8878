//! The program inside tmux, and inside a terminal that is closed.

use super::{program, text};
use crate::{PLAIN, PROGRAMS, daemon};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::wait::eventually;
use std::path::PathBuf;
use std::process::Command;

/// A tmux server of its own, with one window; gone when dropped.
struct Tmux {
    socket: PathBuf,
}

impl Tmux {
    /// Runs a line of shell in a window of 90 columns and 28 rows.
    fn start(daemon: &Daemon, line: &str) -> Self {
        let tmux = Self { socket: daemon.dir().join("tmux") };
        let mut command = program(daemon);
        let environment: Vec<_> = command
            .get_envs()
            .filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned())))
            .collect();
        command = tmux.command(&["-f", "/dev/null", "new-session", "-d", "-x", "90", "-y", "28"]);
        command.arg(line).envs(environment).env_remove("TMUX").env_remove("NO_COLOR");
        command.current_dir(daemon.dir());
        assert!(command.status().expect("tmux runs").success());
        tmux.ask(&["set", "-g", "set-clipboard", "on"]);
        tmux
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-S", text(&self.socket)]).args(words);
        command
    }

    fn ask(&self, words: &[&str]) -> String {
        let output = self.command(words).output().expect("tmux runs");
        assert!(output.status.success(), "{words:?}: {output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    fn press(&self, keys: &[&str]) {
        self.ask(&[&["send-keys"], keys].concat());
    }

    fn shows(&self, words: &str) -> String {
        eventually(&format!("{words:?} in tmux"), || {
            let screen = self.ask(&["capture-pane", "-p"]);
            if screen.contains(words) { Ok(screen) } else { Err(screen) }
        })
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // One that has ended need not be told.
        self.command(&["kill-server"]).output().map(drop).unwrap_or_default();
    }
}

#[test]
fn inside_tmux_it_is_seen_moved_copied_from_and_left() {
    let daemon = daemon();
    daemon.create("muxed", PLAIN);
    let line = format!("'{}'; echo left-with-$?; exec sleep 1000", PROGRAMS.client);
    let tmux = Tmux::start(&daemon, &line);
    tmux.shows("1 running");
    tmux.press(&["Enter"]);
    tmux.shows("-- journal");
    daemon.run(&["exec", "muxed", "--", "echo", "你好 from afar"]);
    let screen = tmux.shows("你好 from afar");
    assert!(screen.lines().next().is_some_and(|l| l.starts_with("pinacle")), "{screen}");
    tmux.press(&["y"]);
    tmux.shows("on the clipboard");
    let copied = eventually("tmux has the text", || {
        let output = tmux.command(&["show-buffer"]).output().expect("tmux runs");
        let copied = String::from_utf8_lossy(&output.stdout).into_owned();
        if copied.is_empty() { Err(output) } else { Ok(copied) }
    });
    assert!(copied.contains("echo '你好 from afar'"), "{copied}");
    tmux.ask(&["resize-window", "-x", "130", "-y", "40"]);
    eventually("the hints are in the last row", || {
        let screen = tmux.ask(&["capture-pane", "-p"]);
        let in_place = screen.lines().nth(39).is_some_and(|line| line.contains("f follow"));
        if in_place { Ok(()) } else { Err(screen) }
    });
    tmux.press(&["s"]);
    tmux.shows("muxed:/workspace");
    tmux.press(&["stty size; exit", "Enter"]);
    tmux.shows("back from the shell");
    tmux.press(&["q"]);
    let screen = tmux.shows("left-with-0");
    // The shell's own words are on the usual screen, all else was on the other.
    assert!(!screen.contains("f follow"), "{screen}");
    assert_eq!(tmux.ask(&["display", "-p", "#{alternate_on} #{cursor_flag}"]).trim(), "0 1");
}

#[test]
fn a_terminal_that_is_closed_ends_the_program_also_where_no_signal_comes() {
    let daemon = daemon();
    // The parent takes the signal, is deaf to it, or hands it on by its own end.
    for line in ["exec 'PROGRAM'", "trap '' HUP; 'PROGRAM'; true", "'PROGRAM'; true"] {
        let line = line.replace("PROGRAM", PROGRAMS.client);
        let tmux = Tmux::start(&daemon, &line);
        tmux.shows("No pods yet");
        let clients = || {
            let found = Command::new("pgrep")
                .args(["-f", "-x", PROGRAMS.client])
                .output()
                .expect("pgrep runs");
            String::from_utf8_lossy(&found.stdout).into_owned()
        };
        let ours = |pids: &str| pids.lines().filter(|p| is_of(p, &daemon)).count();
        eventually("it runs", || match clients() {
            pids if ours(&pids) == 1 => Ok(()),
            pids => Err(pids),
        });
        let server = tmux.ask(&["display", "-p", "#{pid}"]);
        // Its end closes the terminal without a word.
        pinacle_tests::terminal::signal(server.trim().parse().expect("a pid"), "KILL");
        eventually("it has ended", || match clients() {
            pids if ours(&pids) == 0 => Ok(()),
            pids => Err(pids),
        });
    }
}

/// Returns whether a process belongs to this test's daemon, by its environment.
fn is_of(pid: &str, daemon: &Daemon) -> bool {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let state = daemon.state();
    String::from_utf8_lossy(&environment).contains(text(&state))
}
