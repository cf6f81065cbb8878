//! Tests of the client: its pure parts one by one, and whole command lines
//! against a daemon of our own in the same process.

#![expect(
    clippy::disallowed_methods,
    reason = "a test plays both sides, and waits with a deadline"
)]

mod alternate;
mod args;
mod attach;
mod daemon;
mod diagnostics;
mod logs;
mod lookup;
mod prepare;
mod progress;
mod read;
mod sanitize;
mod sanitize_corpus;
mod support;
mod table;
mod terminal;
mod transcript;
mod ui;
mod up;
mod write;
