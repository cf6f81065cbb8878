//! Shapes that are accepted: upstream's, and ours on top.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use pinacle_core::spec::{
    HealthCheck, Isolation, MAX_SPEC_BYTES, PodSpec, Probe, PublishAddress, ServiceId, Tier, parse,
};

use super::{accepted, tolerated};

#[test]
fn the_smallest_file_is_all_defaults() {
    let spec = accepted("version: \"1.0\"\n");
    assert_eq!(spec, PodSpec::default());
    assert_eq!(spec.services, []);
    assert_eq!(spec.isolation, Isolation::Gvisor);
    assert_eq!(spec.default_port(), 3000);
    let limits = spec.limits();
    assert_eq!((limits.cpu_milli, limits.memory_mib, limits.storage_gib), (500, 1024, 10));
    assert_eq!((limits.pids, limits.nofile), (512, 65536));
}

#[test]
fn the_version_may_be_a_number_a_text_or_absent() {
    for version in
        ["version: 1.0", "version: 1", "version: \"1.0\"", "version: '1.0'", "tier: dev.small"]
    {
        assert_eq!(accepted(version), PodSpec::default(), "{version}");
    }
}

#[test]
fn a_whole_upstream_file_is_accepted_with_warnings() {
    let spec = tolerated(
        "# Pinacle Pod Configuration
# https://pinacle.dev/docs/pinacle-yaml

version: \"1.0\"
name: my-project
tier: dev.large
services:
  - code-server
  - cursor-cli
  - vibe-kanban
  - web-terminal
template: nodejs-blank
install: pnpm install
processes:
  - name: app
    displayName: App
    startCommand: pnpm dev
    url: http://localhost:3000
    healthCheck: curl -fsS http://localhost:3000
  - name: worker
    startCommand:
      - pnpm build
      - pnpm worker
tabs:
  - name: App
    url: http://localhost:3000
  - name: Code
    service: code-server
  - name: Docs
    service: web-terminal
    url: https://example.com/docs
",
    );
    assert_eq!(spec.tier, Tier::Large);
    assert_eq!(spec.services.len(), 4);
    assert_eq!(spec.install.as_deref(), Some("pnpm install"));
    assert_eq!(spec.processes[1].start_command, "pnpm build && pnpm worker");
    assert_eq!(spec.processes[0].display_name.as_deref(), Some("App"));
    assert_eq!(spec.default_port(), 3000);
    assert_eq!(spec.effective_tabs(), spec.tabs);
}

#[test]
fn only_the_terminal_is_without_a_warning() {
    assert_eq!(accepted("services: [web-terminal]\n").services, [ServiceId::WebTerminal]);
    for id in ServiceId::all().iter().filter(|id| !id.is_available()) {
        assert_eq!(tolerated(&format!("services: [{id}]\n")).services, [*id]);
    }
}

#[test]
fn install_may_be_a_text_or_a_list() {
    let joined = Some("uv sync && cd ui && pnpm install");
    assert_eq!(accepted("install: uv sync && cd ui && pnpm install").install.as_deref(), joined);
    assert_eq!(accepted("install: [uv sync, cd ui, pnpm install]").install.as_deref(), joined);
    assert_eq!(accepted("install: |\n  a\n  b\n").install.as_deref(), Some("a\nb\n"));
    assert_eq!(accepted("install: []").install, None);
}

