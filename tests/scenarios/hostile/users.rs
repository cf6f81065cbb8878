//! Another user of the same machine: the socket, the files, the processes, the ports.

use crate::{PROGRAMS, daemon, port};
use pinacle_tests::daemon::{Daemon, Ran};
use pinacle_tests::http;
use pinacle_tests::wait::{Over, eventually};
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// `nobody`, who has neither files nor processes of the tests.
const OTHER: &str = "65534";

/// Runs a program as the other user.
fn as_other(words: &[&str]) -> Ran {
    let user = ["--reuid", OTHER, "--regid", OTHER, "--clear-groups"];
    let output = Command::new("setpriv").args(user).args(words).current_dir("/").output();
    output.expect("setpriv runs").into()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).expect("it is there").mode() & 0o777
}

fn open_to_all(daemon: &Daemon) {
    std::fs::set_permissions(daemon.dir(), PermissionsExt::from_mode(0o755)).expect("changed");
}

#[test]
fn another_user_reads_nothing_and_is_not_served() {
    let daemon = daemon();
    open_to_all(&daemon);
    daemon.create("mine", "isolation: runc\nenv: {API_TOKEN: s3cr3t-of-users}\n");
    let (state, socket) = (daemon.state(), daemon.socket());
    let (state, socket) = (state.to_str().expect("UTF-8"), socket.to_str().expect("UTF-8"));
    assert_eq!((mode(Path::new(state)), mode(Path::new(socket))), (0o700, 0o600));
    assert_ne!(as_other(&["ls", state]).code, 0);
    for file in ["config.toml", "owner", "pinacled.log", "db", "journal", "export", "cache"] {
        let ran = as_other(&["head", "-c", "1", &format!("{state}/{file}")]);
        assert!(ran.code != 0 && ran.stderr.contains("Permission denied"), "{file}: {ran:?}");
    }
    let hello = "import socket, sys\ns = socket.socket(socket.AF_UNIX)\ns.settimeout(60)\n\
                 s.connect(sys.argv[1])\ntry:\n s.sendall(b'{\"pinacle\":1,\"mode\":\"rpc\"}\\n\
                 {\"id\":1,\"call\":\"inventory\"}\\n')\nexcept BrokenPipeError:\n pass\n\
                 print(s.makefile().readline())";
    let ran = as_other(&["/usr/bin/python3", "-c", hello, socket]);
    assert!(ran.code != 0 && ran.stderr.contains("PermissionError"), "{ran:?}");

    // Even a socket that somebody opened to all serves its owner alone.
    std::fs::set_permissions(state, PermissionsExt::from_mode(0o755)).expect("changed");
    std::fs::set_permissions(socket, PermissionsExt::from_mode(0o666)).expect("changed");
    let ran = as_other(&["/usr/bin/python3", "-c", hello, socket]);
    assert!(ran.stdout.contains("not user 65534") && !ran.stdout.contains("mine"), "{ran:?}");
    daemon.ok(&["ls"]);
}

#[test]
fn a_daemon_closes_a_directory_and_a_log_that_were_open() {
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    let state = daemon.state();
    std::fs::set_permissions(&state, PermissionsExt::from_mode(0o777)).expect("changed");
    let log = state.join("pinacled.log");
    std::fs::write(&log, "").expect("written");
    std::fs::set_permissions(&log, PermissionsExt::from_mode(0o644)).expect("changed");
    daemon.ok(&["daemon", "start"]);
    assert_eq!((mode(&state), mode(&log)), (0o700, 0o600));
    daemon.ok(&["daemon", "stop"]);
    daemon.spawn();
    assert_eq!(mode(&state), 0o700);
}

