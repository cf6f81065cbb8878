//! Commands that only look.

use crate::support::World;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::output::Terminals;

#[tokio::test]
async fn what_is_no_id_is_called_so() {
    let world = World::new();
    world.run("op zz").await.exits(3).says("\"zz\" is not an operation id");
    world.run("adopt zz").await.exits(3).says("\"zz\" is not a pod id");
}

#[tokio::test]
async fn what_is_no_file_or_too_long_is_not_read_for_ever() {
    let mut world = World::new();
    let pipe = world.cwd.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
    assert!(made.success());
    for file in ["/dev/zero", "pipe"] {
        let check = world.run_words(&["config", "check", file]).await.exits(3);
        check.says("no regular file").says("`-` for standard input");
        world.run_words(&["replay", file]).await.exits(3).says("no regular file");
    }
    let long = std::fs::File::create(world.cwd.join("long")).expect("a file");
    long.set_len(1 << 40).expect("a hole");
    world.run("config check long").await.exits(3).says("has 1099511627776 bytes");
    world.run("replay long").await.exits(3).says("it has 1099511627776 bytes");
    world.input = vec![b'#'; MAX_SPEC_BYTES + 1];
    world.run("config check -").await.exits(3).says("standard input has more than");
    world.input.pop();
    world.run("config check -").await.exits(0);
}

#[tokio::test]
async fn an_empty_file_is_no_recording() {
    let world = World::new();
    world.write("empty", "");
    let outcome = world.run("replay empty").await.exits(3).says("it is empty");
    assert_eq!(outcome.out, "");
}

#[tokio::test]
async fn a_terminal_that_only_prints_gets_the_list() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    let list = world.run("ls").await.ok();
    world.write("pinacle.yaml", "name: web\n");
    world.terminals = Terminals { stdin: true, stdout: true, stderr: true };
    for name in ["dumb", ""] {
        world.set_env("TERM", name);
        let out = world.run("--no-color").await.ok();
        assert_eq!(out, list, "TERM={name:?}");
        let out = world.run("up --yes").await.ok();
        assert!(out.starts_with("http://"), "TERM={name:?}: {out:?}");
    }
    world.env.retain(|(key, _)| key != "TERM");
    assert_eq!(world.run("--no-color").await.ok(), list, "TERM is not set");
    world.set_env("TERM", "dumb");
    assert_eq!(world.run("").await.ok(), list, "no colours either");
    world.fake.change("web", |d| d.pod.phase = PodPhase::Stopped);
    let started = world.run("start web").await.exits(0).says("web started");
    assert!(!started.err.contains('\u{1b}'), "{:?}", started.err);
}

#[tokio::test]
async fn ls_prints_a_table_or_one_object_a_line() {
    let world = World::new();
    assert!(world.run("ls").await.ok().starts_with("no pods yet"));
    world.fake.add("web", PodPhase::Running);
    world.fake.add("api", PodPhase::Stopped);
    let out = world.run("ls").await.ok();
    assert!(out.starts_with("NAME  STATE"), "{out}");
    assert_eq!(out.lines().count(), 3);
    insta::assert_snapshot!(world.run("ls --json").await.ok());
    assert_eq!(world.run("").await.ok(), world.run("ls").await.ok(), "no screen without terminal");
}

#[tokio::test]
async fn show_prints_a_page_or_the_detail() {
    let world = World::new();
    world.fake.add("web", PodPhase::Failed);
    world.fake.change("web", |d| {
        d.pod.reason = Some("disk full".to_owned());
        let id = d.pod.id.clone();
        let mut op = views::operation(3, &id, OperationKind::Create, OperationStatus::Failed);
        op.error = Some(ApiError::new(ErrorKind::Engine, "no").cause("disk full"));
        d.operations.push(op);
    });
    let out = world.run("show web").await.ok();
    for part in ["reason     disk full", "Editor", "create      failed", "no: disk full"] {
        assert!(out.contains(part), "{part:?} is not in\n{out}");
    }
    insta::assert_snapshot!(world.run("show web --json").await.ok());
}

#[tokio::test]
async fn url_finds_tabs_ports_and_the_first_tab() {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    let url = |port: u16| format!("http://localhost-{port}.pod-web.localhost:30000\n");
    assert_eq!(world.run("url web").await.ok(), url(8726));
    assert_eq!(world.run("url web app").await.ok(), url(3000));
    assert_eq!(world.run("url web 5173").await.ok(), url(5173));
    insta::assert_snapshot!(world.run("url web 3000 --json").await.ok());
    let shell = "http://localhost-7681.pod-web.localhost:30000/.pinacle/enter?ticket=for-web";
    assert_eq!(world.run("url web 7681").await.ok(), format!("{shell}\n"));
    let json = world.run("url web 7681 --json").await.ok();
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!((&json["url"], &json["seconds"]), (&shell.into(), &600.into()));
    assert!(!world.run("ls --json").await.ok().contains("ticket"));
    world.run("url web nothing").await.exits(4).says("tabs: Editor, App");
    world.run("url web 70000").await.exits(4);
    world.fake.change("web", |d| d.pod.port = None);
    world.run("url web").await.exits(5).says("pinacle-tui start web");
}

