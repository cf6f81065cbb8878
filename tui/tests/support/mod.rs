//! What the tests stand on: a fake daemon, and a way to run command lines.

pub(crate) mod fake;
pub(crate) mod pty;
pub(crate) mod stream;
pub(crate) mod views;
pub(crate) mod wire;

use fake::Fake;
use pinacle_tui::output::{Console, Input, Terminals};
use pinacle_tui::session::{Environment, Interrupt, Surroundings};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// No terminal anywhere.
pub(crate) const PIPES: Terminals = Terminals { stdin: false, stdout: false, stderr: false };

/// Somebody to ask, and results that go elsewhere.
pub(crate) const ASKABLE: Terminals = Terminals { stdin: true, stdout: false, stderr: true };

/// Bytes that were written.
#[derive(Clone, Default)]
pub(crate) struct Written(Arc<Mutex<Vec<u8>>>);

impl Written {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().expect("not poisoned")).into_owned()
    }
}

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// How a command line ended.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: u8,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Outcome {
    /// Checks the exit code and returns standard output.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        self.exits(0).out
    }

    #[track_caller]
    pub(crate) fn exits(self, code: u8) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Checks that standard error holds this.
    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in\n{}", self.err);
        self
    }
}

/// A home of its own for one test, with a daemon or without.
pub(crate) struct World {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) cwd: PathBuf,
    pub(crate) fake: Fake,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) terminals: Terminals,
    pub(crate) input: Vec<u8>,
    pub(crate) interrupt: Interrupt,
    server: Option<tokio::task::JoinHandle<()>>,
}

impl World {
    /// Makes one whose daemon listens.
    pub(crate) fn new() -> Self {
        let mut world = Self::without_daemon();
        world.serve();
        world
    }

    /// Makes one in which no daemon runs.
    pub(crate) fn without_daemon() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let cwd = dir.path().join("project");
        std::fs::create_dir_all(&cwd).expect("a directory");
        std::fs::create_dir_all(dir.path().join("state")).expect("a directory");
        let variable = |k: &str, v: &Path| (OsString::from(k), v.as_os_str().to_owned());
        let env = vec![
            variable("HOME", dir.path()),
            variable("PINACLE_STATE_DIR", &dir.path().join("state")),
            variable("PATH", Path::new("/usr/bin:/bin")),
        ];
        Self {
            cwd,
            dir,
            fake: Fake::default(),
            env,
            terminals: PIPES,
            input: Vec::new(),
            interrupt: Interrupt::default(),
            server: None,
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("state/pinacled.sock")
    }

    /// Has the fake daemon listen.
    pub(crate) fn serve(&mut self) {
        let listener = tokio::net::UnixListener::bind(self.socket()).expect("a socket");
        self.server = Some(tokio::spawn(wire::serve(listener, self.fake.clone())));
    }

    pub(crate) fn set_env(&mut self, key: &str, value: impl Into<OsString>) {
        self.env.retain(|(k, _)| k != key);
        self.env.push((key.into(), value.into()));
    }

    /// Goes to a directory whose project has the name of another one's, which has a pod and
    /// is gone; returns what is said of that.
    pub(crate) async fn after_one_that_is_gone(&mut self) -> String {
        let [first, second] = ["wt1", "wt2"].map(|name| self.dir.path().join(name));
        for dir in [&first, &second] {
            std::fs::create_dir(dir).expect("a directory");
            std::fs::write(dir.join("pinacle.yaml"), "name: app\n").expect("a file");
        }
        self.cwd = first.clone();
        self.run("up -d").await.exits(0).says("app created");
        std::fs::remove_dir_all(&first).expect("it goes");
        self.cwd = second;
        format!("app was made from {}, which is gone", first.display())
    }

    /// Writes a file of the project.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.cwd.join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// Writes a program.
    pub(crate) fn script(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let bin = self.dir.path().join("bin");
        std::fs::create_dir_all(&bin).expect("a directory");
        let path = bin.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("a mode");
        path
    }

    pub(crate) fn surroundings(
        &self,
        out: Box<dyn Write + Send + Sync>,
        err: Written,
    ) -> Surroundings {
        let input = Input::Bytes(self.input.clone());
        Surroundings {
            console: Console::new(out, Box::new(err), input, self.terminals),
            env: self.env.iter().cloned().collect::<Environment>(),
            cwd: Some(self.cwd.clone()),
            interrupt: self.interrupt.clone(),
        }
    }

    /// Runs a command line, its words split at blanks.
    pub(crate) async fn run(&self, line: &str) -> Outcome {
        let words: Vec<&str> = line.split_whitespace().collect();
        self.run_words(&words).await
    }

    pub(crate) async fn run_words(&self, words: &[&str]) -> Outcome {
        let (out, err) = (Written::default(), Written::default());
        let surroundings = self.surroundings(Box::new(out.clone()), err.clone());
        let arguments = std::iter::once("pinacle-tui").chain(words.iter().copied());
        let running = pinacle_tui::run(arguments.map(OsString::from), surroundings);
        let code =
            tokio::time::timeout(Duration::from_secs(60), running).await.unwrap_or_else(|_| {
                panic!("{words:?} did not end; so far:\n{}{}", out.text(), err.text())
            });
        Outcome { code, out: out.text(), err: err.text() }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// Waits for something to become true.
pub(crate) async fn eventually(what: &str, condition: impl Fn() -> bool) {
    let began = std::time::Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(60), "not within 60 s: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
