//! A program on a terminal of its own, seen as a person sees it: the text on
//! the screen, its colours, and whether the terminal is as it was afterwards.

use crate::wait::eventually;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::fmt;
use std::io::{Read, Write};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Keys that are more than one byte, or none that can be seen.
pub mod keys {
    /// Enter.
    pub const ENTER: &str = "\r";
    /// Escape. What is pressed next must come after it was taken in.
    pub const ESC: &str = "\x1b";
    /// Up.
    pub const UP: &str = "\x1b[A";
    /// Down.
    pub const DOWN: &str = "\x1b[B";
    /// End.
    pub const END: &str = "\x1b[F";
    /// Home.
    pub const HOME: &str = "\x1b[H";
    /// A page up.
    pub const PAGE_UP: &str = "\x1b[5~";
    /// F1.
    pub const F1: &str = "\x1bOP";
    /// F2.
    pub const F2: &str = "\x1bOQ";
    /// F4.
    pub const F4: &str = "\x1bOS";
    /// F5.
    pub const F5: &str = "\x1b[15~";
    /// F12.
    pub const F12: &str = "\x1b[24~";
    /// Ctrl-C.
    pub const CTRL_C: &str = "\x03";
    /// Ctrl-L.
    pub const CTRL_L: &str = "\x0c";
    /// Ctrl-S.
    pub const CTRL_S: &str = "\x13";
    /// Ctrl-T.
    pub const CTRL_T: &str = "\x14";
    /// Ctrl-U.
    pub const CTRL_U: &str = "\x15";
    /// Ctrl-Z.
    pub const CTRL_Z: &str = "\x1a";
    /// Ctrl-P and Ctrl-Q, which leave a shell.
    pub const DETACH: &str = "\x10\x11";
}

/// What a terminal was told beyond its cells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// Titles of the window and its icon.
    pub titles: Vec<String>,
    /// Bells.
    pub bells: usize,
    /// What was put on the clipboard, as it came: base64.
    pub clipboard: Vec<String>,
    /// Sizes that were asked for.
    pub resizes: usize,
    /// Other commands to the window.
    pub commands: Vec<String>,
}

impl vt100::Callbacks for Heard {
    fn audible_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn visual_bell(&mut self, _: &mut vt100::Screen) {
        self.bells += 1;
    }

    fn resize(&mut self, _: &mut vt100::Screen, _: (u16, u16)) {
        self.resizes += 1;
    }

    fn set_window_icon_name(&mut self, _: &mut vt100::Screen, name: &[u8]) {
        self.titles.push(String::from_utf8_lossy(name).into_owned());
    }

    fn set_window_title(&mut self, _: &mut vt100::Screen, title: &[u8]) {
        self.titles.push(String::from_utf8_lossy(title).into_owned());
    }

    fn copy_to_clipboard(&mut self, _: &mut vt100::Screen, _: &[u8], data: &[u8]) {
        self.clipboard.push(String::from_utf8_lossy(data).into_owned());
    }

    fn unhandled_osc(&mut self, _: &mut vt100::Screen, params: &[&[u8]]) {
        let words: Vec<_> = params.iter().map(|p| String::from_utf8_lossy(p)).collect();
        self.commands.push(words.join(";"));
    }
}

/// The terminal's side of it.
struct Seen {
    parser: vt100::Parser<Heard>,
    bytes: Vec<u8>,
}

/// A screen as text, shown whole when a test fails.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture(String);

impl fmt::Debug for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the screen:")?;
        self.0.lines().try_for_each(|line| writeln!(f, "  |{line}"))
    }
}

/// A program on a terminal.
pub struct Terminal {
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    child: Box<dyn Child + Send + Sync>,
    seen: Arc<Mutex<Seen>>,
    settings: String,
    reading: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    /// Starts a program on a new terminal of 80 columns and 24 rows.
    pub fn start(command: &Command) -> Self {
        Self::start_sized(command, 80, 24)
    }

