//! The Docker engine as it really is: every call twice, against the engine of this
//! machine. Without one these tests fail.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "rig/copies.rs"]
mod copies;
mod rig;

use bytes::Bytes;
use pinacle_core::engine::{
    ContainerState, EngineCall, EngineFailure, EngineOutcome, FailureClass, LABEL_OWNER,
    LABEL_SPEC, RunPlan,
};
use pinacle_core::names;
use pinacle_daemon::engine::{Engine, ExecOutput, ExecRequest, ExecSession, Freshness};
use pinacle_protocol::{CheckStatus, Cursor, ErrorKind, Isolation, JournalEntry, TerminalSize};
use rig::{Rig, docker, eventually, with_rig};
use std::time::Duration;

async fn pod_comes_and_goes(rig: &Rig, isolation: Isolation) {
    rig.up(isolation).await;
    // All of it once more: nothing is made twice, nothing fails.
    rig.up(isolation).await;
    let seen = rig.engine.observe_pod(&rig.pod).await.unwrap().unwrap();
    let container = seen.container.unwrap();
    assert_eq!(container.state, ContainerState::Running);
    assert_eq!(container.port, Some(rig.port));
    assert_eq!(container.isolation, isolation);
    assert_eq!(seen.network, Some(rig.subnet));
    assert_eq!(seen.volumes.len(), 2);
    assert_eq!(seen.owner, rig.owner.owner.as_str());
    assert_eq!(seen.labels.port, Some(rig.port));

    rig.sh("echo kept >/opt/kept").await;
    for _ in 0..2 {
        rig.done(EngineCall::StopContainer { name: rig.name(), grace_ms: 1_000 }).await;
    }
    let seen = rig.engine.observe_pod(&rig.pod).await.unwrap().unwrap().container.unwrap();
    assert_eq!(seen.state, ContainerState::Exited);
    assert!(seen.exit_code.is_some());
    assert_eq!(seen.port, Some(rig.port), "known while it is down");
    rig.done(EngineCall::StartContainer { name: rig.name() }).await;
    rig.done(rig.await_ready()).await;
    assert_eq!(rig.sh("cat /opt/kept").await, "kept\n");

    for _ in 0..2 {
        rig.down().await;
    }
    assert_eq!(rig.engine.observe_pod(&rig.pod).await.unwrap(), None);
}

#[tokio::test]
async fn a_plain_pod_comes_and_goes_and_every_call_may_be_repeated() {
    with_rig(async |rig| pod_comes_and_goes(rig, Isolation::Runc).await).await;
}

#[tokio::test]
async fn a_gvisor_pod_comes_and_goes_and_every_call_may_be_repeated() {
    with_rig(async |rig| pod_comes_and_goes(rig, Isolation::Gvisor).await).await;
}

#[tokio::test]
async fn a_gvisor_pod_survives_many_processes() {
    with_rig(async |rig| {
        rig.up(Isolation::Gvisor).await;
        let script = "i=0; while [ $i -lt 150 ]; do sleep 1 & i=$((i+1)); done; wait; echo all";
        assert_eq!(rig.sh(script).await, "all\n");
    })
    .await;
}

