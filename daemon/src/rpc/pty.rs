//! The `pty` mode: a command in a pod, its bytes both ways.
//!
//! Backpressure goes end to end: neither side is read from before the other has taken
//! what came last.

use super::resolve;
use crate::backend::Backend;
use crate::engine::{ExecOutput, ExecRequest, ExecSession};
use crate::journal::{CommandJournal, CommandStart};
use crate::shell::quote;
use bytes::Bytes;
use futures::stream::SplitStream;
use futures::{SinkExt, StreamExt};
use pinacle_core::engine::EngineFailure;
use pinacle_protocol::wire::{FrameError, JsonLines, Line, PtyCodec, PtyFrame};
use pinacle_protocol::{
    ApiError, ErrorKind, LEFT_RUNNING, MAX_PTY_FRAME, PtyFrameKind, PtyReply, PtyRequest,
    TerminalSize,
};
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_util::codec::Framed;

/// How long a client may take to say what it wants.
const REQUEST_LIMIT: Duration = Duration::from_secs(10);
/// Exit code reported when the command's own does not fit.
const ODD_EXIT: i32 = 255;

type Lines = Framed<UnixStream, JsonLines>;

pub(super) async fn serve(mut lines: Lines, backend: Backend) {
    let request = match tokio::time::timeout(REQUEST_LIMIT, lines.next()).await {
        Ok(Some(Ok(Line::Whole(line)))) => serde_json::from_slice::<PtyRequest>(&line)
            .map_err(|error| format!("not a pty request: {error}")),
        Ok(Some(Ok(Line::TooLong))) => Err("the line is too long".to_owned()),
        Ok(Some(Err(_)) | None) => return,
        Err(_) => Err("nothing was asked for".to_owned()),
    };
    let started = match request {
        Ok(request) => start(&backend, request).await,
        Err(why) => {
            Err(ApiError::new(ErrorKind::InvalidRequest, why).hint("see protocol/README.md"))
        }
    };
    let (reply, session) = match started {
        Ok(session) => (PtyReply::Started, Some(session)),
        Err(error) => (PtyReply::Error(error), None),
    };
    let sent = lines.send(serde_json::to_string(&reply).unwrap_or_default()).await;
    let Some((session, journal)) = session else { return };
    let ExecSession { output, input, resize, hang_up } = session;
    let frames = lines.map_codec(|_| PtyCodec);
    let end = tokio::select! {
        // Whoever left while it was started cannot be told that it was.
        _ = std::future::ready(()), if sent.is_err() => End::Gone,
        end = carry(frames, output, input, resize) => end,
        () = backend.stop.triggered() => End::Left,
    };
    match end {
        End::Exited(code) => journal.end(Some(code), None).await,
        End::Left => journal.end(None, Some(LEFT_RUNNING.to_owned())).await,
        End::Gone => {
            // It may have ended a moment ago.
            let _ = hang_up.send(());
            journal.end(None, Some("its client went away; it was hung up".to_owned())).await;
        }
    }
}

/// How a session ended.
enum End {
    /// The command did, with this code.
    Exited(i64),
    /// The command goes on without anybody, as was wanted or cannot be helped.
    Left,
    /// The client is gone, and did not say that the command should go on.
    Gone,
}

async fn start(
    backend: &Backend,
    request: PtyRequest,
) -> Result<(ExecSession, CommandJournal), ApiError> {
    let entry = resolve::pod(&backend.driver.published(), &request.pod)?;
    let record = &entry.record;
    let engine = resolve::running(backend, &entry)?;
    let shell = request.command.is_empty();
    let command = if shell { vec!["bash".to_owned(), "-l".to_owned()] } else { request.command };
    let line = command.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
    let mut env: Vec<(String, String)> = record.spec.env.clone().into_iter().collect();
    env.extend(request.env);
    let exec = ExecRequest {
        pod: record.id.clone(),
        command,
        tty: request.tty,
        size: request.size,
        env,
        working_dir: request
            .working_dir
            .or_else(|| record.spec.working_dir.clone())
            .unwrap_or_else(|| "/workspace".into()),
        user: request.user.or_else(|| record.spec.user.clone()).unwrap_or_else(|| "root".into()),
        session: backend.clock.random_token16(),
    };
    let session = engine.exec(exec).await.map_err(|failure| failure.error)?;
    let start = CommandStart {
        line: format!("docker exec {} {line}", pinacle_core::names::container(&record.id)),
        container_line: Some(line),
        label: Some(if shell { "Shell" } else { "Command of a client" }.to_owned()),
    };
    Ok((session, backend.journal.pod(&record.id).begin(start).await))
}

/// Carries bytes until the command ends or the client leaves.
async fn carry(
    frames: Framed<UnixStream, PtyCodec>,
    mut output: mpsc::Receiver<Result<ExecOutput, EngineFailure>>,
    input: mpsc::Sender<Bytes>,
    resize: mpsc::Sender<TerminalSize>,
) -> End {
    let (mut to_client, from_client) = frames.split();
    let inward = listen(from_client, input, resize);
    let outward = async {
        while let Some(item) = output.recv().await {
            let (kind, bytes) = match item {
                Ok(ExecOutput::Stdout(bytes)) => (PtyFrameKind::Stdout, bytes),
                Ok(ExecOutput::Stderr(bytes)) => (PtyFrameKind::Stderr, bytes),
                Ok(ExecOutput::Exit(code)) => {
                    let short = i32::try_from(code).unwrap_or(ODD_EXIT);
                    to_client.send(PtyFrame::exit(short)).await?;
                    return Ok(End::Exited(code));
                }
                Err(failure) => {
                    let error = serde_json::to_vec(&failure.error).unwrap_or_default();
                    to_client.send(PtyFrame::new(PtyFrameKind::Error, error)).await?;
                    return Ok(End::Left);
                }
            };
            let mut rest = bytes;
            while !rest.is_empty() {
                let piece = rest.split_to(rest.len().min(MAX_PTY_FRAME));
                to_client.send(PtyFrame::new(kind, piece)).await?;
            }
        }
        Ok::<_, FrameError>(End::Left)
    };
    tokio::pin!(outward);
    tokio::select! {
        end = &mut outward => end.unwrap_or(End::Gone),
        end = inward => end,
    }
}

/// Hands on what the client sends, until it leaves.
async fn listen(
    mut from_client: SplitStream<Framed<UnixStream, PtyCodec>>,
    input: mpsc::Sender<Bytes>,
    resize: mpsc::Sender<TerminalSize>,
) -> End {
    let mut input = Some(input);
    while let Some(Ok(frame)) = from_client.next().await {
        match frame.kind {
            PtyFrameKind::Stdin => {
                if let Some(sender) = &input
                    && sender.send(frame.payload).await.is_err()
                {
                    // The command no longer reads; its output still matters.
                    input = None;
                }
            }
            PtyFrameKind::StdinEnd => input = None,
            PtyFrameKind::Resize => {
                if let Some(size) = frame.size() {
                    // A size that cannot be set changes nothing that matters.
                    let _ = resize.try_send(size);
                }
            }
            PtyFrameKind::Detach => return End::Left,
            _ => break,
        }
    }
    End::Gone
}
