//! `daemon stop`: ends the daemon; pods keep running.

use crate::autostart::wait_until_gone;
use crate::client::{self, Client, ConnectFailure};
use crate::failure::Failure;
use crate::session::Session;
use pinacle_protocol::paths::Paths;
use pinacle_protocol::{ApiError, ErrorKind};
use rustix::process::{Pid, Signal, kill_process};
use std::path::PathBuf;
use std::time::Duration;

/// How long a daemon may take to finish what it is at.
const POLITE_LIMIT: Duration = Duration::from_secs(15);

/// How long it may take after SIGTERM.
const SIGNAL_LIMIT: Duration = Duration::from_secs(10);

/// Stops it.
///
/// # Errors
///
/// `busy` when it is still there in the end.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    if stop(session).await? {
        session.console.remark("the daemon has stopped; pods keep running");
    } else {
        session.console.remark("the daemon does not run");
    }
    Ok(())
}

/// Stops whatever listens on the socket, of whatever version. Returns whether
/// there was a daemon.
///
/// # Errors
///
/// As [`run`].
pub async fn stop(session: &Session) -> Result<bool, Failure> {
    let socket = &session.paths.socket;
    // The daemon's own, which need not be that of the state directory we were given.
    let mut lock = None;
    let polite = match Client::connect(socket).await {
        Err(ConnectFailure::Absent(_)) => return Ok(false),
        // Of another version: a signal is the one language both know.
        Err(ConnectFailure::Other(error)) if error.kind == ErrorKind::VersionMismatch => false,
        Err(ConnectFailure::Other(error)) => return Err(error.into()),
        Ok(client) => {
            lock = client.server_info().await.ok().map(|info| {
                let state_dir = PathBuf::from(info.state_dir);
                Paths { state_dir, ..session.paths.clone() }.lock_file()
            });
            client.shutdown().await.is_ok()
        }
    };
    let lock = lock.as_deref();
    if polite && wait_until_gone(session, lock, POLITE_LIMIT).await.is_ok() {
        return Ok(true);
    }
    // Looked up now, so that it is the one that listens now.
    let Some(pid) = client::peer_pid(socket).await.and_then(Pid::from_raw) else {
        wait_until_gone(session, lock, Duration::from_secs(1)).await?;
        return Ok(true);
    };
    kill_process(pid, Signal::TERM).map_err(|error| {
        let pid = pid.as_raw_nonzero();
        ApiError::new(ErrorKind::Internal, format!("process {pid} of the daemon cannot be stopped"))
            .cause(std::io::Error::from(error).to_string())
    })?;
    wait_until_gone(session, lock, SIGNAL_LIMIT).await?;
    Ok(true)
}
