//! The socket as clients see it, in front of the whole daemon and an engine in memory.
//! Built with the feature `testing`.

#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod calls;
mod changed;
mod connections;
mod full_disk;
mod pty;
mod rig;
mod streams;
