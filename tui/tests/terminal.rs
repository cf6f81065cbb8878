//! The real program on a real terminal.

use crate::support::{World, eventually};
use pinacle_protocol::PodPhase;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};

/// A program on a terminal of its own.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    screen: Arc<Mutex<vt100::Parser>>,
    reading: std::thread::JoinHandle<()>,
}

impl Terminal {
    fn start(world: &World, words: &[&str]) -> Self {
        let size = PtySize { rows: 24, cols: 80, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_pinacle-tui"));
        command.args(words);
        command.env_clear();
        world.env.iter().for_each(|(k, v)| command.env(k, v));
        command.env("TERM", "xterm-256color");
        command.cwd(&world.cwd);
        let child = pair.slave.spawn_command(command).expect("a child");
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let screen = Arc::new(Mutex::new(vt100::Parser::new(24, 80, 0)));
        let shown = screen.clone();
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().expect("not poisoned").process(&bytes[..count]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { master: pair.master, keys, child, screen, reading }
    }

    fn press(&mut self, keys: &[u8]) {
        self.keys.write_all(keys).expect("the terminal takes keys");
        self.keys.flush().expect("the terminal takes keys");
    }

    fn contents(&self) -> String {
        self.screen.lock().expect("not poisoned").screen().contents()
    }

    async fn shows(&self, text: &str) {
        eventually(text, || self.contents().contains(text)).await;
    }

    /// Waits for the end and checks that the terminal is as it was.
    async fn ends(mut self, code: u32) -> String {
        let child = Mutex::new(&mut self.child);
        let status = Mutex::new(None);
        eventually("the program ends", || {
            let ended = child.lock().expect("not poisoned").try_wait().expect("a child");
            *status.lock().expect("not poisoned") = ended.clone();
            ended.is_some()
        })
        .await;
        let status = status.into_inner().expect("not poisoned").expect("ended");
        assert_eq!(status.exit_code(), code, "{status:?}");
        // The terminal's last words may come after the program's end.
        eventually("all is read", || self.reading.is_finished()).await;
        let termios = self.master.get_termios().expect("settings");
        let flags = format!("{:?}", termios.local_flags);
        assert!(flags.contains("ICANON") && flags.contains("ECHO"), "still raw: {flags}");
        let screen = self.screen.lock().expect("not poisoned");
        assert!(!screen.screen().alternate_screen(), "still in the alternate screen");
        assert!(!screen.screen().hide_cursor(), "still without a cursor");
        screen.screen().contents()
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.child.process_id().expect("runs")).expect("fits");
        let pid = rustix::process::Pid::from_raw(id).expect("an id");
        rustix::process::kill_process(pid, signal).expect("signalled");
    }
}

fn world() -> World {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    world
}

#[tokio::test]
async fn the_full_screen_follows_events_and_gives_the_terminal_back() {
    let world = world();
    let mut terminal = Terminal::start(&world, &[]);
    terminal.shows("q quit").await;
    terminal.shows("web").await;
    assert!(terminal.screen.lock().expect("not poisoned").screen().alternate_screen());
    terminal.press(b"q");
    assert_eq!(terminal.ends(0).await.trim(), "");
}

#[tokio::test]
async fn a_signal_ends_the_full_screen_properly() {
    let world = world();
    let terminal = Terminal::start(&world, &[]);
    terminal.shows("q quit").await;
    terminal.signal(rustix::process::Signal::TERM);
    terminal.ends(0).await;
}

#[tokio::test]
async fn keys_go_to_the_command_and_its_code_comes_back() {
    let world = world();
    let mut terminal = Terminal::start(&world, &["exec", "web", "--", "cat"]);
    terminal.shows("fake shell").await;
    let request = world.fake.state().pty[0].clone();
    assert!(request.tty);
    let size = request.size.expect("a size");
    assert_eq!((size.columns, size.rows), (80, 24));
    // Echoed once, by the command: the terminal is raw, and Ctrl-C is a key.
    terminal.press(b"typed\x03\r\n");
    terminal.shows("typed").await;
    assert_eq!(terminal.contents().matches("typed").count(), 1);
    terminal.signal(rustix::process::Signal::TERM);
    terminal.ends(143).await;
}

#[tokio::test]
async fn the_size_is_passed_on_when_it_changes() {
    let world = world();
    let terminal = Terminal::start(&world, &["exec", "web", "--", "hang"]);
    eventually("it runs", || !world.fake.state().pty.is_empty()).await;
    let size = PtySize { rows: 50, cols: 132, pixel_width: 0, pixel_height: 0 };
    let resized = || world.fake.state().sizes.iter().any(|s| (s.columns, s.rows) == (132, 50));
    terminal.master.resize(size).expect("resized");
    // The first signal may come before the program listens.
    eventually("the size arrives", || {
        terminal.signal(rustix::process::Signal::WINCH);
        resized()
    })
    .await;
    terminal.signal(rustix::process::Signal::HUP);
    terminal.ends(129).await;
}

#[tokio::test]
async fn a_shell_is_left_with_the_keys_for_that() {
    let world = world();
    let mut terminal = Terminal::start(&world, &["shell", "web"]);
    terminal.shows("fake shell").await;
    terminal.press(b"\x1b[?1049h\x1b[?25lx");
    terminal.shows("x").await;
    terminal.press(b"\x10\x11");
    let contents = terminal.ends(0).await;
    assert!(contents.contains("detached"), "{contents}");
}

#[tokio::test]
async fn what_a_shell_showed_stays_when_it_is_left() {
    let world = world();
    let mut terminal = Terminal::start(&world, &["shell", "web"]);
    terminal.shows("fake shell").await;
    // A program in it was on the other screen, and is no more.
    terminal.press(b"\x1b[?1049hfull\x1b[?1049l");
    terminal.press(b"one\r\ntwo\r\nthree");
    terminal.shows("three").await;
    terminal.press(b"\x10\x11");
    let contents = terminal.ends(0).await;
    let place = |word| contents.find(word).unwrap_or_else(|| panic!("no {word} in {contents}"));
    assert!(place("fake shell") < place("one") && place("one") < place("two"), "{contents}");
    assert!(place("two") < place("three") && place("three") < place("detached"), "{contents}");
}

#[tokio::test]
async fn an_error_after_raw_mode_is_readable() {
    let world = world();
    let terminal = Terminal::start(&world, &["exec", "web", "--", "drop"]);
    let contents = terminal.ends(10).await;
    assert!(contents.contains("\nhint: ") && contents.contains("error: "), "{contents}");
}

#[tokio::test]
async fn ctrl_c_is_heard_while_waiting() {
    let world = world();
    world.fake.state().ending = crate::support::fake::Ending::Later;
    let mut terminal = Terminal::start(&world, &["restart", "web"]);
    terminal.shows("make the network").await;
    terminal.press(b"\x03");
    let contents = terminal.ends(130).await;
    assert!(contents.contains("no longer waiting"), "{contents}");
}
