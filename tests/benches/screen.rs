//! A program on a terminal of its own, and when its screen showed what.

use crate::measure::now;
use portable_pty::{CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The terminal's size.
pub(crate) const COLUMNS: u16 = 120;
pub(crate) const ROWS: u16 = 40;

/// A running program and its screen.
pub(crate) struct Screen {
    child: Box<dyn portable_pty::Child + Send + Sync>,
    input: Arc<Mutex<Box<dyn Write + Send>>>,
    shared: Arc<Shared>,
    pub(crate) began: Instant,
    _master: Box<dyn MasterPty + Send>,
}

#[derive(Default)]
struct Shared {
    seen: Mutex<Seen>,
    news: Condvar,
}

struct Seen {
    terminal: vt100::Parser,
    bytes: u64,
    /// When the last bytes came.
    at: Instant,
    ended: bool,
}

impl Default for Seen {
    fn default() -> Self {
        Self { terminal: vt100::Parser::new(ROWS, COLUMNS, 0), bytes: 0, at: now(), ended: false }
    }
}

/// What a program starts with.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Path,
    pub(crate) args: &'a [&'a str],
    pub(crate) env: &'a [(&'a str, &'a OsStr)],
    pub(crate) dir: &'a Path,
}

impl Screen {
    /// Starts a program.
    ///
    /// # Errors
    ///
    /// When there is no terminal, or no such program.
    pub(crate) fn start(start: &Start<'_>) -> anyhow::Result<Self> {
        let size = PtySize { rows: ROWS, cols: COLUMNS, pixel_width: 0, pixel_height: 0 };
        let pty = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(start.program);
        command.args(start.args);
        command.cwd(start.dir);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        command.env_remove("SSH_TTY");
        for (name, value) in start.env {
            command.env(name, value);
        }
        let mut output = pty.master.try_clone_reader()?;
        let input = Arc::new(Mutex::new(pty.master.take_writer()?));
        let shared = Arc::new(Shared::default());
        let began = now();
        let child = pty.slave.spawn_command(command)?;
        drop(pty.slave);
        let (reading, answers) = (shared.clone(), input.clone());
        std::thread::spawn(move || {
            let mut chunk = vec![0; 64 * 1024];
            while let Ok(length) = output.read(&mut chunk)
                && length > 0
            {
                answer(&answers, &chunk[..length]);
                reading.take(&chunk[..length]);
            }
            lock(&reading.seen).ended = true;
            reading.news.notify_all();
        });
        Ok(Self { child, input, shared, began, _master: pty.master })
    }

    /// Returns the process's id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.process_id().unwrap_or(0)
    }

    /// Returns how many bytes it has written.
    pub(crate) fn bytes(&self) -> u64 {
        lock(&self.shared.seen).bytes
    }

    /// Returns what is on it.
    pub(crate) fn text(&self) -> String {
        lock(&self.shared.seen).terminal.screen().contents()
    }

    /// Returns what is on it with its colours, to tell two screens apart.
    pub(crate) fn looks(&self) -> Vec<u8> {
        lock(&self.shared.seen).terminal.screen().contents_formatted()
    }

    /// Types.
    pub(crate) fn press(&self, keys: &str) {
        let mut input = lock(&self.input);
        // A program that has ended shows itself by what never appears.
        let _ = input.write_all(keys.as_bytes()).and_then(|()| input.flush());
    }

    /// Waits until the screen is so, and returns when the bytes came that made it so.
    /// `None` when the time is over or the program has ended.
    pub(crate) fn wait(
        &self,
        limit: Duration,
        mut is_so: impl FnMut(&vt100::Screen) -> bool,
    ) -> Option<Instant> {
        let end = now() + limit;
        let mut seen = lock(&self.shared.seen);
        loop {
            if is_so(seen.terminal.screen()) {
                return Some(seen.at);
            }
            let left = end.checked_duration_since(now())?;
            if seen.ended {
                return None;
            }
            let waited = self.shared.news.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits until a text is somewhere on the screen.
    pub(crate) fn wait_text(&self, limit: Duration, text: &str) -> Option<Instant> {
        self.wait(limit, |screen| screen.contents().contains(text))
    }

    /// Waits until nothing was written for a while, or the time is over.
    pub(crate) fn settle(&self, quiet: Duration, limit: Duration) {
        let end = now() + limit;
        while now() < end && lock(&self.shared.seen).at.elapsed() < quiet {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shared {
    fn take(&self, bytes: &[u8]) {
        let mut seen = lock(&self.seen);
        seen.at = now();
        seen.terminal.process(bytes);
        seen.bytes += u64::try_from(bytes.len()).unwrap_or(0);
        drop(seen);
        self.news.notify_all();
    }
}

/// Some programs ask the terminal for its cursor or its kind and wait for the answer.
fn answer(input: &Mutex<Box<dyn Write + Send>>, asked: &[u8]) {
    let replies: [(&[u8], &[u8]); 2] = [(b"\x1b[6n", b"\x1b[1;1R"), (b"\x1b[c", b"\x1b[?62c")];
    for (question, reply) in replies {
        if asked.windows(question.len()).any(|window| window == question) {
            let mut input = lock(input);
            // Without an answer it goes on after a while of its own.
            let _ = input.write_all(reply).and_then(|()| input.flush());
        }
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
