//! The wire: how the contract's types cross a byte stream.
//!
//! Every connection begins with one line of JSON from each side, the hello.
//! What follows depends on the mode: [`RpcTransport`] and [`ClientConnection`] for
//! calls, lines for streams, [`PtyCodec`] for terminals. Everything read is capped,
//! and nothing a client sends can make this code panic or grow without bound.

mod call;
pub mod client;
mod frames;
mod line;
mod recover;
mod replies;
mod rpc;
pub mod server;

pub use call::CALLS;
pub use client::{ClientConnection, ConnectError, StreamReader, connect};
pub use frames::{FrameError, PtyCodec, PtyFrame};
pub use line::{JsonLines, Line, LineError};
pub use rpc::RpcTransport;
pub use server::{AcceptError, Accepted, accept};

use std::time::Duration;

/// Longest hello line, in bytes; a real one has under a hundred.
pub const MAX_HELLO: usize = 4 * 1024;
/// How long either side waits for the other's hello.
pub const HELLO_LIMIT: Duration = Duration::from_secs(5);
/// Longest line of any mode, in bytes: a page of journal or a thousand pods fit
/// several times over.
pub const MAX_LINE: usize = 8 * 1024 * 1024;
/// Longest time a call may ask to be worked on. tarpc's timers overflow on
/// deadlines of years, and nothing here takes an hour.
pub const MAX_DEADLINE: Duration = Duration::from_secs(3_600);
/// Time a call has when it does not say.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);
/// Calls of one connection that may be under way at once.
pub const MAX_IN_FLIGHT: usize = 64;
