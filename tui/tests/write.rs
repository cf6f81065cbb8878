//! Commands that change pods.

use crate::support::fake::Ending;
use crate::support::{ASKABLE, World, Written, eventually, views};
use pinacle_protocol::*;
use pinacle_tui::output::Terminals;
use std::ffi::OsString;

#[tokio::test]
async fn create_makes_a_pod_and_prints_its_slug() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    let outcome = world.run("create").await.exits(0).says("project created in 1.5s");
    assert_eq!(outcome.out, "project\n");
    let request = world.fake.state().created[0].clone();
    assert_eq!(request.default_name.as_deref(), Some("project"));
    let dir = world.cwd.canonicalize().expect("a directory");
    assert_eq!(request.source_dir.as_deref(), dir.to_str());
    let out = world.run("create --name other --no-copy --isolation runc --json").await.ok();
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["slug"], "other");
    assert_eq!(report["outcome"], "created");
    assert_eq!(report["operation"]["status"], "succeeded");
    let request = world.fake.state().created[1].clone();
    assert_eq!(request.isolation, Some(Isolation::Runc));
    assert_eq!(request.source_dir, None);
}

#[tokio::test]
async fn create_reads_other_files_and_standard_input() {
    let mut world = World::new();
    world.run("create").await.exits(4).says("there is no pinacle.yaml");
    world.run("create nowhere.yaml").await.exits(4);
    world.write("spec.yaml", "name: from-file\n");
    assert_eq!(world.run("create spec.yaml").await.ok(), "from-file\n");
    world.input = b"name: piped\n".to_vec();
    assert_eq!(world.run("create -").await.ok(), "piped\n");
    assert!(world.fake.state().created.iter().all(|c| c.source_dir.is_none()));
}

#[tokio::test]
async fn a_refused_spec_is_shown_with_its_findings() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\nteir: x\n");
    let outcome = world.run("create").await.exits(3);
    insta::assert_snapshot!(
        outcome
            .err
            .replace(&world.cwd.canonicalize().expect("a directory").display().to_string(), "DIR")
    );
    let outcome = world.run("create --json").await.exits(3);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    assert_eq!(error["error"]["diagnostics"][0]["span"]["line"], 2);
}

#[tokio::test]
async fn actions_are_asked_for_together_and_waited_for() {
    let world = World::new();
    let a = world.fake.add("a", PodPhase::Running);
    let b = world.fake.add("b", PodPhase::Running);
    world.run("stop a b a").await.exits(0).says("b stopped in 1.5s");
    assert_eq!(world.fake.calls(), [format!("stop {}", a.id), format!("stop {}", b.id)]);
    world.run("start a").await.exits(0).says("a started");
    world.run("start a").await.exits(0).says("nothing to do");
    world.run("restart b --quiet").await.exits(0);
    let out = world.run("stop a b --json").await.ok();
    assert_eq!(out.lines().count(), 2);
    insta::assert_snapshot!(out);
    world.run("stop a nothing").await.exits(4);
}

#[tokio::test]
async fn one_failure_does_not_keep_the_others_from_being_done() {
    let world = World::new();
    world.fake.add("a", PodPhase::Terminating);
    world.fake.add("b", PodPhase::Running);
    world.run("stop a b").await.exits(5).says("it is being removed").says("b stopped");
}

#[tokio::test]
async fn a_failed_operation_says_why_and_where_to_look() {
    let world = World::new();
    world.fake.add("web", PodPhase::Stopped);
    world.fake.state().ending = Ending::Badly;
    let outcome = world.run("start web").await.exits(6);
    insta::assert_snapshot!(outcome.err);
    let outcome = world.run("start web --json").await.exits(6);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    assert_eq!(error["error"]["kind"], "engine");
}

