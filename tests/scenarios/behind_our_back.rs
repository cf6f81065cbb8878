//! What others do to a pod's things on the engine: the pod comes back as it is wanted, or says
//! why it cannot, and what is not Pinacle's is left alone.

use crate::{PLAIN, daemon, id, port};
use pinacle_tests::daemon::Daemon;
use pinacle_tests::engine::{docker, try_docker};
use pinacle_tests::http;
use pinacle_tests::wait::eventually;
use serde_json::Value;

fn name(shown: &Value) -> String {
    format!("pinacle-pod-{}", id(shown))
}

fn running(container: &str) -> Result<String, String> {
    try_docker(&["inspect", "-f", "{{.State.Running}}", container])
}

fn answers(shown: &Value) {
    eventually("the pod answers", || {
        match http::get(port(shown), "localhost", "/.pinacle/ready") {
            Ok(answer) if answer.status == 200 => Ok(()),
            other => Err(other),
        }
    });
}

fn kept(daemon: &Daemon, pod: &str) {
    assert_eq!(daemon.ok(&["exec", pod, "--", "cat", "/workspace/file"]).stdout, "kept\n");
}

fn with_a_file(daemon: &Daemon, pod: &str) -> Value {
    let shown = daemon.create(pod, PLAIN);
    daemon.ok(&["exec", pod, "--", "sh", "-c", "echo kept > /workspace/file"]);
    shown
}

#[test]
fn a_container_killed_behind_our_back_is_started_again() {
    let daemon = daemon();
    let shown = with_a_file(&daemon, "shot");
    let started = || docker(&["inspect", "-f", "{{.State.StartedAt}}", &name(&shown)]);
    let before = started();
    docker(&["kill", &name(&shown)]);
    eventually("it was started again", || match started() {
        now if now == before => Err((now, daemon.log_tail())),
        _ => Ok(()),
    });
    daemon.wait_phase("shot", "running");
    answers(&shown);
    kept(&daemon, "shot");
    daemon.ok(&["rm", "shot", "--yes"]);
}

#[test]
fn a_renamed_container_is_stopped_for_real_and_goes_with_the_pod() {
    let daemon = daemon();
    let shown = with_a_file(&daemon, "renamed");
    let other = format!("pinacle-test-other-name-{}", id(&shown));
    docker(&["rename", &name(&shown), &other]);
    daemon.ok(&["stop", "renamed"]);
    daemon.wait_phase("renamed", "stopped");
    // Whatever it is called now, what was said to be stopped does not run.
    for container in [name(&shown), other.clone()] {
        assert_ne!(running(&container), Ok("true".to_owned()), "{container}");
    }
    daemon.ok(&["start", "renamed"]);
    let again = daemon.wait_phase("renamed", "running");
    assert_eq!(port(&again), port(&shown));
    assert_eq!(running(&name(&shown)), Ok("true".to_owned()));
    answers(&shown);
    kept(&daemon, "renamed");
    // Renamed once more while it runs: deleting leaves nothing under any name.
    docker(&["rename", &name(&shown), &other]);
    daemon.ok(&["rm", "renamed", "--yes"]);
    let left = pinacle_tests::engine::owned_by(&daemon.owner());
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_foreign_container_with_the_pods_name_is_left_alone_and_told() {
    let daemon = daemon();
    let shown = with_a_file(&daemon, "usurped");
    daemon.ok(&["stop", "usurped"]);
    let (container, image) = (name(&shown), "pinacle-test-busybox:1");
    docker(&["rm", "-f", &container]);
    docker(&[
        "run",
        "-d",
        "--name",
        &container,
        "--network",
        "none",
        image,
        "/bin/sh",
        "-c",
        "sleep 600",
    ]);
    let checked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let ran = daemon.run(&["start", "usurped", "--json"]);
        assert_ne!(ran.code, 0, "{ran:#?}");
        assert!(ran.error().to_string().contains(&container), "{ran:#?}");
        daemon.ok(&["stop", "usurped"]);
        assert_eq!(running(&container), Ok("true".to_owned()), "another's container runs on");
    }));
    docker(&["rm", "-f", &container]);
    if let Err(panic) = checked {
        std::panic::resume_unwind(panic);
    }
    daemon.ok(&["start", "usurped"]);
    daemon.wait_phase("usurped", "running");
    kept(&daemon, "usurped");
    daemon.ok(&["rm", "usurped", "--yes"]);
}

