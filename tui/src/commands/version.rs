//! `version`: what client and daemon are. Starts no daemon.

use crate::client::Client;
use crate::failure::Failure;
use crate::session::Session;
use pinacle_protocol::{PROTOCOL_VERSION, ServerInfo};
use serde::Serialize;

/// What `version --json` prints.
#[derive(Debug, Serialize)]
pub struct VersionReport {
    /// This program's version.
    pub version: &'static str,
    /// The protocol version it speaks.
    pub protocol: u32,
    /// The daemon, when one runs and speaks the same protocol.
    pub daemon: Option<ServerInfo>,
}

/// Prints it.
///
/// # Errors
///
/// As [`crate::output::Console::write`].
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    let daemon = match Client::connect(&session.paths.socket).await {
        Ok(client) => client.server_info().await.ok(),
        Err(_) => None,
    };
    let report =
        VersionReport { version: env!("CARGO_PKG_VERSION"), protocol: PROTOCOL_VERSION, daemon };
    if session.console.is_json() {
        return session.console.json(&report);
    }
    session
        .console
        .line(&format!("pinacle-tui {} (protocol {PROTOCOL_VERSION})", report.version))?;
    match &report.daemon {
        Some(d) => {
            session.console.line(&format!("pinacled {} (protocol {})", d.version, d.protocol))
        }
        None => session.console.line("pinacled: does not run, or is of another version"),
    }
}
