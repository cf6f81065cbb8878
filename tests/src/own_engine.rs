//! An engine of a test's own, to be stopped, killed, frozen and cut from power: a second
//! `dockerd` in namespaces of its own, so that the shared one is never disturbed.
//!
//! Its network namespace keeps the two from taking each other's bridge and firewall; its
//! process and mount namespaces end with the process that holds them, and take every
//! process and mount along, also when the test is killed. Ports that its containers publish
//! are reached from inside only: the daemon under test runs there ([`OwnEngine::inside`]).
//!
//! The pod's image is loaded once into a data directory that each engine copies: layers
//! are hard links, because an engine never writes to them.

use crate::wait::eventually;
use pinacle_daemon::image::Context;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};

/// Keeps the namespaces and, as their first process, collects orphans that have ended.
const HOLDER: &str = "ip link set lo up; while :; do sleep 3600 & wait $!; done";
/// The certificates that the product hands to image builds, when they are there.
const CERTIFICATES: &str = "/etc/ssl/certs/ca-certificates.crt";

static NEXT: AtomicU16 = AtomicU16::new(0);

/// An engine and the namespaces it lives in.
#[derive(Debug)]
pub struct OwnEngine {
    dir: PathBuf,
    /// Held for as long as the directory is in use, so that others leave it alone.
    _lock: File,
    holder: Option<Holder>,
    engine: Option<Child>,
}

/// The process that holds the namespaces.
#[derive(Debug)]
struct Holder {
    unshare: Child,
    first: u32,
}

impl OwnEngine {
    /// Starts an engine that has the pod's image.
    ///
    /// # Panics
    ///
    /// When it does not answer, with the end of its log.
    pub fn start() -> Self {
        let base = base();
        let mut engine = Self::claim(free_dir);
        copy_data(&base, &engine.dir.join("data"));
        engine.power_on();
        engine
    }

    /// Takes a directory, one process after the other: of one between its making and its lock
    /// it is not known that it is used.
    fn claim(choose: impl FnOnce() -> PathBuf) -> Self {
        let turn = File::create(root().join("dirs.lock")).expect("a lock file");
        turn.lock().expect("locked");
        Self::at(choose())
    }

    fn at(dir: PathBuf) -> Self {
        std::fs::create_dir_all(&dir).expect("a directory for an engine");
        std::fs::write(dir.join("daemon.json"), "{}").expect("written");
        let lock = File::create(dir.join("lock")).expect("a lock file");
        lock.lock().expect("locked");
        Self { dir, _lock: lock, holder: None, engine: None }
    }

    /// Returns its socket.
    pub fn socket(&self) -> PathBuf {
        self.dir.join("docker.sock")
    }

    /// Returns lines for a daemon's settings file that name this engine.
    pub fn settings(&self) -> String {
        settings_for(&self.socket())
    }

    /// Returns what a command must be preceded by to run in the engine's network.
    pub fn inside(&self) -> Vec<String> {
        let first = self.holder.as_ref().expect("it is powered").first;
        vec!["nsenter".to_owned(), format!("--net=/proc/{first}/ns/net"), "--".to_owned()]
    }

    /// Runs `docker` on this engine.
    ///
    /// # Errors
    ///
    /// What it said on standard error, when it fails.
    pub fn try_docker(&self, args: &[&str]) -> Result<String, String> {
        let socket = format!("unix://{}", self.socket().display());
        crate::engine::try_docker(&[&["--host", &socket], args].concat())
    }

    /// Runs `docker` on this engine.
    ///
    /// # Panics
    ///
    /// When it fails, with all it said.
    pub fn docker(&self, args: &[&str]) -> String {
        self.try_docker(args).unwrap_or_else(|said| panic!("docker {args:?}: {said}"))
    }

