//! Which pod is meant.

use crate::support::World;
use pinacle_protocol::PodPhase;

#[tokio::test]
async fn a_pod_is_found_by_slug_id_and_start_of_id() {
    let world = World::new();
    let web = world.fake.add("web", PodPhase::Running);
    world.fake.add("api", PodPhase::Running);
    let start = &web.id.as_str()[..4];
    for name in ["web", web.id.as_str(), start] {
        let out = world.run_words(&["show", name, "--json"]).await.ok();
        assert!(out.contains("\"slug\":\"web\""), "{name}: {out}");
    }
    world.run_words(&["show", &start[..3]]).await.exits(4);
}

#[tokio::test]
async fn a_misspelt_name_is_answered_with_what_comes_near() {
    let world = World::new();
    world.fake.add("frontend", PodPhase::Running);
    world.fake.add("api", PodPhase::Running);
    world.run("show frontned").await.exits(4).says("did you mean frontend?");
    let outcome = world.run("show zzz --json").await.exits(4);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    assert_eq!(error["error"]["kind"], "not_found");
    assert_eq!(error["error"].get("hint"), None);
}

#[tokio::test]
async fn the_directory_stands_for_its_pod() {
    let mut world = World::new();
    world.fake.add("project", PodPhase::Running);
    world.fake.add("named", PodPhase::Running);
    world.run("show").await.exits(2).says("pods: project, named");
    world.write("pinacle.yaml", "version: \"1.0\"\n");
    assert!(world.run("show").await.ok().contains("slug       project"));
    world.cwd = world.cwd.join("deeper");
    std::fs::create_dir(&world.cwd).expect("a directory");
    assert!(world.run("show").await.ok().contains("slug       project"));
    world.cwd.pop();
    world.write("pinacle.yaml", "version: \"1.0\"\nname: 'Named' # here\n");
    assert!(world.run("show").await.ok().contains("slug       named"));
    world.write("pinacle.yaml", "name: nam\n");
    world.run("show").await.exits(4).says("did you mean named?");
}

#[tokio::test]
async fn directories_of_the_same_name_are_not_taken_for_each_other() {
    let mut world = World::new();
    world.write("pinacle.yaml", "tier: dev.small\n");
    world.run("up --detach").await.ok();
    let other = world.dir.path().join("other/project");
    std::fs::create_dir_all(&other).expect("a directory");
    std::fs::write(other.join("pinacle.yaml"), "tier: dev.small\n").expect("a file");
    let first = std::mem::replace(&mut world.cwd, other);
    world.run("stop").await.exits(4).says("has no pod yet");
    world.cwd = first;
    world.run("stop").await.ok();
}

#[tokio::test]
async fn the_pod_of_a_directory_that_is_gone_is_not_meant_by_another() {
    let mut world = World::new();
    let gone = world.after_one_that_is_gone().await;
    let before = world.fake.state().calls.clone();
    for line in ["stop", "start", "restart", "show", "logs", "url", "url 8726"] {
        world.run(line).await.exits(5).says(&gone).says("name it").says("`pinacle-tui up`");
    }
    assert_eq!(world.fake.state().calls, before, "nothing was asked for");
    world.run("stop app").await.exits(0).says("app stopped");
    world.run("up -d --yes").await.exits(0).says(&gone);
    world.run("stop").await.exits(0).says("app stopped");
}

#[tokio::test]
async fn a_directory_that_is_gone_is_said_to_be() {
    let world = World::new();
    world.fake.add("web", PodPhase::Running);
    let project = world.dir.path().join("other");
    std::fs::create_dir(&project).expect("a directory");
    std::fs::write(project.join("pinacle.yaml"), "name: web\n").expect("a file");
    let whole = project.to_str().expect("UTF-8");
    let cases = [
        (&["stop"][..], 4),
        (&["up", "-d", "--yes"], 4),
        (&["config", "check"], 4),
        (&["ls"], 0),
        (&["show", "web"], 0),
        (&["config", "check", whole], 0),
    ];
    for (words, code) in cases {
        let gone = world.dir.path().join("gone");
        std::fs::create_dir(&gone).expect("a directory");
        let program = tokio::process::Command::new("sh")
            .args(["-c", "rmdir \"$PWD\" && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_pinacle-tui")])
            .args(words)
            .env_clear()
            .envs(world.env.iter().cloned())
            .current_dir(&gone)
            .stdin(std::process::Stdio::null())
            .output();
        let ran = program.await.expect("it runs");
        let err = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert_eq!(ran.status.code(), Some(code), "{words:?}: {err}");
        assert_eq!(err.contains("the working directory of this shell is gone"), code == 4, "{err}");
    }
}
