//! Borrows the terminal and gives it back: at the end, on an error, in a panic.

use crate::alternate::AlternateScreen;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use tokio::sync::Notify;

/// Whether this process has put the terminal into raw mode. Process-wide,
/// because the terminal is, and because a panic hook knows nothing else.
static RAW: AtomicBool = AtomicBool::new(false);

/// Whether the alternate screen is ours.
static SCREEN: AtomicBool = AtomicBool::new(false);

/// What the full screen asks of the terminal: its alternate screen, no cursor,
/// marks around what is pasted, a word when it is looked at.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?2004h\x1b[?1004h";

/// Takes all of that back, and whatever else may have been asked for meanwhile;
/// the end of synchronized output first, in case a frame was broken off. The screen is
/// cleared: where there is no other one (GNU screen has none unless it is told to), the
/// shell goes on at its top and not in the middle of the last frame.
const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[H\x1b[2J\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\
                     \x1b[?2004l\x1b[?1049l\x1b[?25h";

/// Held while a frame is painted, so that none comes after the screen was given back.
static PAINT: Mutex<()> = Mutex::new(());

/// Standard output for as long as the full screen is ours; what is painted
/// afterwards, by a thread that has not yet heard of it, is for nobody.
#[derive(Debug)]
pub struct Painter(io::Stdout);

impl Painter {
    /// Makes one.
    pub fn new() -> Self {
        Self(io::stdout())
    }
}

impl Default for Painter {
    fn default() -> Self {
        Self::new()
    }
}

impl Write for Painter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _paint = PAINT.lock().unwrap_or_else(PoisonError::into_inner);
        if !SCREEN.load(Ordering::SeqCst) {
            return Ok(bytes.len());
        }
        self.0.write_all(bytes)?;
        self.0.flush()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Undoes whatever a program in a pod may have done to the terminal and not
/// taken back: attributes, cursor, mouse, paste brackets, keypad.
const RESET: &str = "\x1b[0m\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\
                     \x1b[?1l\x1b>\x1b[?25h";

/// Leaves the other screen, and puts the cursor where it was when that was entered.
const FIRST_SCREEN: &str = "\x1b[?1049l";

/// Holds the terminal in raw mode until dropped.
#[derive(Debug)]
pub struct RawMode(());

impl RawMode {
    /// Enters raw mode.
    ///
    /// # Errors
    ///
    /// When standard input is no terminal.
    pub fn enter() -> io::Result<Self> {
        install_panic_hook();
        crossterm::terminal::enable_raw_mode()?;
        RAW.store(true, Ordering::SeqCst);
        Ok(Self(()))
    }

    /// Leaves raw mode after a session that did not end by itself, so that what
    /// it had set up is taken back as well.
    pub fn leave_and_reset(self, screen: &AlternateScreen) {
        // Only from the other screen: on the first one the cursor would jump back.
        if screen.is_shown() {
            write_now(FIRST_SCREEN);
        }
        write_now(RESET);
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        restore();
    }
}

/// Holds the alternate screen in raw mode until dropped.
#[derive(Debug)]
pub struct FullScreen(());

impl FullScreen {
    /// Enters it.
    ///
    /// # Errors
    ///
    /// When there is no terminal.
    pub fn enter() -> io::Result<Self> {
        install_panic_hook();
        crossterm::terminal::enable_raw_mode()?;
        RAW.store(true, Ordering::SeqCst);
        SCREEN.store(true, Ordering::SeqCst);
        // Gives back what it has when the rest cannot be had.
        let screen = Self(());
        let mut stdout = io::stdout();
        stdout.write_all(ENTER.as_bytes()).and_then(|()| stdout.flush())?;
        Ok(screen)
    }
}

impl Drop for FullScreen {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal back, whatever was borrowed of it. May be called at any
/// time and more than once.
pub fn restore() {
    // Not waited for: whoever holds it may never get on, or be who calls this.
    let _paint = PAINT.try_lock();
    if SCREEN.swap(false, Ordering::SeqCst) {
        write_now(LEAVE);
    }
    if RAW.swap(false, Ordering::SeqCst) {
        // There is nobody left to be told that it failed.
        crossterm::terminal::disable_raw_mode().unwrap_or_default();
    }
}

fn write_now(text: &str) {
    let mut stdout = io::stdout();
    // As above.
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).unwrap_or_default();
}

/// Exit code after a panic, as of every Rust program.
const PANICKED: i32 = 101;

/// Has panics give the terminal back before they are reported. A full screen
/// ends with its first panic, in whatever thread that is: what is left of the
/// program would go on painting on a terminal that is no longer its own.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let full_screen = SCREEN.load(Ordering::SeqCst);
            restore();
            report(panic);
            if full_screen {
                std::process::exit(PANICKED);
            }
        }));
    });
}

/// Tells when the terminal of this process is gone. The reader of keys does not:
/// at the end of its input it asks again, and for ever.
///
/// # Errors
///
/// When no thread can be had.
pub fn when_gone() -> io::Result<Arc<Notify>> {
    let gone = Arc::new(Notify::new());
    let told = gone.clone();
    std::thread::Builder::new().name("hangup".to_owned()).spawn(move || {
        let stdin = io::stdin();
        loop {
            // Asked for nothing, it returns when nothing more can come.
            let mut terminal = [PollFd::new(&stdin, PollFlags::empty())];
            match poll(&mut terminal, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) if terminal[0].revents().contains(PollFlags::HUP) => {
                    told.notify_one();
                    return;
                }
                // It cannot be told here.
                Ok(_) | Err(_) => return,
            }
        }
    })?;
    Ok(gone)
}

/// Returns bytes in the form in which GNU screen hands them on to its terminal: in pieces
/// no longer than it takes.
pub fn through_gnu_screen(bytes: &[u8]) -> Vec<u8> {
    const PIECE: usize = 200;
    bytes.chunks(PIECE).flat_map(|piece| [b"\x1bP", piece, b"\x1b\\"].concat()).collect()
}
