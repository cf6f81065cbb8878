//! The wire as clients of any language see it.

mod client;
mod examples;
mod fuzz;
mod golden;
mod hello;
mod rpc;
mod samples;
mod stub;
