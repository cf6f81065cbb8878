//! What one run of the program stands on: its streams, its environment and the
//! daemon it talks to. All of it is given from outside, so tests run whole
//! commands in their own process.

use crate::args::Global;
use crate::autostart;
use crate::bounded;
use crate::client::Client;
use crate::failure::Failure;
use crate::output::{Console, Input};
use pinacle_protocol::paths::Paths;
use pinacle_protocol::{ApiError, ErrorKind, MAX_SPEC_BYTES, RequestId};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::Notify;

/// Environment variables of one run.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Takes those of this process.
    pub fn of_process() -> Self {
        Self(std::env::vars_os().collect())
    }

    /// Returns a variable's value; an empty one counts as unset.
    pub fn get(&self, name: impl AsRef<OsStr>) -> Option<&OsStr> {
        self.0.get(name.as_ref()).map(OsString::as_os_str).filter(|v| !v.is_empty())
    }

    /// Returns every variable, for a child.
    pub fn all(&self) -> &BTreeMap<OsString, OsString> {
        &self.0
    }

    /// Returns the program of this name in `PATH`, or the path itself when it is one.
    pub fn find_program(&self, name: impl AsRef<Path>) -> Option<PathBuf> {
        let name = name.as_ref();
        if name.components().count() > 1 {
            return is_executable(name).then(|| name.to_owned());
        }
        std::env::split_paths(self.get("PATH")?)
            .map(|dir| dir.join(name))
            .find(|path| is_executable(path))
    }
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(iter: I) -> Self {
        Self(iter.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// Tells a run that the user pressed Ctrl-C. Cloned handles mean the same one.
#[derive(Debug, Clone, Default)]
pub struct Interrupt(Arc<Ear>);

#[derive(Debug, Default)]
struct Ear {
    heard: Notify,
    /// Whose terminal it is: Ctrl-C is told to all that run on it, also to us
    /// while another program has it.
    lent: AtomicUsize,
}

/// The terminal is another's until this is dropped.
#[derive(Debug)]
pub struct Lent(Arc<Ear>);

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.lent.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Interrupt {
    /// Tells everybody who waits now, unless Ctrl-C was meant for another program.
    pub fn raise(&self) {
        if self.0.lent.load(Ordering::SeqCst) == 0 {
            self.0.heard.notify_waiters();
        }
    }

    /// Leaves Ctrl-C to somebody else for a while.
    #[must_use]
    pub fn lend(&self) -> Lent {
        self.0.lent.fetch_add(1, Ordering::SeqCst);
        Lent(self.0.clone())
    }

    /// Waits for the next time it is raised, counted from this call on and not
    /// from the first poll.
    pub fn raised(&self) -> impl Future<Output = ()> + Send + '_ {
        self.0.heard.notified()
    }
}

/// Where a run takes place.
pub struct Surroundings {
    /// Its streams.
    pub console: Console,
    /// Its environment variables.
    pub env: Environment,
    /// Its working directory, absolute; `None` when that is gone.
    pub cwd: Option<PathBuf>,
    /// Raised when the user presses Ctrl-C.
    pub interrupt: Interrupt,
}

/// One run.
pub struct Session {
    /// Its streams.
    pub console: Console,
    /// Its environment variables.
    pub env: Environment,
    /// Its working directory, absolute; `None` when that is gone.
    pub cwd: Option<PathBuf>,
    /// Raised when the user presses Ctrl-C.
    pub interrupt: Interrupt,
    /// Options of every command.
    pub global: Global,
    /// Where the daemon is.
    pub paths: Paths,
}

impl Session {
    /// Connects to the daemon, starting it when it does not run. On a terminal
    /// a daemon of another version is replaced after asking.
    ///
    /// # Errors
    ///
    /// `daemon_unreachable` or `version_mismatch`, with the next step.
    pub async fn client(&mut self) -> Result<Client, Failure> {
        match autostart::connect(self).await {
            Err(error) if error.kind == ErrorKind::VersionMismatch && self.console.can_ask() => {
                self.console.error(&error);
                let question = "restart the daemon now? Pods keep running.";
                if !self.ask(question).await? {
                    return Err(Failure::Exit(error.kind.exit_code()));
                }
                crate::commands::daemon::restart::replace(self).await?;
                Ok(autostart::connect(self).await?)
            }
            other => Ok(other?),
        }
    }

    /// Asks a question with *no* as the default.
    ///
    /// # Errors
    ///
    /// The end of the run when Ctrl-C is pressed.
    pub async fn ask(&mut self, question: &str) -> Result<bool, Failure> {
        let answer = self.prompt(&format!("{question} [y/N] ")).await?;
        Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Asks, or takes `--yes`, or refuses where nobody can answer.
    ///
    /// # Errors
    ///
    /// [`Failure::Usage`] without a terminal: the option to be given is named.
    pub async fn confirm(
        &mut self,
        question: &str,
        given: bool,
        option: &str,
    ) -> Result<bool, Failure> {
        if given {
            return Ok(true);
        }
        if !self.console.can_ask() {
            let text = format!("{question} There is no terminal to ask on: repeat with {option}");
            return Err(Failure::Usage(text));
        }
        self.ask(question).await
    }

    /// Shows `prompt` and returns the line that is typed; empty at end of input.
    ///
    /// # Errors
    ///
    /// The end of the run when Ctrl-C is pressed.
    pub async fn prompt(&mut self, prompt: &str) -> Result<String, Failure> {
        self.console.write_err(prompt.as_bytes());
        if let Input::Bytes(bytes) = &mut self.console.input {
            let end = bytes.iter().position(|b| *b == b'\n').map_or(bytes.len(), |i| i + 1);
            let line: Vec<u8> = bytes.drain(..end).collect();
            return Ok(String::from_utf8_lossy(&line).into_owned());
        }
        let reading = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            // An unreadable terminal gives no answer, which means no.
            std::io::stdin().lock().read_line(&mut line).unwrap_or_default();
            line
        });
        tokio::select! {
            line = reading => Ok(line.unwrap_or_default()),
            () = self.interrupt.raised() => Err(Failure::interrupted()),
        }
    }

    /// Reads all of standard input, a spec.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is longer than a spec may be, or is not UTF-8.
    pub async fn read_input(&mut self) -> Result<String, Failure> {
        let bytes = match std::mem::replace(&mut self.console.input, Input::Bytes(Vec::new())) {
            Input::Bytes(bytes) => bytes,
            Input::Inherit => {
                let mut bytes = Vec::new();
                use tokio::io::AsyncReadExt;
                tokio::io::stdin()
                    .take(bounded::most(MAX_SPEC_BYTES))
                    .read_to_end(&mut bytes)
                    .await
                    .map_err(|e| Failure::local("standard input cannot be read", &e))?;
                bytes
            }
        };
        if bytes.len() > MAX_SPEC_BYTES {
            let text = format!("standard input has more than the {MAX_SPEC_BYTES} bytes of a spec");
            return Err(ApiError::new(ErrorKind::InvalidSpec, text).into());
        }
        String::from_utf8(bytes).map_err(|_| {
            ApiError::new(ErrorKind::InvalidSpec, "standard input is not UTF-8 text").into()
        })
    }

    /// Makes a child's command with this run's environment and directory.
    pub fn child(&self, program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(program);
        // Where there is none, the root has nothing that could be meant.
        let cwd = self.cwd.as_deref().unwrap_or(Path::new("/"));
        command.env_clear().envs(self.env.all()).current_dir(cwd);
        command
    }

    /// Returns whether there is a terminal for the full screen: one that says what it is,
    /// rather than that it only prints.
    pub fn can_draw(&self) -> bool {
        let terminals = self.console.terminals;
        let is_able = self.env.get("TERM").is_some_and(|name| name != "dumb");
        terminals.stdin && terminals.stdout && is_able && !self.console.is_json()
    }

    /// Returns whether the terminal is a window of GNU screen.
    pub fn is_in_gnu_screen(&self) -> bool {
        // Whoever runs one in the other has the inner one's window.
        self.env.get("STY").is_some() && self.env.get("TMUX").is_none()
    }

    /// Returns this run's directory.
    ///
    /// # Errors
    ///
    /// `not_found` when it was removed.
    pub fn cwd(&self) -> Result<&Path, ApiError> {
        self.cwd.as_deref().ok_or_else(cwd_is_gone)
    }

    /// Returns `path` seen from this run's directory.
    ///
    /// # Errors
    ///
    /// As [`Session::cwd`], unless the path is whole by itself.
    pub fn absolute(&self, path: &Path) -> Result<PathBuf, ApiError> {
        if path.is_absolute() {
            return Ok(path.to_owned());
        }
        Ok(self.cwd()?.join(path))
    }
}

/// Returns the error of whatever needs the working directory when that is gone.
pub fn cwd_is_gone() -> ApiError {
    ApiError::new(ErrorKind::NotFound, "the working directory of this shell is gone")
        .hint("change to one that is there: `cd`")
}

/// Makes a name for a request that no other has.
///
/// # Errors
///
/// When the system gives no random bytes.
pub fn request_id() -> Result<RequestId, Failure> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|e| {
        ApiError::new(ErrorKind::Internal, "the system gives no random bytes").cause(e.to_string())
    })?;
    let text: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
    RequestId::new(text).map_err(|e| Failure::local("a request cannot be named", &e))
}
