//! A daemon of a test's own: its own directory, socket, ports and subnets, and
//! everything it made removed at the end.

use crate::engine;
use crate::own_engine::OwnEngine;
use crate::wait::{PAUSE, eventually, within};
use serde_json::Value;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Tests of one process that run at the same time get different numbers.
static NEXT: AtomicU16 = AtomicU16::new(0);

/// How long a daemon may take to end when its test is over: its own bounds, and what a busy
/// machine adds. One that is killed leaves calls behind that its engine carries out later.
const LAST_CALLS: std::time::Duration = std::time::Duration::from_secs(20);

/// Programs under test, given by the test crate because only it knows their paths.
#[derive(Debug, Clone, Copy)]
pub struct Programs {
    /// Path of `pinacled`.
    pub daemon: &'static str,
    /// Path of `pinacle-tui`.
    pub client: &'static str,
}

/// A daemon and its directory.
#[derive(Debug)]
pub struct Daemon {
    programs: Programs,
    dir: tempfile::TempDir,
    child: Option<Child>,
    failpoints: String,
    /// What the daemon's command line begins with: nothing, or a way into a network.
    inside: Vec<String>,
    engine: Removal,
    alone: bool,
}

/// What becomes of the pods when the test is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Removal {
    /// They are on the shared engine and are removed.
    OneByOne,
    /// They go with the test's own engine.
    WithTheEngine,
}

/// How a command line ended.
#[derive(Debug, Clone)]
pub struct Ran {
    /// Exit code; 128 and above for a signal.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// What settings begin with that ask for networks made ahead.
const SPARES: &str = "spares = ";

impl Ran {
    /// Returns standard output as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("no JSON ({e}): {self:#?}"))
    }

