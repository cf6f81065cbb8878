//! Specs changed while the pod lives.

use crate::{daemon, id, port};
use pinacle_tests::engine;
use pinacle_tests::http;
use pinacle_tests::wait::eventually;
use std::path::Path;

fn spec(word: &str, extra: &str) -> String {
    format!(
        "isolation: runc\nprocesses:\n  - name: app\n    url: http://localhost:3000\n    startCommand: \
         mkdir -p /tmp/w && echo {word} > /tmp/w/index.html && exec python3 -m http.server 3000 -d /tmp/w\n{extra}"
    )
}

fn path(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

#[test]
fn a_changed_process_restarts_and_a_changed_limit_does_not() {
    let daemon = daemon();
    let shown = daemon.create("morph", &spec("first", ""));
    let word = |expected: &str| {
        eventually("the page says so", || match http::get(port(&shown), "localhost", "/") {
            Ok(answer) if answer.body.trim() == expected => Ok(()),
            other => Err(other),
        });
    };
    word("first");
    let file = daemon.dir().join("morph/pinacle.yaml");
    std::fs::write(&file, spec("second", "resources:\n  memoryMb: 512\n")).expect("written");
    let plan = daemon.ok(&["config", "plan", "morph", "--file", path(&file), "--json"]).json();
    assert_eq!(plan["recreates"], false, "{plan:#}");
    assert_eq!(plan["restarts"], serde_json::json!(["app"]), "{plan:#}");
    daemon.ok(&["config", "apply", "morph", "--file", path(&file), "--yes"]);
    word("second");
    let name = format!("pinacle-pod-{}", id(&shown));
    let memory = engine::docker(&["inspect", "-f", "{{.HostConfig.Memory}}", &name]);
    assert_eq!(memory, (512_u64 << 20).to_string());
}

#[test]
fn making_the_container_again_needs_consent_and_keeps_the_volumes() {
    let daemon = daemon();
    let shown = daemon.create("rebuilt", &spec("x", ""));
    daemon.ok(&[
        "exec",
        "rebuilt",
        "--",
        "sh",
        "-c",
        "echo kept > /workspace/f; echo lost > /opt/f",
    ]);
    let file = daemon.dir().join("rebuilt/pinacle.yaml");
    std::fs::write(&file, spec("x", "bindAddress: 127.0.0.2\n")).expect("written");
    let ran = daemon.run(&["--json", "config", "apply", "rebuilt", "--file", path(&file), "--yes"]);
    assert_eq!(ran.error()["kind"], "conflict", "{ran:#?}");
    daemon.ok(&["config", "apply", "rebuilt", "--file", path(&file), "--accept-loss", "--yes"]);
    let after = daemon.wait_phase("rebuilt", "running");
    assert_eq!((id(&after), port(&after)), (id(&shown), port(&shown)));
    let read = "cat /workspace/f; cat /opt/f 2>/dev/null || echo gone";
    assert_eq!(daemon.ok(&["exec", "rebuilt", "--", "sh", "-c", read]).stdout, "kept\ngone\n");
    let previous = format!("pinacle-pod-{}-previous", id(&shown));
    assert!(engine::try_docker(&["inspect", &previous]).is_err(), "the old container is gone");
}

#[test]
fn a_wrong_spec_is_refused_with_position_and_remedy() {
    let daemon = daemon();
    let check = |text: &str| {
        let file = daemon.dir().join("checked.yaml");
        std::fs::write(&file, text).expect("written");
        daemon.run(&["config", "check", path(&file)])
    };
    let wrong = [
        ("proceses: []\n", "processes"),
        ("tier: dev.smal\n", "dev.small"),
        ("services: [web-terminl]\n", "web-terminal"),
        ("ports: [3000, 3000]\n", "3000"),
        ("slug: Not_A_Label\n", "slug"),
        ("processes: 7\n", "processes"),
        ("", "empty"),
    ];
    for (text, word) in wrong {
        let ran = check(text);
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert_eq!(ran.code, 3, "{text:?}: {said}");
        assert!(said.contains(word), "{text:?}: {said}");
    }
    assert_eq!(check("tier: dev.large\n").code, 0);
}