/// The image's own checks: names, routing, supervision, what a web page may reach.
#[tokio::test]
async fn the_image_does_what_its_page_says() {
    with_rig(async |rig| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../docker/test.sh");
        let mut checks = tokio::process::Command::new("bash");
        checks.arg(script).env("IMAGE", rig.image().await).env("OFFLINE", "1");
        let output = checks.output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let wrong: Vec<&str> = said.lines().filter(|line| !line.starts_with("ok ")).collect();
        assert!(output.status.success(), "{}", wrong.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn a_port_in_use_is_told_and_another_one_replaces_the_container_with_its_volumes() {
    with_rig(async |rig| {
        let mut plan = rig.prepare(Isolation::Runc).await;
        let taken = std::net::TcpListener::bind(("127.0.0.1", rig.port.0)).unwrap();
        // Removed by somebody: the engine makes them with the container, and they are the pod's.
        rig.done(EngineCall::RemoveVolumes { names: names::volumes(&rig.pod) }).await;
        rig.done(EngineCall::CreateContainer(Box::new(plan.clone()))).await;
        let failure = rig.fails(EngineCall::StartContainer { name: rig.name() }).await;
        assert_eq!(failure.class, FailureClass::PortTaken, "{failure:?}");
        drop(taken);
        plan.port = rig::free_port();
        plan.labels.insert("dev.pinacle.port".into(), plan.port.to_string());
        rig.done(EngineCall::CreateContainer(Box::new(plan.clone()))).await;
        rig.done(EngineCall::StartContainer { name: rig.name() }).await;
        let seen = rig.engine.observe_pod(&rig.pod).await.unwrap().unwrap();
        assert_eq!(seen.container.unwrap().port, Some(plan.port));
        assert_eq!(seen.volumes.len(), 2);
        // It ran now: another port is no longer a reason to throw it away.
        plan.port = rig.port;
        let failure = rig.fails(EngineCall::CreateContainer(Box::new(plan))).await;
        assert_eq!(failure.class, FailureClass::Permanent, "{failure:?}");
    })
    .await;
}

#[tokio::test]
async fn a_container_that_was_renamed_a_moment_ago_is_stopped_all_the_same() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        let other = format!("{}-other", rig.name());
        docker(&["rename", &rig.name(), &other]).await;
        rig.done(EngineCall::StopContainer { name: rig.name(), grace_ms: 0 }).await;
        let running = docker(&["inspect", "-f", "{{.State.Running}}", &other]).await;
        assert_eq!(running.trim(), "false");
        docker(&["rm", &other]).await;
    })
    .await;
}

#[tokio::test]
async fn a_range_in_use_is_told() {
    with_rig(async |rig| {
        let plan = rig.network_plan();
        let other = format!("pinacle-test-{}", rig.pod);
        docker(&["network", "create", "--subnet", &rig.subnet.to_string(), &other]).await;
        let failure = rig.fails(EngineCall::CreateNetwork(plan.clone())).await;
        docker(&["network", "rm", &other]).await;
        assert_eq!(failure.class, FailureClass::SubnetTaken, "{failure:?}");
        rig.done(EngineCall::CreateNetwork(plan)).await;
    })
    .await;
}

#[tokio::test]
async fn a_bridge_name_that_is_held_for_good_keeps_no_pod_from_its_network() {
    with_rig(async |rig| {
        let plan = rig.network_plan();
        let other = format!("pinacle-test-{}", rig.pod);
        let named = format!("com.docker.network.bridge.name={}", plan.bridge);
        docker(&["network", "create", "--opt", &named, &other]).await;
        let made = rig.call(EngineCall::CreateNetwork(plan.clone())).await;
        // Once more: it is found by its name and range.
        let again = rig.call(EngineCall::CreateNetwork(plan.clone())).await;
        docker(&["network", "rm", &other]).await;
        assert!(made.is_ok() && again.is_ok(), "{made:?}, {again:?}");
        rig.done(EngineCall::RemoveNetwork { name: plan.name }).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_not_ours_is_neither_used_nor_removed() {
    with_rig(async |rig| {
        let image = rig.image().await;
        docker(&["create", "--name", &rig.name(), &image]).await;
        docker(&["network", "create", &names::network(&rig.pod)]).await;
        let volume = names::volumes(&rig.pod)[0].clone();
        docker(&["volume", "create", &volume]).await;
        for call in [
            EngineCall::CreateContainer(Box::new(rig.container_plan(&image, None, vec![]))),
            EngineCall::StartContainer { name: rig.name() },
            EngineCall::CreateNetwork(rig.network_plan()),
            EngineCall::CreateVolumes { names: vec![volume.clone()], labels: rig.labels() },
        ] {
            let failure = rig.fails(call.clone()).await;
            assert_eq!(failure.class, FailureClass::Permanent, "{call:?}");
            assert_eq!(failure.error.kind, ErrorKind::Conflict, "{call:?}");
        }
        // The pod has none of them, which is all that is asked for here.
        for call in [
            EngineCall::StopContainer { name: rig.name(), grace_ms: 0 },
            EngineCall::RemoveContainer { name: rig.name() },
            EngineCall::RemoveNetwork { name: names::network(&rig.pod) },
            EngineCall::RemoveVolumes { names: vec![volume.clone()] },
        ] {
            rig.done(call).await;
        }
        docker(&["rm", &rig.name()]).await;
        docker(&["network", "rm", &names::network(&rig.pod)]).await;
        docker(&["volume", "rm", &volume]).await;
    })
    .await;
}

#[tokio::test]
async fn a_step_runs_once_and_its_exit_code_is_told() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        let run = |key: &str, command: &str| {
            EngineCall::Run(RunPlan {
                container: rig.name(),
                key: key.into(),
                label: "A step".into(),
                command: command.into(),
                dir: "/workspace".into(),
                user: "root".into(),
            })
        };
        for _ in 0..2 {
            rig.done(run("once", "echo x >>/workspace/ran")).await;
        }
        assert_eq!(rig.sh("cat /workspace/ran").await, "x\n");
        let failure = rig.fails(run("bad", "exit 7")).await;
        assert_eq!(failure.class, FailureClass::CommandFailed);
        assert!(failure.error.message.contains("exit code 7"), "{}", failure.error.message);
    })
    .await;
}

