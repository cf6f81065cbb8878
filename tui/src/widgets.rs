//! Parts that screens are made of: state and drawing of one thing each.

pub mod ansi;
pub mod input;
pub mod layers;
pub mod palette;
pub mod status;
pub mod text;
pub mod yaml;
