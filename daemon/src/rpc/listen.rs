//! Binding the socket: private, and never over something that is not ours.

use pinacle_protocol::paths::MAX_SOCKET_PATH;
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::UnixListener;

/// The socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// The path does not fit the kernel's structure.
    #[error(
        "the socket path {path} has {length} bytes, and {MAX_SOCKET_PATH} are allowed; choose a shorter one with --socket"
    )]
    TooLong {
        /// The path.
        path: PathBuf,
        /// Its length.
        length: usize,
    },
    /// Something that is no socket is there.
    #[error("{path} is not a socket; remove it, or choose another path with --socket")]
    NotASocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket there is another user's.
    #[error("the socket {path} belongs to user {uid}; choose your own with --socket")]
    Foreign {
        /// The path.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// Another daemon answers there, one of another state directory.
    #[error("another daemon listens on {path}; choose another path with --socket")]
    InUse {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot listen on {path}")]
    Io {
        /// The path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Binds the socket with mode 0600, its directory made with 0700 when missing. A socket
/// that nobody listens on is replaced; the caller must hold the state directory's lock.
///
/// # Errors
///
/// [`ListenError`], which says what is in the way.
pub fn listen(path: &Path) -> Result<UnixListener, ListenError> {
    let path = path.to_owned();
    let length = path.as_os_str().len();
    if length > MAX_SOCKET_PATH {
        return Err(ListenError::TooLong { path, length });
    }
    let failed = |source| ListenError::Io { path: path.clone(), source };
    if let Some(dir) = path.parent() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    }
    match std::fs::symlink_metadata(&path) {
        Ok(meta) => {
            remove_stale(&path, &meta)?;
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    // Until here only the directory kept others out; each peer is checked besides.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

fn remove_stale(path: &Path, meta: &std::fs::Metadata) -> Result<(), ListenError> {
    let path = path.to_owned();
    if !meta.file_type().is_socket() {
        return Err(ListenError::NotASocket { path });
    }
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us && us != 0 {
        return Err(ListenError::Foreign { path, uid: meta.uid() });
    }
    match std::os::unix::net::UnixStream::connect(&path) {
        Ok(_) => Err(ListenError::InUse { path }),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(&path).map_err(|source| ListenError::Io { path, source })
        }
        Err(source) => Err(ListenError::Io { path, source }),
    }
}