    /// Returns the status of a path of a pod that is published on a port in the engine's
    /// network; 0 when nobody answers.
    pub fn http_status(&self, port: u16, path: &str) -> u16 {
        let inside = self.inside();
        let format = ["-s", "-o", "/dev/null", "-m", "10", "-w", "%{http_code}"];
        let output = Command::new(&inside[0])
            .args(&inside[1..])
            .arg("curl")
            .args(format)
            .arg(format!("http://127.0.0.1:{port}{path}"))
            .output()
            .expect("curl runs");
        String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0)
    }

    /// Starts the engine's process and waits until it answers.
    pub fn spawn(&mut self) {
        assert!(self.engine.is_none(), "the engine runs already");
        let first = self.holder.as_ref().expect("it is powered").first.to_string();
        // What a killed one left; numbers of processes begin anew with the namespace.
        for left in ["docker.pid", "exec/containerd/containerd.pid"] {
            drop(std::fs::remove_file(self.dir.join(left)));
        }
        let path = |name: &str| self.dir.join(name).display().to_string();
        let log = File::options().create(true).append(true).open(path("log")).expect("a log");
        let child = Command::new("nsenter")
            .args(["--target", &first, "--net", "--pid", "--mount", "--", "dockerd"])
            .args(["--host", &format!("unix://{}", path("docker.sock"))])
            .args(["--data-root", &path("data"), "--exec-root", &path("exec")])
            .args(["--pidfile", &path("docker.pid"), "--config-file", &path("daemon.json")])
            .args(["--cgroup-parent", &self.cgroup()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle"))
            .stderr(log)
            .spawn()
            .expect("nsenter starts");
        self.engine = Some(child);
        self.wait_until_up();
    }

    /// Waits until the engine answers.
    pub fn wait_until_up(&self) {
        eventually("the test's own engine answers", || {
            let said = self.try_docker(&["version", "--format", "{{.Server.Version}}"]);
            said.map_err(|said| (said, self.log_tail()))
        });
    }

    fn cgroup(&self) -> String {
        let name = self.dir.file_name().expect("a name").to_string_lossy().into_owned();
        format!("/pinacle-engine-{name}")
    }

    fn log_tail(&self) -> String {
        let log = std::fs::read(self.dir.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&log[log.len().saturating_sub(3_000)..]).into_owned()
    }

    /// Has the engine end as a service manager would; its containers end with it.
    pub fn stop(&mut self) {
        self.signal("TERM");
        self.wait_for_end();
    }

    /// Ends the engine without warning; its containers run on until the next one starts.
    pub fn kill(&mut self) {
        self.signal("KILL");
        self.wait_for_end();
    }

    /// Freezes the engine: it takes connections and says nothing.
    pub fn pause(&self) {
        self.signal("STOP");
    }

    /// Has a frozen engine go on.
    pub fn resume(&self) {
        self.signal("CONT");
        // It has frozen itself with its child.
        send("CONT", self.engine.as_ref().expect("the engine runs").id());
    }

    fn signal(&self, name: &str) {
        let nsenter = self.engine.as_ref().expect("the engine runs").id();
        send(name, child_of(nsenter).expect("nsenter has started the engine"));
    }

    fn wait_for_end(&mut self) {
        let mut child = self.engine.take().expect("the engine runs");
        eventually("the engine ends", || match child.try_wait() {
            Ok(Some(status)) => Ok(status),
            other => Err(format!("{other:?}")),
        });
    }

    /// Ends everything at once, as a power cut does: engine, containers, network, mounts.
    pub fn power_off(&mut self) {
        // First, because the namespace ends only when nobody waits to collect its processes.
        if let Some(mut engine) = self.engine.take() {
            drop(engine.kill());
            drop(engine.wait());
        }
        if let Some(mut holder) = self.holder.take() {
            // The first process is killed with the one that started it, and all the others
            // of its namespace with the first.
            drop(holder.unshare.kill());
            drop(holder.unshare.wait());
            let first = PathBuf::from(format!("/proc/{}", holder.first));
            eventually("the namespaces end", || {
                if first.exists() { Err("the first process is there") } else { Ok(()) }
            });
        }
        // A host's runtime directory does not outlive it.
        drop(std::fs::remove_dir_all(self.dir.join("exec")));
        drop(std::fs::remove_file(self.socket()));
        remove_cgroups(&self.cgroup());
    }

    /// Begins anew after [`Self::power_off`]: nothing but what is on disk is left.
    pub fn power_on(&mut self) {
        assert!(self.holder.is_none(), "it is powered already");
        let flags = ["--net", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"];
        // Ends with the test, also with one that is killed: `--kill-child` sees to the rest.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "unshare"]).args(flags);
        command.args(["--", "bash", "-c", HOLDER]).stdin(Stdio::null()).stdout(Stdio::null());
        let unshare = command.spawn().expect("unshare starts");
        let first = eventually("the namespaces are there", || {
            child_of(unshare.id()).filter(|pid| loopback_is_up(*pid)).ok_or("not yet")
        });
        self.holder = Some(Holder { unshare, first });
        self.spawn();
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the engine's log: {}", self.log_tail());
        }
        self.power_off();
        remove_dir(&self.dir);
    }
}

/// Returns lines for a daemon's settings file that name an engine's socket.
pub fn settings_for(socket: &Path) -> String {
    format!("[engine]\nsocket = \"{}\"\n", socket.display())
}

fn loopback_is_up(pid: u32) -> bool {
    // The table of an interface that is down is empty.
    let routes = std::fs::read_to_string(format!("/proc/{pid}/net/fib_trie"));
    routes.is_ok_and(|table| table.contains("127.0.0.1"))
}

fn send(signal: &str, pid: u32) {
    let sent = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status();
    assert!(sent.expect("kill runs").success(), "SIG{signal} to process {pid}");
}

fn child_of(pid: u32) -> Option<u32> {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
    children.split_whitespace().next()?.parse().ok()
}

fn root() -> PathBuf {
    let cache = std::env::var_os("PINACLE_TEST_CACHE").map(PathBuf::from);
    cache.unwrap_or_else(|| PathBuf::from("/var/lib/pinacle-test")).join("own-engines")
}

/// Returns a directory for one engine, after removing those of tests that were killed.
fn free_dir() -> PathBuf {
    let is_used = |dir: &Path| File::open(dir.join("lock")).is_ok_and(|f| f.try_lock().is_err());
    for entry in std::fs::read_dir(root()).expect("the engines' directory").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("run-") && !is_used(&entry.path()) {
            remove_cgroups(&format!("/pinacle-engine-{name}"));
            remove_dir(&entry.path());
        }
    }
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    root().join(format!("run-{}-{number}", std::process::id()))
}

