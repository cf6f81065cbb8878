//! Real processes for the scenarios: the daemon in a directory of its own, the
//! engine by its command line, and ways to wait for a state instead of a time.

pub mod browser;
pub mod daemon;
pub mod disk;
pub mod engine;
pub mod http;
pub mod own_engine;
pub mod proxy;
pub mod svg;
pub mod terminal;
pub mod wait;
