//! Waiting for a level, with a deadline and the last state in the failure.

use std::fmt::Debug;
use std::time::{Duration, Instant};

/// Long enough for a loaded machine with two processors; reached only by failures.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The longest pause between two looks.
const PAUSE: Duration = Duration::from_millis(200);

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
#[expect(clippy::disallowed_methods, reason = "a deadline needs a clock")]
pub fn eventually_within<T, S: Debug>(
    longest: Duration,
    what: &str,
    mut look: impl FnMut() -> Result<T, S>,
) -> T {
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(5);
    loop {
        match look() {
            Ok(found) => return found,
            Err(seen) if Instant::now() >= end => {
                panic!("waited {PATIENCE:?} for: {what}; last seen: {seen:#?}")
            }
            Err(_) => std::thread::sleep(pause),
        }
        pause = (pause * 2).min(longest);
    }
}
