//! One screen each: its state, how it changes, how it is drawn.

pub mod details;
pub mod doctor;
pub mod editor;
pub mod pod;
pub mod pods;
pub mod printed;
