//! The daemon: the shell around the core.
pub mod clock;
pub mod engine;
pub mod journal;
pub mod store;
