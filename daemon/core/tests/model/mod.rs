//! A model of everything around the core, to drive it by chance (`properties`)
//! or by script (`scripts`).

#![allow(dead_code, reason = "each of the two tests uses its own part")]

mod check;
pub(crate) mod engine;
pub(crate) mod play;
pub(crate) mod render;
pub(crate) mod rest;
pub(crate) mod specs;
pub(crate) mod world;
