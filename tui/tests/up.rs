//! `up`.

use crate::support::{ASKABLE, World, Written, eventually, views};
use pinacle_protocol::*;

#[tokio::test]
async fn a_new_pod_is_made_and_its_address_printed() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    let outcome = world.run("up --detach").await.exits(0).says("project created");
    assert_eq!(outcome.out, "http://localhost-8726.pod-project.localhost:30000\n");
    let out = world.run("up --json").await.ok();
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["outcome"], "running");
    assert_eq!(report["operation"], serde_json::Value::Null);
    assert_eq!(world.fake.state().created.len(), 1);
}

#[tokio::test]
async fn the_name_comes_from_the_spec_then_the_option_then_the_directory() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    world.run("up -d --name chosen").await.exits(0).says("chosen created");
    world.write("pinacle.yaml", "name: In Spec\n");
    world.run("up -d --name chosen").await.exits(0).says("in-spec created");
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    world.run("up -d --name chosen").await.exits(0).says("chosen is running");
    world.run("up -d").await.exits(0).says("chosen is running");
}

#[tokio::test]
async fn without_a_spec_the_default_is_used_only_when_agreed_to() {
    let mut world = World::new();
    world.run("up -d").await.exits(2).says("there is no pinacle.yaml").says("--yes");
    world.terminals = ASKABLE;
    world.input = b"\n".to_vec();
    world.run("up -d").await.exits(1).says("nothing was made");
    world.run("up -d --yes").await.exits(0).says("using the default spec");
    assert!(!world.cwd.join("pinacle.yaml").exists());
    assert_eq!(world.fake.state().created[0].spec_text, pinacle_tui::spec_file::MINIMAL);
    world.run("up -d").await.exits(0).says("project is running");
    world.run("up nowhere").await.exits(4);
}

#[tokio::test]
async fn a_home_directory_is_not_copied() {
    let mut world = World::new();
    let home = world.cwd.clone();
    world.set_env("HOME", home);
    world.run("up -d --yes").await.exits(0);
    assert_eq!(world.fake.state().created[0].source_dir, None);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_directory_whose_path_is_no_text_is_not_left_out_unsaid() {
    use std::os::unix::ffi::OsStrExt;
    let mut world = World::new();
    world.cwd = world.dir.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9"));
    std::fs::create_dir(&world.cwd).expect("a directory");
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    let outcome = world.run("up -d").await.exits(3).says("not UTF-8").says("--no-copy");
    assert!(outcome.err.contains("caf\\xE9"), "{}", outcome.err);
    assert!(world.fake.state().created.is_empty());
    world.run("up -d --no-copy").await.exits(0);
    assert_eq!(world.fake.state().created[0].source_dir, None);
}

#[tokio::test]
async fn the_pod_of_a_directory_that_is_gone_is_taken_over_only_when_agreed_to() {
    let mut world = World::new();
    let gone = world.after_one_that_is_gone().await;
    world.run("up -d").await.exits(5).says(&gone).says("--yes").says("--name").says("rm app");
    world.terminals = ASKABLE;
    world.input = b"\n".to_vec();
    world.run("up -d").await.exits(1).says(&gone).says("nothing was changed");
    world.run("up -d --yes").await.exits(0).says(&gone).says("app is running");
    let again = world.run("up -d").await.exits(0).says("app is running");
    assert!(!again.err.contains("gone"), "{}", again.err);
    assert_eq!(world.fake.state().created.len(), 1);
}

#[tokio::test]
async fn a_pod_that_is_being_removed_is_waited_for_and_made_anew() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    let pod = world.fake.add("project", PodPhase::Terminating);
    let removal = OperationKind::Delete;
    let removal = views::operation(7, &pod.id, removal, OperationStatus::Running);
    world.fake.change("project", |d| {
        d.pod.operation = Some(OperationSummary {
            id: removal.id.clone(),
            kind: removal.kind,
            step: String::new(),
            done: 0,
            total: 4,
            started_at: removal.created_at,
        });
    });
    world.fake.state().operations.insert(removal.id.clone(), removal);
    let refused = world.run("up -d --no-wait").await.exits(5);
    refused.says("project is being removed").says("`pinacle-tui rm project` waits");
    let (out, err) = (Written::default(), Written::default());
    let surroundings = world.surroundings(Box::new(out.clone()), err.clone());
    let words = ["pinacle-tui", "up", "-d"].map(std::ffi::OsString::from);
    let running = tokio::spawn(pinacle_tui::run(words, surroundings));
    eventually("it waits", || err.text().contains("waiting for the end of that")).await;
    assert!(world.fake.state().created.is_empty());
    world.fake.state().pods.clear();
    world.fake.finish(OperationStatus::Succeeded);
    assert_eq!(running.await.expect("no panic"), 0, "{}", err.text());
    assert!(err.text().contains("project created"), "{}", err.text());
}

#[tokio::test]
async fn two_at_once_make_one_pod() {
    let world = World::new();
    world.write("pinacle.yaml", "name: q\n");
    let runs = ["up -d"; 4].map(|line| world.run(line));
    for outcome in futures::future::join_all(runs).await {
        outcome.exits(0);
    }
    assert_eq!(world.fake.state().created.len(), 1);
    let turns = std::fs::read_dir(world.dir.path().join("state/turns")).expect("they had turns");
    assert_eq!(turns.count(), 0);
}

#[tokio::test]
async fn what_is_stopped_is_started_and_what_failed_is_retried() {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    world.fake.add("project", PodPhase::Stopped);
    world.run("up -d").await.exits(0).says("project started");
    world.fake.change("project", |d| d.pod.phase = PodPhase::Failed);
    world.run("up -d").await.exits(0).says("project retried");
}

#[tokio::test]
async fn a_changed_spec_is_applied_after_asking() {
    let mut world = World::new();
    world.fake.add("project", PodPhase::Running);
    world.write("pinacle.yaml", "tier: dev.large\n");
    world.run("up -d").await.exits(2).says("tier: dev.small -> dev.large");
    world.terminals = ASKABLE;
    world.input = b"n\n".to_vec();
    world.run("up -d").await.exits(0).says("keeps the spec it has").says("project is running");
    world.input = b"y\n".to_vec();
    world.run("up -d").await.exits(0).says("project reconfigured");
    world.run("up -d").await.exits(0).says("project is running");
    world.write("pinacle.yaml", "tier: dev.xlarge\n");
    world.fake.state().plan.lost = vec!["what was installed by hand".to_owned()];
    world.run("up -d --yes").await.exits(5).says("--accept-loss");
    world.run("up -d --yes --accept-loss").await.exits(0);
}

#[tokio::test]
async fn a_machine_without_gvisor_is_explained() {
    let mut world = World::new();
    world.set_env("PATH", "/nowhere");
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    world.fake.state().report = views::report(CheckStatus::Ok, None);
    world.run("up -d").await.exits(6).says("isolation: runc").says("install runsc");
    world.run("up -d --isolation runc").await.exits(0);
    world.write("pinacle.yaml", "name: other\nisolation: runc\n");
    world.run("up -d").await.exits(0);
    world.fake.state().report = views::report(CheckStatus::Failed, None);
    world.run("up -d").await.exits(6).says("no container engine answers").says("start Docker");
}
