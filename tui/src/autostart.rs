//! Starts `pinacled` when nothing answers on its socket.
//!
//! Two clients may start one each at the same moment: the daemon's lock lets
//! one live and the other end, and both clients find the one that listens.

use crate::client::{Client, ConnectFailure};
use crate::failure::Failure;
use crate::sanitize::plain_line;
use crate::session::{Environment, Session};
use pinacle_protocol::paths::{ALREADY_RUNNING, Paths};
use pinacle_protocol::{ApiError, ErrorKind};
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::time::Instant;

/// Environment variable that names the daemon's executable.
pub const PROGRAM_VARIABLE: &str = "PINACLED";

/// How long a new daemon may take until it listens: it opens its database first.
const START_LIMIT: Duration = Duration::from_secs(10);

/// How long to look for another daemon once the one started here has ended.
const OTHER_LIMIT: Duration = Duration::from_secs(2);

/// How many lines of a daemon's log explain why it did not start.
const LOG_LINES: usize = 8;

/// Connects, after starting the daemon if need be.
///
/// # Errors
///
/// `version_mismatch`, or `daemon_unreachable` with the daemon's last words.
pub async fn connect(session: &Session) -> Result<Client, ApiError> {
    match Client::connect(&session.paths.socket).await {
        Ok(client) => Ok(client),
        Err(ConnectFailure::Other(error)) => Err(error),
        Err(ConnectFailure::Absent(_)) => start(&session.env, &session.paths).await,
    }
}

/// Starts a daemon in the background and connects to it.
///
/// # Errors
///
/// As [`connect`].
pub async fn start(env: &Environment, paths: &Paths) -> Result<Client, ApiError> {
    let program = program(env)?;
    let log = open_log(paths).map_err(|error| {
        let text = format!("the state directory {} cannot be used", paths.state_dir.display());
        unreachable(text).cause(error.to_string()).hint("name another with --state-dir")
    })?;
    let log_start = log.metadata().map_or(0, |m| m.len());
    let mut child = spawn(env, paths, &program, log).map_err(|e| {
        unreachable(format!("{} cannot be started", program.display())).cause(e.to_string())
    })?;
    let began = Instant::now();
    let mut pause = Duration::from_millis(10);
    let mut ended: Option<(Instant, Duration)> = None;
    loop {
        match Client::connect(&paths.socket).await {
            Ok(client) => return Ok(client),
            Err(ConnectFailure::Other(error)) => return Err(error),
            Err(ConnectFailure::Absent(_)) => {}
        }
        if ended.is_none()
            && let Ok(Some(status)) = child.try_wait()
        {
            // Another one was quicker, and may still open its database.
            let other = status.code() == Some(i32::from(ALREADY_RUNNING));
            ended = Some((Instant::now(), if other { START_LIMIT } else { OTHER_LIMIT }));
        }
        let over = ended.is_some_and(|(at, limit)| at.elapsed() >= limit);
        if over || began.elapsed() >= START_LIMIT {
            return Err(not_started(env, paths, &mut child, log_start));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(200));
    }
}

/// Has the installed daemon look at its settings before it takes the place of one that
/// runs, and says what is wrong with them.
///
/// # Errors
///
/// `invalid_request` with the daemon's words; as [`program`].
pub async fn check(session: &Session) -> Result<(), ApiError> {
    let Some(said) = complaint(&session.env, &session.paths)? else { return Ok(()) };
    let text = match Client::connect(&session.paths.socket).await {
        Err(ConnectFailure::Absent(_)) => "the daemon does not run, and would not start",
        _ => "the daemon would not start again, so the one that runs is left alone",
    };
    let error = ApiError::new(ErrorKind::InvalidRequest, text)
        .hint("mend what is said above and repeat this");
    Err(said.explain(error))
}

/// What a daemon says before it ends.
#[derive(Debug, Default)]
struct Said {
    causes: Vec<String>,
    hint: Option<String>,
}

impl Said {
    /// Takes `pinacled`'s words apart. Those of another program, or a log, are causes.
    fn read(text: &str) -> Self {
        let mut said = Self::default();
        for line in text.lines().map(plain_line) {
            let line = line.trim();
            if let Some(hint) = line.strip_prefix("hint: ") {
                said.hint = Some(hint.to_owned());
            } else if !line.is_empty() {
                let cause = line.strip_prefix("error: ").or(line.strip_prefix("because "));
                said.causes.push(cause.unwrap_or(line).to_owned());
            }
        }
        said
    }

    fn explain(self, mut error: ApiError) -> ApiError {
        error.causes.extend(self.causes);
        if let Some(hint) = self.hint {
            error.hint = Some(hint);
        }
        error
    }
}

