//! Commands run for clients, with their streams carried through bounded channels:
//! a client that reads slowly slows the command down, and nothing piles up.

use super::client::{CALL_LIMIT, Shared, look};
use super::error::{Touch, failure, permanent, silent};
use super::{exec, hangup, names_of, raw, spawn};
use crate::engine::{ExecOutput, ExecRequest, ExecSession};
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::exec::{ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::ExecConfig;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use pinacle_core::engine::EngineFailure;
use pinacle_protocol::{ErrorKind, TerminalSize};
use std::pin::Pin;
use std::time::Duration;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};

/// Items in each channel: enough to keep a link busy, small enough to stop a flood.
const CHANNEL: usize = 16;
/// The engine refuses a size until the process exists: some milliseconds after the
/// start, seconds on a busy host. First and longest pause between two attempts.
const RESIZE_PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// How the engine begins what it says in the place of a program that it did not start.
const NOT_STARTED: &[u8] = b"OCI runtime exec failed: ";
/// Exit codes that shells have for a program that cannot be run, and for one that is not there.
const NOT_RUNNABLE: i64 = 126;
const NOT_FOUND: i64 = 127;

type Output = BoxStream<'static, Result<ExecOutput, EngineFailure>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Starts a command.
pub(super) async fn begin(
    shared: &Shared,
    request: ExecRequest,
) -> Result<ExecSession, EngineFailure> {
    let container = names_of(&request.pod);
    let program = request.command.first().cloned().unwrap_or_default();
    if program.is_empty() {
        return Err(permanent(ErrorKind::InvalidRequest, "there is no command to run"));
    }
    let doing = format!("failed to run {program} in {container}");
    let docker = shared.docker()?;
    let (tty, size) = (request.tty, request.size);
    let user = Some(request.user).filter(|u| !u.is_empty());
    let session = request.session;
    let mut env: Vec<String> =
        request.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    env.push(format!("{}={session}", hangup::VARIABLE));
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(tty),
        // Engines before 23.0 do not know it, and are told once the command runs.
        console_size: size.map(|s| vec![usize::from(s.rows), usize::from(s.columns)]),
        env: Some(env),
        cmd: Some(request.command),
        user: user.clone(),
        working_dir: Some(request.working_dir).filter(|d| !d.is_empty()),
        ..Default::default()
    };
    let id = look(&doing, docker.create_exec(&container, config)).await?.id;
    let started = async {
        if tty { raw::start(shared, &id, &doing).await } else { framed(&docker, &id, &doing).await }
    };
    let (output, input) = tokio::time::timeout(CALL_LIMIT, started)
        .await
        .unwrap_or_else(|_| Err(silent(&doing, CALL_LIMIT)))?;

    let (output_tx, output_rx) = mpsc::channel(CHANNEL);
    let (input_tx, input_rx) = mpsc::channel(CHANNEL);
    let (resize_tx, resize_rx) = mpsc::channel(CHANNEL);
    let (hang_up, hung_up) = oneshot::channel();
    let command = Command { docker: docker.clone(), id: id.clone(), doing, program, tty };
    spawn(pump_output(command, output, output_tx));
    spawn(pump_input(input, input_rx));
    if tty {
        spawn(pump_sizes(docker.clone(), id, size, resize_rx));
    }
    spawn(async move {
        // Dropped where the command may go on.
        if hung_up.await.is_ok()
            && let Err(failure) = hangup::hang_up(&docker, &container, user, &session).await
        {
            tracing::warn!(error = %failure.error.chain(), "a command may go on without its client");
        }
    });
    Ok(ExecSession { output: output_rx, input: input_tx, resize: resize_tx, hang_up })
}

/// A command that was started, or was to be.
struct Command {
    docker: Docker,
    id: String,
    doing: String,
    program: String,
    tty: bool,
}

impl Command {
    /// Returns what is to be said of a program that the engine did not start, and
    /// with which code; `None` when it did, and these are the program's own words.
    /// The engine writes its reason where the program's output should be.
    async fn refusal(&self, words: &[u8]) -> Option<(ExecOutput, i64)> {
        let reason = words.strip_prefix(NOT_STARTED)?;
        let seen = look(&self.doing, self.docker.inspect_exec(&self.id)).await.ok()?;
        if seen.pid.unwrap_or(0) != 0 || seen.running == Some(true) {
            return None;
        }
        let reason = String::from_utf8_lossy(reason);
        let reason = reason.trim().trim_end_matches(": unknown");
        // Only the words tell which it is; newer engines read them too.
        let missing = ["executable file not found", "no such file or directory"];
        let (code, why) = if let Some(directory) = missing_directory(reason) {
            (NOT_RUNNABLE, format!("cannot be run: there is no directory {directory} in the pod"))
        } else if missing.iter().any(|m| reason.contains(m)) {
            (NOT_FOUND, "not found in the pod".to_owned())
        } else {
            let last = reason.rsplit(": ").next().unwrap_or(reason);
            (NOT_RUNNABLE, format!("cannot be run: {last}"))
        };
        let program = &self.program;
        Some(if self.tty {
            (ExecOutput::Stdout(format!("pinacle: {program}: {why}\r\n").into()), code)
        } else {
            (ExecOutput::Stderr(format!("pinacle: {program}: {why}\n").into()), code)
        })
    }
}