#[tokio::test]
async fn a_pod_keeps_its_spec_and_the_journal_keeps_no_secret() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        assert_eq!(rig.engine.read_spec(&rig.pod).await.unwrap(), None);
        let spec = "name: kept\n";
        rig.done(EngineCall::ApplyConfig { name: rig.name(), config: Box::new(rig.config(spec)) })
            .await;
        assert_eq!(rig.engine.read_spec(&rig.pod).await.unwrap().as_deref(), Some(spec));
        rig.done(EngineCall::StopContainer { name: rig.name(), grace_ms: 0 }).await;
        assert_eq!(rig.engine.read_spec(&rig.pod).await.unwrap().as_deref(), Some(spec), "stopped");

        let page = rig.journal.read(&rig.pod, Cursor::default(), 10_000, true).await.unwrap();
        let text = serde_json::to_string(&page).unwrap();
        for line in [
            "docker network create ",
            "docker create ",
            "docker start ",
            "pinacle-pod apply",
            "docker stop ",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(!text.contains(rig::SECRET), "{text}");
        let begun =
            page.records.iter().filter(|r| matches!(r.entry, JournalEntry::Begin { .. })).count();
        let ended =
            page.records.iter().filter(|r| matches!(r.entry, JournalEntry::End { .. })).count();
        assert_eq!(begun, ended);
    })
    .await;
}

#[tokio::test]
async fn a_container_can_stand_aside_and_come_back_with_other_limits() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        let aside = EngineCall::RenameContainer { from: rig.name(), to: names::previous(&rig.pod) };
        for _ in 0..2 {
            rig.done(aside.clone()).await;
        }
        let seen = rig.engine.observe_pod(&rig.pod).await.unwrap().unwrap();
        assert!(seen.container.is_none() && seen.previous.is_some());
        rig.done(EngineCall::RenameContainer { from: names::previous(&rig.pod), to: rig.name() })
            .await;
        let mut limits = rig.container_plan("x", None, vec![]).limits;
        limits.memory_bytes = 512 << 20;
        limits.cpu_milli = 250;
        rig.done(EngineCall::UpdateLimits { name: rig.name(), limits }).await;
        let format = "{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}}";
        let seen = docker(&["inspect", "--format", format, &rig.name()]).await;
        assert_eq!(seen.trim(), format!("{} 250000000", 512 << 20));
    })
    .await;
}

fn exec_request(rig: &Rig, command: &[&str], size: Option<TerminalSize>) -> ExecRequest {
    ExecRequest {
        pod: rig.pod.clone(),
        command: command.iter().map(|c| (*c).to_owned()).collect(),
        tty: size.is_some(),
        size,
        env: vec![("GREETING".into(), "hello there".into())],
        working_dir: "/".into(),
        user: "root".into(),
        session: "0000000000session".to_owned(),
    }
}

