//! The wire as clients of any language see it.

mod client;
mod examples;
mod frames;
mod fuzz;
mod golden;
mod hello;
mod many;
mod readme;
mod rpc;
mod samples;
mod stub;
