//! Where the daemon keeps its state and listens, by rules that client and
//! daemon share.
//!
//! Pure: looks at an environment it is given and at no file. The rules never
//! name anything of the login session (no `XDG_RUNTIME_DIR`, no terminal), so
//! a client in another session finds the same daemon.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Environment variable that names the state directory.
pub const STATE_DIR_VARIABLE: &str = "PINACLE_STATE_DIR";

/// Environment variable that names the socket.
pub const SOCKET_VARIABLE: &str = "PINACLE_SOCKET";

/// Longest path a Unix socket can be bound to, in bytes, without the closing
/// zero: `sun_path` has 108 bytes on Linux and 104 on macOS and the BSDs.
pub const MAX_SOCKET_PATH: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// Exit code of a daemon whose state directory another one serves already: not a fault, which
/// is why whoever starts daemons on demand must be able to tell.
pub const ALREADY_RUNNING: u8 = 75;

/// Where one daemon keeps its state and listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Holds the database, the journals, the log and the lock; mode 0700.
    pub state_dir: PathBuf,
    /// The socket; mode 0600.
    pub socket: PathBuf,
}

/// The paths cannot be settled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathsError {
    /// A path that was given by hand depends on the working directory.
    #[error("{origin} is {path:?}, which is not an absolute path; give one that starts with /")]
    Relative {
        /// What gave it: a variable's name or an option.
        origin: &'static str,
        /// As given.
        path: PathBuf,
    },
    /// The kernel cannot bind or connect to a path this long.
    #[error(
        "the socket path {path:?} has {length} bytes, and this system allows {limit}; \
         set PINACLE_SOCKET or --socket to a shorter one"
    )]
    SocketTooLong {
        /// The path.
        path: PathBuf,
        /// Its length in bytes.
        length: usize,
        /// [`MAX_SOCKET_PATH`].
        limit: usize,
    },
}

