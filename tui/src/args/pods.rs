//! What the commands about pods take.

use super::IsolationArg;
use clap::Args;
use std::path::PathBuf;

pub(super) const UP_HELP: &str = "\
The pod's name is the spec's `name`, else --name, else the directory's. A pod that is there
already is started when stopped, tried again when failed, and brought up to date when
pinacle.yaml has changed since: what would change is shown first, and nothing that would lose
files is done without --accept-loss. A new pod gets a copy of the directory's files in its
working directory.

Where no Docker engine answers, `up` offers to install one with gVisor (Debian and Ubuntu).

Examples:
  pinacle-tui up
  pinacle-tui up ~/src/blog --detach
  pinacle-tui up --yes --isolation runc";

pub(super) const CREATE_HELP: &str = "\
The pod gets a copy of the files beside a pinacle.yaml in its working directory; with another
spec file it starts empty.

Examples:
  pinacle-tui create ~/src/blog
  pinacle-tui create - --name scratch < pinacle.yaml";

pub(super) const REMOVE_HELP: &str = "\
Everything in the pod is deleted, its volume included. The question before is left out with
--yes, which is needed where there is no terminal to ask on.";

pub(super) const EXEC_HELP: &str = "\
Standard input is passed on; a terminal is given to the command when standard input and
standard output are one. Without a terminal, output and error output stay apart.

Examples:
  pinacle-tui exec blog -- npm test
  pinacle-tui exec -e RUST_LOG=debug -w /workspace/api -- cargo run
  tar c src | pinacle-tui exec blog -- tar x -C /workspace";

pub(super) const SHELL_HELP: &str = "\
Ctrl-P Ctrl-Q goes back to this machine without waiting for the shell to end.";

pub(super) const LOGS_HELP: &str = "\
Escape sequences are taken out of what commands printed, colours are kept on a terminal.

Examples:
  pinacle-tui logs -f
  pinacle-tui logs blog --infra --json | jq 'select(.type == \"end\" and .exit_code != 0)'";

pub(super) const URL_HELP: &str = "\
Examples:
  pinacle-tui url               the first tab of this directory's pod
  pinacle-tui url blog 3000     whatever listens on port 3000 in it
  pinacle-tui url blog preview  the tab of that name";

/// What `up` takes.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// The directory with the pinacle.yaml, or a spec file
    #[arg(value_name = "DIR", default_value = ".")]
    pub dir: PathBuf,
    /// Print the address instead of opening the full screen
    #[arg(long, short)]
    pub detach: bool,
    /// Answer every question with yes, except the one about losing files
    #[arg(long, short)]
    pub yes: bool,
    /// Bring a changed spec into force even if that loses files
    #[arg(long)]
    pub accept_loss: bool,
    /// The pod's name when the spec has none
    #[arg(long)]
    pub name: Option<String>,
    /// Isolation that overrides the spec's
    #[arg(long, value_enum)]
    pub isolation: Option<IsolationArg>,
    /// Leave the directory's files here instead of copying them into the new pod
    #[arg(long)]
    pub no_copy: bool,
}

/// What `create` takes.
#[derive(Debug, Args)]
pub struct CreateArgs {
    /// A directory with a pinacle.yaml, a spec file, or - for standard input
    #[arg(value_name = "DIR|FILE", default_value = ".")]
    pub source: PathBuf,
    /// The pod's name when the spec has none
    #[arg(long)]
    pub name: Option<String>,
    /// The host it is to live on
    #[arg(long)]
    pub host: Option<String>,
    /// Isolation that overrides the spec's
    #[arg(long, value_enum)]
    pub isolation: Option<IsolationArg>,
    /// Leave the directory's files here instead of copying them into the new pod
    #[arg(long)]
    pub no_copy: bool,
}

/// One pod, or the directory's.
#[derive(Debug, Args)]
pub struct MaybePod {
    /// The pod [default: the one of this directory]
    pub pod: Option<String>,
}

/// Some pods, or the directory's.
#[derive(Debug, Args)]
pub struct SomePods {
    /// The pods [default: the one of this directory]
    #[arg(value_name = "POD")]
    pub pods: Vec<String>,
}

/// Some pods, named.
#[derive(Debug, Args)]
pub struct PodsArgs {
    /// The pods
    #[arg(value_name = "POD", required = true)]
    pub pods: Vec<String>,
}

/// What `rm` takes.
#[derive(Debug, Args)]
pub struct RemoveArgs {
    /// Which pods.
    #[command(flatten)]
    pub which: PodsArgs,
    /// Do not ask
    #[arg(long, short, visible_short_alias = 'f', visible_alias = "force")]
    pub yes: bool,
}

/// What `exec` takes.
#[derive(Debug, Args)]
pub struct ExecArgs {
    /// The pod [default: the one of this directory]
    pub pod: Option<String>,
    /// Give the command a terminal even if there is none here
    #[arg(long, short = 't', overrides_with = "no_tty")]
    pub tty: bool,
    /// Give the command no terminal
    #[arg(long, short = 'T', overrides_with = "tty")]
    pub no_tty: bool,
    /// Give the command no standard input
    #[arg(long, short = 'n')]
    pub no_stdin: bool,
    /// The user to run as [default: the spec's]
    #[arg(long, short)]
    pub user: Option<String>,
    /// The directory to run in [default: the spec's]
    #[arg(long, short, value_name = "DIR")]
    pub workdir: Option<String>,
    /// A variable for the command; KEY alone passes on the one here
    #[arg(long, short, value_name = "KEY[=VALUE]")]
    pub env: Vec<String>,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    pub command: Vec<String>,
}

/// What `shell` takes.
#[derive(Debug, Args)]
pub struct ShellArgs {
    /// The pod [default: the one of this directory]
    pub pod: Option<String>,
    /// The user to run as [default: the spec's]
    #[arg(long, short)]
    pub user: Option<String>,
    /// The directory to start in [default: the spec's]
    #[arg(long, short, value_name = "DIR")]
    pub workdir: Option<String>,
}

/// What `logs` takes.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// The pod [default: the one of this directory]
    pub pod: Option<String>,
    /// Go on with what comes, also when the daemon restarts, until interrupted or the pod is gone
    #[arg(long, short)]
    pub follow: bool,
    /// Show the commands run on the host as well
    #[arg(long)]
    pub infra: bool,
    /// Begin with the last time the pod was started
    #[arg(long)]
    pub since_start: bool,
    /// Print output as it was, escape sequences included
    #[arg(long)]
    pub raw: bool,
}

/// What `url` and `open` take.
#[derive(Debug, Args)]
pub struct UrlArgs {
    /// The pod [default: the one of this directory]
    pub pod: Option<String>,
    /// A port in the pod, or the name of a tab [default: the first tab]
    #[arg(value_name = "PORT|TAB")]
    pub target: Option<String>,
}
