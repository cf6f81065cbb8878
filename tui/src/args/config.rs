//! What the `config` commands take.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to do with a pod's spec.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print the spec of a pod
    Show {
        /// The pod [default: the one of this directory]
        pod: Option<String>,
        /// Print it with every default filled in
        #[arg(long)]
        effective: bool,
    },
    /// Check a spec file
    Check {
        /// A directory with a pinacle.yaml, a spec file, or - for standard input
        #[arg(value_name = "DIR|FILE", default_value = ".")]
        source: PathBuf,
    },
    /// Show what a changed spec would do to a pod
    Plan(ConfigText),
    /// Bring a changed spec into force
    Apply(ConfigWrite),
    /// Edit a pod's spec in $VISUAL or $EDITOR and bring it into force
    Edit {
        /// The pod [default: the one of this directory]
        pod: Option<String>,
        /// Do not ask before bringing it into force
        #[arg(long, short)]
        yes: bool,
        /// Bring it into force even if that loses files
        #[arg(long)]
        accept_loss: bool,
    },
}

/// A pod and the new text of its spec.
#[derive(Debug, Args)]
pub struct ConfigText {
    /// The pod [default: the one of this directory]
    pub pod: Option<String>,
    /// The new spec: a file, a directory with a pinacle.yaml, or - for standard input
    #[arg(long, short, value_name = "FILE", default_value = ".")]
    pub file: PathBuf,
}

/// What `config apply` takes.
#[derive(Debug, Args)]
pub struct ConfigWrite {
    /// Which pod, and its new spec.
    #[command(flatten)]
    pub text: ConfigText,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// Bring it into force even if that loses files
    #[arg(long)]
    pub accept_loss: bool,
}
