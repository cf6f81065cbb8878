//! Waiting for a level, with a deadline and the last state in the failure.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Tells who watches beside a test that it is over, also when it fails.
pub struct Over<'a>(pub &'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Long enough for a loaded machine with two processors; reached only by failures.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The longest pause between two looks.
pub const PAUSE: Duration = Duration::from_millis(200);

/// Looks again and again until `look` returns `Ok`, and returns what it found.
///
/// # Panics
///
/// After [`PATIENCE`], naming what was waited for and what was last seen.
pub fn eventually<T, S: Debug>(what: &str, look: impl FnMut() -> Result<T, S>) -> T {
    eventually_within(PAUSE, what, look)
}

/// The same, with another longest pause, for what is waited for hundreds of times.
///
/// # Panics
///
/// As [`eventually`] does.
pub fn eventually_within<T, S: Debug>(
    longest: Duration,
    what: &str,
    look: impl FnMut() -> Result<T, S>,
) -> T {
    let found = within(PATIENCE, longest, look);
    found.unwrap_or_else(|seen| panic!("waited {PATIENCE:?} for: {what}; last seen: {seen:#?}"))
}

/// Looks again and again until `look` returns `Ok`, for so long.
///
/// # Errors
///
/// What was seen last.
#[expect(clippy::disallowed_methods, reason = "a deadline needs a clock")]
pub fn within<T, S>(
    limit: Duration,
    longest: Duration,
    mut look: impl FnMut() -> Result<T, S>,
) -> Result<T, S> {
    let end = Instant::now() + limit;
    let mut pause = Duration::from_millis(5);
    loop {
        match look() {
            Err(_) if Instant::now() < end => std::thread::sleep(pause),
            found => return found,
        }
        pause = (pause * 2).min(longest);
    }
}
