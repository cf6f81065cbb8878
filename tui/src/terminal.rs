//! Borrows the terminal and gives it back: at the end, on an error, in a panic.

use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether this process has put the terminal into raw mode. Process-wide,
/// because the terminal is, and because a panic hook knows nothing else.
static RAW: AtomicBool = AtomicBool::new(false);

/// Whether the alternate screen is ours.
static SCREEN: AtomicBool = AtomicBool::new(false);

/// Undoes whatever a program in a pod may have done to the terminal and not
/// taken back: attributes, cursor, mouse, paste brackets, keypad, alternate screen.
const RESET: &str = "\x1b[0m\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\
                     \x1b[?1l\x1b>\x1b[?1049l\x1b[?25h";

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
    pub fn leave_and_reset(self) {
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
        crossterm::execute!(
            io::stdout(),
            crossterm::terminal::EnterAlternateScreen,
            crossterm::cursor::Hide
        )?;
        Ok(Self(()))
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
    if SCREEN.swap(false, Ordering::SeqCst) {
        write_now("\x1b[?1049l\x1b[?25h");
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

/// Has panics give the terminal back before they are reported.
fn install_panic_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            restore();
            report(panic);
        }));
    });
}