/// Returns the working directory that an engine did not find.
fn missing_directory(reason: &str) -> Option<&str> {
    // runc's words, and gVisor's.
    let markers = ["chdir to cwd (", "initial working directory "];
    let rest = markers.iter().find_map(|marker| Some(reason.split_once(marker)?.1))?;
    let (directory, rest) = rest.strip_prefix('"')?.split_once('"')?;
    rest.contains("no such file or directory").then_some(directory)
}

async fn framed(docker: &Docker, id: &str, doing: &str) -> Result<(Output, Input), EngineFailure> {
    let options = StartExecOptions { detach: false, tty: false, output_capacity: Some(64 * 1024) };
    let started = docker.start_exec(id, Some(options)).await;
    match started.map_err(|error| failure(doing, Touch::Change, &error))? {
        StartExecResults::Attached { output, input } => {
            let doing = doing.to_owned();
            let output = output
                .map_err(move |error| failure(&doing, Touch::Change, &error))
                .map_ok(|item| match item {
                    LogOutput::StdErr { message } => ExecOutput::Stderr(message),
                    LogOutput::StdOut { message }
                    | LogOutput::Console { message }
                    | LogOutput::StdIn { message } => ExecOutput::Stdout(message),
                });
            Ok((output.boxed(), input))
        }
        StartExecResults::Detached => {
            Err(permanent(ErrorKind::Internal, "the engine did not attach to the command"))
        }
    }
}

async fn pump_output(
    command: Command,
    mut output: Output,
    sink: mpsc::Sender<Result<ExecOutput, EngineFailure>>,
) {
    let mut first = true;
    loop {
        let item = tokio::select! {
            item = output.next() => item,
            // Nobody reads any more; a silent command would keep us here for ever.
            () = sink.closed() => return,
        };
        let Some(item) = item else { break };
        if let (true, Ok(ExecOutput::Stdout(words))) = (first, &item)
            && let Some((said, code)) = command.refusal(words).await
        {
            for item in [said, ExecOutput::Exit(code)] {
                if sink.send(Ok(item)).await.is_err() {
                    return;
                }
            }
            return;
        }
        first = false;
        let failed = item.is_err();
        if sink.send(item).await.is_err() || failed {
            return;
        }
    }
    let end = tokio::select! {
        end = exec::await_end(&command.docker, &command.id, &command.doing) => end,
        () = sink.closed() => return,
    };
    // The reader may be gone by now, and then needs no exit code.
    let _ = sink.send(end.map(ExecOutput::Exit)).await;
}

async fn pump_input(mut input: Input, mut source: mpsc::Receiver<Bytes>) {
    while let Some(bytes) = source.recv().await {
        if let Err(error) = input.write_all(&bytes).await {
            tracing::debug!(%error, "a command stopped reading its input");
            return;
        }
        if source.is_empty()
            && let Err(error) = input.flush().await
        {
            tracing::debug!(%error, "a command stopped reading its input");
            return;
        }
    }
    if let Err(error) = input.shutdown().await {
        tracing::debug!(%error, "a command had closed its input");
    }
}

/// Sets the newest size until the engine takes it. Ends with the session.
async fn pump_sizes(
    docker: Docker,
    id: String,
    first: Option<TerminalSize>,
    mut source: mpsc::Receiver<TerminalSize>,
) {
    let mut wanted = first;
    let mut pause = RESIZE_PAUSES.0;
    loop {
        if let Some(size) = wanted {
            let options = ResizeExecOptions { height: size.rows, width: size.columns };
            match look("failed to set a terminal's size", docker.resize_exec(&id, options)).await {
                Ok(()) => (wanted, pause) = (None, RESIZE_PAUSES.0),
                Err(failure) => tracing::debug!(error = %failure.error.chain(), "size refused"),
            }
        }
        let newer = tokio::select! {
            newer = source.recv() => newer,
            () = tokio::time::sleep(pause), if wanted.is_some() => {
                pause = (pause * 2).min(RESIZE_PAUSES.1);
                continue;
            }
        };
        let Some(mut size) = newer else { return };
        // While a window is dragged, only the newest size matters.
        while let Ok(newer) = source.try_recv() {
            size = newer;
        }
        wanted = Some(size);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_directory_is_told_from_a_missing_program() {
        let reasons = [
            (
                "exec failed: unable to start container process: chdir to cwd (\"/none\") set in \
                 config.json failed: no such file or directory",
                Some("/none"),
            ),
            (
                "executing command \"ls\" in sandbox: failed to find initial working directory \
                 \"/none\": no such file or directory",
                Some("/none"),
            ),
            ("error finding executable \"ls\" in PATH [/bin]: no such file or directory", None),
            ("exec: \"ls\": executable file not found in $PATH", None),
        ];
        for (reason, directory) in reasons {
            assert_eq!(missing_directory(reason), directory, "{reason}");
        }
    }
}
