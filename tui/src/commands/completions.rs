//! `completions`: prints a completion script.

use crate::args::{Cli, CompletionsArgs};
use crate::failure::Failure;
use crate::session::Session;
use clap::CommandFactory;

/// Prints it.
///
/// # Errors
///
/// As [`crate::output::Console::write`].
pub fn run(session: &mut Session, args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pinacle-tui", &mut script);
    session.console.write(&script)
}
