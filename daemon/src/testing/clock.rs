//! Time that moves only when told to, and randomness from a seed.

use crate::clock::{Clock, TimeSource};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Where a test's wall clock begins: some day in 2026.
const START_WALL_MS: u64 = 1_790_000_000_000;

/// Returns how far the date is off, in milliseconds: the number in the file that
/// `PINACLE_DATE_OFFSET` names. Read each time, so that the date can jump.
pub(crate) fn date_offset_ms() -> i64 {
    static FILE: std::sync::OnceLock<Option<std::path::PathBuf>> = std::sync::OnceLock::new();
    let file = FILE.get_or_init(|| std::env::var_os("PINACLE_DATE_OFFSET").map(Into::into));
    let text = file.as_ref().and_then(|file| std::fs::read_to_string(file).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(0)
}

/// A clock in the test's hands. Clones share it.
#[derive(Debug, Clone)]
pub struct ManualTime(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    wall_ms: AtomicU64,
    monotonic_ms: AtomicU64,
    random: AtomicU64,
}

impl ManualTime {
    /// Begins at a fixed moment; the same seed gives the same ids.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Parts {
            wall_ms: AtomicU64::new(START_WALL_MS),
            monotonic_ms: AtomicU64::new(0),
            random: AtomicU64::new(seed),
        }))
    }

    /// Returns it as the daemon takes it.
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.0.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.0.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as a person or a time server does.
    pub fn set_wall_ms(&self, ms: u64) {
        self.0.wall_ms.store(ms, Ordering::SeqCst);
    }
}

impl TimeSource for ManualTime {
    fn wall_ms(&self) -> u64 {
        self.0.wall_ms.load(Ordering::SeqCst)
    }

    fn monotonic_ms(&self) -> u64 {
        self.0.monotonic_ms.load(Ordering::SeqCst)
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            // SplitMix64: every step of a counter, well mixed.
            let step = 0x9e37_79b9_7f4a_7c15_u64;
            let mut x = self.0.random.fetch_add(step, Ordering::SeqCst).wrapping_add(step);
            x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            let mixed = (x ^ (x >> 31)).to_le_bytes();
            chunk.copy_from_slice(&mixed[..chunk.len()]);
        }
    }
}

/// A clock that follows tokio's, which tests pause, with a wall clock that may jump and
/// randomness from a seed. Clones share it; to be used inside the runtime it was made in.
#[derive(Debug, Clone)]
pub struct TokioTime {
    started: tokio::time::Instant,
    seeded: ManualTime,
}

impl TokioTime {
    /// Begins now, which is a fixed moment of the wall clock.
    pub fn new(seed: u64) -> Self {
        Self { started: tokio::time::Instant::now(), seeded: ManualTime::new(seed) }
    }

    /// Returns it as the daemon takes it.
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// Moves the wall clock alone, as a person or a time server does.
    pub fn jump(&self, by_ms: i64) {
        let wall = self.seeded.wall_ms();
        self.seeded.set_wall_ms(wall.saturating_add_signed(by_ms));
    }
}

impl TimeSource for TokioTime {
    fn wall_ms(&self) -> u64 {
        self.seeded.wall_ms().saturating_add(self.monotonic_ms())
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self, bytes: &mut [u8]) {
        self.seeded.random(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_ids_and_no_id_twice() {
        let ids = |seed| {
            let clock = ManualTime::new(seed).clock();
            (0..100).map(|_| clock.random_token16()).collect::<Vec<_>>()
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
        let distinct: std::collections::BTreeSet<_> = ids(1).into_iter().collect();
        assert_eq!(distinct.len(), 100);
    }

    #[test]
    fn the_wall_clock_may_jump_and_the_other_does_not() {
        let time = ManualTime::new(0);
        time.advance(Duration::from_millis(5));
        time.set_wall_ms(1);
        let clock = time.clock();
        assert_eq!((clock.now().0, clock.monotonic_ms()), (1, 5));
    }
}
