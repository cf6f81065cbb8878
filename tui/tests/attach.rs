//! `exec` and `shell`.

use crate::support::{World, Written, eventually};
use pinacle_protocol::PodPhase;
use pinacle_tui::attach::{Detach, DetachKeys};
use std::ffi::OsString;

fn world() -> World {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    world
}

#[tokio::test]
async fn the_exit_code_is_passed_on() {
    let world = world();
    world.run("exec web -- exit 0").await.exits(0);
    world.run("exec web -- exit 42").await.exits(42);
    world.run("exec web -- exit 137").await.exits(137);
    let outcome = world.run("exec web -- exit 3 --json").await;
    assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("", ""));
}

#[tokio::test]
async fn output_and_error_output_stay_apart() {
    let outcome = world().run("exec web -- both").await.exits(0);
    assert_eq!((outcome.out.as_str(), outcome.err.as_str()), ("out\n", "err\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_input_is_passed_on_byte_for_byte() {
    let mut world = world();
    world.input = (0..=255_u8).cycle().take(1_000_003).collect();
    let (out, err) = (Written::default(), Written::default());
    let surroundings = world.surroundings(Box::new(out.clone()), err);
    let words = ["pinacle-tui", "exec", "web", "--", "cat"].map(OsString::from);
    assert_eq!(pinacle_tui::run(words, surroundings).await, 0);
    assert!(out.text() == String::from_utf8_lossy(&world.input), "bytes differ");
    world.input = b"only this".to_vec();
    assert_eq!(world.run("exec -n web -- cat").await.ok(), "");
}

#[tokio::test]
async fn the_request_says_what_was_asked_for() {
    let mut world = world();
    world.set_env("PASSED", "on");
    world.set_env("TERM", "xterm");
    let words = "exec -u root -w /srv -e A=b=c -e PASSED -e UNSET web -- exit 0 -x";
    world.run(words).await;
    world.run("exec -t web -- exit 0").await.exits(0);
    world.run("shell web").await;
    let requests = world.fake.state().pty.clone();
    let first = &requests[0];
    assert_eq!(first.command, ["exit", "0", "-x"]);
    assert_eq!(first.user.as_deref(), Some("root"));
    assert_eq!(first.working_dir.as_deref(), Some("/srv"));
    let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
    assert_eq!(first.env, [pair("A", "b=c"), pair("PASSED", "on")]);
    assert!(!first.tty);
    assert!(requests[1].tty);
    assert_eq!(requests[1].env, [pair("TERM", "xterm")]);
}

#[tokio::test]
async fn a_session_that_fails_says_why() {
    let world = world();
    world.run("exec web -- refuse").await.exits(5).says("the pod does not run");
    world.run("exec web -- error").await.exits(6).says("the host is gone");
    world.run("exec web -- drop").await.exits(10).says("without an exit code");
    world.run("exec -e =x web -- true").await.exits(2);
}

#[tokio::test]
async fn ctrl_c_without_a_terminal_ends_the_session() {
    let world = world();
    let interrupt = world.interrupt.clone();
    let surroundings = world.surroundings(Box::new(Written::default()), Written::default());
    let words = ["pinacle-tui", "exec", "web", "--", "hang"].map(OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("it runs", || !world.fake.state().pty.is_empty()).await;
    // Raised until it is heard: the request is seen before the client waits.
    while !running.is_finished() {
        interrupt.raise();
        tokio::task::yield_now().await;
    }
    assert_eq!(running.await.expect("no panic"), 130);
}

#[test]
fn the_keys_that_detach_are_found_across_chunks() {
    let mut keys = DetachKeys::new(Detach::ByKeys);
    assert_eq!(keys.filter(b"ab\x10"), (&b"ab\x10"[..], false));
    assert_eq!(keys.filter(b"\x11rest"), (&b""[..], true));
    let mut keys = DetachKeys::new(Detach::ByKeys);
    assert_eq!(keys.filter(b"\x10x\x11"), (&b"\x10x\x11"[..], false));
    assert_eq!(keys.filter(b"y\x10\x11z"), (&b"y\x10"[..], true));
    let mut keys = DetachKeys::new(Detach::Never);
    assert_eq!(keys.filter(b"\x10\x11"), (&b"\x10\x11"[..], false));
}
