//! `daemon restart`: ends the daemon and starts the installed one.

use super::{status, stop};
use crate::autostart;
use crate::failure::Failure;
use crate::session::Session;

/// Restarts it, and says what runs then.
///
/// # Errors
///
/// As `daemon stop` and `daemon start`.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    replace(session).await?;
    let server = autostart::connect(session).await?.server_info().await?;
    status::print_started(session, server)
}

/// Ends whatever daemon listens and starts the installed one, unless a service
/// manager has been quicker.
///
/// # Errors
///
/// As [`run`].
pub async fn replace(session: &mut Session) -> Result<(), Failure> {
    // The one that runs is not ended for one that would not start.
    autostart::check(session).await?;
    stop::stop(session).await?;
    autostart::connect(session).await?;
    session.console.remark("the daemon was restarted; pods keep running");
    Ok(())
}
