//! Running commands in pods for the daemon itself, their output into the journal.

use super::client::{CALL_LIMIT, Shared, exit_code, look};
use super::container::inspect_ours;
use super::error::{Touch, failure};
use super::lifecycle::missing;
use super::line::Line;
use crate::fail;
use crate::journal::{CommandJournal, CommandStart, PodJournal};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures::{Stream, StreamExt};
use pinacle_core::engine::{EngineFailure, EngineOutcome, FailureClass, Ownership, RunPlan};
use pinacle_core::podconfig::PodConfig;
use pinacle_protocol::{ApiError, ErrorKind, OutputStream};
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

/// The program inside the base image that does everything the daemon asks for there.
const POD_PROGRAM: &str = "pinacle-pod";
/// First and longest pause between two looks whether a command has ended.
const END_PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_secs(1));
/// What a pod's own check may take longer than it was told to.
const HEALTH_SLACK: Duration = Duration::from_secs(30);

type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// A command to run.
pub(super) struct Exec<'a> {
    pub(super) container: &'a str,
    pub(super) user: Option<&'a str>,
    pub(super) command: Vec<String>,
    /// For the journal: what users see, and its heading.
    pub(super) container_line: Option<String>,
    pub(super) label: Option<String>,
    /// Its fail points.
    pub(super) point: &'static str,
}

/// What a command is given on its standard input.
pub(super) enum Stdin {
    Nothing,
    Bytes(Bytes),
    /// Closing the channel is end of file.
    Stream(mpsc::Receiver<Bytes>),
}

impl Exec<'_> {
    fn line(&self, stdin: &Stdin) -> String {
        let mut line = Line::docker(&["exec"]);
        if !matches!(stdin, Stdin::Nothing) {
            line = line.arg("--interactive");
        }
        if let Some(user) = self.user {
            line = line.opt("--user", user);
        }
        line.arg(self.container).args(&self.command).done()
    }
}

/// Runs a command to its end and returns its exit code. What `last_words`
/// returns ends its output in the journal.
///
/// # Cancel safety
///
/// Dropping it closes the command's standard input and the journal's entry; the
/// command itself may go on.
pub(super) async fn run(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    exec: Exec<'_>,
    stdin: Stdin,
    last_words: impl Future<Output = Option<String>>,
) -> Result<i64, EngineFailure> {
    let docker = shared.docker()?;
    if inspect_ours(&docker, owner, exec.container).await?.is_none() {
        return Err(missing(exec.container));
    }
    let command = journal
        .begin(CommandStart {
            line: exec.line(&stdin),
            container_line: exec.container_line.clone(),
            label: exec.label.clone(),
        })
        .await;
    fail::point(&format!("engine.{}.before", exec.point));
    let result = attached(&docker, &exec, stdin, &command).await;
    fail::point(&format!("engine.{}.after", exec.point));
    if let Some(words) = last_words.await {
        command.output(OutputStream::Stdout, words.as_bytes()).await;
    }
    match &result {
        Ok(code) => command.end(Some(*code), None).await,
        Err(failure) => command.end(exit_code(failure), Some(failure.error.chain())).await,
    }
    result
}

async fn attached(
    docker: &Docker,
    exec: &Exec<'_>,
    stdin: Stdin,
    command: &CommandJournal,
) -> Result<i64, EngineFailure> {
    let doing = format!("failed to run {} in {}", exec.command[0], exec.container);
    let config = ExecConfig {
        attach_stdin: Some(!matches!(stdin, Stdin::Nothing)),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        cmd: Some(exec.command.clone()),
        user: exec.user.map(ToOwned::to_owned),
        ..Default::default()
    };
    let id = look(&doing, docker.create_exec(exec.container, config)).await?.id;
    let (mut output, input) = start(docker, &id, &doing).await?;
    let feed = feed(input, stdin);
    let drain = drain(&mut output, command, &doing);
    // The command may end without having read all of its input.
    tokio::pin!(feed);
    tokio::pin!(drain);
    let mut fed = false;
    loop {
        tokio::select! {
            drained = &mut drain => { drained?; break; }
            () = &mut feed, if !fed => fed = true,
        }
    }
    await_end(docker, &id, &doing).await
}

async fn start(docker: &Docker, id: &str, doing: &str) -> Result<(Output, Input), EngineFailure> {
    let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(64 * 1024) };
    let started = tokio::time::timeout(CALL_LIMIT, docker.start_exec(id, Some(options))).await;
    match started {
        Ok(Ok(StartExecResults::Attached { output, input })) => Ok((output, input)),
        Ok(Ok(StartExecResults::Detached)) => {
            Err(super::error::permanent(ErrorKind::Internal, format!("{doing}: not attached")))
        }
        Ok(Err(error)) => Err(failure(doing, Touch::Change, &error)),
        Err(_) => Err(super::error::silent(doing, CALL_LIMIT)),
    }
}

/// Writes the input and closes it. A command that stops reading is not a failure;
/// its exit code says what it thinks.
async fn feed(mut input: Input, stdin: Stdin) {
    let written = match stdin {
        Stdin::Nothing => Ok(()),
        Stdin::Bytes(bytes) => input.write_all(&bytes).await,
        Stdin::Stream(mut chunks) => {
            let mut written = Ok(());
            while let Some(chunk) = chunks.recv().await {
                written = input.write_all(&chunk).await;
                if written.is_err() {
                    break;
                }
            }
            written
        }
    };
    if let Err(error) = written {
        tracing::debug!(%error, "a command stopped reading its input");
    }
    if let Err(error) = input.shutdown().await {
        tracing::debug!(%error, "a command had closed its input");
    }
}