#[tokio::test]
async fn a_lone_word_may_be_a_port_of_the_directorys_pod() {
    let world = World::new();
    world.fake.add("project", PodPhase::Running);
    world.write("pinacle.yaml", "");
    assert!(world.run("url 4000").await.ok().contains("localhost-4000.pod-project"));
    assert!(world.run("url editor").await.ok().contains("localhost-8726.pod-project"));
    world.run("url projcet").await.exits(4).says("did you mean project?");
}

#[tokio::test]
async fn open_hands_the_address_over_or_prints_it() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    assert!(world.run("open web").await.ok().starts_with("http://localhost-8726"));
    let seen = world.dir.path().join("seen");
    let bin = world.script("xdg-open", &format!("echo \"$1\" > {}", seen.display()));
    let path = format!("{}:/usr/bin:/bin", bin.parent().expect("a directory").display());
    world.set_env("PATH", path);
    world.set_env("DISPLAY", ":0");
    if cfg!(target_os = "linux") {
        assert_eq!(world.run("open web 3000").await.ok(), "");
        let opened = std::fs::read_to_string(seen).expect("it was called");
        assert_eq!(opened, "http://localhost-3000.pod-web.localhost:30000\n");
    }
}

#[tokio::test]
async fn events_are_lines() {
    let world = World::new();
    let pod = views::pod(1, "web", PodPhase::Running);
    let op = views::operation(1, &pod.id, OperationKind::Start, OperationStatus::Succeeded);
    let events = [
        Event::PodChanged { pod: Box::new(pod.clone()) },
        Event::OperationChanged { operation: Box::new(op) },
        Event::PodRemoved { id: pod.id },
    ];
    world.fake.state().events = (1..)
        .zip(events)
        .map(|(seq, event)| EventRecord {
            cursor: Cursor { epoch: 1, seq },
            time: Timestamp(views::T0),
            event,
        })
        .collect();
    insta::assert_snapshot!(world.run("events").await.ok());
    assert_eq!(world.run("events --json").await.ok().lines().count(), 3);
}

#[tokio::test]
async fn doctor_says_what_to_mend() {
    let world = World::new();
    insta::assert_snapshot!(world.run("doctor").await.ok());
    world.fake.state().report = views::report(CheckStatus::Failed, None);
    let outcome = world.run("doctor").await.exits(6);
    assert!(outcome.out.contains("to mend it: start Docker"), "{}", outcome.out);
    let outcome = world.run("doctor --json --fresh").await.exits(6);
    let report: HostReport = serde_json::from_str(&outcome.out).expect("a report");
    assert_eq!(report.gvisor_runtime, None);
    assert!(world.fake.calls().contains(&"host_check fresh=true".to_owned()));
}

#[tokio::test]
async fn config_show_and_check_print_specs_and_findings() {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    assert_eq!(world.run("config show web").await.ok(), "version: \"1.0\"\n");
    assert!(world.run("config show web --effective").await.ok().contains("tier: dev.small"));
    insta::assert_snapshot!(world.run("config show web --json").await.ok());
    world.write("pinacle.yaml", "version: \"1.0\"\nteir: x\n");
    let outcome = world.run("config check").await.exits(3);
    insta::assert_snapshot!(outcome.out);
    let outcome = world.run("config check --json").await.exits(3);
    let report: ConfigReport = serde_json::from_str(&outcome.out).expect("a report");
    assert!(!report.valid);
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    world.run("config check").await.exits(0).says("pinacle.yaml is fine");
    world.run("config check nowhere").await.exits(4);
}

#[tokio::test]
async fn op_shows_steps() {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.run("restart web").await.ok();
    let id = views::operation_id(0);
    insta::assert_snapshot!(world.run_words(&["op", id.as_str()]).await.ok());
    world.run_words(&["op", id.as_str(), "--wait", "--json"]).await.ok();
    world.run("op op99999999999999").await.exits(4);
    world.run("op x").await.exits(3);
}

#[tokio::test]
async fn version_tells_both_and_starts_nothing() {
    let world = World::new();
    let out = world.run("version --json").await.ok();
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["daemon"]["pid"], 4711);
    let alone = World::without_daemon();
    assert!(alone.run("version").await.ok().contains("does not run"));
}

#[tokio::test]
async fn a_lost_connection_is_made_anew_and_the_call_repeated() {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.fake.state().drop_next = 2;
    assert!(world.run("ls").await.ok().contains("web"));
}