#[tokio::test]
async fn a_command_has_both_streams_its_input_and_its_exit_code() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        let script = "cat; echo \"$GREETING\" >&2; exit 5";
        let mut session =
            rig.engine.exec(exec_request(rig, &["sh", "-c", script], None)).await.unwrap();
        session.input.send(Bytes::from_static(b"typed")).await.unwrap();
        drop(session.input);
        let (mut out, mut err, mut code) = (Vec::new(), Vec::new(), None);
        while let Some(item) = session.output.recv().await {
            match item.unwrap() {
                ExecOutput::Stdout(bytes) => out.extend_from_slice(&bytes),
                ExecOutput::Stderr(bytes) => err.extend_from_slice(&bytes),
                ExecOutput::Exit(n) => code = Some(n),
            }
        }
        assert_eq!(
            (out.as_slice(), err.as_slice(), code),
            (&b"typed"[..], &b"hello there\n"[..], Some(5))
        );
    })
    .await;
}

#[tokio::test]
async fn a_terminal_carries_every_byte_and_knows_its_size() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        let script = "stty raw -echo; for i in 1 2 3; do printf '\\000\\001\\002\\377abc'; sleep 0.05; done; \
                      until [ \"$(stty size)\" = '33 99' ]; do sleep 0.02; done; stty size; exit 3";
        let size = TerminalSize { columns: 99, rows: 33 };
        let mut session =
            rig.engine.exec(exec_request(rig, &["bash", "-c", script], Some(size))).await.unwrap();
        let (mut out, mut code) = (Vec::new(), None);
        while let Some(item) = session.output.recv().await {
            match item.unwrap() {
                ExecOutput::Stdout(bytes) => out.extend_from_slice(&bytes),
                ExecOutput::Stderr(_) => panic!("a terminal has one stream"),
                ExecOutput::Exit(n) => code = Some(n),
            }
        }
        let expected = [b"\x00\x01\x02\xffabc".repeat(3), b"33 99\n".to_vec()].concat();
        assert_eq!((out, code), (expected, Some(3)));
    })
    .await;
}

/// Reads a session to its end: standard output, standard error, exit code.
async fn read_out(session: &mut ExecSession) -> (Vec<u8>, Vec<u8>, Option<i64>) {
    let (mut out, mut err, mut code) = (Vec::new(), Vec::new(), None);
    while let Some(item) = session.output.recv().await {
        match item.unwrap() {
            ExecOutput::Stdout(bytes) => out.extend_from_slice(&bytes),
            ExecOutput::Stderr(bytes) => err.extend_from_slice(&bytes),
            ExecOutput::Exit(n) => code = Some(n),
        }
    }
    (out, err, code)
}

