//! What the pod itself knows: its supervisor is asked by a command in it. That is
//! nothing a user ran, so it is not in the journal.

use super::resolve;
use crate::backend::Backend;
use crate::engine::{ExecOutput, ExecRequest};
use pinacle_protocol::{ApiError, ErrorKind, PodRef, ProcessState, ProcessView, Timestamp};
use serde::Deserialize;
use std::time::Duration;

/// How long the supervisor may take: a second at the most, but for a host out of breath.
const LIMIT: Duration = Duration::from_secs(15);
/// Most that is taken of what it prints, in bytes; of more, the end.
const MAX_BYTES: usize = 512 * 1024;
/// Most lines of a log.
const MAX_LINES: u32 = 5_000;

#[derive(Deserialize)]
struct Status {
    services: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    name: String,
    state: ProcessState,
    pid: Option<u32>,
    restarts: u64,
    /// Seconds since 1970.
    since: u64,
}

pub(super) async fn processes(
    backend: &Backend,
    pod: &PodRef,
) -> Result<Vec<ProcessView>, ApiError> {
    let text = ask(backend, pod, &["pinacle-pod", "status"]).await?;
    let status: Status = serde_json::from_str(&text).map_err(|error| {
        ApiError::new(ErrorKind::Engine, "the pod's supervisor answered something else")
            .cause(error.to_string())
    })?;
    let view = |service: Service| ProcessView {
        name: service.name,
        state: service.state,
        pid: service.pid,
        restarts: service.restarts,
        since: Timestamp(service.since.saturating_mul(1_000)),
    };
    Ok(status.services.into_iter().map(view).collect())
}

pub(super) async fn log(
    backend: &Backend,
    pod: &PodRef,
    process: &str,
    lines: u32,
) -> Result<String, ApiError> {
    let lines = lines.clamp(1, MAX_LINES).to_string();
    ask(backend, pod, &["pinacle-pod", "log", process, "-n", &lines]).await
}

/// Runs a command in a pod and returns what it prints.
async fn ask(backend: &Backend, pod: &PodRef, command: &[&str]) -> Result<String, ApiError> {
    let entry = resolve::pod(&backend.driver.published(), pod)?;
    let engine = resolve::running(backend, &entry)?;
    let request = ExecRequest {
        pod: entry.record.id.clone(),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        tty: false,
        size: None,
        env: Vec::new(),
        working_dir: "/".to_owned(),
        user: "root".to_owned(),
        session: backend.clock.random_token16(),
    };
    let session = engine.exec(request).await.map_err(|failure| failure.error)?;
    // Nothing is said to it.
    drop(session.input);
    let (mut output, hang_up) = (session.output, session.hang_up);
    let answer = async {
        let (mut said, mut complaint) = (Vec::new(), Vec::new());
        while let Some(item) = output.recv().await {
            match item.map_err(|failure| failure.error)? {
                ExecOutput::Stdout(bytes) => keep(&mut said, &bytes),
                ExecOutput::Stderr(bytes) => keep(&mut complaint, &bytes),
                ExecOutput::Exit(0) => return Ok(String::from_utf8_lossy(&said).into_owned()),
                ExecOutput::Exit(_) => break,
            }
        }
        let why = String::from_utf8_lossy(&complaint).trim().to_owned();
        let error = ApiError::new(ErrorKind::CommandFailed, "the pod's supervisor did not answer");
        Err(if why.is_empty() { error } else { error.cause(why) })
    };
    tokio::time::timeout(LIMIT, answer).await.unwrap_or_else(|_| {
        // It may have ended a moment ago.
        let _ = hang_up.send(());
        let message = format!("the pod's supervisor did not answer within {LIMIT:?}");
        Err(ApiError::new(ErrorKind::Engine, message))
    })
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8]) {
    kept.extend_from_slice(bytes);
    if kept.len() > 2 * MAX_BYTES {
        kept.drain(..kept.len() - MAX_BYTES);
    }
}
