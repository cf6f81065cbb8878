//! Where the engine's socket is, and why it does not answer.

use super::error::{permanent, silent};
use pinacle_core::engine::{EngineFailure, FailureClass};
use pinacle_protocol::{ApiError, ErrorKind};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// Where Docker listens unless told otherwise.
pub(super) const DEFAULT_SOCKET: &str = "/var/run/docker.sock";
/// A local socket takes a connection at once, unless its backlog is full.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Returns the socket to use: the one set, `DOCKER_HOST`'s, or the first of the usual
/// places at which there is one.
///
/// # Errors
///
/// Permanent, when `DOCKER_HOST` is not a Unix socket.
pub(super) fn find(set: Option<&Path>) -> Result<PathBuf, EngineFailure> {
    if let Some(path) = set {
        return Ok(path.to_owned());
    }
    if let Some(host) = std::env::var("DOCKER_HOST").ok().filter(|h| !h.is_empty()) {
        return from_docker_host(&host);
    }
    let default = PathBuf::from(DEFAULT_SOCKET);
    let home = std::env::var_os("HOME").map(|h| Path::new(&h).join(".docker/run/docker.sock"));
    let run = std::env::var_os("XDG_RUNTIME_DIR").map(|r| Path::new(&r).join("docker.sock"));
    let found = [Some(default.clone()), home, run].into_iter().flatten().find(|p| p.exists());
    Ok(found.unwrap_or(default))
}

fn from_docker_host(host: &str) -> Result<PathBuf, EngineFailure> {
    match host.strip_prefix("unix://") {
        Some(path) if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => {
            let mut failure = permanent(
                ErrorKind::HostUnreachable,
                format!("DOCKER_HOST is {host}, which is not a Unix socket"),
            );
            failure.error.hint = Some("unset DOCKER_HOST, or set it to unix:///path".to_owned());
            Err(failure)
        }
    }
}

/// Opens the socket to learn why it cannot be used, in words for a person.
///
/// # Errors
///
/// Permanent for what only a person can mend, retryable for what may pass.
pub(super) async fn open(path: &Path) -> Result<UnixStream, EngineFailure> {
    match tokio::time::timeout(CONNECT_LIMIT, UnixStream::connect(path)).await {
        Ok(Ok(stream)) => Ok(stream),
        Ok(Err(error)) => Err(explain(path, &error)),
        Err(_) => Err(silent("failed to reach the Docker engine", CONNECT_LIMIT)),
    }
}

fn explain(path: &Path, error: &std::io::Error) -> EngineFailure {
    let path = path.display();
    let (message, hint) = match error.kind() {
        Io::NotFound => (
            format!("there is no Docker socket at {path}"),
            "install Docker and start it (`sudo systemctl start docker`), or set DOCKER_HOST",
        ),
        Io::PermissionDenied => (
            format!("this user may not use the Docker socket {path}"),
            "add the user to the group docker (`sudo usermod -aG docker $USER`), log in again \
             and restart pinacled; or run it with sudo",
        ),
        Io::ConnectionRefused => (
            format!("no Docker engine listens on {path}"),
            "start Docker: `sudo systemctl start docker`",
        ),
        _ => (format!("failed to open the Docker socket {path}"), "look with `docker info`"),
    };
    let mut api = ApiError::new(ErrorKind::HostUnreachable, message).hint(hint);
    if !matches!(error.kind(), Io::NotFound | Io::PermissionDenied | Io::ConnectionRefused) {
        api = api.cause(error.to_string());
    }
    EngineFailure { class: FailureClass::Retryable, error: api }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unix_sockets_are_taken() {
        assert_eq!(
            from_docker_host("unix:///run/x.sock").expect("a path"),
            PathBuf::from("/run/x.sock")
        );
        for host in ["tcp://127.0.0.1:2375", "ssh://a@b", "unix://relative", "x"] {
            let failure = from_docker_host(host).expect_err("refused");
            assert!(failure.error.message.contains(host));
            assert!(failure.error.hint.is_some());
        }
    }

    #[tokio::test]
    async fn each_way_of_not_answering_has_its_own_sentence() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = open(&dir.path().join("none.sock")).await.expect_err("missing");
        assert!(missing.error.message.contains("no Docker socket"), "{missing:?}");

        let stale = dir.path().join("stale.sock");
        drop(std::os::unix::net::UnixListener::bind(&stale).expect("bound"));
        let refused = open(&stale).await.expect_err("refused");
        assert!(refused.error.message.contains("no Docker engine listens"), "{refused:?}");
        for failure in [missing, refused] {
            assert_eq!(failure.error.kind, ErrorKind::HostUnreachable);
            assert!(failure.error.hint.is_some());
        }
    }
}
