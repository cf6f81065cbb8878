//! `daemon status`: whether the daemon runs, and what it is. With `--json` a
//! `ServerInfo` with `socket` and `running` beside its fields, or
//! `{"running":false,"socket":…}`.

use crate::client::{Client, ConnectFailure};
use crate::failure::Failure;
use crate::output::{Verbosity, time};
use crate::session::Session;
use pinacle_protocol::{ErrorKind, ServerInfo};
use serde::Serialize;

#[derive(Serialize)]
struct StatusReport {
    running: bool,
    socket: String,
    #[serde(flatten)]
    server: Option<ServerInfo>,
}

/// Says it. Starts nothing.
///
/// # Errors
///
/// [`Failure::Exit`] with the code of `daemon_unreachable` when it does not run.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    match Client::connect(&session.paths.socket).await {
        Ok(client) => {
            let server = client.server_info().await?;
            print(session, server)
        }
        Err(ConnectFailure::Other(error)) => Err(error.into()),
        Err(ConnectFailure::Absent(_)) => {
            let socket = session.paths.socket.display().to_string();
            if session.console.is_json() {
                let report = StatusReport { running: false, socket, server: None };
                session.console.json(&report)?;
            } else {
                session.console.line(&format!("the daemon does not run (socket {socket})"))?;
            }
            Err(Failure::Exit(ErrorKind::DaemonUnreachable.exit_code()))
        }
    }
}

/// Prints what runs after it was started: a remark unless it is asked for as JSON.
///
/// # Errors
///
/// As [`print()`].
pub fn print_started(session: &mut Session, server: ServerInfo) -> Result<(), Failure> {
    if session.console.verbosity == Verbosity::Quiet && !session.console.is_json() {
        return Ok(());
    }
    print(session, server)
}

/// Prints what runs.
///
/// # Errors
///
/// As [`crate::output::Console::write`].
pub fn print(session: &mut Session, server: ServerInfo) -> Result<(), Failure> {
    let socket = session.paths.socket.display().to_string();
    if session.console.is_json() {
        let report = StatusReport { running: true, socket, server: Some(server) };
        return session.console.json(&report);
    }
    let up = time::age(time::now().since_ms(server.started_at));
    let text = format!(
        "pinacled {} runs as process {} for {up}\n  socket      {socket}\n  state       {}\n  \
         program     {}\n  owner       {}\n  protocol    {}\n",
        server.version,
        server.pid,
        server.state_dir,
        server.executable,
        server.owner,
        server.protocol,
    );
    session.console.write(text.as_bytes())?;
    match server.trouble {
        Some(trouble) => {
            let line = format!("  trouble     {}", trouble.chain());
            session.console.line(&crate::sanitize::plain_line(&line))?;
            let hint = trouble.hint.map(|hint| format!("  next step   {hint}"));
            hint.map_or(Ok(()), |hint| session.console.line(&crate::sanitize::plain_line(&hint)))
        }
        None => Ok(()),
    }
}