/// Another test may be removing the same directory.
fn remove_dir(dir: &Path) {
    if let Err(error) = std::fs::remove_dir_all(dir)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        eprintln!("cannot remove {}: {error}", dir.display());
    }
}

fn image() -> String {
    let certificates = std::env::var_os("SSL_CERT_FILE").unwrap_or_else(|| CERTIFICATES.into());
    let held = std::fs::metadata(certificates).is_ok_and(|file| file.len() > 0);
    Context::new(held.then(|| vec![b'x'])).reference()
}

/// Returns a data directory that has the pod's image, made when it is not there.
fn base() -> PathBuf {
    let image = image();
    std::fs::create_dir_all(root()).expect("the engines' directory");
    let turn = File::create(root().join("base.lock")).expect("a lock file");
    turn.lock().expect("locked");
    let name = format!("base-{}", image.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
    let base = root().join(name);
    if base.exists() {
        return base;
    }
    let mut engine = OwnEngine::claim(|| root().join(format!("run-{}-base", std::process::id())));
    engine.power_on();
    let load = format!(
        "set -o pipefail; docker save '{image}' | docker --host unix://{} load --quiet",
        engine.socket().display()
    );
    let loaded = Command::new("bash").args(["-c", &load]).output().expect("bash runs");
    assert!(loaded.status.success(), "the image {image} of the shared engine: {loaded:?}");
    engine.stop();
    engine.power_off();
    for entry in std::fs::read_dir(root()).expect("read").flatten() {
        let name = entry.file_name();
        let path = entry.path();
        if name.to_string_lossy().starts_with("base-") && path != base && path.is_dir() {
            remove_old_base(&path);
        }
    }
    std::fs::rename(engine.dir.join("data"), &base).expect("renamed");
    base
}

/// Images of other versions are kept for a day: several trees may be tested side by side.
fn remove_old_base(base: &Path) {
    let age =
        std::fs::metadata(base).and_then(|m| m.modified()).ok().and_then(|t| t.elapsed().ok());
    if age.is_some_and(|age| age.as_secs() > 86_400) {
        remove_dir(base);
    }
}

/// Layers are linked, everything else is the engine's own.
fn copy_data(base: &Path, to: &Path) {
    let script = "cp -al \"$1\" \"$2\" && for f in \"$2\"/*; do \
                  [ \"${f##*/}\" = overlay2 ] || { rm -rf \"$f\" && cp -a \"$1/${f##*/}\" \"$2/\"; }; done";
    let copied = Command::new("bash")
        .args(["-c", script, "bash"])
        .args([base, to])
        .output()
        .expect("bash runs");
    assert!(copied.status.success(), "{copied:?}");
}

fn remove_cgroups(name: &str) {
    let script = format!("find /sys/fs/cgroup -depth -type d -path '*{name}*' -exec rmdir {{}} + ");
    drop(Command::new("bash").args(["-c", &script]).stderr(Stdio::null()).status());
}
