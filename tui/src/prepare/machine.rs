//! Does to the machine what a plan says, as root: directly or through `sudo`.

use super::plan::{self, Facts, Network, Step};
use crate::failure::Failure;
use crate::sanitize::plain_line;
use crate::session::Session;
use pinacle_protocol::{ApiError, ErrorKind};
use std::io;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::time::Instant;

/// How long a new engine may take until it listens.
const ENGINE_LIMIT: Duration = Duration::from_secs(60);

/// The places on a machine that count; others than the usual ones in tests.
#[derive(Debug, Clone)]
pub struct Machine {
    /// The engine's settings.
    pub daemon_json: PathBuf,
    /// The engine's socket.
    pub docker_socket: PathBuf,
    /// The engine's process id.
    pub docker_pid: PathBuf,
    /// Where an engine that is started here logs to.
    pub engine_log: PathBuf,
    /// What the system is.
    pub os_release: PathBuf,
    /// There while systemd runs.
    pub systemd: PathBuf,
    /// Whether we are root already.
    pub is_root: bool,
}

impl Machine {
    /// Returns the usual places.
    pub fn of_this_system() -> Self {
        Self {
            daemon_json: "/etc/docker/daemon.json".into(),
            docker_socket: "/var/run/docker.sock".into(),
            docker_pid: "/var/run/docker.pid".into(),
            engine_log: "/var/log/dockerd.log".into(),
            os_release: "/etc/os-release".into(),
            systemd: "/run/systemd/system".into(),
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    /// Looks at what is there.
    pub fn facts(&self, session: &Session) -> Facts {
        let has = |name: &str| session.env.find_program(name).is_some();
        let os_release = std::fs::read_to_string(&self.os_release).unwrap_or_default();
        Facts {
            apt: plan::is_debian_like(&os_release) && has("apt-get"),
            dockerd: has("dockerd"),
            engine_answers: UnixStream::connect(&self.docker_socket).is_ok(),
            runsc: has("runsc"),
            can_be_root: self.is_root || has("sudo"),
        }
    }

    /// Does the steps in order.
    ///
    /// # Errors
    ///
    /// The first that fails; those before it stay done.
    pub async fn carry_out(&self, session: &mut Session, steps: &[Step]) -> Result<(), Failure> {
        for step in steps {
            session.console.remark(&format!("-- {}", step.describe()));
            match step {
                Step::Install(packages) => self.install(session, packages).await?,
                Step::StartEngine => self.start_engine(session).await?,
                Step::RegisterRuntime { network } => self.register(session, *network).await?,
            }
        }
        Ok(())
    }

    async fn install(&self, session: &mut Session, packages: &[&str]) -> Result<(), Failure> {
        self.as_root(session, &["apt-get", "update", "-q"]).await?;
        let mut words = vec!["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qy"];
        words.extend(packages);
        self.as_root(session, &words).await
    }

    async fn start_engine(&self, session: &mut Session) -> Result<(), Failure> {
        if self.systemd.is_dir() {
            self.as_root(session, &["systemctl", "enable", "--now", "docker"]).await?;
        } else {
            self.spawn_engine(session)?;
        }
        let began = Instant::now();
        loop {
            match UnixStream::connect(&self.docker_socket) {
                Ok(_) => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                    let text = "the engine runs, but this user may not use it";
                    let hint = "join its group with `sudo usermod -aG docker $USER`, log out and in \
                                again, and restart the daemon";
                    return Err(ApiError::new(ErrorKind::HostUnfit, text).hint(hint).into());
                }
                Err(error) if began.elapsed() >= ENGINE_LIMIT => {
                    let text =
                        format!("the engine does not listen after {} s", ENGINE_LIMIT.as_secs());
                    let hint = format!("its log is {}", self.engine_log.display());
                    return Err(ApiError::new(ErrorKind::HostUnreachable, text)
                        .cause(error.to_string())
                        .hint(hint)
                        .into());
                }
                Err(_) => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    /// Starts the engine in the background, where no service manager does it.
    fn spawn_engine(&self, session: &mut Session) -> Result<(), Failure> {
        let log = self.engine_log.display();
        session.console.remark(&format!("no service manager runs here; the engine logs to {log}"));
        // The shell opens the log, because only root may.
        let script = r#"exec dockerd >>"$1" 2>&1"#;
        let log = self.engine_log.display().to_string();
        let words = self.rooted(&["sh", "-c", script, "dockerd", &log]);
        let program = find(session, words[0])?;
        std::process::Command::new(program)
            .args(&words[1..])
            .env_clear()
            .envs(session.env.all())
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(|e| Failure::local("dockerd cannot be started", &e))?;
        Ok(())
    }

    async fn register(&self, session: &mut Session, network: Network) -> Result<(), Failure> {
        let runsc = find(session, "runsc")?;
        let flags = session.child(&runsc).arg("flags").stdin(Stdio::null()).output().await;
        let flags = flags.map_err(|e| Failure::local("runsc does not start", &e))?;
        let flags = [flags.stdout, flags.stderr].concat();
        let arguments = plan::runtime_arguments(&String::from_utf8_lossy(&flags), network);
        let file = self.daemon_json.display().to_string();
        let old = match std::fs::read_to_string(&self.daemon_json) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(Failure::local(format!("{file} cannot be read"), &error)),
        };
        let name = network.runtime_name();
        let path = runsc.display().to_string();
        let new = plan::merge_runtime(&old, name, &path, &arguments)
            .map_err(|e| Failure::local(format!("{file} cannot be added to"), &e))?;
        if let Some(text) = new {
            self.replace_settings(session, &text).await?;
        }
        self.reload(session).await
    }

    /// Writes the settings beside the old ones and renames, so that the engine
    /// never reads half a file.
    async fn replace_settings(&self, session: &mut Session, text: &str) -> Result<(), Failure> {
        let draft = session.paths.state_dir.join("daemon.json.new");
        std::fs::write(&draft, text)
            .map_err(|e| Failure::local(format!("{} cannot be written", draft.display()), &e))?;
        let target = self.daemon_json.display().to_string();
        let beside = format!("{target}.new");
        let draft = draft.display().to_string();
        self.as_root(session, &["install", "-D", "-m", "0644", &draft, &beside]).await?;
        self.as_root(session, &["mv", "-f", &beside, &target]).await?;
        // One left behind is in nobody's way.
        std::fs::remove_file(&draft).unwrap_or_default();
        Ok(())
    }

    /// Has the engine read its settings again, which stops no container.
    async fn reload(&self, session: &mut Session) -> Result<(), Failure> {
        let pid = std::fs::read_to_string(&self.docker_pid).unwrap_or_default();
        match pid.trim().parse::<u32>() {
            Ok(pid) => self.as_root(session, &["kill", "-HUP", &pid.to_string()]).await?,
            Err(_) => self.as_root(session, &["systemctl", "reload", "docker"]).await?,
        }
        Ok(())
    }

    fn rooted<'a>(&self, words: &[&'a str]) -> Vec<&'a str> {
        let sudo: &[&str] = if self.is_root { &[] } else { &["sudo"] };
        [sudo, words].concat()
    }