#[tokio::test]
async fn progress_is_told_in_lines_away_from_a_terminal() {
    let world = World::new();
    world.fake.add("web", PodPhase::Stopped);
    world.fake.state().ending = Ending::Later;
    world.fake.state().journal =
        vec![views::begin(1, "Start", "supervisord"), views::output(2, 1, "up\n")];
    let (out, err) = (Written::default(), Written::default());
    let surroundings = world.surroundings(Box::new(out), err.clone());
    let words = ["pinacle-tui", "start", "web"].map(OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("output is shown", || err.text().contains("up\n")).await;
    world.fake.finish(OperationStatus::Succeeded);
    assert_eq!(running.await.expect("no panic"), 0);
    let text = err.text();
    assert_eq!(
        text, "[web] make the network\nStart\n$ supervisord\nup\nweb started in 1.5s\n",
        "{text}"
    );
}

#[tokio::test]
async fn the_block_on_a_terminal_is_redrawn_and_cleared() {
    let mut world = World::new();
    world.terminals.stderr = true;
    world.fake.add("web", PodPhase::Stopped);
    world.fake.state().ending = Ending::Later;
    world.fake.state().journal =
        vec![views::begin(1, "Start", "supervisord"), views::output(2, 1, "up\n")];
    let err = Written::default();
    let surroundings = world.surroundings(Box::new(Written::default()), err.clone());
    let words = ["pinacle-tui", "start", "web"].map(OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("output is shown", || err.text().contains("  up")).await;
    world.fake.finish(OperationStatus::Succeeded);
    assert_eq!(running.await.expect("no panic"), 0);
    let mut screen = vt100::Parser::new(24, 80, 0);
    screen.process(err.text().replace('\n', "\r\n").as_bytes());
    assert_eq!(screen.screen().contents().trim(), "web started in 1.5s");
}

#[tokio::test]
async fn ctrl_c_ends_the_wait_and_not_the_operation() {
    let world = World::new();
    world.fake.add("web", PodPhase::Stopped);
    world.fake.state().ending = Ending::Later;
    let err = Written::default();
    let surroundings = world.surroundings(Box::new(Written::default()), err.clone());
    let interrupt = world.interrupt.clone();
    let words = ["pinacle-tui", "start", "web"].map(OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("it waits", || err.text().contains("make the network")).await;
    interrupt.raise();
    assert_eq!(running.await.expect("no panic"), 130);
    assert!(err.text().contains("pinacle-tui op op00000000000000 --wait"), "{}", err.text());
}

#[tokio::test]
async fn no_wait_returns_at_once() {
    let world = World::new();
    world.fake.add("web", PodPhase::Stopped);
    world.fake.state().ending = Ending::Later;
    world.run("start web --no-wait").await.exits(0).says("accepted as operation op0");
    let out = world.run("restart web --no-wait --json").await.ok();
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["operation"]["status"], "running");
    assert_eq!(report["outcome"], "accepted");
}

#[tokio::test]
async fn no_wait_claims_no_outcome() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    world.fake.state().ending = Ending::Later;
    let outcome = async |line: &str| {
        let out = world.run(line).await.ok();
        let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
        report["outcome"].as_str().expect("a word").to_owned()
    };
    for line in ["create", "stop project", "start project", "restart project", "rm --yes project"] {
        assert_eq!(outcome(&format!("{line} --no-wait --json")).await, "accepted", "{line}");
    }
    world.fake.state().ending = Ending::Badly;
    world.fake.add("web", PodPhase::Running);
    assert_eq!(outcome("stop web --no-wait --json").await, "accepted");
    world.run("restart web --no-wait").await.exits(0).says("web: restart accepted as operation");
    world.fake.change("web", |d| d.pod.phase = PodPhase::Running);
    assert_eq!(outcome("start web --no-wait --json").await, "running");
}

#[tokio::test]
async fn rm_asks_and_removes() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.run("rm web").await.exits(2).says("--yes");
    world.terminals = ASKABLE;
    world.input = b"n\n".to_vec();
    world.run("rm web").await.exits(1).says("remove web with all files? [y/N]");
    world.input = b"y\n".to_vec();
    world.run("rm web").await.exits(0).says("web removed");
    world.run("rm -f web").await.exits(4);
    world.fake.add("other", PodPhase::Failed);
    world.run("rm -f other").await.exits(0);
    assert!(world.fake.state().pods.is_empty());
}

