//! Stand-ins for what the daemon needs from outside, for tests: no real time, no
//! randomness, no sockets.

mod behind;
mod calls;
mod chance;
mod clock;
mod engine;
mod files;
mod seen;
mod store;
mod world;

pub use chance::Chance;
pub(crate) use clock::date_offset_ms;
pub use clock::{ManualTime, TokioTime};
pub use engine::{CallKind, FAKE_IMAGE, FakeEngine, Fault, Moment, Recorded};
pub use files::copy_directory;
pub use store::FlakyStore;
