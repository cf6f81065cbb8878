//! `daemon`, and starting one when none runs.

use crate::support::{ASKABLE, World};
use pinacle_protocol::{PROTOCOL_VERSION, PodPhase};
use pinacle_tui::commands::daemon::install::{Scope, launchd_plist, systemd_unit};
use std::path::Path;

#[tokio::test]
async fn status_tells_what_runs() {
    let world = World::new();
    assert!(world.run("daemon status").await.ok().contains("runs as process 4711"));
    let out = world.run("daemon status --json").await.ok();
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["running"], true);
    assert_eq!(report["pid"], 4711);
    let alone = World::without_daemon();
    let outcome = alone.run("daemon status --json").await.exits(10);
    assert!(outcome.out.starts_with("{\"running\":false,\"socket\":"), "{}", outcome.out);
    assert!(alone.run("daemon status").await.exits(10).out.contains("does not run"));
}

#[tokio::test]
async fn stop_waits_until_it_is_gone() {
    let world = World::new();
    world.run("daemon stop").await.exits(0).says("pods keep running");
    assert!(!world.socket().exists());
    world.run("daemon stop").await.exits(0).says("does not run");
}

#[tokio::test]
async fn a_restart_that_would_fail_says_what_runs() {
    for (mut world, state) in [
        (World::new(), "so the one that runs is left alone"),
        (World::without_daemon(), "the daemon does not run, and would not start"),
    ] {
        let broken = world.script("broken", "echo 'config.toml:1: no such setting' >&2; exit 3");
        world.set_env("PINACLED", broken);
        world.run("daemon restart").await.exits(3).says(state).says("config.toml:1:");
    }
}

#[tokio::test]
async fn a_missing_daemon_is_explained() {
    let mut world = World::without_daemon();
    world.run("ls").await.exits(10).says("pinacled is not installed");
    world.set_env("PINACLED", "/no/such/program");
    world.run("ls").await.exits(10).says("PINACLED names /no/such/program");
    let failing = world.script("failing", "echo 'the database is broken' >&2; exit 1");
    world.set_env("PINACLED", failing);
    let outcome = world.run("ls --json").await.exits(10);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    assert_eq!(error["error"]["kind"], "daemon_unreachable");
    assert_eq!(error["error"]["causes"][0], "the database is broken");
    assert!(error["error"]["hint"].as_str().is_some_and(|h| h.contains("pinacled.log")));
}

#[tokio::test]
async fn settings_that_keep_it_from_starting_are_said_instead_of_the_log() {
    let mut world = World::without_daemon();
    let words = "[ \"$5\" = --check ] && printf 'error: c.toml:2: `a`: no\\n  because x\\nhint: mend it\\n' >&2 \
                 || echo '2026-01-01T00:00:00Z ERROR pinacled: c.toml is wrong' >&2; exit 1";
    let failing = world.script("failing", words);
    world.set_env("PINACLED", failing);
    let outcome = world.run("ls --json").await.exits(10);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    let causes = serde_json::json!(["c.toml:2: `a`: no", "x"]);
    assert_eq!((&error["error"]["causes"], &error["error"]["hint"]), (&causes, &"mend it".into()));
}

#[tokio::test]
async fn a_daemon_is_started_when_none_runs() {
    let mut world = World::without_daemon();
    let marker = world.dir.path().join("started");
    let marker_text = marker.display();
    let script = format!(
        "echo \"$@\" > {marker_text}.part; mv {marker_text}.part {marker_text}; exec sleep 5"
    );
    let program = world.script("pinacled", &script);
    world.set_env("PINACLED", program);
    world.fake.add("web", PodPhase::Running);
    let (listed, ()) = tokio::join!(world.run("ls"), async {
        crate::support::eventually("it is started", || marker.exists()).await;
        let listener = tokio::net::UnixListener::bind(world.socket()).expect("a socket");
        tokio::spawn(crate::support::wire::serve(listener, world.fake.clone()));
    });
    assert!(listed.ok().contains("web"));
    let arguments = std::fs::read_to_string(marker).expect("it was started");
    let state = world.dir.path().join("state");
    assert_eq!(
        arguments,
        format!("--state-dir {} --socket {}\n", state.display(), world.socket().display())
    );
}

#[tokio::test]
async fn a_quiet_start_and_restart_say_nothing() {
    let mut world = World::new();
    let quiet = world.run("daemon start -q").await.exits(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
    assert!(world.run("daemon start -q --json").await.ok().contains("\"pid\":4711"));
    assert!(world.run("daemon status -q").await.ok().contains("runs as process 4711"));
    let program =
        world.script("pinacled", "case \"$*\" in *--check*) exit 0 ;; esac; exec sleep 5");
    world.set_env("PINACLED", program);
    let (restarted, ()) = tokio::join!(world.run("daemon restart -q"), async {
        crate::support::eventually("it is stopped", || !world.socket().exists()).await;
        let listener = tokio::net::UnixListener::bind(world.socket()).expect("a socket");
        tokio::spawn(crate::support::wire::serve(listener, world.fake.clone()));
    });
    let restarted = restarted.exits(0);
    assert_eq!((restarted.out.as_str(), restarted.err.as_str()), ("", ""));
}

#[tokio::test]
async fn another_version_is_refused_with_the_way_out() {
    let mut world = World::new();
    world.fake.state().protocol = PROTOCOL_VERSION + 1;
    world.run("ls").await.exits(9).says("pinacle-tui daemon restart");
    world.terminals = ASKABLE;
    world.input = b"n\n".to_vec();
    world.run("ls").await.exits(9).says("restart the daemon now?");
    assert!(world.run("version").await.ok().contains("another version"));
}

#[tokio::test]
async fn install_prints_or_writes_the_service() {
    let mut world = World::new();
    let program = world.script("pinacled", "exit 0");
    world.set_env("PINACLED", &program);
    let out = world.run("daemon install --print").await.ok();
    let state = world.dir.path().join("state");
    assert!(out.contains(&program.display().to_string()), "{out}");
    assert!(out.contains(&state.display().to_string()), "{out}");
}

#[test]
fn services_are_written_with_every_path_quoted() {
    let (program, state) = (Path::new("/opt/my tools/pinacled"), Path::new("/s/100%\"$x"));
    let socket = Path::new("/s/a&b.sock");
    insta::assert_snapshot!("unit_user", systemd_unit(Scope::User, program, state, socket));
    insta::assert_snapshot!("unit_system", systemd_unit(Scope::System, program, state, socket));
    insta::assert_snapshot!("plist", launchd_plist(program, state, socket));
}
