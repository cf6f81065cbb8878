//! `daemon`: starts, stops and installs the background daemon.

pub mod install;
pub mod restart;
pub mod start;
pub mod status;
pub mod stop;
pub mod uninstall;

use crate::args::DaemonCommand;
use crate::failure::Failure;
use crate::session::Session;

/// Carries out one of them.
///
/// # Errors
///
/// Those of the command.
pub async fn run(session: &mut Session, command: DaemonCommand) -> Result<(), Failure> {
    match command {
        DaemonCommand::Start => start::run(session).await,
        DaemonCommand::Stop => stop::run(session).await,
        DaemonCommand::Status => status::run(session).await,
        DaemonCommand::Restart => restart::run(session).await,
        DaemonCommand::Install(args) => install::run(session, &args).await,
        DaemonCommand::Uninstall => uninstall::run(session).await,
    }
}
