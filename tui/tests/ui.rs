//! The full screen, without a terminal: what it shows, what keys do, that
//! nothing breaks it.

mod chance;
mod frames;
mod fuzz;
mod journal;
mod keys;
mod looks;
mod play;
mod triples;
