//! Commands run for clients, with their streams carried through bounded channels:
//! a client that reads slowly slows the command down, and nothing piles up.

use super::client::{CALL_LIMIT, Shared, look};
use super::error::{Touch, failure, permanent, silent};
use super::{exec, names_of, raw, spawn};
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
use tokio::sync::mpsc;

/// Items in each channel: enough to keep a link busy, small enough to stop a flood.
const CHANNEL: usize = 16;
/// The engine refuses a size until the process exists, some milliseconds after the start.
const RESIZE_TRIES: u32 = 10;
const RESIZE_PAUSE: Duration = Duration::from_millis(10);

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
    let config = ExecConfig {
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        tty: Some(tty),
        env: Some(request.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        cmd: Some(request.command),
        user: Some(request.user).filter(|u| !u.is_empty()),
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
    spawn(pump_output(docker.clone(), id.clone(), doing, output, output_tx));
    spawn(pump_input(input, input_rx));
    if tty {
        spawn(pump_sizes(docker, id, size, resize_rx));
    }
    Ok(ExecSession { output: output_rx, input: input_tx, resize: resize_tx })
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
    docker: Docker,
    id: String,
    doing: String,
    mut output: Output,
    sink: mpsc::Sender<Result<ExecOutput, EngineFailure>>,
) {
    loop {
        let item = tokio::select! {
            item = output.next() => item,
            // Nobody reads any more; a silent command would keep us here for ever.
            () = sink.closed() => return,
        };
        let Some(item) = item else { break };
        let failed = item.is_err();
        if sink.send(item).await.is_err() || failed {
            return;
        }
    }
    let end = tokio::select! {
        end = exec::await_end(&docker, &id, &doing) => end,
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

async fn pump_sizes(
    docker: Docker,
    id: String,
    first: Option<TerminalSize>,
    mut source: mpsc::Receiver<TerminalSize>,
) {
    if let Some(size) = first {
        resize(&docker, &id, size).await;
    }
    while let Some(mut size) = source.recv().await {
        // While a window is dragged, only the newest size matters.
        while let Ok(newer) = source.try_recv() {
            size = newer;
        }
        resize(&docker, &id, size).await;
    }
}

async fn resize(docker: &Docker, id: &str, size: TerminalSize) {
    for _ in 0..RESIZE_TRIES {
        let options = ResizeExecOptions { height: size.rows, width: size.columns };
        match look("failed to set a terminal's size", docker.resize_exec(id, options)).await {
            Ok(()) => return,
            Err(failure) => tracing::debug!(error = %failure.error.chain(), "size refused"),
        }
        tokio::time::sleep(RESIZE_PAUSE).await;
    }
}
