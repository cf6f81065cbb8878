//! Commands in a pod: exit codes, pipes, a terminal.

use crate::{PLAIN, daemon};
use std::io::Write;
use std::process::Stdio;

#[test]
fn exec_passes_codes_streams_and_bytes_through() {
    let daemon = daemon();
    daemon.create("shelly", PLAIN);
    let ran = daemon.run(&["exec", "shelly", "--", "sh", "-c", "echo out; echo err >&2; exit 42"]);
    assert_eq!((ran.code, ran.stdout.as_str(), ran.stderr.as_str()), (42, "out\n", "err\n"));

    let bytes: Vec<u8> = (0..=255).cycle().take(1 << 20).collect();
    let mut child = daemon
        .client()
        .args(["exec", "shelly", "--", "cat"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the client starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = bytes.clone();
    let writer = std::thread::spawn(move || stdin.write_all(&input).expect("written"));
    let output = child.wait_with_output().expect("ended");
    writer.join().expect("joined");
    assert!(output.status.success());
    assert!(output.stdout == bytes, "{} bytes came back", output.stdout.len());
}

#[test]
fn exec_in_a_stopped_or_unknown_pod_says_what_to_do() {
    let daemon = daemon();
    daemon.create("resting", PLAIN);
    daemon.ok(&["stop", "resting"]);
    let ran = daemon.run(&["exec", "resting", "--", "true", "--json"]);
    assert_ne!(ran.code, 0, "{ran:#?}");
    let ran = daemon.run(&["--json", "exec", "resting", "--", "true"]);
    assert_eq!(ran.error()["kind"], "wrong_phase", "{ran:#?}");
    let ran = daemon.run(&["--json", "exec", "restling", "--", "true"]);
    assert_eq!(ran.code, 4, "{ran:#?}");
    assert!(ran.error().to_string().contains("resting"), "{ran:#?}");
}