    /// Returns the error object on standard error.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn error(&self) -> Value {
        let line = self.stderr.lines().last().unwrap_or_default();
        let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {self:#?}"));
        value["error"].clone()
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let signal = output.status.signal().map(|signal| 128 + signal);
        Self {
            code: output.status.code().or(signal).unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Daemon {
    /// Makes a directory with settings and starts a daemon in it.
    pub fn start(programs: Programs) -> Self {
        Self::start_with(programs, "")
    }

    /// The same, with more lines for its settings file.
    pub fn start_with(programs: Programs, settings: &str) -> Self {
        let mut daemon = Self::prepare(programs, settings);
        daemon.spawn();
        daemon
    }

    /// Starts a daemon for a test's own engine, in its network.
    pub fn start_on(programs: Programs, engine: &OwnEngine, settings: &str) -> Self {
        // What belongs to the table before comes first.
        let first = settings.starts_with(SPARES).then(|| settings.split_once('\n')).flatten();
        let (first, rest) = first.unwrap_or(("", settings));
        let engine_of = engine.settings();
        let mut daemon = Self::prepare(programs, &format!("{first}\n{engine_of}{rest}"));
        daemon.engine = Removal::WithTheEngine;
        daemon.move_to(engine);
        daemon.spawn();
        daemon
    }

    /// Has the next daemon run in the engine's network as it is now.
    pub fn move_to(&mut self, engine: &OwnEngine) {
        self.inside = engine.inside();
    }

    /// Makes the directory only.
    pub fn prepare(programs: Programs, settings: &str) -> Self {
        let slot = slot();
        let ports = (30_000 + slot * 40, 30_000 + slot * 40 + 39);
        let pool = format!("10.{}.{}.0/20", 220 + slot / 16, (slot % 16) * 16);
        Self::prepare_in(programs, settings, ports, &pool)
    }

    /// The same, with room for a hundred pods instead of sixteen.
    pub fn prepare_wide(programs: Programs, settings: &str) -> Self {
        let slot = slot() % 16;
        let ports = (41_000 + slot * 100, 41_000 + slot * 100 + 99);
        Self::prepare_in(programs, settings, ports, &format!("10.{}.0.0/17", 200 + slot))
    }

    fn prepare_in(
        programs: Programs,
        settings: &str,
        (first, last): (u16, u16),
        pool: &str,
    ) -> Self {
        let dir = tempfile::Builder::new().prefix("pinacle-").tempdir().expect("a directory");
        // Networks that no pod has are a test's own subject.
        let spares = if settings.starts_with(SPARES) { "" } else { "spares = 0\n" };
        let text = format!(
            "[ports]\nfirst = {first}\nlast = {last}\n[network]\npool = \"{pool}\"\n{spares}{settings}\n"
        );
        std::fs::create_dir(dir.path().join("state")).expect("a state directory");
        std::fs::write(dir.path().join("state/config.toml"), text).expect("settings");
        Self {
            programs,
            dir,
            child: None,
            failpoints: String::new(),
            inside: Vec::new(),
            engine: Removal::OneByOne,
            alone: false,
        }
    }

    /// From now on no client starts a daemon by itself.
    pub fn stay_alone(&mut self) {
        self.alone = true;
    }

    /// Has the next daemon die at these places (`name=abort`, separated by commas).
    pub fn set_failpoints(&mut self, points: &str) {
        points.clone_into(&mut self.failpoints);
    }

    /// Has the daemon, also one that runs, see a date that is off by so much.
    pub fn set_date_offset(&self, ms: i64) {
        let new = self.dir.path().join("date.new");
        std::fs::write(&new, ms.to_string()).expect("written");
        std::fs::rename(new, self.date_file()).expect("renamed");
    }

    fn date_file(&self) -> PathBuf {
        self.dir.path().join("date")
    }

    /// Returns the test's own directory.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Returns the state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// Returns the socket.
    pub fn socket(&self) -> PathBuf {
        self.state().join("pinacled.sock")
    }

    /// Starts the daemon and waits until it answers.
    pub fn spawn(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.state().join("pinacled.log"))
            .expect("a log file");
        let words: Vec<&str> = self.inside.iter().map(String::as_str).collect();
        let words = [&words[..], &[self.programs.daemon]].concat();
        let child = Command::new(words[0])
            .args(&words[1..])
            .arg("--state-dir")
            .arg(self.state())
            .env("PINACLE_FAILPOINTS", &self.failpoints)
            .env("PINACLE_DATE_OFFSET", self.date_file())
            .env("PINACLE_LOG", "debug,tarpc=off,sled=info,hyper=info")
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("pinacled starts");
        self.child = Some(child);
        if self.failpoints.is_empty() {
            self.wait_until_up();
        }
    }

    /// Waits until the daemon answers and its host is up.
    pub fn wait_until_up(&self) {
        eventually("the daemon answers", || match self.run(&["daemon", "status", "--json"]) {
            ran if ran.code == 0 => Ok(()),
            ran => Err((ran, self.log_tail())),
        });
    }

    /// Returns the daemon's process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Ends the daemon without warning.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("gone");
        }
    }

    /// Returns the process of a daemon that a client started.
    fn started(&self) -> Option<String> {
        let lock = self.state().join("pinacled.lock");
        let pid = std::fs::read_to_string(lock).ok()?.trim().to_owned();
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let state = self.state();
        // The number may be another's by now.
        String::from_utf8_lossy(&line).contains(&*state.to_string_lossy()).then_some(pid)
    }

    /// Ends the daemon when the test is over: in order if it does, for what it has asked its
    /// engine for would be made after it is gone, too, and after all was cleared away.
    fn end(&mut self) {
        let own = self.child.as_ref().map(|child| child.id().to_string());
        let started = self.started().filter(|pid| own.as_ref() != Some(pid));
        for pid in own.into_iter().chain(started) {
            signal("-TERM", &pid);
        }
        let ended = within(LAST_CALLS, PAUSE, || {
            let own = self.has_died();
            if own && self.started().is_none() { Ok(()) } else { Err(()) }
        });
        if ended.is_err() {
            self.kill();
            self.started().inspect(|pid| signal("-KILL", pid));
        }
    }

    /// Returns whether the daemon has died by itself by now, or does not run.
    pub fn has_died(&mut self) -> bool {
        let Some(child) = self.child.as_mut() else { return true };
        let died = child.try_wait().expect("asked").is_some();
        if died {
            self.child = None;
        }
        died
    }

