//! Values that mean something to a shell, a terminal, a file system or a parser.

use crate::{daemon, id};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine;
use pinacle_tests::wait::eventually;
use serde_json::json;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Would make a file wherever a shell took it for more than a value.
const BAIT: &str =
    "it's a \"dir\" $(touch /tmp/ran) `touch /tmp/ran` ;touch /tmp/ran& | --opt \\ %s";
/// Turns the writing direction, hides, clears a screen, rings.
const SLY: &str = "\u{202e}gpj.exe\u{2066}\u{200b}🦀 עברית";

/// What is handed to everything in the pod.
fn variables() -> serde_json::Value {
    json!({
        "BAIT": BAIT,
        "LINES": "first\n second: x\n\n# last\n",
        "SLY": format!("{SLY}\u{1b}[2J\u{7}"),
        "DASH": "--option=-rf",
        "EMPTY": "",
        "LARGE": "0123456789abcdef".repeat(100 * 1024 / 16),
    })
}

/// Prints the environment as JSON in which every character is ASCII.
const PRINT: &str = "python3 -c 'import json, os; print(json.dumps({k: os.environ.get(k) for k in \
                     [\"BAIT\", \"LINES\", \"SLY\", \"DASH\", \"EMPTY\", \"LARGE\"]}))'";

fn spec() -> String {
    let spec = json!({
        "name": format!("{SLY} $(touch /tmp/ran)"),
        "slug": "strange",
        "isolation": "runc",
        "env": variables(),
        "workingDir": format!("/workspace/{BAIT} {SLY}"),
        "install": format!("{PRINT} > /tmp/install.json\nprintf '%s\\n' '{SLY}' \"$PWD\""),
        "hooks": {"preStart": ["printf '%s' \"--help $(echo \\'a b\\')\" > /tmp/hook"]},
        "processes": [
            {"name": "--help; $(touch /tmp/ran)", "startCommand": format!("{PRINT} > /tmp/process.json; exec sleep 1000000")},
            {"name": "日本 \u{202e}", "startCommand": "--nothing || echo said > /tmp/dash; exec sleep 1000000"},
        ],
    });
    // JSON is YAML, but for the few characters that only JSON may have as they are.
    let text = spec.to_string();
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { escaped(c) }).collect()
}

fn escaped(c: char) -> String {
    format!("\\U{:08x}", u32::from(c))
}

/// Makes files that few programs expect.
fn files(dir: &Path) -> Vec<Vec<u8>> {
    let long = "n".repeat(255);
    let names: [&[u8]; 10] = [
        b"--option",
        b"-rf",
        b"new\nline",
        b"quote'\"\\`$(touch ran)`",
        SLY.as_bytes(),
        b"not-utf8-\xff\xfe",
        b" ",
        b"*?[a]",
        b"\x1b[2J\x07",
        long.as_bytes(),
    ];
    for name in names {
        std::fs::write(dir.join(OsStr::from_bytes(name)), name).expect("written");
    }
    std::os::unix::fs::symlink("loop", dir.join("loop")).expect("linked");
    std::os::unix::fs::symlink("/etc/shadow", dir.join("outside")).expect("linked");
    let deep = dir.join(vec!["deep"; 60].join("/"));
    std::fs::create_dir_all(&deep).expect("made");
    std::fs::write(deep.join("end"), "end").expect("written");
    names.map(<[u8]>::to_vec).to_vec()
}

