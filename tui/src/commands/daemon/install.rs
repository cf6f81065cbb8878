//! `daemon install`: has systemd or launchd keep the daemon running.

use super::stop;
use crate::args::InstallArgs;
use crate::autostart;
use crate::failure::Failure;
use crate::session::Session;
use pinacle_protocol::{ApiError, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// The service's name for systemd.
const UNIT: &str = "pinacled.service";

/// The service's name for launchd.
const LABEL: &str = "dev.pinacle.pinacled";

/// Whose service it is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The user's: runs while the user is logged in, or always with lingering.
    User,
    /// The machine's.
    System,
}

/// A service to be installed or taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Where its file goes.
    pub file: PathBuf,
    /// What stands in it.
    pub text: String,
    /// Whose it is.
    pub scope: Scope,
}

/// Writes the service file and enables it, or only prints it.
///
/// # Errors
///
/// When there is no daemon to install, or the file cannot be written.
pub async fn run(session: &mut Session, args: &InstallArgs) -> Result<(), Failure> {
    let program = autostart::program(&session.env)?;
    let service = service(session, &program)?;
    if args.print {
        return session.console.write(service.text.as_bytes());
    }
    let write = || {
        if let Some(dir) = service.file.parent() {
            std::fs::create_dir_all(dir)?;
        }
        std::fs::write(&service.file, &service.text)
    };
    write()
        .map_err(|e| Failure::local(format!("{} cannot be written", service.file.display()), &e))?;
    session.console.remark(&format!("wrote {}", service.file.display()));
    // One that was started by hand holds the lock the service needs.
    stop::stop(session).await?;
    enable(session, &service).await?;
    if session.console.is_json() {
        let file = service.file.display().to_string();
        return session.console.json(&serde_json::json!({ "file": file }));
    }
    Ok(())
}

/// Returns the service for this system and user.
///
/// # Errors
///
/// When there is no home directory to put it in.
pub fn service(session: &Session, program: &Path) -> Result<Service, Failure> {
    let scope = if rustix::process::geteuid().is_root() { Scope::System } else { Scope::User };
    let (state, socket) = (&session.paths.state_dir, &session.paths.socket);
    if cfg!(target_os = "macos") {
        let dir = match scope {
            Scope::System => PathBuf::from("/Library/LaunchDaemons"),
            Scope::User => home(session)?.join("Library/LaunchAgents"),
        };
        let text = launchd_plist(program, state, socket);
        return Ok(Service { file: dir.join(format!("{LABEL}.plist")), text, scope });
    }
    let dir = match scope {
        Scope::System => PathBuf::from("/etc/systemd/system"),
        Scope::User => match session.env.get("XDG_CONFIG_HOME") {
            Some(dir) => PathBuf::from(dir).join("systemd/user"),
            None => home(session)?.join(".config/systemd/user"),
        },
    };
    let text = systemd_unit(scope, program, state, socket);
    Ok(Service { file: dir.join(UNIT), text, scope })
}

fn home(session: &Session) -> Result<PathBuf, Failure> {
    session.env.get("HOME").map(PathBuf::from).ok_or_else(|| {
        ApiError::new(
            ErrorKind::InvalidRequest,
            "HOME is not set, so there is no place for a service",
        )
        .into()
    })
}

/// Returns a unit file for systemd.
pub fn systemd_unit(scope: Scope, program: &Path, state: &Path, socket: &Path) -> String {
    let word = |path: &Path| {
        let text = path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"");
        format!("\"{}\"", text.replace('%', "%%").replace('$', "$$"))
    };
    let (after, target) = match scope {
        Scope::System => ("After=network-online.target docker.service\n", "multi-user.target"),
        Scope::User => ("", "default.target"),
    };
    format!(
        "[Unit]\nDescription=Pinacle daemon\n{after}\n[Service]\nType=exec\n\
         ExecStart={} --state-dir {} --socket {}\nRestart=on-failure\nRestartSec=2\n\
         # Pods live in the container engine; nothing of them is a child of the daemon.\n\
         KillMode=mixed\nTimeoutStopSec=30\n\n[Install]\nWantedBy={target}\n",
        word(program),
        word(state),
        word(socket),
    )
}

/// Returns a property list for launchd.
pub fn launchd_plist(program: &Path, state: &Path, socket: &Path) -> String {
    let word = |text: &str| {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("    <string>{text}</string>\n")
    };
    let arguments: String = [
        &*program.to_string_lossy(),
        "--state-dir",
        &*state.to_string_lossy(),
        "--socket",
        &*socket.to_string_lossy(),
    ]
    .iter()
    .map(|text| word(text))
    .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \
         \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n  \
         <key>Label</key>\n  <string>{LABEL}</string>\n  <key>ProgramArguments</key>\n  <array>\n\
         {arguments}  </array>\n  <key>RunAtLoad</key>\n  <true/>\n  <key>KeepAlive</key>\n  <dict>\n    \
         <key>SuccessfulExit</key>\n    <false/>\n  </dict>\n</dict>\n</plist>\n"
    )
}

/// The commands that enable or disable a service, in order.
pub fn switch_commands(service: &Service, on: bool) -> Vec<Vec<String>> {
    let file = service.file.display().to_string();
    let words = |words: &[&str]| words.iter().map(|w| (*w).to_owned()).collect::<Vec<_>>();
    if cfg!(target_os = "macos") {
        let verb = if on { "load" } else { "unload" };
        return vec![words(&["launchctl", verb, "-w", &file])];
    }
    let user: &[&str] = if service.scope == Scope::User { &["--user"] } else { &[] };
    let systemctl = |rest: &[&str]| words(&[&["systemctl"], user, rest].concat());
    if on {
        vec![systemctl(&["daemon-reload"]), systemctl(&["enable", "--now", UNIT])]
    } else {
        vec![systemctl(&["disable", "--now", UNIT])]
    }
}

/// Runs the commands that switch a service, when its manager runs here; says
/// which they are when not.
///
/// # Errors
///
/// When one of them fails.
pub async fn switch(session: &mut Session, service: &Service, on: bool) -> Result<(), Failure> {
    let managed = cfg!(target_os = "macos") || Path::new("/run/systemd/system").is_dir();
    for words in switch_commands(service, on) {
        let shown = words.join(" ");
        let program = session.env.find_program(&words[0]).filter(|_| managed);
        let Some(program) = program else {
            session
                .console
                .remark(&format!("no service manager runs here; where it does: {shown}"));
            continue;
        };
        session.console.remark(&format!("$ {shown}"));
        let output = session.child(&program).args(&words[1..]).stdin(Stdio::null()).output().await;
        let output = output.map_err(|e| Failure::local(format!("{shown} cannot be run"), &e))?;
        if !output.status.success() {
            let text = format!("{shown} ended with {}", output.status);
            let words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ApiError::new(ErrorKind::Internal, text).cause(words).into());
        }
    }
    Ok(())
}

async fn enable(session: &mut Session, service: &Service) -> Result<(), Failure> {
    switch(session, service, true).await?;
    if service.scope == Scope::User && cfg!(target_os = "linux") {
        session.console.remark("to keep it running after you log out: loginctl enable-linger");
    }
    Ok(())
}
