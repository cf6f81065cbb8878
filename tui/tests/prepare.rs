//! Getting a machine ready: what is decided, and what is done by programs that
//! stand in for the real ones.

use crate::support::{World, Written, views};
use pinacle_protocol::paths::Paths;
use pinacle_protocol::{CheckStatus, Isolation};
use pinacle_tui::args::Global;
use pinacle_tui::prepare::machine::Machine;
use pinacle_tui::prepare::plan::{
    Facts, Need, Network, Step, is_debian_like, merge_runtime, need, runtime_arguments, steps,
};
use pinacle_tui::session::Session;

const RUNTIME: Step = Step::RegisterRuntime { network: Network::OfSandbox };

#[test]
fn the_need_follows_the_check_and_the_isolation() {
    let down = views::report(CheckStatus::Failed, None);
    let bare = views::report(CheckStatus::Ok, None);
    let good = views::report(CheckStatus::Ok, Some("runsc"));
    assert_eq!(need(&down, Isolation::Runc), Some(Need::Engine));
    assert_eq!(need(&bare, Isolation::Gvisor), Some(Need::Gvisor));
    assert_eq!(need(&bare, Isolation::Runc), None);
    assert_eq!(need(&good, Isolation::Gvisor), None);
}

#[test]
fn only_what_is_missing_is_done() {
    let bare = Facts { apt: true, can_be_root: true, ..Facts::default() };
    let all = vec![Step::Install(vec!["docker.io", "runsc"]), Step::StartEngine, RUNTIME];
    assert_eq!(steps(&bare, Need::Engine), all);
    let stopped = Facts { dockerd: true, runsc: true, ..bare };
    assert_eq!(steps(&stopped, Need::Engine), vec![Step::StartEngine, RUNTIME]);
    let unregistered = Facts { engine_answers: true, ..stopped };
    assert_eq!(steps(&unregistered, Need::Gvisor), vec![RUNTIME]);
    assert_eq!(steps(&Facts { apt: false, ..bare }, Need::Engine), vec![]);
    assert_eq!(steps(&Facts { can_be_root: false, ..unregistered }, Need::Gvisor), vec![]);
}

#[test]
fn systems_are_told_apart() {
    assert!(is_debian_like("ID=debian\n"));
    assert!(is_debian_like("NAME=x\nID=\"linuxmint\"\nID_LIKE=\"ubuntu debian\"\n"));
    assert!(!is_debian_like("ID=fedora\n"));
    assert!(!is_debian_like("VERSION_ID=debian\n"));
}

#[test]
fn settings_are_added_to_and_never_replaced() {
    let merged = merge_runtime("", "runsc", "/usr/bin/runsc", &[]).expect("merges");
    insta::assert_snapshot!(merged.expect("changes"));
    let old = r#"{"bip": "10.0.0.1/24", "runtimes": {"kata": {"path": "/k"}}}"#;
    let arguments = ["--overlay2=none"];
    let merged = merge_runtime(old, "runsc", "/r", &arguments).expect("merges").expect("changes");
    let value: serde_json::Value = serde_json::from_str(&merged).expect("JSON");
    assert_eq!(value["bip"], "10.0.0.1/24");
    assert_eq!(value["runtimes"]["kata"]["path"], "/k");
    assert_eq!(value["runtimes"]["runsc"]["runtimeArgs"][0], "--overlay2=none");
    assert!(merge_runtime(&merged, "runsc", "/r", &arguments).expect("merges").is_none());
    for bad in ["{", "[]", r#"{"runtimes": 1}"#] {
        assert!(merge_runtime(bad, "runsc", "/r", &[]).is_err(), "{bad}");
    }
}

#[test]
fn arguments_follow_what_the_build_knows() {
    assert_eq!(runtime_arguments("-overlay2 value", Network::OfSandbox), ["--overlay2=none"]);
    assert!(runtime_arguments("-overlay", Network::OfSandbox).is_empty());
    let both = runtime_arguments("-overlay2", Network::OfPod);
    assert_eq!(both, ["--overlay2=none", "--network=host"]);
}

#[tokio::test]
async fn the_steps_are_carried_out_by_the_systems_programs() {
    let mut world = World::without_daemon();
    let dir = world.dir.path().to_owned();
    let log = dir.join("log");
    let says = |name: &str| format!("echo {name} \"$@\" >> {}; echo {name} runs", log.display());
    for name in ["apt-get", "kill"] {
        world.script(name, &says(name));
    }
    world.script("runsc", "echo '  -overlay2 value'");
    let bin = dir.join("bin");
    world.set_env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    let machine = Machine {
        daemon_json: dir.join("etc/docker/daemon.json"),
        docker_socket: dir.join("docker.sock"),
        docker_pid: dir.join("docker.pid"),
        engine_log: dir.join("dockerd.log"),
        os_release: dir.join("os-release"),
        systemd: dir.join("no-systemd"),
        is_root: true,
    };
    std::fs::write(&machine.docker_pid, "4711\n").expect("a file");
    std::fs::write(&machine.os_release, "ID=debian\n").expect("a file");
    let err = Written::default();
    let mut session = session(&world, err.clone());
    let facts = machine.facts(&session);
    assert!(facts.apt && facts.runsc && facts.can_be_root && !facts.engine_answers, "{facts:?}");
    let wanted = [Step::Install(vec!["docker.io"]), RUNTIME];
    machine.carry_out(&mut session, &wanted).await.expect("carried out");
    let done = std::fs::read_to_string(&log).expect("a log");
    assert_eq!(done, "apt-get update -q\napt-get install -qy docker.io\nkill -HUP 4711\n");
    let settings = std::fs::read_to_string(&machine.daemon_json).expect("settings");
    assert!(settings.contains("--overlay2=none"), "{settings}");
    assert!(err.text().contains("$ apt-get update -q\napt-get runs\n"), "{}", err.text());
    world.script("apt-get", "echo no network; exit 100");
    let failed = machine.carry_out(&mut session, &wanted).await.expect_err("apt fails");
    assert_eq!(failed.exit_code(), 7);
}

#[tokio::test]
async fn an_engine_is_started_where_no_service_manager_runs() {
    let mut world = World::without_daemon();
    let dir = world.dir.path().to_owned();
    let socket = dir.join("docker.sock");
    let marker = dir.join("started");
    world.script("dockerd", &format!("echo listening; touch {}", marker.display()));
    world.set_env("PATH", format!("{}:/usr/bin:/bin", dir.join("bin").display()));
    let machine = Machine {
        docker_socket: socket.clone(),
        engine_log: dir.join("dockerd.log"),
        systemd: dir.join("no-systemd"),
        is_root: true,
        ..Machine::of_this_system()
    };
    let mut session = session(&world, Written::default());
    let (result, listener) =
        tokio::join!(machine.carry_out(&mut session, &[Step::StartEngine]), async {
            crate::support::eventually("it is started", || marker.exists()).await;
            tokio::net::UnixListener::bind(&socket).expect("a socket")
        });
    result.expect("started");
    drop(listener);
    let log = dir.join("dockerd.log");
    crate::support::eventually("it logs", || {
        std::fs::read_to_string(&log).is_ok_and(|text| text == "listening\n")
    })
    .await;
}

fn session(world: &World, err: Written) -> Session {
    let pinacle_tui::session::Surroundings { console, env, cwd, interrupt } =
        world.surroundings(Box::new(Written::default()), err);
    let paths = Paths::resolve(Some(world.dir.path().join("state")), None, |_| None);
    let paths = paths.expect("paths");
    Session { console, env, cwd, interrupt, global: Global::default(), paths }
}