async fn a_program_that_cannot_be_run_is_told(isolation: Isolation) {
    with_rig(async |rig| {
        rig.up(isolation).await;
        let size = TerminalSize { columns: 80, rows: 24 };
        for (program, wanted, words) in
            [("no-such-program", 127, "not found"), ("/etc/passwd", 126, "permission denied")]
        {
            for size in [None, Some(size)] {
                let request = exec_request(rig, &[program], size);
                let mut session = rig.engine.exec(request).await.unwrap();
                let (out, err, code) = read_out(&mut session).await;
                let said = String::from_utf8([out.clone(), err].concat()).unwrap();
                assert_eq!(code, Some(wanted), "{said}");
                assert!(said.starts_with(&format!("pinacle: {program}: ")), "{said}");
                assert!(said.contains(words) && !said.contains("OCI"), "{said}");
                assert!(size.is_some() || out.is_empty(), "{said}");
            }
        }
        // A program may say what it likes.
        let script = "echo 'OCI runtime exec failed: of my own'; exit 126";
        let mut session =
            rig.engine.exec(exec_request(rig, &["sh", "-c", script], None)).await.unwrap();
        let (out, _, code) = read_out(&mut session).await;
        assert_eq!((&out[..], code), (&b"OCI runtime exec failed: of my own\n"[..], Some(126)));
    })
    .await;
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_told_as_by_a_shell() {
    a_program_that_cannot_be_run_is_told(Isolation::Runc).await;
}

#[tokio::test]
async fn a_program_that_cannot_be_run_in_gvisor_is_told_as_by_a_shell() {
    a_program_that_cannot_be_run_is_told(Isolation::Gvisor).await;
}

async fn what_is_hung_up_ends(isolation: Isolation) {
    with_rig(async |rig| {
        rig.up(isolation).await;
        // The first ends by itself when told, with its child; the second has to be made to.
        let polite = "sleep 1000 & sleep 2000";
        let deaf = "trap '' HUP TERM; while :; do sleep 3000; done";
        for (name, script) in [("polite", polite), ("deaf", deaf)] {
            let mut request = exec_request(rig, &["sh", "-c", script], None);
            request.session = format!("session{name}");
            let session = rig.engine.exec(request).await.unwrap();
            let mut other = exec_request(rig, &["sleep", "4000"], None);
            other.session = "sessionother".to_owned();
            let other = rig.engine.exec(other).await.unwrap();
            // Those of the supervisor are none of ours.
            let list = "pgrep -a sleep | cut -d' ' -f2- | grep -x 'sleep [1234]000' | sort; true";
            let sleeps = async || rig.sh(list).await;
            eventually("both run", async || {
                let sleeps = sleeps().await;
                sleeps.contains("4000") && sleeps.lines().count() >= 2
            })
            .await;
            session.hang_up.send(()).unwrap();
            eventually("one is left", async || sleeps().await == "sleep 4000\n").await;
            other.hang_up.send(()).unwrap();
            eventually("none is left", async || sleeps().await.is_empty()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_hung_up_ends_with_all_of_its_session_and_nothing_else() {
    what_is_hung_up_ends(Isolation::Runc).await;
}

#[tokio::test]
async fn what_is_hung_up_in_gvisor_ends_with_all_of_its_session_and_nothing_else() {
    what_is_hung_up_ends(Isolation::Gvisor).await;
}

#[tokio::test]
async fn the_base_image_is_made_once_for_all_that_ask() {
    with_rig(async |rig| {
        let call = || rig.ok(EngineCall::EnsureImage { reference: None });
        let (first, second) = tokio::join!(call(), call());
        assert_eq!(first, second);
        let EngineOutcome::Image { reference } = first else { panic!("{first:?}") };
        assert!(docker(&["image", "inspect", &reference]).await.contains(&reference));
        let named = EngineCall::EnsureImage { reference: Some(reference.clone()) };
        assert_eq!(rig.ok(named).await, EngineOutcome::Image { reference });
    })
    .await;
}

#[tokio::test]
async fn gvisor_is_tried_once_and_nothing_of_it_stays() {
    with_rig(async |rig| {
        let call =
            EngineCall::CheckIsolation { isolation: Isolation::Gvisor, image: rig.image().await };
        let first = rig.ok(call.clone()).await;
        let EngineOutcome::Isolation { runtime: Some(runtime), .. } = &first else {
            panic!("{first:?}");
        };
        assert!(runtime.contains("runsc"));
        assert_eq!(rig.ok(call).await, first);
        let page = rig.journal.read(&rig.pod, Cursor::default(), 10_000, true).await.unwrap();
        let tried = |entry: &JournalEntry| matches!(entry, JournalEntry::Note { text } if text.contains("done once"));
        let told = page.records.iter().filter(|record| tried(&record.entry)).count();
        assert_eq!(told, 1, "the second answer is from memory");
        let label = format!("label=dev.pinacle.check={}", rig.owner.owner);
        assert_eq!(docker(&["ps", "-aq", "--filter", &label]).await, "");
        assert_eq!(docker(&["network", "ls", "-q", "--filter", &label]).await, "");
    })
    .await;
}

#[tokio::test]
async fn a_report_says_what_was_found_and_how_to_mend_it() {
    with_rig(async |rig| {
        rig.image().await;
        let report = rig.engine.check(Freshness::Fresh).await;
        for check in &report.checks {
            println!("{:?} {} {} {:?}", check.status, check.check, check.message, check.remedy);
            assert!(check.status == CheckStatus::Ok || check.remedy.is_some(), "{check:?}");
        }
        assert!(report.gvisor_runtime.is_some());
        let names: Vec<_> = report.checks.iter().map(|c| c.check.as_str()).collect();
        assert_eq!(names[0], "engine");
        for name in ["gvisor", "gvisor_keeps_files", "dns", "image", "disk", "metadata"] {
            assert!(names.contains(&name), "{name}");
        }
        // With the moment it was made at: another check would have another.
        assert_eq!(rig.engine.check(Freshness::Cached).await, report);
    })
    .await;
}

#[tokio::test]
async fn changes_are_heard_of() {
    use futures::StreamExt;
    with_rig(async |rig| {
        let mut changes = rig.engine.watch().await.unwrap();
        rig.done(EngineCall::CreateNetwork(rig.network_plan())).await;
        let heard = async {
            loop {
                if changes.next().await.unwrap().unwrap() == rig.pod {
                    return;
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(60), heard).await.expect("heard of the network");
    })
    .await;
}

#[tokio::test]
async fn what_a_pod_uses_is_known_from_the_second_reading_on() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        let pods = [rig.pod.clone()];
        let first = rig.engine.usage(&pods).await.unwrap();
        assert_eq!(first[0].cpu_milli, None);
        assert!(first[0].memory_bytes > 0 && first[0].memory_limit_bytes > 0);
        eventually("a share of the processor", async || {
            rig.engine.usage(&pods).await.unwrap()[0].cpu_milli.is_some()
        })
        .await;
        rig.done(EngineCall::StopContainer { name: rig.name(), grace_ms: 0 }).await;
        assert!(rig.engine.usage(&pods).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_pod_of_another_daemon_is_seen_as_foreign() {
    with_rig(async |rig| {
        let mut plan = rig.network_plan();
        plan.labels.insert(LABEL_OWNER.into(), "otherotherother1".into());
        plan.labels.insert(LABEL_SPEC.into(), "{}".into());
        let mut owner = rig.owner.clone();
        owner.owner = "otherotherother1".parse().unwrap();
        let journal = rig.journal.pod(&rig.pod);
        let made = rig.engine.call(&owner, &journal, EngineCall::CreateNetwork(plan)).await;
        assert!(made.is_ok());
        let report = rig.engine.check(Freshness::Fresh).await;
        assert!(report.foreign.iter().any(|f| f.id == rig.pod && f.owner == "otherotherother1"));
        let call = EngineCall::RemoveNetwork { name: names::network(&rig.pod) };
        assert!(rig.engine.call(&owner, &journal, call).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_container_that_ends_is_not_waited_for() {
    with_rig(async |rig| {
        rig.up(Isolation::Runc).await;
        rig.done(EngineCall::StopContainer { name: rig.name(), grace_ms: 0 }).await;
        // Waiting in vain would be told otherwise.
        let failure: EngineFailure = rig.fails(rig.await_ready()).await;
        assert!(failure.error.message.contains("ended by itself"), "{failure:?}");
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_never_answers_is_given_up() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let engine = rig::engine_at(Some(path), dir.path());
    let accept = async {
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await.unwrap());
        }
    };
    let failure = tokio::select! {
        result = engine.connect() => result.unwrap_err(),
        () = accept => unreachable!(),
    };
    assert_eq!(failure.class, FailureClass::Retryable);
    assert!(failure.error.chain().contains("did not answer within 10 s"), "{failure:?}");
}

#[tokio::test]
async fn what_is_not_docker_is_told_so() {
    use tokio::io::AsyncWriteExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let engine = rig::engine_at(Some(path), dir.path());
    let serve = async {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.write_all(b"SSH-2.0-OpenSSH\r\n").await;
        }
    };
    let failure = tokio::select! {
        result = engine.connect() => result.unwrap_err(),
        () = serve => unreachable!(),
    };
    assert_eq!(failure.error.kind, ErrorKind::HostUnreachable);
    assert!(failure.error.message.contains("did not answer like a Docker engine"), "{failure:?}");
}