    /// Runs a command as root, its output passed on line by line.
    async fn as_root(&self, session: &mut Session, words: &[&str]) -> Result<(), Failure> {
        let words = self.rooted(words);
        let shown = words.join(" ");
        session.console.remark(&format!("$ {shown}"));
        let program = find(session, words[0])?;
        let failed = |e: &io::Error| Failure::local(format!("{shown} cannot be run"), e);
        let (reader, writer) = io::pipe().map_err(|e| failed(&e))?;
        let other = writer.try_clone().map_err(|e| failed(&e))?;
        let mut command = session.child(&program);
        command.args(&words[1..]).stdin(Stdio::null()).stdout(writer).stderr(other);
        let mut child = command.spawn().map_err(|e| failed(&e))?;
        // Our own ends of the pipe would keep it open for ever.
        drop(command);
        let reader = tokio::net::unix::pipe::Receiver::from_owned_fd(reader.into())
            .map_err(|e| failed(&e))?;
        let mut lines = BufReader::new(reader).split(b'\n');
        let mut last = String::new();
        let mut open = true;
        let status = loop {
            tokio::select! {
                biased;
                line = lines.next_segment(), if open => match line {
                    Ok(Some(line)) => {
                        last = plain_line(&String::from_utf8_lossy(&line));
                        session.console.remark(&last);
                    }
                    Ok(None) | Err(_) => open = false,
                },
                // A service the command started may hold the pipe open: its end is
                // the command's own, not the pipe's.
                status = child.wait() => break status.map_err(|e| failed(&e))?,
            }
        };
        if status.success() {
            return Ok(());
        }
        let text = format!("{shown} ended with {status}");
        Err(ApiError::new(ErrorKind::CommandFailed, text).cause(last).into())
    }
}

fn find(session: &Session, name: &str) -> Result<PathBuf, Failure> {
    session.env.find_program(Path::new(name)).ok_or_else(|| {
        ApiError::new(ErrorKind::HostUnfit, format!("{name} is not installed")).into()
    })
}