#[test]
fn a_network_taken_from_a_running_pod_is_back_after_a_restart() {
    let daemon = daemon();
    let shown = with_a_file(&daemon, "unplugged");
    docker(&["network", "disconnect", "-f", &name(&shown), &name(&shown)]);
    assert!(http::get(port(&shown), "localhost", "/.pinacle/ready").is_err());
    daemon.ok(&["restart", "unplugged"]);
    let again = daemon.wait_phase("unplugged", "running");
    assert_eq!(port(&again), port(&shown));
    answers(&shown);
    kept(&daemon, "unplugged");
    daemon.ok(&["rm", "unplugged", "--yes"]);
}

#[test]
fn volumes_removed_behind_our_back_are_made_again_empty() {
    let daemon = daemon();
    let shown = with_a_file(&daemon, "emptied");
    daemon.ok(&["stop", "emptied"]);
    docker(&["rm", "-f", &name(&shown)]);
    docker(&["volume", "rm", &format!("{}-workspace", name(&shown))]);
    daemon.ok(&["start", "emptied"]);
    let again = daemon.wait_phase("emptied", "running");
    assert_eq!(port(&again), port(&shown));
    answers(&shown);
    let ran = daemon.run(&["exec", "emptied", "--", "test", "-e", "/workspace/file"]);
    assert_eq!(ran.code, 1, "{ran:#?}");
    daemon.ok(&["rm", "emptied", "--yes"]);
}

/// Labels cannot be changed on a container: it is made again, with what an editor would write.
#[test]
fn a_container_whose_labels_say_something_else_is_not_taken_for_another_pod() {
    let daemon = daemon();
    let shown = with_a_file(&daemon, "forged");
    let other = with_a_file(&daemon, "honest");
    daemon.ok(&["stop", "forged"]);
    let container = name(&shown);
    let image = docker(&["inspect", "-f", "{{.Config.Image}}", &container]);
    docker(&["rm", "-f", &container]);
    let (owner, pod) = (format!("dev.pinacle.owner={}", daemon.owner()), id(&other));
    let label = format!("dev.pinacle.pod={pod}");
    let create = ["create", "--name", &container, "--label", &owner, "--label", &label];
    docker(&[&create[..], &["--label", "dev.pinacle.port=not-a-port", &image]].concat());
    // The pod whose label it has got is not disturbed by it.
    daemon.ok(&["restart", "honest"]);
    daemon.wait_phase("honest", "running");
    answers(&other);
    kept(&daemon, "honest");
    docker(&["rm", "-f", &container]);
    daemon.ok(&["start", "forged"]);
    daemon.wait_phase("forged", "running");
    kept(&daemon, "forged");
    daemon.ok(&["rm", "forged", "honest", "--yes"]);
}

#[test]
fn what_others_do_to_the_pods_of_one_daemon_does_not_disturb_another_ones() {
    let (one, two) = (daemon(), daemon());
    let (first, second) = (with_a_file(&one, "mine"), with_a_file(&two, "yours"));
    let started = || docker(&["inspect", "-f", "{{.State.StartedAt}}", &name(&second)]);
    let before = started();
    docker(&["rm", "-f", &name(&first)]);
    one.wait_phase("mine", "running");
    one.ok(&["stop", "mine"]);
    one.ok(&["rm", "mine", "--yes"]);
    assert_eq!(started(), before);
    kept(&two, "yours");
    two.ok(&["rm", "yours", "--yes"]);
}
