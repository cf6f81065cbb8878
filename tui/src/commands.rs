//! The commands, one file for each verb.

pub mod adopt;
pub mod completions;
pub mod config;
pub mod create;
pub mod daemon;
pub mod doctor;
pub mod events;
pub mod exec;
pub mod logs;
pub mod ls;
pub mod op;
pub mod open;
pub mod replay;
pub mod restart;
pub mod rm;
pub mod shell;
pub mod show;
pub mod start;
pub mod stop;
pub mod up;
pub mod url;
pub mod version;

use crate::args::Command;
use crate::failure::Failure;
use crate::session::Session;

/// Carries out a command; `None` opens the full screen.
///
/// # Errors
///
/// What the command could not do; not yet shown to anybody.
pub async fn dispatch(session: &mut Session, command: Option<Command>) -> Result<(), Failure> {
    let Some(command) = command else {
        return crate::app::run(session).await;
    };
    match command {
        Command::Up(args) => up::run(session, args).await,
        Command::Ls => ls::run(session).await,
        Command::Show(args) => show::run(session, args).await,
        Command::Create(args) => create::run(session, args).await,
        Command::Start(args) => start::run(session, args).await,
        Command::Stop(args) => stop::run(session, args).await,
        Command::Restart(args) => restart::run(session, args).await,
        Command::Rm(args) => rm::run(session, args).await,
        Command::Exec(args) => exec::run(session, args).await,
        Command::Shell(args) => shell::run(session, args).await,
        Command::Logs(args) => logs::run(session, args).await,
        Command::Url(args) => url::run(session, args).await,
        Command::Open(args) => open::run(session, args).await,
        Command::Config(command) => config::run(session, command).await,
        Command::Events(args) => events::run(session, args).await,
        Command::Doctor(args) => doctor::run(session, args).await,
        Command::Adopt(args) => adopt::run(session, args).await,
        Command::Op(args) => op::run(session, args).await,
        Command::Daemon(command) => daemon::run(session, command).await,
        Command::Replay(args) => replay::run(session, &args),
        Command::Completions(args) => completions::run(session, &args),
        Command::Version => version::run(session).await,
    }
}
