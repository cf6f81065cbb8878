//! The full screen, without a terminal: what it shows, what keys do, that
//! nothing breaks it.

pub(crate) mod chance;
mod colours;
mod frames;
mod fuzz;
mod journal;
mod keys;
mod list;
mod looks;
mod machine;
mod mouse;
mod play;
mod preview;
mod rebound;
mod stage;
mod states;
mod storm;
mod triples;