impl Paths {
    /// Settles the paths: what was given, then the environment, then the defaults.
    ///
    /// Default state directory: `$XDG_STATE_HOME/pinacle`, else
    /// `~/.local/state/pinacle` (macOS: `~/Library/Application Support/pinacle`),
    /// and `/var/lib/pinacle` for a service without `HOME`. Default socket:
    /// `pinacled.sock` in the state directory. Empty variables count as unset, and
    /// so does a relative `XDG_STATE_HOME`, as its specification asks.
    ///
    /// # Errors
    ///
    /// [`PathsError`]; its message says what to do.
    pub fn resolve(
        state_dir: Option<PathBuf>,
        socket: Option<PathBuf>,
        env: impl Fn(&str) -> Option<OsString>,
    ) -> Result<Self, PathsError> {
        let variable = |name: &str| env(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let state_dir = match (state_dir, variable(STATE_DIR_VARIABLE)) {
            (Some(given), _) => absolute("--state-dir", given)?,
            (None, Some(set)) => absolute(STATE_DIR_VARIABLE, set)?,
            (None, None) => default_state_dir(&variable),
        };
        let socket = match (socket, variable(SOCKET_VARIABLE)) {
            (Some(given), _) => absolute("--socket", given)?,
            (None, Some(set)) => absolute(SOCKET_VARIABLE, set)?,
            (None, None) => state_dir.join("pinacled.sock"),
        };
        let length = socket.as_os_str().len();
        if length > MAX_SOCKET_PATH {
            return Err(PathsError::SocketTooLong { path: socket, length, limit: MAX_SOCKET_PATH });
        }
        Ok(Self { state_dir, socket })
    }

    /// Returns the file the daemon logs to when nobody collects its output.
    pub fn log_file(&self) -> PathBuf {
        self.state_dir.join("pinacled.log")
    }

    /// Returns the file whose lock makes a daemon the only one of its state directory.
    pub fn lock_file(&self) -> PathBuf {
        self.state_dir.join("pinacled.lock")
    }
}

fn absolute(origin: &'static str, path: PathBuf) -> Result<PathBuf, PathsError> {
    if path.is_absolute() { Ok(path) } else { Err(PathsError::Relative { origin, path }) }
}

fn default_state_dir(variable: &impl Fn(&str) -> Option<PathBuf>) -> PathBuf {
    let home = variable("HOME").filter(|p| p.is_absolute());
    if let Some(xdg) = variable("XDG_STATE_HOME").filter(|p| p.is_absolute()) {
        return xdg.join("pinacle");
    }
    match home {
        Some(home) if cfg!(target_os = "macos") => home.join("Library/Application Support/pinacle"),
        Some(home) => home.join(".local/state/pinacle"),
        None => Path::new("/var/lib/pinacle").to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(env: &[(&str, &str)]) -> Result<Paths, PathsError> {
        Paths::resolve(None, None, lookup(env))
    }

    fn lookup(env: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        let env: Vec<(String, String)> =
            env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        move |name| env.iter().find(|(k, _)| k == name).map(|(_, v)| v.into())
    }

    #[test]
    fn the_environment_decides_in_order() {
        let all = [("HOME", "/h"), ("XDG_STATE_HOME", "/x"), ("PINACLE_STATE_DIR", "/p")];
        let state = |env: &[_]| resolve(env).expect("resolves").state_dir;
        assert_eq!(state(&all), Path::new("/p"));
        assert_eq!(state(&all[..2]), Path::new("/x/pinacle"));
        if cfg!(target_os = "linux") {
            assert_eq!(state(&all[..1]), Path::new("/h/.local/state/pinacle"));
            assert_eq!(
                state(&[("HOME", "/h"), ("XDG_STATE_HOME", "relative")]),
                Path::new("/h/.local/state/pinacle")
            );
        }
        assert_eq!(state(&[]), Path::new("/var/lib/pinacle"));
        assert_eq!(
            state(&[("HOME", ""), ("PINACLE_STATE_DIR", "")]),
            Path::new("/var/lib/pinacle")
        );
    }

    #[test]
    fn what_is_given_wins_over_the_environment() {
        let env = lookup(&[("PINACLE_STATE_DIR", "/p"), ("PINACLE_SOCKET", "/s/e.sock")]);
        let paths = Paths::resolve(Some("/g".into()), None, &env).expect("resolves");
        assert_eq!(paths.state_dir, Path::new("/g"));
        assert_eq!(paths.socket, Path::new("/s/e.sock"));
        let paths = Paths::resolve(None, Some("/g.sock".into()), &env).expect("resolves");
        assert_eq!(paths.socket, Path::new("/g.sock"));
        assert_eq!(paths.lock_file(), Path::new("/p/pinacled.lock"));
        assert_eq!(paths.log_file(), Path::new("/p/pinacled.log"));
    }

    #[test]
    fn a_login_session_changes_nothing() {
        let base = [("HOME", "/h")];
        let session = [("HOME", "/h"), ("XDG_RUNTIME_DIR", "/run/user/7"), ("TMPDIR", "/t")];
        assert_eq!(resolve(&base), resolve(&session));
    }

    #[test]
    fn unusable_paths_are_refused_with_the_reason() {
        let error = resolve(&[("PINACLE_STATE_DIR", "here")]).expect_err("relative");
        assert!(error.to_string().contains("PINACLE_STATE_DIR"));
        let long = format!("/{}", "a".repeat(MAX_SOCKET_PATH));
        let error = resolve(&[("HOME", "/h"), ("PINACLE_SOCKET", &long)]).expect_err("long");
        assert!(matches!(error, PathsError::SocketTooLong { length, .. } if length == long.len()));
        let fits = format!("/{}", "a".repeat(MAX_SOCKET_PATH - 1));
        assert!(resolve(&[("PINACLE_SOCKET", &fits)]).is_ok());
    }
}
