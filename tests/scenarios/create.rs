//! From a spec to a pod that answers by hostname.

use crate::{PLAIN, PROGRAMS, daemon, id, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::http;
use pinacle_tests::wait::eventually;
use std::net::TcpStream;

/// Answers every request with what it was asked, and echoes WebSocket messages.
const ECHO_SERVER: &str = r#"
import base64, hashlib, socketserver
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        lines = []
        while (line := self.rfile.readline().strip()):
            lines.append(line.decode())
        head = {k.lower(): v for k, v in (l.split(': ', 1) for l in lines[1:])}
        if head.get('upgrade', '').lower() != 'websocket':
            body = '\n'.join(lines).encode()
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n' % len(body) + body)
            return
        key = head['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest())
        self.wfile.write(b'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ' + accept + b'\r\n\r\n')
        first, second = self.rfile.read(2)
        size = second & 127
        mask = self.rfile.read(4)
        data = bytes(b ^ mask[i % 4] for i, b in enumerate(self.rfile.read(size)))
        self.wfile.write(bytes([first, size]) + data)
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(('127.0.0.1', 3000), Echo).serve_forever()
"#;

fn echo_spec() -> String {
    let indented = ECHO_SERVER.trim().replace('\n', "\n      ");
    format!(
        "name: echo\nisolation: runc\nprocesses:\n  - name: app\n    url: http://localhost:3000\n    \
         healthCheck: bash -c '</dev/tcp/127.0.0.1/3000'\n    startCommand: |\n      \
         cat > /tmp/echo.py <<'END'\n      {indented}\n      END\n      exec python3 /tmp/echo.py\n"
    )
}

#[test]
fn a_pod_answers_by_both_hostname_forms_and_echoes_a_websocket() {
    let daemon = daemon();
    let shown = daemon.create("echo", &echo_spec());
    assert_eq!(shown["pod"]["phase"], "running", "{shown:#}");
    let port = port(&shown);
    for host in ["localhost-3000.pod-echo.localhost", "localhost-3000-pod-echo.localhost"] {
        let host = format!("{host}:{port}");
        let answer = eventually("the app answers", || match http::get(port, &host, "/a?b=c") {
            Ok(answer) if answer.status == 200 => Ok(answer),
            other => Err(other),
        });
        let line = |text: &str| answer.body.lines().any(|line| line.eq_ignore_ascii_case(text));
        assert!(answer.body.starts_with("GET /a?b=c HTTP/1.1"), "{answer:#?}");
        assert!(line("Host: localhost:3000"), "{answer:#?}");
        assert!(line(&format!("X-Forwarded-Host: {host}")), "{answer:#?}");
        assert!(line("X-Forwarded-Proto: http"), "{answer:#?}");
    }

    let stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
    let url = format!("ws://localhost-3000.pod-echo.localhost:{port}/socket");
    let (mut socket, _) = tungstenite::client(url, stream).expect("a WebSocket");
    socket.send(tungstenite::Message::text("through Nginx")).expect("sent");
    assert_eq!(socket.read().expect("an echo").to_text().expect("text"), "through Nginx");
}

#[test]
fn what_does_not_listen_is_answered_with_what_does() {
    let daemon = daemon();
    let shown = daemon.create("quiet", PLAIN);
    let port = port(&shown);
    let host = format!("localhost-4444.pod-quiet.localhost:{port}");
    let answer = http::get(port, &host, "/").expect("an answer");
    assert_eq!(answer.status, 502, "{answer:#?}");
    assert!(answer.body.contains("4444"), "{answer:#?}");
    let too_large = format!("localhost-70000.pod-quiet.localhost:{port}");
    let answer = http::get(port, &too_large, "/").expect("an answer");
    assert!((400..500).contains(&answer.status), "{answer:#?}");
}

#[test]
fn a_pod_is_published_on_loopback_with_its_limits_and_labels() {
    let daemon = daemon();
    let shown = daemon.create("bounded", "isolation: runc\ntier: dev.medium\n");
    let container = format!("pinacle-pod-{}", id(&shown));
    let inspect = |format: &str| engine::docker(&["inspect", "-f", format, &container]);
    let binding = inspect("{{json .HostConfig.PortBindings}}");
    assert!(binding.contains("\"127.0.0.1\""), "{binding}");
    let memory: u64 = 2 << 30;
    assert_eq!(
        inspect("{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}"),
        format!("{memory} {memory}")
    );
    assert_eq!(inspect("{{.HostConfig.CapDrop}}"), "[ALL]");
    assert!(inspect("{{.HostConfig.SecurityOpt}}").contains("no-new-privileges"));
    assert_eq!(inspect("{{index .Config.Labels \"dev.pinacle.owner\"}}"), daemon.owner());
    let address = inspect("{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}");
    assert!(address.ends_with(".2"), "{address}");
}

#[test]
fn a_creation_that_fails_says_why_and_leaves_nothing_and_can_be_tried_again() {
    let daemon = daemon();
    let dir = daemon.project("broken", "isolation: runc\ninstall: echo to-the-journal; exit 7\n");
    let dir = dir.to_str().expect("UTF-8");
    let ran = daemon.run(&["create", dir, "--json"]);
    assert_ne!(ran.code, 0, "{ran:#?}");
    let shown = daemon.wait_phase("broken", "failed");
    let reason = shown["pod"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains('7'), "{shown:#}");
    // A command to be pasted: it names the pod.
    let hint = shown["pod"]["hint"].as_str().unwrap_or_default();
    assert!(hint.contains("`pinacle-tui logs broken --infra`"), "{shown:#}");
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());
    let logs = daemon.ok(&["logs", "broken"]).stdout;
    assert!(logs.contains("to-the-journal") && logs.contains("Exit code: 7"), "{logs}");

    std::fs::write(daemon.dir().join("broken/pinacle.yaml"), PLAIN).expect("written");
    let spec = daemon.dir().join("broken/pinacle.yaml");
    daemon.ok(&["config", "apply", "broken", "--file", spec.to_str().expect("UTF-8"), "--yes"]);
    daemon.wait_phase("broken", "running");
    daemon.ok(&["rm", "broken", "--yes"]);
}

#[test]
fn install_hooks_env_and_files_reach_the_pod_and_no_secret_the_journal() {
    let daemon = daemon();
    let spec = "isolation: runc\nenv:\n  API_TOKEN: s3cr3t-value-9\nhooks:\n  preStart: echo pre > /tmp/order\n  \
                postStart: echo post >> /tmp/order\ninstall: cat hello.txt; echo token is $API_TOKEN; \
                echo install >> /tmp/order\n";
    let dir = daemon.project("hooks", spec);
    std::fs::write(dir.join("hello.txt"), "from the directory\n").expect("written");
    daemon.ok(&["up", dir.to_str().expect("UTF-8"), "--detach", "--yes"]);
    let order = daemon.ok(&["exec", "hooks", "--", "cat", "/tmp/order"]).stdout;
    assert_eq!(order, "pre\ninstall\npost\n");
    let token = daemon.ok(&["exec", "hooks", "--", "sh", "-c", "echo $API_TOKEN"]).stdout;
    assert_eq!(token, "s3cr3t-value-9\n");
    let logs = daemon.ok(&["logs", "hooks", "--infra"]).stdout;
    assert!(logs.contains("from the directory") && logs.contains("token is"), "{logs}");
    let traces = std::process::Command::new("grep")
        .args(["-rl", "s3cr3t-value-9"])
        .arg(daemon.state().join("journal"))
        .arg(daemon.state().join("pinacled.log"))
        .output()
        .expect("grep runs");
    assert_eq!(String::from_utf8_lossy(&traces.stdout), "");
}

#[test]
fn who_finds_no_port_hears_who_has_them_and_what_to_widen() {
    let mut daemon = Daemon::prepare(PROGRAMS, "");
    let config = daemon.state().join("config.toml");
    let text = std::fs::read_to_string(&config).expect("settings");
    let first = text.lines().find_map(|line| line.strip_prefix("first = ")).expect("a range");
    let last = text.lines().find(|line| line.starts_with("last = ")).expect("a range");
    std::fs::write(&config, text.replace(last, &format!("last = {first}"))).expect("written");
    daemon.spawn();
    let dir = daemon.project("only", PLAIN);
    let dir = dir.to_str().expect("UTF-8");
    daemon.ok(&["create", dir, "--name", "only", "--no-wait"]);
    eventually("the host was looked at", || {
        let shown = daemon.show("only");
        if shown["pod"]["port"].is_null() { Err(shown) } else { Ok(()) }
    });
    let refused = daemon.run(&["create", dir, "--name", "second", "--no-wait"]);
    assert_eq!(refused.code, 6, "{refused:#?}");
    let said = refused.stderr;
    let share = format!("of 1 from {first} to {first}, pods in the list hold 1");
    assert!(said.contains(&share), "{said}");
    assert!(said.contains("widen `first` and `last` of `[ports]`"), "{said}");
    daemon.ok(&["rm", "only", "--yes"]);
}