#[tokio::test]
async fn config_plan_and_apply_show_what_changes() {
    let mut world = World::new();
    world.fake.add("project", PodPhase::Running);
    world.write("pinacle.yaml", "tier: dev.large\n");
    insta::assert_snapshot!(world.run("config plan").await.ok());
    let out = world.run("config plan --json").await.ok();
    let plan: ConfigPlan = serde_json::from_str(&out).expect("a plan");
    assert_eq!(plan.restarts, ["web"]);
    world.run("config apply").await.exits(2).says("--yes");
    world.run("config apply --yes").await.exits(0).says("project reconfigured");
    world.terminals = ASKABLE;
    world.input = b"no\n".to_vec();
    world.run("config apply").await.exits(1).says("nothing was changed");
    world.fake.state().plan.lost = vec!["/var/cache".to_owned()];
    world.run("config apply -y").await.exits(5).says("--accept-loss");
    world.run("config apply -y --accept-loss").await.exits(0);
    world.write("pinacle.yaml", "teir: dev.large\n");
    world.run("config plan").await.exits(3).says("pinacle.yaml:1:1:");
}

fn edits(world: &World) -> usize {
    std::fs::read_dir(world.dir.path().join("state/edits")).map_or(0, Iterator::count)
}

#[tokio::test]
async fn config_edit_brings_what_was_typed_into_force() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    let editor =
        world.script("my editor", r#"[ "$1" = -x ] && printf 'tier: dev.large\n' >> "$2""#);
    world.set_env("EDITOR", format!("'{}' -x", editor.display()));
    world.run("config edit web --yes").await.exits(0).says("web reconfigured");
    let text = world.fake.state().pods[0].spec_text.clone();
    assert_eq!(text, "version: \"1.0\"\ntier: dev.large\n");
    assert_eq!(edits(&world), 0);
    world.set_env("VISUAL", "true");
    world.run("config edit web").await.exits(0).says("nothing was changed");
}

#[tokio::test]
async fn config_edit_keeps_the_text_whatever_goes_wrong() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.set_env("VISUAL", "no-such-editor");
    world.run("config edit web").await.exits(3).says("set EDITOR");
    assert_eq!(edits(&world), 0, "nothing was written");
    let editor = world.script("editor", r#"echo "teir: x" >> "$1""#);
    world.set_env("VISUAL", &editor);
    world.run("config edit web").await.exits(3).says("what you wrote is kept in");
    assert_eq!(edits(&world), 1);
    // The second time the mistake is mended.
    let editor = world.script(
        "mending",
        r#"if grep -q teir "$1"; then echo "tier: x" > "$1"; else echo "teir: x" > "$1"; fi"#,
    );
    world.set_env("VISUAL", &editor);
    world.terminals = ASKABLE;
    world.input = b"y\ny\n".to_vec();
    world.run("config edit web").await.exits(0).says("there is no key teir");
    assert_eq!(edits(&world), 1);
}

#[tokio::test]
async fn config_edit_takes_no_more_than_a_spec_may_have_and_keeps_it() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    for (script, words) in [
        ("head -c 300000 /dev/zero | tr '\\0' x > \"$1\"", "has 300000 bytes"),
        ("printf 'a: \\377\\n' > \"$1\"", "byte 0xff is no UTF-8 text"),
    ] {
        let before = edits(&world);
        let editor = world.script("editor.sh", script);
        world.set_env("EDITOR", &editor);
        world.run("config edit web").await.exits(3).says(words).says("what you wrote is kept in");
        assert_eq!(edits(&world), before + 1);
    }
    // An endless file in its place is not read to its end.
    let editor = world.script("editor.sh", "ln -sf /dev/zero \"$1\"");
    world.set_env("EDITOR", &editor);
    world.run("config edit web").await.exits(3).says("it is no regular file");
}