#[test]
fn no_secret_stands_on_a_command_line_or_where_others_read() {
    let daemon = daemon();
    open_to_all(&daemon);
    let secrets = ["s3cr3t-of-the-environment", "s3cr3t-of-a-client"];
    let spec = format!(
        "isolation: runc\nservices: [web-terminal]\nenv: {{API_TOKEN: {}}}\ninstall: sleep 0.5\n\
         processes:\n  - {{name: app, startCommand: exec sleep 1000000}}\n",
        secrets[0]
    );
    let stop = AtomicBool::new(false);
    let (seen, tickets) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(&secrets, &stop));
        // Also when something below fails.
        let over = Over(&stop);
        daemon.create("seen", &spec);
        let ticket = daemon.ok(&["url", "seen", "7681"]).stdout;
        daemon.ok(&["exec", "seen", "--", "sh", "-c", "sleep 0.5"]);
        daemon.ok(&["restart", "seen"]);
        let opened = open(&daemon);
        drop(over);
        (watch.join().expect("it watched"), [ticket, opened])
    });
    assert_eq!(seen, BTreeSet::new());
    assert!(tickets.iter().all(|ticket| ticket.contains("localhost")), "{tickets:?}");

    // The daemon's environment and memory are its user's.
    let pid = daemon.pid();
    for file in ["environ", "maps", "fd/1"] {
        let ran = as_other(&["head", "-c", "1", &format!("/proc/{pid}/{file}")]);
        assert!(ran.code != 0, "{file}: {ran:?}");
    }
}

/// Opens the terminal in a browser that only notes what it was given.
fn open(daemon: &Daemon) -> String {
    let bin = daemon.dir().join("bin");
    std::fs::create_dir(&bin).expect("made");
    let given = daemon.dir().join("given");
    // As a browser does, it asks for the address it is given, and then for where that leads.
    let script = format!(
        "#!/bin/sh\nprintf '%s' \"$1\" > {0}\npage=$(curl -fsS \"$1\") || exit 1\n\
         printf '%s' \"$page\" | sed 's/.*url=\\([^\"]*\\).*/\\1/' > {0}.target\nsleep 0.3\n",
        given.display()
    );
    let browser = bin.join("xdg-open");
    std::fs::write(&browser, script).expect("written");
    std::fs::set_permissions(&browser, PermissionsExt::from_mode(0o755)).expect("changed");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").expect("a PATH"));
    let mut client = daemon.client();
    client.args(["open", "seen", "7681"]).env("PATH", path).env("DISPLAY", ":0");
    let ran: Ran = client.output().expect("the client runs").into();
    assert!(
        ran.code == 0 && ran.stderr.contains("opened http://localhost-7681.pod-seen"),
        "{ran:?}"
    );
    assert!(!format!("{ran:?}").contains("ticket"), "{ran:?}");
    let given = std::fs::read_to_string(&given).expect("an address was given");
    assert!(!given.contains("ticket"), "{given}");
    // The client does not wait for what the browser does next.
    let target = daemon.dir().join("given.target");
    eventually("the page leads on", || match std::fs::read_to_string(&target) {
        Ok(text) if text.contains("/.pinacle/enter?ticket=") => Ok(text),
        other => Err(other),
    })
}

/// Reads every command line, and every environment that others may read, again and again.
fn watch(secrets: &[&str], stop: &AtomicBool) -> BTreeSet<String> {
    let own = std::process::id().to_string();
    let mut found = BTreeSet::new();
    while !stop.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").expect("/proc").flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == own || !name.bytes().all(|b| b.is_ascii_digit()) {
                continue;
            }
            let bytes = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&bytes).replace('\0', " ");
            let is_secret = secrets.iter().any(|secret| line.contains(secret));
            if is_secret || line.contains("enter?ticket=") && !line.starts_with("grep") {
                found.insert(line);
            }
        }
    }
    found
}

#[test]
fn another_user_gets_no_shell_by_a_port() {
    let daemon = daemon();
    let shown = daemon.create("ports", "isolation: runc\nservices: [web-terminal]\n");
    let port = port(&shown);
    let host = format!("Host: localhost-7681.pod-ports.localhost:{port}");
    let url = format!("http://127.0.0.1:{port}/");
    let ran = as_other(&["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", &host, &url]);
    assert_eq!(ran.stdout, "403", "{ran:?}");
    // Past the router there is nothing to reach.
    let container = format!("pinacle-pod-{}", crate::id(&shown));
    let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address = pinacle_tests::engine::docker(&["inspect", "-f", format, &container]);
    let direct = as_other(&["curl", "-s", "--max-time", "10", &format!("http://{address}:7681/")]);
    assert_ne!(direct.code, 0, "{direct:?}");
    assert_eq!(http::get(port, "localhost", "/.pinacle/ready").expect("an answer").status, 200);
}