    /// Waits until the daemon has died by itself, at one of its places.
    pub fn wait_for_death(&mut self) {
        // It may have been seen to be dead already.
        let Some(mut child) = self.child.take() else { return };
        eventually("the daemon dies at its place", || match child.try_wait() {
            Ok(Some(_)) => Ok(()),
            other => Err(format!("{other:?}\n{}", self.log_tail())),
        });
    }

    /// Asks the daemon to end, and returns its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let mut child = self.child.take()?;
        let pid = child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs");
        assert!(sent.success());
        let status = eventually("the daemon ends", || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}\n{}", self.log_tail())),
        });
        status.code()
    }

    /// Returns the end of the daemon's log.
    pub fn log_tail(&self) -> String {
        let log = std::fs::read(self.state().join("pinacled.log")).unwrap_or_default();
        let start = log.len().saturating_sub(6_000);
        String::from_utf8_lossy(&log[start..]).into_owned()
    }

    /// Returns the command line client, set to this daemon.
    pub fn client(&self) -> Command {
        let mut command = Command::new(self.programs.client);
        // One that the client started would run in another network, or not die as it should.
        let only_ours = self.alone || !self.inside.is_empty() || !self.failpoints.is_empty();
        let daemon = if only_ours { "/nonexistent/pinacled" } else { self.programs.daemon };
        command
            .env("PINACLE_STATE_DIR", self.state())
            .env("PINACLED", daemon)
            .env("PINACLE_FAILPOINTS", "")
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    /// Runs the client.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.client().args(args).output().expect("the client runs").into()
    }

    /// Runs the client and expects success.
    ///
    /// # Panics
    ///
    /// When it fails, with all it said and the daemon's log.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert!(ran.code == 0, "{args:?}: {ran:#?}\ndaemon's log: {}", self.log_tail());
        ran
    }

    /// Writes a spec into a directory of its own and returns the directory.
    pub fn project(&self, name: &str, spec: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        std::fs::create_dir_all(&dir).expect("a project directory");
        std::fs::write(dir.join("pinacle.yaml"), spec).expect("a spec");
        dir
    }

    /// Creates a pod from a spec, waits until it runs, and returns what `show` says.
    pub fn create(&self, name: &str, spec: &str) -> Value {
        let dir = self.project(name, spec);
        self.ok(&["create", dir.to_str().expect("UTF-8"), "--name", name, "--quiet"]);
        self.show(name)
    }

    /// Returns what `show` says of a pod.
    pub fn show(&self, pod: &str) -> Value {
        self.ok(&["show", pod, "--json"]).json()
    }

    /// Waits until a pod is in a phase with nothing under way.
    pub fn wait_phase(&self, pod: &str, phase: &str) -> Value {
        eventually(&format!("{pod} is {phase}"), || {
            let ran = self.run(&["show", pod, "--json"]);
            if ran.code != 0 {
                return Err((ran.stderr, self.log_tail()));
            }
            let shown = ran.json();
            let settled = shown["pod"]["phase"] == phase && shown["pod"]["operation"].is_null();
            if settled { Ok(shown) } else { Err((shown.to_string(), self.log_tail())) }
        })
    }

    /// Returns the owner id on the labels.
    pub fn owner(&self) -> String {
        std::fs::read_to_string(self.state().join("owner")).unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Daemon {
    /// Removes what the daemon made on the engine, whatever state the test ended in.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("daemon's log: {}", self.log_tail());
        }
        self.end();
        let owner = self.owner();
        if !owner.is_empty() && self.engine == Removal::OneByOne {
            engine::remove_all_of(&owner);
        }
    }
}

fn signal(name: &str, pid: &str) {
    // It may have ended by itself.
    if !Command::new("kill").args([name, pid]).status().is_ok_and(|status| status.success()) {
        eprintln!("the process {pid} took no {name}");
    }
}

/// Returns a number that no other test running now has, below 240.
fn slot() -> u16 {
    let own = NEXT.fetch_add(1, Ordering::Relaxed);
    let global = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|s| s.parse::<u16>().ok());
    match global {
        // A test makes few daemons; each of eight slots has room for fifteen.
        Some(slot) => (slot % 16) * 15 + own % 15,
        None => own % 240,
    }
}
