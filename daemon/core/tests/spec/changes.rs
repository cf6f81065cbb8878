//! What follows from an edit.

use pinacle_core::spec::{Impact, diff};

use super::{accepted, tolerated};

const BASE: &str = "services: [web-terminal]
install: make
processes:
  - {name: app, startCommand: ./app, url: \"http://localhost:3000\"}
  - {name: job, startCommand: ./job}
env: {TOKEN: hunter22, MODE: quick}
";

/// Checks the changes from `BASE` to an edit of it: `path before -> after impact`.
#[track_caller]
fn check(from: &str, to: &str, expected: &[&str]) {
    let edited = BASE.replace(from, to);
    assert!(from.is_empty() || edited != BASE, "nothing replaced");
    let edited = if from.is_empty() { format!("{BASE}{to}\n") } else { edited };
    let parsed = pinacle_core::spec::parse(edited.as_bytes());
    let new = parsed.spec.unwrap_or_else(|| panic!("{}", super::render(&parsed.diagnostics)));
    let changes: Vec<String> = diff(&accepted(BASE), &new)
        .changes
        .iter()
        .map(|c| {
            let side = |s: &Option<String>| s.clone().unwrap_or_else(|| "-".to_owned());
            format!("{} {} -> {} {:?}", c.path, side(&c.before), side(&c.after), c.impact)
        })
        .collect();
    assert_eq!(changes, expected);
}

#[test]
fn each_key_has_its_impact() {
    check("", "name: Blog", &["name - -> Blog None"]);
    check("", "slug: blog", &["slug - -> blog Nginx"]);
    check(
        "",
        "tier: dev.medium",
        &[
            "tier dev.small -> dev.medium None",
            "resources.cpuCores 0.5 -> 1 UpdateLimits",
            "resources.memoryMb 1024 -> 2048 UpdateLimits",
            "resources.storageGb 10 -> 20 UpdateLimits",
            "resources.pids 512 -> 1024 UpdateLimits",
        ],
    );
    check("", "resources: {nofile: 4096}", &["resources.nofile 65536 -> 4096 Recreate"]);
    check(
        "[web-terminal]",
        "[]",
        &["services web-terminal -> - RestartServices([\"web-terminal\"])"],
    );
    check("[web-terminal]", "[web-terminal, redis]", &["services - -> redis None"]);
    check("install: make", "install: make all", &["install make -> make all Reinstall"]);
    check(
        "./job",
        "./job -v",
        &["processes.job.startCommand ./job -> ./job -v RestartServices([\"job\"])"],
    );
    check(
        ":3000",
        ":4000",
        &[
            "processes.app.url http://localhost:3000 -> http://localhost:4000 None",
            "default port 3000 -> 4000 Nginx",
        ],
    );
    check("", "ports: [8000]", &["ports - -> 8000 Nginx"]);
    check("", "hooks: {preStart: ./x}", &["hooks.preStart - -> ./x None"]);
    check("", "baseImage: alpine", &["baseImage - -> alpine Recreate"]);
    check("", "isolation: runc", &["isolation gvisor -> runc Recreate"]);
    check("", "user: dev", &["user - -> dev Recreate"]);
    check("", "workingDir: /x", &["workingDir - -> /x Recreate"]);
    check("", "hosts: [a.example, b.example]", &["hosts - -> a.example, b.example Nginx"]);
    check("", "bindAddress: 0.0.0.0", &["bindAddress 127.0.0.1 -> 0.0.0.0 Recreate"]);
    check(
        "",
        "healthChecks: [{command: ./ok}]",
        &["healthChecks - -> ./ok every 10s within 5s, 3 tries, after 0s None"],
    );
}

#[test]
fn saying_the_default_changes_nothing() {
    check("", "bindAddress: 127.0.0.1\nisolation: gvisor\nresources: {cpu: 0.5}\nhooks: {}", &[]);
}

#[test]
fn env_values_are_not_in_the_diff_and_restart_what_sees_them() {
    let all = "RestartServices([\"web-terminal\", \"app\", \"job\"])";
    check("hunter22", "hunter23", &[&format!("env.TOKEN set -> changed {all}")]);
    check(", MODE: quick", "", &[&format!("env.MODE set -> - {all}")]);
    check("MODE: quick", "MODE: quick, NEW: x", &[&format!("env.NEW - -> set {all}")]);
}

#[test]
fn a_process_that_comes_or_goes() {
    check(
        "  - {name: job, startCommand: ./job}\n",
        "",
        &["processes.job.startCommand ./job -> - RestartServices([\"job\"])"],
    );
    check(
        "{name: job, startCommand: ./job}",
        "{name: Job, startCommand: ./job}",
        &["processes.job.name job -> Job None"],
    );
}

#[test]
fn the_summary_of_a_diff() {
    let old = accepted(BASE);
    let new = tolerated(
        &BASE
            .replace("./app", "./app2")
            .replace("./job", "./job2")
            .replace("quick", "slow")
            .replace(
                "install: make\n",
                "install: make\nbindAddress: 0.0.0.0\nresources: {pids: 99}\n",
            ),
    );
    let changes = diff(&old, &new);
    assert_eq!(changes.restarts(), ["app", "job", "web-terminal"]);
    assert!(changes.needs_recreate() && changes.limits_changed() && !changes.install_changed());
    assert!(!changes.is_empty() && !changes.routing_changed());
    assert!(changes.changes.iter().any(|c| c.impact == Impact::UpdateLimits));
    assert!(diff(&new, &new).is_empty());
}
