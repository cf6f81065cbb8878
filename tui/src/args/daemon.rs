//! What the `daemon` commands take.

use clap::{Args, Subcommand};

/// What to do with the background daemon.
#[derive(Debug, Subcommand)]
pub enum DaemonCommand {
    /// Start it in the background (every other command does so by itself)
    Start,
    /// Stop it; pods keep running
    Stop,
    /// Say whether it runs; exit code 10 when it does not
    Status,
    /// Stop it and start it, for instance after an update; pods keep running
    Restart,
    /// Have systemd or launchd start it when you log in (root: with the machine)
    Install(InstallArgs),
    /// Take back what `install` did
    Uninstall,
}

/// What `daemon install` takes.
#[derive(Debug, Args)]
pub struct InstallArgs {
    /// Only print the service file
    #[arg(long)]
    pub print: bool,
}