async fn drain(
    output: &mut Output,
    command: &CommandJournal,
    doing: &str,
) -> Result<(), EngineFailure> {
    while let Some(item) = output.next().await {
        match item.map_err(|error| failure(doing, Touch::Change, &error))? {
            LogOutput::StdErr { message } => command.output(OutputStream::Stderr, &message).await,
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                command.output(OutputStream::Stdout, &message).await;
            }
            LogOutput::StdIn { .. } => {}
        }
    }
    Ok(())
}

/// Returns the exit code. The engine closes the streams a moment before it knows
/// the code, and a command may close them long before it ends.
pub(super) async fn await_end(
    docker: &Docker,
    id: &str,
    doing: &str,
) -> Result<i64, EngineFailure> {
    let mut pause = END_PAUSES.0;
    loop {
        let seen = look(doing, docker.inspect_exec(id)).await.map_err(unknown)?;
        if let (Some(false), Some(code)) = (seen.running, seen.exit_code) {
            return Ok(code);
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(END_PAUSES.1);
    }
}

/// A command that was started and whose end was not seen may have run.
fn unknown(mut failure: EngineFailure) -> EngineFailure {
    failure.class = FailureClass::OutcomeUnknown;
    failure
}

fn ended(code: i64, message: String) -> Result<EngineOutcome, EngineFailure> {
    if code == 0 {
        return Ok(EngineOutcome::Done);
    }
    let error = ApiError::new(ErrorKind::CommandFailed, format!("{message} (exit code {code})"));
    Err(EngineFailure { class: FailureClass::CommandFailed, error })
}

/// For commands that say everything themselves.
pub(super) fn no_words() -> std::future::Ready<Option<String>> {
    std::future::ready(None)
}

fn words(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|p| (*p).to_owned()).collect()
}

/// Hands the pod its configuration.
pub(super) async fn apply(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    name: &str,
    config: &PodConfig,
) -> Result<EngineOutcome, EngineFailure> {
    let json = serde_json::to_vec(config).map_err(|_| {
        super::error::permanent(ErrorKind::Internal, "the pod's configuration is not JSON")
    })?;
    let exec = Exec {
        container: name,
        user: Some("root"),
        command: words(&[POD_PROGRAM, "apply"]),
        container_line: None,
        label: Some("Configuring the pod".to_owned()),
        point: "apply_config",
    };
    let code = run(shared, owner, journal, exec, Stdin::Bytes(json.into()), no_words()).await?;
    ended(code, format!("failed to configure the pod in {name}"))
}

/// Runs a step's command once.
pub(super) async fn step(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    plan: &RunPlan,
) -> Result<EngineOutcome, EngineFailure> {
    let RunPlan { container, key, label, command, dir, user } = plan;
    let exec = Exec {
        container,
        user: Some("root"),
        command: words(&[POD_PROGRAM, "step", key, "--dir", dir, "--user", user, "--", command]),
        container_line: Some(command.clone()),
        label: Some(label.clone()),
        point: "run",
    };
    let code = run(shared, owner, journal, exec, Stdin::Nothing, no_words()).await?;
    ended(code, format!("{label:?} failed"))
}

/// Waits until a service is healthy.
pub(super) async fn healthy(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    (name, service): (&str, &str),
    limit: Duration,
) -> Result<EngineOutcome, EngineFailure> {
    let seconds = limit.as_millis().div_ceil(1000).to_string();
    let command = words(&[POD_PROGRAM, "healthy", service, "--timeout", &seconds]);
    let exec = Exec {
        container: name,
        user: Some("root"),
        container_line: Some(command.join(" ")),
        command,
        label: Some(format!("Waiting for {service}")),
        point: "await_healthy",
    };
    let waited = run(shared, owner, journal, exec, Stdin::Nothing, no_words());
    let message = format!("{service} did not become healthy within {seconds} s");
    match tokio::time::timeout(limit + HEALTH_SLACK, waited).await {
        Ok(code) => ended(code?, message),
        Err(_) => Err(EngineFailure {
            class: FailureClass::CommandFailed,
            error: ApiError::new(ErrorKind::CommandFailed, message)
                .cause("its check did not end in time either"),
        }),
    }
}

/// Runs a command quietly and returns what it printed, at most `cap` bytes; `None`
/// unless it ended with 0.
pub(super) async fn read_out(
    shared: &Shared,
    container: &str,
    command: &[&str],
    cap: usize,
) -> Result<Option<Vec<u8>>, EngineFailure> {
    let docker = shared.docker()?;
    let doing = format!("failed to read from {container}");
    let config = ExecConfig {
        attach_stdout: Some(true),
        cmd: Some(words(command)),
        user: Some("root".to_owned()),
        ..Default::default()
    };
    let id = look(&doing, docker.create_exec(container, config)).await?.id;
    let read = async {
        let (mut output, _input) = start(&docker, &id, &doing).await?;
        let mut text = Vec::new();
        while let Some(item) = output.next().await {
            let item = item.map_err(|error| failure(&doing, Touch::Look, &error))?;
            if let LogOutput::StdOut { message } | LogOutput::Console { message } = item {
                text.extend_from_slice(&message);
            }
            if text.len() > cap {
                return Ok(None);
            }
        }
        Ok((await_end(&docker, &id, &doing).await? == 0).then_some(text))
    };
    tokio::time::timeout(CALL_LIMIT, read)
        .await
        .unwrap_or_else(|_| Err(super::error::silent(&doing, CALL_LIMIT)))
}