    /// Starts a program on a new terminal of so many columns and rows.
    pub fn start_sized(command: &Command, columns: u16, rows: u16) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a terminal");
        let settings = settings(&*pair.master);
        let child = pair.slave.spawn_command(builder(command)).expect("a child");
        // Ours too would keep the terminal open after the program's end.
        drop(pair.slave);
        let parser = vt100::Parser::new_with_callbacks(rows, columns, 0, Heard::default());
        let seen = Arc::new(Mutex::new(Seen { parser, bytes: Vec::new() }));
        let mut output = pair.master.try_clone_reader().expect("a reader");
        let shown = Arc::clone(&seen);
        let reading = std::thread::spawn(move || {
            let mut bytes = [0; 16 * 1024];
            // Its end is an error on Linux.
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                let mut seen = shown.lock().unwrap_or_else(PoisonError::into_inner);
                seen.bytes.extend_from_slice(&bytes[..count]);
                seen.parser.process(&bytes[..count]);
            }
        });
        let keys = pair.master.take_writer().expect("a writer");
        Self { master: pair.master, keys, child, seen, settings, reading: Some(reading) }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Presses keys.
    pub fn press(&mut self, keys: &str) {
        self.press_bytes(keys.as_bytes());
    }

    /// Sends bytes as if they were typed.
    pub fn press_bytes(&mut self, bytes: &[u8]) {
        self.keys.write_all(bytes).and_then(|()| self.keys.flush()).expect("it takes keys");
    }

    /// Returns the text on the screen.
    pub fn contents(&self) -> String {
        self.seen().parser.screen().contents()
    }

    /// Reads the screen, cell by cell.
    pub fn with_screen<T>(&self, read: impl FnOnce(&vt100::Screen) -> T) -> T {
        read(self.seen().parser.screen())
    }

    /// Returns the screen, to be shown in a failure.
    pub fn picture(&self) -> Picture {
        Picture(self.contents())
    }

    /// Returns one line of the screen, from 0.
    pub fn line(&self, row: usize) -> String {
        self.contents().lines().nth(row).unwrap_or_default().to_owned()
    }

    /// Waits until a text is on the screen.
    pub fn shows(&self, text: &str) {
        self.until(&format!("{text:?} on the screen"), |screen| screen.contains(text));
    }

    /// Waits until a text is no longer on the screen.
    pub fn loses(&self, text: &str) {
        self.until(&format!("{text:?} gone from the screen"), |screen| !screen.contains(text));
    }

    /// Presses Escape and waits until what it leaves, which shows this text, is gone:
    /// a key that follows too soon would be one with it.
    pub fn escape_from(&mut self, text: &str) {
        self.press(keys::ESC);
        self.loses(text);
    }

    /// Waits until the screen's text is as wanted.
    pub fn until(&self, what: &str, wanted: impl Fn(&str) -> bool) {
        eventually(what, || {
            let contents = self.contents();
            if wanted(&contents) { Ok(()) } else { Err(Picture(contents)) }
        });
    }

    /// Returns the colour in which a text on the screen begins.
    ///
    /// # Panics
    ///
    /// When it is not there.
    pub fn colour(&self, text: &str) -> vt100::Color {
        let seen = self.seen();
        let screen = seen.parser.screen();
        let (rows, columns) = screen.size();
        let place = (0..rows).find_map(|row| {
            let line: Vec<char> = (0..columns)
                .map(|c| screen.cell(row, c).and_then(|c| c.contents().chars().next()))
                .map(|c| c.unwrap_or(' '))
                .collect();
            let wanted: Vec<char> = text.chars().collect();
            let at = line.windows(wanted.len()).position(|w| w == wanted)?;
            Some((row, u16::try_from(at).expect("a column")))
        });
        let Some((row, column)) = place else {
            panic!("no {text:?} on {:?}", Picture(screen.contents()))
        };
        screen.cell(row, column).expect("a cell").fgcolor()
    }

    /// Returns the colours of all cells.
    pub fn colours(&self) -> Vec<vt100::Color> {
        let seen = self.seen();
        let screen = seen.parser.screen();
        let (rows, columns) = screen.size();
        (0..rows)
            .flat_map(|row| (0..columns).map(move |column| (row, column)))
            .filter_map(|(row, column)| screen.cell(row, column))
            .flat_map(|cell| [cell.fgcolor(), cell.bgcolor()])
            .collect()
    }

    /// Returns what the terminal was told beyond its cells.
    pub fn heard(&self) -> Heard {
        self.seen().parser.callbacks().clone()
    }

    /// Returns how many bytes were written to it so far.
    pub fn written(&self) -> usize {
        self.seen().bytes.len()
    }

    /// Returns the bytes that were written to it from a place on.
    pub fn bytes_from(&self, place: usize) -> Vec<u8> {
        self.seen().bytes[place..].to_vec()
    }

    /// Gives the terminal another size, of which the program is told.
    pub fn resize(&self, columns: u16, rows: u16) {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        // The emulator's first: what the program paints afterwards is for that size.
        self.seen().parser.screen_mut().set_size(rows, columns);
        self.master.resize(size).expect("resized");
    }

    /// Returns the program's process id.
    pub fn pid(&self) -> u32 {
        self.child.process_id().expect("it runs")
    }

    /// Sends the program a signal, by its name.
    pub fn signal(&self, name: &str) {
        signal(self.pid(), name);
    }

    /// Returns whether the terminal's settings are those from before the program.
    pub fn is_as_before(&self) -> bool {
        settings(&*self.master) == self.settings
    }

    /// Checks that nothing the program asked of the terminal is left, beside what
    /// it printed.
    ///
    /// # Panics
    ///
    /// When something is.
    pub fn assert_given_back(&self) {
        let picture = self.picture();
        assert_eq!(settings(&*self.master), self.settings, "its settings differ; {picture:?}");
        let seen = self.seen();
        let screen = seen.parser.screen();
        assert!(!screen.alternate_screen(), "still in the alternate screen; {picture:?}");
        assert!(!screen.hide_cursor(), "still without a cursor; {picture:?}");
        assert!(!screen.bracketed_paste(), "still with marks around what is pasted");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        assert!(!screen.application_cursor() && !screen.application_keypad(), "keys differ");
        for mode in ["1004", "2026", "1000", "1002", "1003", "1006", "1049", "2004"] {
            let last = |end: char| find_last(&seen.bytes, format!("\x1b[?{mode}{end}").as_bytes());
            assert!(last('h') <= last('l'), "mode {mode} is left on; {picture:?}");
        }
    }

    /// Waits for the program's end and returns its code; all it wrote has been read by then.
    pub fn wait_end(&mut self) -> u32 {
        let (child, seen) = (&mut self.child, &self.seen);
        let status = eventually("the program ends", || {
            child.try_wait().expect("a child").ok_or_else(|| {
                let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                Picture(seen.parser.screen().contents())
            })
        });
        let reading = self.reading.take().expect("waited for once");
        eventually("all it wrote is read", || if reading.is_finished() { Ok(()) } else { Err(()) });
        // A signal has no code of its own here.
        if status.signal().is_some() { 128 } else { status.exit_code() }
    }

    /// Waits for the program's end, checks its code and that the terminal is as it
    /// was; returns what is on the screen then.
    pub fn ends(mut self, code: u32) -> String {
        let ended = self.wait_end();
        assert_eq!(ended, code, "{:?}", self.picture());
        self.assert_given_back();
        self.contents()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{:?}", self.picture());
        }
        // One that has ended cannot be ended.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().unwrap_or_default();
            self.child.wait().map(drop).unwrap_or_default();
        }
    }
}

/// Sends a process a signal, by its name.
///
/// # Panics
///
/// When there is no such process.
pub fn signal(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "no process {pid}");
}

fn settings(master: &dyn MasterPty) -> String {
    let all = master.get_termios().expect("a terminal's settings");
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        all.input_flags, all.output_flags, all.control_flags, all.local_flags, all.control_chars
    )
}

fn builder(command: &Command) -> CommandBuilder {
    let mut builder = CommandBuilder::new(command.get_program());
    builder.args(command.get_args());
    // What the machine that runs the tests happens to have must not show.
    for name in ["NO_COLOR", "SSH_TTY", "VISUAL", "EDITOR", "TMUX", "BROWSER", "DISPLAY"] {
        builder.env_remove(name);
    }
    builder.env("TERM", "xterm-256color");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => builder.env(name, value),
            None => builder.env_remove(name),
        }
    }
    if let Some(dir) = command.get_current_dir() {
        builder.cwd(dir);
    }
    builder
}

fn find_last(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).rposition(|w| w == wanted)
}
