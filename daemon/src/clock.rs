//! The only place that reads the clock or asks for randomness, so that a test
//! can put its own in.

#![expect(clippy::disallowed_methods, reason = "this is where time and randomness come in")]

use pinacle_protocol::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Letters and digits that ids are made of.
const ID_ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// A source of time and randomness.
pub trait TimeSource: Send + Sync + 'static {
    /// Returns the wall clock in milliseconds since 1970. May jump either way.
    fn wall_ms(&self) -> u64;
    /// Returns milliseconds since some fixed moment; never goes back.
    fn monotonic_ms(&self) -> u64;
    /// Fills `bytes` with unpredictable bytes.
    fn random(&self, bytes: &mut [u8]);
}

/// Time and randomness, handed to whoever needs them. Cheap to clone.
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// Wraps a source.
    pub fn new(source: impl TimeSource) -> Self {
        Self(Arc::new(source))
    }

    /// Returns this machine's clock.
    pub fn system() -> Self {
        Self::new(SystemTimeSource { started: Instant::now() })
    }

    /// Returns the wall clock.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.0.wall_ms())
    }

    /// Returns milliseconds since some fixed moment; never goes back.
    pub fn monotonic_ms(&self) -> u64 {
        self.0.monotonic_ms()
    }

    /// Waits. Follows tokio's clock, which tests can pause.
    pub async fn sleep(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }

    /// Returns 64 unpredictable bits.
    pub fn random_u64(&self) -> u64 {
        let mut bytes = [0; 8];
        self.0.random(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Returns 16 unpredictable letters and digits: the form of every id.
    pub fn random_token16(&self) -> String {
        let mut bytes = [0; 16];
        self.0.random(&mut bytes);
        bytes.iter().map(|b| char::from(ID_ALPHABET[usize::from(b & 31)])).collect()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

struct SystemTimeSource {
    started: Instant,
}

impl TimeSource for SystemTimeSource {
    fn wall_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        #[cfg(feature = "testing")]
        let ms = ms.saturating_add_signed(crate::testing::date_offset_ms());
        ms
    }

    fn monotonic_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn random(&self, bytes: &mut [u8]) {
        // The kernel's generator fails only before it is seeded at boot; mixing in
        // the time keeps ids distinct even then, and ids are not secrets.
        if getrandom::fill(bytes).is_err() {
            let mut x = self.wall_ms() ^ self.monotonic_ms().rotate_left(32) | 1;
            for byte in bytes {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                *byte = x.to_le_bytes()[3];
            }
        }
    }
}
