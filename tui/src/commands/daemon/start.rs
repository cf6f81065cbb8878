//! `daemon start`: starts the daemon if it does not run.

use super::status;
use crate::autostart;
use crate::client::{Client, ConnectFailure};
use crate::failure::Failure;
use crate::session::Session;

/// Starts it, and says what runs then.
///
/// # Errors
///
/// `daemon_unreachable`, `version_mismatch`.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    let client = match Client::connect(&session.paths.socket).await {
        Ok(client) => {
            session.console.remark("the daemon runs already");
            client
        }
        Err(ConnectFailure::Absent(_)) => autostart::start(&session.env, &session.paths).await?,
        Err(ConnectFailure::Other(error)) => return Err(error.into()),
    };
    let server = client.server_info().await?;
    status::print_started(session, server)
}
