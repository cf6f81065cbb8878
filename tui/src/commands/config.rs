//! `config`: shows, checks and changes specs.

pub mod apply;
pub mod check;
pub mod edit;
pub mod plan;
pub mod show;

use crate::args::ConfigCommand;
use crate::failure::Failure;
use crate::session::Session;

/// Carries out one of them.
///
/// # Errors
///
/// Those of the command.
pub async fn run(session: &mut Session, command: ConfigCommand) -> Result<(), Failure> {
    match command {
        ConfigCommand::Show { pod, effective } => show::run(session, pod, effective).await,
        ConfigCommand::Check { source } => check::run(session, &source).await,
        ConfigCommand::Plan(args) => plan::run(session, args).await,
        ConfigCommand::Apply(args) => apply::run(session, args).await,
        ConfigCommand::Edit { pod, yes, accept_loss } => {
            edit::run(session, pod, edit::Consent { yes, accept_loss }).await
        }
    }
}