#[test]
fn tabs_follow_from_processes_and_services() {
    let spec = accepted(
        "services: [web-terminal]
processes:
  - {name: api, startCommand: ./api}
  - {name: web, displayName: Web, startCommand: ./web, url: \"http://localhost:5173\"}
",
    );
    let tabs = spec.effective_tabs();
    let names: Vec<&str> = tabs.iter().map(|tab| tab.name.as_str()).collect();
    assert_eq!(names, ["Web", "Terminal"]);
    assert_eq!(spec.default_port(), 5173);
    assert_eq!(accepted("services: [web-terminal]").default_port(), 7681);
}

#[test]
fn the_environment_keeps_values_as_written() {
    let spec = accepted(
        "env:
  PORT: 3000
  RATIO: 1.10
  DEBUG: true
  ANSWER: no
  EMPTY:
  TILDE: ~
  QUOTED: \"a: b # c\"
  _X9: 'single'
  LONG: |
    one
    two
",
    );
    let env: Vec<(&str, &str)> = spec.env.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(
        env,
        [
            ("ANSWER", "no"),
            ("DEBUG", "true"),
            ("EMPTY", ""),
            ("LONG", "one\ntwo\n"),
            ("PORT", "3000"),
            ("QUOTED", "a: b # c"),
            ("RATIO", "1.10"),
            ("TILDE", ""),
            ("_X9", "single"),
        ]
    );
}

#[test]
fn env_values_are_hidden_from_debug_and_known_for_redaction() {
    let spec = accepted(
        "env: {API_TOKEN: s3cr, NODE_ENV: development, SHORT: abc, PEM: \"first line\\nsecond line\"}",
    );
    let debug = format!("{spec:?}");
    assert!(!debug.contains("s3cr") && debug.contains("API_TOKEN"), "{debug}");
    assert_eq!(
        spec.secret_values(),
        ["first line\nsecond line", "second line", "first line", "s3cr"]
    );
    assert!(spec.without_env_values().env.values().all(String::is_empty));
}

#[test]
fn ports_in_every_spelling() {
    let spec = accepted(
        "ports:
  - 3000
  - \"3001\"
  - {name: api, port: 8000}
  - {name: db_1, internal: 5433, protocol: tcp}
",
    );
    let ports: Vec<_> = spec.ports.iter().map(|p| (p.name.as_deref(), p.port)).collect();
    assert_eq!(ports, [(None, 3000), (None, 3001), (Some("api"), 8000), (Some("db_1"), 5433)]);
}

#[test]
fn resources_replace_the_tiers_numbers() {
    let spec = accepted(
        "tier: dev.xlarge\nresources: {cpuCores: 0.05, memory: 1.5g, storageGb: 5, pids: 100}\n",
    );
    let limits = spec.limits();
    assert_eq!((limits.cpu_milli, limits.memory_mib, limits.storage_gib), (50, 1536, 5));
    assert_eq!((limits.pids, limits.nofile), (100, 65536));
    let spec = accepted("resources: {cpu: 256, memoryMb: \"128\", storage: 20g, nofile: 1024}");
    assert_eq!(spec.limits().cpu_milli, 256_000);
    assert_eq!(spec.limits().storage_gib, 20);
}

#[test]
fn everything_else_we_add() {
    let spec = tolerated(
        "name: \"My blog ✨\"
slug: my-blog
baseImage: ghcr.io/acme/dev:1.2
hooks:
  preStart: ./wait.sh
  postStart: [./migrate, ./seed]
workingDir: /workspace/app
user: dev
isolation: runc
bindAddress: \"::\"
healthChecks:
  - command: [test -f /tmp/a, test -f /tmp/b]
  - {name: web, http: {port: 3000}, interval: 1m, timeout: 500ms, retries: 5, delay: 30}
",
    );
    assert_eq!(spec.hooks.pre_start, ["./wait.sh"]);
    assert_eq!(spec.hooks.post_start, ["./migrate", "./seed"]);
    assert_eq!(spec.isolation, Isolation::Runc);
    assert_eq!(spec.publish, Some(PublishAddress(IpAddr::V6(Ipv6Addr::UNSPECIFIED))));
    assert_eq!(
        spec.health_checks[1],
        HealthCheck {
            name: Some("web".to_owned()),
            probe: Probe::Http { path: "/".to_owned(), port: 3000 },
            interval: Duration::from_secs(60),
            timeout: Duration::from_millis(500),
            retries: 5,
            delay: Duration::from_secs(30),
        }
    );
    assert_eq!(
        spec.health_checks[0].probe,
        Probe::Command("test -f /tmp/a && test -f /tmp/b".to_owned())
    );
    assert_eq!(accepted("isolation: runsc").isolation, Isolation::Gvisor);
}

#[test]
fn anchors_aliases_and_merges() {
    let spec = accepted(
        "x-base: &base {name: a, startCommand: &cmd ./run}
processes:
  - *base
  - {<<: *base, name: b}
  - <<: [{name: c}, *base]
hooks: {preStart: *cmd}
",
    );
    let names: Vec<&str> = spec.processes.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c"]);
    assert!(spec.processes.iter().all(|p| p.start_command == "./run"));
    assert_eq!(spec.hooks.pre_start, ["./run"]);
}

#[test]
fn byte_order_mark_crlf_document_marks_and_keys_of_ones_own() {
    let spec = accepted(
        "\u{feff}---\r\nname: x\r\nx-own: {anything: [1, 2]}\r\ninstall: |\r\n  a\r\n  b\r\n...\r\n",
    );
    assert_eq!(spec.name.as_deref(), Some("x"));
    assert_eq!(spec.install.as_deref(), Some("a\nb\n"));
}

#[test]
fn the_longest_file_is_still_read() {
    let mut text = String::from("name: x\n#");
    text.push_str(&"x".repeat(MAX_SPEC_BYTES - text.len()));
    assert!(parse(text.as_bytes()).spec.is_some());
    text.push('x');
    assert!(parse(text.as_bytes()).spec.is_none());
}

#[test]
fn a_stored_spec_of_this_version_stays_readable() {
    let stored = r#"{"name":"x","slug":null,"tier":"dev.medium","resources":{"cpu_milli":1500},
        "services":["web-terminal"],"processes":[{"name":"a","start_command":"b"}],
        "env":{"A":"b"},"ports":[{"port":3000}],"isolation":"runc","publish":"127.0.0.1",
        "health_checks":[{"probe":{"http":{"path":"/","port":1}},
        "interval":{"secs":10,"nanos":0},"timeout":{"secs":5,"nanos":0},"retries":3,
        "delay":{"secs":0,"nanos":0}}]}"#;
    let spec: PodSpec = serde_json::from_str(stored).unwrap();
    assert_eq!(spec.tier, Tier::Medium);
    assert_eq!(spec.resources.cpu_milli, Some(1500));
    let again: PodSpec = serde_json::from_str(&serde_json::to_string(&spec).unwrap()).unwrap();
    assert_eq!(again, spec);
}

#[test]
fn the_effective_file_is_complete_and_readable() {
    let spec = accepted(
        "name: Blog\nservices: [web-terminal]\ninstall: pnpm install\nenv: {A: \"1\"}\nports: [{port: 8000, name: api}]\nresources: {cpu: 1.5}\n",
    );
    assert_eq!(
        spec.to_yaml(),
        "# Pinacle pod: what it is made of and what runs in it.
# Check an edit with `pinacle-tui config check`.
version: \"1.0\"
name: Blog
tier: dev.small
resources:
  cpuCores: 1.5
services:
  - web-terminal
install: pnpm install
env:
  A: \"1\"
ports:
  - name: api
    port: 8000
"
    );
    assert_eq!(accepted(&spec.to_yaml()), spec);
}
