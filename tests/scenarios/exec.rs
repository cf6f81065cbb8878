//! Commands in a pod: exit codes, pipes, a terminal.

use crate::{PLAIN, daemon};
use pinacle_tests::wait::eventually;
use pinacle_tests::{engine, terminal};
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
fn a_program_that_is_not_there_is_127_and_its_output_is_empty() {
    let daemon = daemon();
    daemon.create("shelly", PLAIN);
    let ran = daemon.run(&["exec", "shelly", "--", "no-such-program", "-x"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (127, ""), "{ran:#?}");
    assert_eq!(ran.stderr, "pinacle: no-such-program: not found in the pod\n");
    let ran = daemon.run(&["exec", "shelly", "--", "/etc/passwd"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (126, ""), "{ran:#?}");
}

#[test]
fn a_command_ends_when_its_client_is_interrupted_or_killed() {
    let daemon = daemon();
    let name = format!("pinacle-pod-{}", crate::id(&daemon.create("shelly", PLAIN)));
    let running = || engine::try_docker(&["exec", &name, "pgrep", "-f", "^sleep 7000"]);
    for signal in ["INT", "TERM", "KILL"] {
        let mut client = daemon
            .client()
            .args(["exec", "shelly", "--", "sh", "-c", "sleep 7000; true"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the client starts");
        eventually("the command runs", running);
        terminal::signal(client.id(), signal);
        client.wait().expect("ended");
        eventually("the command ends with its client", || match running() {
            Ok(pids) => Err(pids),
            Err(_) => Ok(()),
        });
    }
    let logs = daemon.ok(&["logs", "shelly"]).stdout;
    assert!(logs.contains("its client went away"), "{logs}");
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
