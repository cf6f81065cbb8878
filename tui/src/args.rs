//! The command line's grammar and its help texts; no behaviour.

mod config;
mod daemon;
mod pods;

pub use config::{ConfigCommand, ConfigText, ConfigWrite};
pub use daemon::{DaemonCommand, InstallArgs};
pub use pods::{
    CreateArgs, ExecArgs, LogsArgs, MaybePod, PodsArgs, RemoveArgs, ShellArgs, SomePods, UpArgs,
    UrlArgs,
};

use clap::{Args, Parser, Subcommand, ValueEnum};
use pinacle_protocol::Isolation;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Without a command, a full-screen list of all pods opens.

Where POD may be left out, the pod of the nearest pinacle.yaml, here or in a directory
above, is meant. A pod is named by its slug, its id, or the first characters of its id.

Examples:
  pinacle-tui up                     make or start the pod of this directory
  pinacle-tui exec -- cargo test     run a command in it
  pinacle-tui logs -f blog           follow what was run for the pod blog
  pinacle-tui ls --json | jq .slug   one JSON object per pod

Exit codes:
  0 done              5 conflict, wrong phase        9 client and daemon differ
  1 other failure     6 host or engine              10 no daemon
  2 wrong usage       7 a command in the pod failed 11 the daemon's store failed
  3 wrong spec        8 the daemon is busy          12 given up
  4 not found                                      130 interrupted
`exec` and `shell` pass on the code of what they ran";

const JSON_HELP: &str = "\
JSON (types as protocol/README.md describes them; fields are only ever added):
  ls                          Pod, one a line
  show                        PodDetail
  up create start stop restart rm adopt, config apply and edit
                              {pod, slug, outcome, url, operation}, one a line for each pod
  op                          Operation
  logs, events                Record, Event, one a line; {type: gap, missed} where some are gone
  url, open                   {pod, name, port, url, seconds}
  config show                 {pod, revision, spec_text, effective_spec}
  config check, config plan   ConfigReport, ConfigPlan
  doctor                      HostReport
  daemon start restart status {running, socket} and the members of ServerInfo
  daemon install              {file}
  version                     {version, protocol, daemon: ServerInfo}
  every error                 {error: Error} on standard error";

/// Development pods in gVisor sandboxes.
#[derive(Debug, Parser)]
#[command(
    name = "pinacle-tui",
    version,
    after_help = AFTER_HELP,
    after_long_help = format!("{AFTER_HELP}\n\n{JSON_HELP}"),
    max_term_width = 100
)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do; the full screen when `None`.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Options of every command")]
pub struct Global {
    /// Print JSON: one object per line on standard output, errors as {"error": …} on standard error
    #[arg(long, global = true)]
    pub json: bool,
    /// Print only results and errors, no progress
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Never colour the output (as does the variable NO_COLOR)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Return as soon as the daemon has accepted an action, without waiting for its end
    #[arg(long, global = true)]
    pub no_wait: bool,
    /// The daemon's socket [default: pinacled.sock in the state directory, or $PINACLE_SOCKET]
    #[arg(long, global = true, value_name = "PATH")]
    pub socket: Option<PathBuf>,
    /// The daemon's state directory [default: $PINACLE_STATE_DIR or ~/.local/state/pinacle]
    #[arg(long, global = true, value_name = "DIR")]
    pub state_dir: Option<PathBuf>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make, start or update the pod of a directory
    #[command(after_help = pods::UP_HELP)]
    Up(UpArgs),
    /// List the pods
    #[command(visible_alias = "list")]
    Ls,
    /// Show everything about a pod
    Show(MaybePod),
    /// Create a pod from a spec file
    #[command(after_help = pods::CREATE_HELP)]
    Create(CreateArgs),
    /// Start stopped pods; try failed ones again
    Start(SomePods),
    /// Stop pods; every file, port and address is kept
    Stop(SomePods),
    /// Stop and start pods
    Restart(SomePods),
    /// Remove pods with all their files
    #[command(after_help = pods::REMOVE_HELP)]
    Rm(RemoveArgs),
    /// Run a command in a pod and pass on its exit code
    #[command(after_help = pods::EXEC_HELP)]
    Exec(ExecArgs),
    /// Open a shell in a pod
    #[command(after_help = pods::SHELL_HELP)]
    Shell(ShellArgs),
    /// Show what was run for a pod, like a terminal
    #[command(after_help = pods::LOGS_HELP)]
    Logs(LogsArgs),
    /// Print the address of a pod, of a port in it or of one of its tabs
    #[command(after_help = pods::URL_HELP)]
    Url(UrlArgs),
    /// Open an address of a pod in the browser
    Open(UrlArgs),
    /// Show, check and change a pod's spec
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what happens to pods and hosts
    Events(EventsArgs),
    /// Check that pods can run on a host
    Doctor(DoctorArgs),
    /// Take over a pod that another daemon created
    Adopt(AdoptArgs),
    /// Show an operation
    Op(OpArgs),
    /// Start, stop and install the background daemon
    #[command(subcommand)]
    Daemon(DaemonCommand),
    /// Show a recording of the full screen
    Replay(ReplayArgs),
    /// Print a completion script for a shell
    #[command(after_help = "\
Example:
  pinacle-tui completions bash > ~/.local/share/bash-completion/completions/pinacle-tui")]
    Completions(CompletionsArgs),
    /// Print the versions of client and daemon
    Version,
}

/// What `events` takes.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with what comes, also when the daemon restarts, until interrupted
    #[arg(long, short)]
    pub follow: bool,
}

/// What `doctor` takes.
#[derive(Debug, Args)]
pub struct DoctorArgs {
    /// The host to check
    #[arg(default_value = "local")]
    pub host: String,
    /// Look again instead of showing the last findings
    #[arg(long)]
    pub fresh: bool,
}

/// What `adopt` takes.
#[derive(Debug, Args)]
pub struct AdoptArgs {
    /// The pod's id, as `doctor` shows it
    #[arg(value_name = "POD-ID")]
    pub pod: String,
    /// The host it lives on
    #[arg(long)]
    pub host: Option<String>,
}

/// What `op` takes.
#[derive(Debug, Args)]
pub struct OpArgs {
    /// The operation's id
    pub id: String,
    /// Wait until it has ended, showing its progress
    #[arg(long, short)]
    pub wait: bool,
}

/// What `replay` takes.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The recording, as F12 or a crash left it
    pub file: PathBuf,
    /// Show the screen after every key, not only the last
    #[arg(long)]
    pub every: bool,
}

/// What `completions` takes.
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// [`Isolation`] as an option's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum IsolationArg {
    /// gVisor's kernel in user space
    Gvisor,
    /// A plain container on the host's kernel
    Runc,
}

impl From<IsolationArg> for Isolation {
    fn from(arg: IsolationArg) -> Self {
        match arg {
            IsolationArg::Gvisor => Self::Gvisor,
            IsolationArg::Runc => Self::Runc,
        }
    }
}
