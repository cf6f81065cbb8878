//! Stop, start, restart, delete, and what comes back by itself.

use crate::{PLAIN, daemon, id, port};
use pinacle_tests::http;
use pinacle_tests::wait::eventually;
use pinacle_tests::{browser::Browser, engine};

const SLEEPER: &str = "isolation: runc\nservices: [web-terminal]\nprocesses:\n  - name: sleeper\n    \
                       startCommand: exec sleep 100000\n";

#[test]
fn stop_and_start_keep_files_port_and_address() {
    let daemon = daemon();
    let before = daemon.create("keeper", PLAIN);
    let write = "for d in /root /opt /workspace; do echo kept > $d/file; done";
    daemon.ok(&["exec", "keeper", "--", "sh", "-c", write]);
    daemon.ok(&["stop", "keeper"]);
    let stopped = daemon.wait_phase("keeper", "stopped");
    assert_eq!(port(&stopped), port(&before));
    daemon.ok(&["start", "keeper"]);
    let after = daemon.wait_phase("keeper", "running");
    assert_eq!((port(&after), &after["pod"]["url"]), (port(&before), &before["pod"]["url"]));
    let read = "cat /root/file /opt/file /workspace/file";
    assert_eq!(daemon.ok(&["exec", "keeper", "--", "sh", "-c", read]).stdout, "kept\n".repeat(3));
}

/// Sleeps for ever in the first container.
const SLEEPS_ONCE: &str = "isolation: runc\nservices: []\n\
                           install: test -e /workspace/go || { touch /workspace/began; exec sleep 100000; }\n";

#[test]
fn a_stop_breaks_an_install_off_and_the_next_start_makes_the_rest() {
    let daemon = daemon();
    let dir = daemon.project("hasty", SLEEPS_ONCE);
    std::fs::write(dir.join("file"), "copied").expect("written");
    daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--no-wait"]);
    let half = eventually("it is being installed", || {
        let shown = daemon.show("hasty");
        if shown["pod"]["operation"]["step"] == "Installing" { Ok(shown) } else { Err(shown) }
    });
    let name = format!("pinacle-pod-{}", id(&half));
    // The step has begun; its command comes a moment later.
    eventually("it sleeps", || {
        engine::try_docker(&["exec", &name, "test", "-e", "/workspace/began"])
    });
    engine::docker(&[
        "exec",
        &name,
        "sh",
        "-c",
        "touch /workspace/go; echo mine > /workspace/file",
    ]);

    let stopped = daemon.ok(&["stop", "hasty", "--json"]).json();
    assert_eq!(stopped["outcome"], "stopped", "{stopped:#}");
    let shown = daemon.show("hasty");
    assert_eq!(shown["pod"]["phase"], "stopped", "{shown:#}");
    let reason = shown["pod"]["reason"].as_str().expect("a reason");
    assert!(reason.contains("before its container was finished"), "{reason}");
    assert_eq!(port(&shown), port(&half));
    assert_eq!(engine::docker(&["inspect", "-f", "{{.State.Running}}", &name]), "false");

    daemon.ok(&["start", "hasty"]);
    let shown = daemon.wait_phase("hasty", "running");
    assert_eq!(shown["pod"]["reason"], serde_json::Value::Null, "{shown:#}");
    assert_eq!(port(&shown), port(&half));
    // What the user had made of the copied file is not copied over.
    assert_eq!(daemon.ok(&["exec", "hasty", "--", "cat", "/workspace/file"]).stdout, "mine\n");
    daemon.ok(&["rm", "hasty", "--yes"]);
    assert_eq!(engine::leftovers(&id(&shown)), Vec::<String>::new());

    // One that is half made can be deleted as well.
    daemon.ok(&["create", dir.to_str().expect("UTF-8"), "--no-wait"]);
    let half = eventually("it is being installed", || {
        let shown = daemon.show("hasty");
        if shown["pod"]["operation"]["step"] == "Installing" { Ok(shown) } else { Err(shown) }
    });
    daemon.ok(&["stop", "hasty"]);
    daemon.ok(&["rm", "hasty", "--yes"]);
    assert_eq!(engine::leftovers(&id(&half)), Vec::<String>::new());
}

