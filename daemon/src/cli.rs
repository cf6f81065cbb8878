//! `pinacled`: arguments, log, signals; the rest is [`crate::run`].

use crate::backend::StopSwitch;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::engine::docker::{CaBundle, DockerEngine, DockerSettings};
use crate::journal::{Journal, JournalLimits};
use crate::presence::Presence;
use crate::settings::{Settings, SettingsError};
use crate::store::{self, StoreError};
use crate::{Deps, rpc};
use anyhow::Context;
use clap::Parser;
use pinacle_core::record::Record;
use pinacle_protocol::paths::{ALREADY_RUNNING, Paths};
use pinacle_protocol::{HostId, OwnerId};
use std::collections::BTreeMap;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Keeps Pinacle's pods: owns their state and the connections to their hosts.
///
/// Usually started by `pinacle-tui` when it is needed, or by the service that
/// `pinacle-tui daemon install` sets up.
#[derive(Debug, Parser)]
#[command(name = "pinacled", version)]
struct Args {
    /// Directory of the database, the journals and the settings file config.toml
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// Socket to listen on [default: pinacled.sock in the state directory]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Only say whether the settings file is right
    #[arg(long)]
    check: bool,
}

/// Open files: a thousand clients, each with a command in a pod, and what the store needs.
const FILES: u64 = 8 * 1024;

/// Runs `pinacled` with this process's arguments and environment.
pub fn main() -> ExitCode {
    let args = Args::parse();
    let told = if args.check || std::io::stderr().is_terminal() { Told::People } else { Told::Log };
    let filter = tracing_subscriber::EnvFilter::try_from_env("PINACLE_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,tarpc=off"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        // A log on a full disk would otherwise be complained about on the same full disk, and
        // the complaint panics.
        .log_internal_errors(false)
        .init();
    let runtime =
        match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                return fail(&anyhow::Error::new(error).context("cannot start"), told);
            }
        };
    allow_files();
    let result = runtime.block_on(serve(args));
    // Blocking work that hangs (a disk that does not answer) must not keep us here.
    runtime.shutdown_timeout(Duration::from_millis(500));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => match error.downcast_ref::<StoreError>() {
            Some(StoreError::Locked { .. }) => {
                tracing::info!("{error:#}");
                ExitCode::from(ALREADY_RUNNING)
            }
            _ => fail(&error, told),
        },
    }
}

/// Shells start programs with 1,024 descriptors. As many clients may be connected, and with
/// none left the daemon would reach neither engine nor disk.
fn allow_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(FILES, |most| most.min(FILES));
    if limit.current.is_some_and(|now| now < wanted) {
        limit.current = Some(wanted);
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the number of open files");
        }
    }
}

/// Who reads why the daemon ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    /// Somebody at a terminal, or a client that asked with `--check`, which takes these lines
    /// apart by their beginnings.
    People,
    /// A log, a line for each thing that happened.
    Log,
}

fn fail(error: &anyhow::Error, told: Told) -> ExitCode {
    let hint = error.downcast_ref::<SettingsError>().map(SettingsError::hint);
    if told == Told::Log {
        tracing::error!("{error:#}{}", hint.map(|hint| format!("; {hint}")).unwrap_or_default());
        return ExitCode::FAILURE;
    }
    let mut text = format!("error: {error}\n");
    error.chain().skip(1).for_each(|cause| text.push_str(&format!("  because {cause}\n")));
    hint.into_iter().for_each(|hint| text.push_str(&format!("hint: {hint}\n")));
    // Whom else could it be told?
    std::io::stderr().write_all(text.as_bytes()).unwrap_or_default();
    ExitCode::FAILURE
}