#[tokio::test]
async fn config_edit_starts_no_editor_that_needs_a_terminal_without_one() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    let started = world.dir.path().join("started");
    let vi = world.script("vi", &format!(": > {}", started.display()));
    let bin = world.dir.path().join("bin");
    std::os::unix::fs::symlink(vi, bin.join("editor")).expect("a link");
    world.set_env("PATH", &bin);
    for editor in [None, Some("vi".into()), Some(bin.join("editor").display().to_string())] {
        world.set_env("EDITOR", editor.unwrap_or_default());
        for line in ["config edit web --json --yes", "config edit web"] {
            let outcome = world.run(line).await.exits(3).says("needs a terminal");
            outcome.says("config show POD").says("config apply POD --file FILE");
        }
        world.terminals.stdin = true;
        world.run("config edit web").await.exits(3).says("needs a terminal");
        world.terminals.stdin = false;
    }
    assert!(!started.exists(), "an editor was started");
    assert_eq!(edits(&world), 0, "nothing was left behind");
    world.terminals = Terminals { stdin: true, stdout: true, stderr: true };
    world.set_env("EDITOR", "");
    world.run("config edit web").await.exits(0).says("nothing was changed");
    assert!(started.exists());
}

#[tokio::test]
async fn config_edit_shows_what_somebody_else_changed() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.fake.state().on_check = Some(Box::new(|pods| {
        pods[0].spec_text = "tier: theirs\n".to_owned();
        pods[0].pod.spec_revision = Revision(5);
    }));
    let editor = world.script("editor", r#"echo "tier: mine" > "$1""#);
    world.set_env("VISUAL", &editor);
    world.terminals = ASKABLE;
    world.input = b"y\ny\n".to_vec();
    world.run("config edit web").await.exits(0).says("tier: theirs").says("revision 5");
    assert_eq!(world.fake.state().pods[0].spec_text, "tier: mine\n");
}

#[tokio::test]
async fn adopt_takes_an_id() {
    let world = World::new();
    world.run("adopt nonsense").await.exits(3).says("pod id");
    let out = world.run("adopt abcd000000000000").await.ok();
    assert_eq!(out, "foreign\n");
}

#[tokio::test]
async fn what_was_to_be_done_already_is_told_as_what_it_is() {
    let world = World::new();
    world.fake.add("up", PodPhase::Running);
    let out = world.run("start up --json").await.ok();
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&report["outcome"], report["operation"].is_null()), (&"running".into(), true));
    world.run("start up").await.exits(0).says("up is running: nothing to do");
}

#[tokio::test]
async fn an_editor_that_fails_is_no_ctrl_c() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Running);
    world.set_env("EDITOR", "false");
    world.run("config edit web").await.exits(12).says("ended with");
    let editor = world.script("editor", r#"echo "tier: dev.large" >> "$1""#);
    world.set_env("EDITOR", &editor);
    world.terminals = ASKABLE;
    world.input = b"n\nn\n".to_vec();
    world.run("config edit web").await.exits(1).says("what you wrote is kept in");
}

#[tokio::test]
async fn what_is_kept_goes_with_its_pod_and_after_a_month() {
    let mut world = World::new();
    world.fake.add("web", PodPhase::Stopped);
    world.fake.add("web-2", PodPhase::Stopped);
    let state = world.dir.path().join("state");
    let write = |name: &str, days: u64| {
        let path = state.join(name);
        std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        let file = std::fs::File::create(&path).expect("a file");
        let age = std::time::Duration::from_secs(days * 24 * 60 * 60);
        let now = file.metadata().and_then(|m| m.modified()).expect("a time");
        file.set_modified(now - age).expect("made older");
        path
    };
    let old = ["edits/gone-0a.yaml", "drafts/old.yaml", "recordings/1.jsonl"].map(|n| write(n, 31));
    let young =
        ["edits/web-2-0b.yaml", "drafts/new.yaml", "recordings/2.jsonl"].map(|n| write(n, 29));
    let of_web = write("edits/web-0c.yaml", 1);
    world.set_env("EDITOR", "true");
    world.run("config edit web").await.exits(0).says("nothing was changed");
    assert_eq!(old.map(|p| p.exists()), [false; 3]);
    assert_eq!(young.clone().map(|p| p.exists()), [true; 3]);
    assert!(of_web.exists());
    world.run("rm web --yes").await.exits(0);
    assert!(!of_web.exists(), "it went with its pod");
    assert_eq!(young.map(|p| p.exists()), [true; 3], "and nothing of another");
}
