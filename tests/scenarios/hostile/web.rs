//! Pages of other origins, and names that are not the pod's.

use crate::{daemon, id, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::http::{self, Request};
use pinacle_tests::{browser::Browser, engine};

/// A pod with a shell for browsers.
const SPEC: &str = "isolation: runc\nservices: [web-terminal]\nprocesses:\n  - name: app\n    url: http://localhost:3000\n    \
                    startCommand: exec python3 -m http.server 3000 --bind 127.0.0.1\n    \
                    healthCheck: curl -fsS -o /dev/null http://127.0.0.1:3000/\n";

/// What the terminal's page asks for, as its script would.
fn socket(port: u16, host: &str) -> Request {
    Request::upgrade(port, host, "/ws").header("Sec-WebSocket-Protocol", "tty")
}

fn entrance(daemon: &Daemon, pod: &str) -> String {
    let url = daemon.ok(&["url", pod, "7681", "--json"]).json();
    assert!(url["seconds"].as_u64().is_some_and(|s| s > 60), "{url}");
    url["url"].as_str().expect("an address").to_owned()
}

#[test]
fn a_shell_is_for_the_browser_that_was_let_in_and_for_its_own_pages() {
    let daemon = daemon();
    let shown = daemon.create("shell", SPEC);
    let port = port(&shown);
    let host = format!("localhost-7681.pod-shell.localhost:{port}");
    let plain = format!("http://{host}/");

    // Nobody was let in yet: neither a page nor a program.
    let refused = http::get(port, &host, "/").expect("an answer");
    assert_eq!(refused.status, 403, "{refused:#?}");
    assert!(refused.body.contains("pinacle-tui open shell 7681"), "{refused:#?}");
    assert_eq!(socket(port, &host).status(), 403);
    let own = format!("http://{host}");
    assert_eq!(socket(port, &host).header("Origin", &own).status(), 403);

    // The address of `url` lets one browser in, once; the address it ends at has no ticket.
    let mut browser = Browser::new(port);
    let ticketed = entrance(&daemon, "shell");
    let page = browser.visit(&ticketed);
    assert_eq!((page.status, browser.address()), (200, plain.as_str()), "{page:#?}");
    assert!(page.body.contains("ttyd"), "{page:#?}");
    assert_eq!(Browser::new(port).visit(&ticketed).status, 403, "it is used up");
    assert_eq!(browser.socket(&own, &host, "/ws"), 101);

    // With the cookie in the browser, pages of others still cannot use it.
    for page in [
        "http://evil.example".to_owned(),
        format!("http://localhost-3000.pod-shell.localhost:{port}"),
        format!("http://localhost-7681.pod-other.localhost:{port}"),
        format!("http://localhost-7681.pod-shell.localhost:{}", port + 1),
        format!("http://127.0.0.1:{port}"),
        "null".to_owned(),
    ] {
        assert_eq!(browser.socket(&page, &host, "/ws"), 403, "{page}");
        let posted = browser.send(&Request::new("POST", port, &host, "/").header("Origin", &page));
        assert_eq!(posted.status, 403, "{page}");
    }

    // What the pod's user runs themselves is as open as it was.
    let app = http::get(port, &format!("localhost-3000.pod-shell.localhost:{port}"), "/");
    assert_eq!(app.expect("an answer").status, 200);

    // A stop and a start keep who was let in; making the container again does not.
    daemon.ok(&["restart", "shell"]);
    assert_eq!(browser.visit(&plain).status, 200);
}

#[test]
fn a_name_that_leads_here_by_trickery_gets_nothing() {
    let daemon = daemon();
    let shown = daemon.create("rebound", SPEC);
    let other = daemon.create("beside", "isolation: runc\nservices: [web-terminal]\n");
    let (port, beside) = (port(&shown), port(&other));

    // DNS rebinding: a page of evil.example, whose name now leads to 127.0.0.1, asks its own
    // origin. The browser sees nothing amiss, so nothing stops the page from reading the answer.
    let mut victim = Browser::new(port);
    victim.visit(&entrance(&daemon, "rebound"));
    let evil = format!("evil.example:{port}");
    for path in ["/", "/ws", "/.pinacle/enter?ticket=x", "/.pinacle/generation"] {
        let page = victim.visit(&format!("http://{evil}{path}"));
        assert!(matches!(page.status, 404 | 421), "{path}: {page:#?}");
        assert!(!page.body.contains("rebound") && !page.body.contains("3000"), "{page:#?}");
    }
    assert_eq!(victim.socket(&format!("http://{evil}"), &evil, "/ws"), 421);

    // Names of another pod, or nearly of this one, are not this pod's either.
    for name in [
        "localhost-3000.pod-beside.localhost",
        "pod-beside.localhost",
        "localhost-3000.pod-rebound.localhost.evil.example",
        "localhost-3000.pod-reboundx.localhost",
        "rebound",
        "0.0.0.0",
        "10.0.0.7",
    ] {
        let answer = http::get(port, &format!("{name}:{port}"), "/").expect("an answer");
        assert_eq!(answer.status, 421, "{name}: {answer:#?}");
    }
    // The cookie of one pod opens no other.
    let theirs = format!("localhost-7681.pod-beside.localhost:{beside}");
    let cookie = victim.cookie_of(&format!("localhost-7681.pod-rebound.localhost:{port}"));
    let request = Request::new("GET", beside, &theirs, "/").header("Cookie", &cookie);
    assert_eq!(request.send().expect("an answer").status, 403);

    // `hosts` adds names for people behind a proxy of their own, and takes effect at once.
    let spec = format!("{SPEC}hosts: [blog.example.com]\n");
    let file = daemon.project("changed", &spec).join("pinacle.yaml");
    let file = file.to_str().expect("UTF-8");
    daemon.ok(&["config", "apply", "rebound", "--file", file, "--yes"]);
    for (name, status) in
        [("blog.example.com", 200), ("localhost-3000.blog.example.com", 200), ("evil.example", 421)]
    {
        assert_eq!(http::get(port, name, "/").expect("an answer").status, status, "{name}");
    }
}

#[test]
fn the_key_and_the_tickets_are_nowhere_to_be_read() {
    let daemon = daemon();
    let shown = daemon.create("secret", SPEC);
    let container = format!("pinacle-pod-{}", id(&shown));
    let url = entrance(&daemon, "secret");
    let ticket = url.split_once("ticket=").expect("a ticket").1;
    let mut browser = Browser::new(port(&shown));
    browser.visit(&url);
    let unused = entrance(&daemon, "secret");
    let unused = unused.split_once("ticket=").expect("a ticket").1;
    let inside = |command: &[&str]| engine::try_docker(&[&["exec", &container], command].concat());
    let key = inside(&["cat", "/etc/pinacle/access.key"]).expect("a key");
    assert!(key.len() >= 32, "{key}");

    // On the host: state directory, logs, journals, events, lists, labels, arguments.
    for secret in [ticket, unused, key.as_str()] {
        let traces = std::process::Command::new("grep")
            .args(["-rlaF", secret])
            .arg(daemon.state())
            .output()
            .expect("grep runs");
        assert_eq!(String::from_utf8_lossy(&traces.stdout), "");
        for command in
            [&["ls", "--json"][..], &["show", "secret", "--json"], &["logs", "secret", "--infra"]]
        {
            assert!(!daemon.ok(command).stdout.contains(secret), "{command:?}");
        }
        assert!(!engine::docker(&["inspect", &container]).contains(secret));
        assert!(!engine::docker(&["logs", &container]).contains(secret));
    }
    // In the pod: who is not root reads neither, and a ticket is kept as a hash alone.
    for path in
        ["/etc/pinacle/access.key", "/etc/pinacle/nginx/cookie.map", "/var/lib/pinacle/tickets"]
    {
        let other = ["exec", "-u", "nobody", &container, "head", "-c1", path];
        assert!(engine::try_docker(&other).is_err(), "{path} is readable for everyone");
    }
    assert!(inside(&["grep", "-rlaF", unused, "/var/lib/pinacle", "/etc/pinacle"]).is_err());
    // Another pod has another key.
    let twin = format!("pinacle-pod-{}", id(&daemon.create("twin", SPEC)));
    assert_ne!(engine::docker(&["exec", &twin, "cat", "/etc/pinacle/access.key"]), key);
}

#[test]
fn a_link_cannot_have_the_terminal_run_something() {
    let daemon = daemon();
    let shown = daemon.create("linked", SPEC);
    let container = format!("pinacle-pod-{}", id(&shown));
    // What the terminal starts for `?arg=…`: tmux would run what stands in `#()` of a name.
    let config = engine::docker(&["exec", &container, "cat", "/etc/pinacle/pod.json"]);
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    let services = config["services"].as_array().expect("services");
    let terminal = services.iter().find(|s| s["name"] == "web-terminal").expect("the terminal");
    let command = terminal["command"].as_str().expect("a command");
    let started = command.split_once("-- ").expect("what it starts").1;
    // Nobody looks at it here.
    let detached = started.replace("exec tmux new-session", "exec tmux new-session -d");
    for arg in [
        "#(touch /tmp/ran)",
        "$(touch /tmp/ran)",
        "`touch /tmp/ran`",
        "x';touch /tmp/ran;'",
        "-V",
        "",
    ] {
        // A server of its own each time; a job of its has run once it answers something after it.
        let script = format!(
            "export TERM=xterm TMUX_TMPDIR=$(mktemp -d); ({detached} \"$1\") && tmux run-shell true"
        );
        engine::docker(&["exec", &container, "bash", "-c", &script, "x", arg]);
    }
    assert!(engine::try_docker(&["exec", &container, "test", "-e", "/tmp/ran"]).is_err());
}