/// Asks the installed daemon what is wrong with its settings; `None` when nothing is.
fn complaint(env: &Environment, paths: &Paths) -> Result<Option<Said>, ApiError> {
    let program = program(env)?;
    let output = command(env, paths, &program).arg("--check").stdin(Stdio::null()).output();
    let output = output.map_err(|e| {
        unreachable(format!("{} cannot be started", program.display())).cause(e.to_string())
    })?;
    let said = String::from_utf8_lossy(&output.stderr);
    // An older build knows no such option, and says so in its own words.
    let is_right = output.status.success() || said.contains("--check'");
    Ok((!is_right).then(|| Said::read(&said)))
}

/// Finds the daemon's executable.
///
/// # Errors
///
/// `daemon_unreachable` when it is nowhere.
pub fn program(env: &Environment) -> Result<PathBuf, ApiError> {
    if let Some(given) = env.get(PROGRAM_VARIABLE) {
        return env.find_program(given).ok_or_else(|| {
            let shown = given.to_string_lossy();
            unreachable(format!("{PROGRAM_VARIABLE} names {shown}, which is no program"))
        });
    }
    let beside = std::env::current_exe().ok().map(|exe| exe.with_file_name("pinacled"));
    beside
        .and_then(|path| env.find_program(path))
        .or_else(|| env.find_program("pinacled"))
        .ok_or_else(|| {
            unreachable("the daemon does not run, and pinacled is not installed".to_owned()).hint(
                format!(
                    "put pinacled beside pinacle-tui or into PATH, or name it in {PROGRAM_VARIABLE}"
                ),
            )
        })
}

fn open_log(paths: &Paths) -> io::Result<File> {
    DirBuilder::new().recursive(true).mode(0o700).create(&paths.state_dir)?;
    let log = OpenOptions::new().create(true).append(true).mode(0o600).open(paths.log_file())?;
    // One of before, or made by hand, may be open to others.
    log.set_permissions(Permissions::from_mode(0o600))?;
    Ok(log)
}

/// The daemon gets a process group of its own, so that neither Ctrl-C nor the
/// end of this terminal reaches it, and no stream of ours but the log.
fn spawn(env: &Environment, paths: &Paths, program: &Path, log: File) -> io::Result<Child> {
    // A lock or a pipe of the script that called us would be held for as long as the daemon runs.
    close_fds::CloseFdsBuilder::new().cloexecfrom(3);
    command(env, paths, program)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .process_group(0)
        .spawn()
}

fn command(env: &Environment, paths: &Paths, program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--state-dir")
        .arg(&paths.state_dir)
        .arg("--socket")
        .arg(&paths.socket)
        .env_clear()
        .envs(env.all())
        .current_dir("/");
    command
}

fn not_started(env: &Environment, paths: &Paths, child: &mut Child, log_start: u64) -> ApiError {
    let log = paths.log_file();
    let hint = format!("its log is {}", log.display());
    let text = match child.try_wait() {
        Ok(Some(status)) => {
            let text = format!("the daemon did not start: it ended with {status}");
            // Settings are what people write, so what is wrong with them is asked for.
            if let Ok(Some(said)) = complaint(env, paths) {
                return said.explain(unreachable(text).hint(hint));
            }
            text
        }
        _ => format!("the daemon does not listen after {} s", START_LIMIT.as_secs()),
    };
    let mut error = unreachable(text).hint(hint);
    for line in last_lines(&log, log_start).unwrap_or_default() {
        error = error.cause(line);
    }
    error
}

/// Returns the last lines of a log after a position.
fn last_lines(log: &Path, start: u64) -> io::Result<Vec<String>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(start.max(length.saturating_sub(8 * 1024)).min(length)))?;
    let mut bytes = Vec::new();
    file.take(8 * 1024).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text.lines().map(plain_line).filter(|line| !line.is_empty()).collect();
    Ok(lines[lines.len().saturating_sub(LOG_LINES)..].to_vec())
}

fn unreachable(message: String) -> ApiError {
    ApiError::new(ErrorKind::DaemonUnreachable, message)
}

/// Waits until nothing listens on the socket any more, and the lock is free.
///
/// # Errors
///
/// `daemon_unreachable` is never one: that is what is waited for. `busy` when
/// the daemon is still there after `limit`.
pub async fn wait_until_gone(
    session: &Session,
    lock: Option<&Path>,
    limit: Duration,
) -> Result<(), Failure> {
    let began = Instant::now();
    loop {
        let absent = Client::connect(&session.paths.socket).await;
        if matches!(absent, Err(ConnectFailure::Absent(_))) && lock.is_none_or(is_free) {
            return Ok(());
        }
        if began.elapsed() >= limit {
            let text = format!("the daemon is still there after {} s", limit.as_secs());
            return Err(ApiError::new(ErrorKind::Busy, text).into());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns whether another daemon could have the lock now: one that ends no longer
/// listens, and still writes what it has to.
fn is_free(lock: &Path) -> bool {
    let Ok(file) = File::open(lock) else { return true };
    // Let go of with the file.
    !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}