async fn serve(args: Args) -> anyhow::Result<()> {
    let stop = StopSwitch::default();
    let signals = Signals::new().context("cannot listen to signals")?;
    let paths =
        Paths::resolve(args.state_dir.clone(), args.socket.clone(), |name| std::env::var_os(name))?;
    let clock = Clock::system();
    // First, so that wrong settings are said without touching anything else.
    let settings = Settings::read(&paths.state_dir.join("config.toml"))?;
    if args.check {
        return Ok(());
    }
    let opened = store::open(&paths.state_dir, &clock)?;
    say_what_was_found(&opened);
    let _presence = presence(&opened.owner);
    let journal_dir = paths.state_dir.join("journal");
    let journal = Journal::open(journal_dir, journal_limits(&settings), clock.clone())
        .context("cannot open the journals")?;
    let engine: Arc<dyn Engine> =
        Arc::new(DockerEngine::new(engine_settings(&settings, &paths, &opened.owner, &clock)));
    let listener = rpc::listen(&paths.socket)?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        socket = %paths.socket.display(),
        pods = opened.records.iter().filter(|r| matches!(r, Record::Pod(_))).count(),
        "listening"
    );
    let deps = Deps {
        store: opened.handle,
        records: opened.records,
        journal,
        engines: BTreeMap::from([(HostId::local(), engine)]),
        clock,
        owner: opened.owner,
        settings,
        state_dir: paths.state_dir.clone(),
        stop: stop.clone(),
    };
    let running = crate::run(listener, deps);
    tokio::pin!(running);
    let result = tokio::select! {
        result = &mut running => result,
        () = signals.wait() => {
            tracing::info!("stopping; pods keep running");
            stop.trigger();
            running.await
        }
    };
    // We hold the lock, so the socket is ours to remove.
    if let Err(error) = std::fs::remove_file(&paths.socket)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "cannot remove the socket");
    }
    drop(opened.lock);
    Ok(result?)
}

fn engine_settings(
    settings: &Settings,
    paths: &Paths,
    owner: &OwnerId,
    clock: &Clock,
) -> DockerSettings {
    DockerSettings {
        host: HostId::local(),
        socket: settings.engine.socket.clone(),
        gvisor_runtime: settings.engine.gvisor_runtime.clone(),
        cache_dir: paths.state_dir.join("cache"),
        ca_bundle: ca_bundle(settings),
        owner: owner.clone(),
        pool: settings.pool().unwrap_or_default(),
        clock: clock.clone(),
    }
}

fn say_what_was_found(opened: &store::Opened) {
    if let Some(recovery) = &opened.recovered {
        tracing::error!("{recovery}");
    }
    if let Some(error) = &opened.unwritable {
        tracing::error!(error = error.to_api().chain(), "nothing can be stored at present");
    }
}

/// Lets other daemons of this machine know that this one runs, where that can be known.
fn presence(owner: &OwnerId) -> Option<Presence> {
    let taken = Presence::take(owner.as_str());
    if let Err(error) = &taken {
        match error.kind() {
            std::io::ErrorKind::Unsupported => {}
            std::io::ErrorKind::AddrInUse => tracing::warn!(
                %owner,
                "another daemon of this owner id runs: one state directory is a copy of the \
                 other, and both go on with the same pods"
            ),
            _ => tracing::warn!(%error, "other daemons cannot tell that this one runs"),
        }
    }
    taken.ok()
}

fn journal_limits(settings: &Settings) -> JournalLimits {
    JournalLimits {
        per_command: u64::from(settings.journal.command_mib) << 20,
        per_pod: u64::from(settings.journal.pod_mib) << 20,
        keep: Duration::from_secs(u64::from(settings.journal.days) * 86_400),
        ..JournalLimits::default()
    }
}

fn ca_bundle(settings: &Settings) -> CaBundle {
    match (&settings.engine.certificates, settings.engine.trust_host_certificates) {
        (_, false) => CaBundle::None,
        (Some(path), true) => CaBundle::File(path.clone()),
        (None, true) => CaBundle::Host,
    }
}

/// The signals that end the daemon. A hang-up is not among them: the daemon
/// belongs to no terminal.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn wait(mut self) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => {}
            }
        }
    }
}