#[test]
fn values_reach_the_pod_as_they_are_and_nothing_takes_them_for_more() {
    let daemon = daemon();
    let dir = daemon.project("strange", &spec());
    let names = files(&dir);
    daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--quiet"]);
    let shown = daemon.show("strange");
    assert_eq!(
        (&shown["pod"]["phase"], &shown["pod"]["reason"]),
        (&"running".into(), &json!(null))
    );
    let container = format!("pinacle-pod-{}", id(&shown));
    let inside = |command: &[&str]| engine::docker(&[&["exec", &container], command].concat());
    // Nothing waits for processes that have no health check.
    let written = |path: &str, is_whole: &dyn Fn(&str) -> bool| {
        eventually(&format!("{path} is written"), || {
            let text = engine::try_docker(&["exec", &container, "cat", path])?;
            if is_whole(&text) { Ok(text) } else { Err(text) }
        })
    };
    let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();

    // The environment, byte by byte, of a step, a process, a shell of the client's.
    let exec = daemon.ok(&["exec", "strange", "--", "sh", "-c", PRINT]).stdout;
    for (what, text) in [
        ("install", inside(&["cat", "/tmp/install.json"])),
        ("process", written("/tmp/process.json", &is_json)),
        ("exec", exec),
    ] {
        let seen: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert!(seen == variables(), "{what}: {seen:#}");
    }
    assert_eq!(inside(&["cat", "/tmp/hook"]), "--help 'a b'");
    written("/tmp/dash", &|text| text == "said");
    let words = ["--help", "", "a b", BAIT, "-", "--"];
    let echo = [
        "exec",
        "strange",
        "--",
        "python3",
        "-c",
        "import json, sys; print(json.dumps(sys.argv[1:]))",
    ];
    let echoed = daemon.ok(&[&echo[..], &words].concat()).json();
    assert_eq!(echoed, json!(words));

    has_files(&daemon, &names);
    nothing_was_taken_for_a_command(&container);
    nothing_drives_the_terminal(&daemon);
    // What is long and secret is not in the journal, nor is a piece of it.
    let logs = daemon.ok(&["logs", "strange", "--infra", "--json"]).stdout;
    assert!(!logs.contains("0123456789abcdef0123456789abcdef"), "{logs}");
}

/// The files, whatever they are called.
fn has_files(daemon: &Daemon, names: &[Vec<u8>]) {
    let list =
        "import json, os; print(json.dumps([os.fsencode(n).hex() for n in os.listdir(b'.')]))";
    let listed = daemon.ok(&["exec", "strange", "--", "python3", "-c", list]).json();
    for name in names {
        let hex: String = name.iter().map(|b| format!("{b:02x}")).collect();
        assert!(
            listed.as_array().expect("a list").contains(&hex.as_str().into()),
            "{name:?}: {listed}"
        );
    }
    let deep = format!("{}/end", vec!["deep"; 60].join("/"));
    assert_eq!(daemon.ok(&["exec", "strange", "--", "cat", &deep]).stdout, "end");
}

/// Neither here nor there.
fn nothing_was_taken_for_a_command(container: &str) {
    assert!(engine::try_docker(&["exec", container, "test", "-e", "/tmp/ran"]).is_err());
    assert!(!Path::new("/tmp/ran").exists());
}

/// Of all that was written down, nothing does more than show itself.
fn nothing_drives_the_terminal(daemon: &Daemon) {
    for command in [
        &["ls"][..],
        &["show", "strange"],
        &["logs", "strange", "--infra"],
        &["config", "show", "strange"],
    ] {
        let text = daemon.ok(command).stdout;
        let sly = text.chars().find(|c| {
            (c.is_control() && !matches!(c, '\n' | '\t'))
                || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        });
        assert_eq!(sly, None, "{command:?}: {text:?}");
    }
}

#[test]
fn a_user_who_is_not_root_can_write_where_everything_starts() {
    let daemon = daemon();
    let spec = "isolation: runc\nuser: www-data\nworkingDir: /workspace/app/deep\n\
                install: touch made-by-install\nprocesses:\n  - {name: writes, startCommand: touch made && exec sleep 1000000, healthCheck: test -e made}\n";
    let shown = daemon.create("writes", spec);
    assert_eq!(
        (&shown["pod"]["phase"], &shown["pod"]["reason"]),
        (&"running".into(), &json!(null))
    );
    let owners = [
        "exec",
        "writes",
        "--",
        "stat",
        "-c",
        "%U",
        "/workspace",
        "/workspace/app",
        ".",
        "made",
        "made-by-install",
    ];
    assert_eq!(daemon.ok(&owners).stdout, "www-data\n".repeat(5));
}