#[test]
fn a_process_killed_in_the_pod_comes_back_and_all_start_with_the_pod() {
    let daemon = daemon();
    let shown = daemon.create("sleepy", SLEEPER);
    let mut browser = Browser::new(port(&shown));
    let entrance = daemon.ok(&["url", "sleepy", "7681"]).stdout;
    assert_eq!(browser.visit(entrance.trim()).status, 200);
    let pids = || daemon.run(&["exec", "sleepy", "--", "pgrep", "-f", "sleep 100000"]).stdout;
    let first = eventually("the process runs", || match pids() {
        pids if pids.trim().is_empty() => Err(pids),
        pids => Ok(pids),
    });
    daemon.ok(&["exec", "sleepy", "--", "pkill", "-9", "-f", "sleep 100000"]);
    eventually("the process is back", || match pids() {
        pids if pids.trim().is_empty() || pids == first => Err(pids),
        pids => Ok(pids),
    });
    daemon.ok(&["restart", "sleepy"]);
    daemon.wait_phase("sleepy", "running");
    eventually("the process started with the pod", || match pids() {
        pids if pids.trim().is_empty() => Err(pids),
        pids => Ok(pids),
    });
    // Who was let in before is still known.
    let plain = format!("http://localhost-7681.pod-sleepy.localhost:{}/", port(&shown));
    eventually("the web terminal answers", || match browser.visit(&plain) {
        answer if answer.status == 200 => Ok(()),
        other => Err(other),
    });
}

#[test]
fn delete_leaves_nothing_also_when_half_of_it_is_gone() {
    let daemon = daemon();
    let whole = daemon.create("whole", PLAIN);
    daemon.ok(&["rm", "whole", "--yes"]);
    assert_eq!(engine::leftovers(&id(&whole)), Vec::<String>::new());

    let half = daemon.create("half", PLAIN);
    // Another test may have let go of a lower one meanwhile.
    assert!(port(&half) <= port(&whole), "the lowest free port is given again");
    daemon.ok(&["stop", "half"]);
    let name = format!("pinacle-pod-{}", id(&half));
    engine::docker(&["rm", "-f", &name]);
    engine::docker(&["network", "rm", &name]);
    daemon.ok(&["rm", "half", "--yes"]);
    assert_eq!(engine::leftovers(&id(&half)), Vec::<String>::new());
    assert_eq!(daemon.run(&["show", "half", "--json"]).code, 4);
}

#[test]
fn a_container_removed_behind_our_back_is_made_again_with_its_volumes() {
    let daemon = daemon();
    let shown = daemon.create("robbed", PLAIN);
    daemon.ok(&["exec", "robbed", "--", "sh", "-c", "echo kept > /workspace/file"]);
    let name = format!("pinacle-pod-{}", id(&shown));
    // Of a container: the network has the same name.
    let inspect = ["container", "inspect", "-f", "{{.Id}}", &name];
    let first = engine::docker(&inspect);
    engine::docker(&["rm", "-f", &name]);
    eventually("a new container", || match engine::try_docker(&inspect) {
        Ok(now) if now != first => Ok(()),
        other => Err(other),
    });
    let again = daemon.wait_phase("robbed", "running");
    assert_eq!(port(&again), port(&shown));
    assert_eq!(daemon.ok(&["exec", "robbed", "--", "cat", "/workspace/file"]).stdout, "kept\n");
}

#[test]
fn a_container_stopped_behind_our_back_is_started_again() {
    let daemon = daemon();
    let shown = daemon.create("nudged", PLAIN);
    let name = format!("pinacle-pod-{}", id(&shown));
    let started =
        || engine::docker(&["inspect", "-f", "{{.State.StartedAt}} {{.State.Running}}", &name]);
    let before = started();
    engine::docker(&["stop", "-t", "1", &name]);
    eventually("it runs again", || match started() {
        now if now != before && now.ends_with("true") => Ok(()),
        now => Err(now),
    });
    daemon.wait_phase("nudged", "running");
}

#[test]
fn a_network_removed_behind_our_back_is_made_again_at_the_next_start() {
    let daemon = daemon();
    let shown = daemon.create("cutoff", PLAIN);
    daemon.ok(&["exec", "cutoff", "--", "sh", "-c", "echo kept > /opt/file"]);
    let name = format!("pinacle-pod-{}", id(&shown));
    engine::docker(&["network", "disconnect", "-f", &name, &name]);
    engine::docker(&["network", "rm", &name]);
    daemon.ok(&["restart", "cutoff"]);
    let after = daemon.wait_phase("cutoff", "running");
    let answer = http::get(port(&after), "localhost", "/.pinacle/ready").expect("an answer");
    assert_eq!(answer.status, 200, "{answer:#?}");
    assert_eq!(daemon.ok(&["exec", "cutoff", "--", "cat", "/opt/file"]).stdout, "kept\n");
}
