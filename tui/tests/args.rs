//! The grammar: what is accepted, what is not, and what the help says.

use crate::support::World;
use clap::{CommandFactory, Parser};
use pinacle_tui::args::{Cli, Command};

#[test]
fn the_grammar_has_no_contradictions() {
    Cli::command().debug_assert();
}

#[test]
fn every_documented_form_is_accepted() {
    for line in [
        "",
        "up",
        "up dir --detach --yes --name n --isolation runc",
        "up -dy --accept-loss --no-copy",
        "ls",
        "list --json",
        "show web",
        "show",
        "create",
        "create file.yaml --host local",
        "start",
        "stop a b c",
        "restart web --no-wait",
        "rm a b --yes",
        "rm a -f",
        "exec web -- ls -la",
        "exec -- ls",
        "exec -t -u root -w / -e A=B -e C web -- env",
        "exec -T -n web -- true",
        "shell",
        "shell web -u dev",
        "logs -f --infra --since-start --raw web",
        "url",
        "url web 3000",
        "open web App",
        "config show --effective web",
        "config check",
        "config plan web -f x.yaml",
        "config apply -y --accept-loss",
        "config edit web",
        "events -f",
        "doctor --fresh",
        "adopt 0pod000000000000",
        "op op00000000000000 --wait",
        "daemon start",
        "daemon stop",
        "daemon status --json",
        "daemon restart",
        "daemon install --print",
        "daemon uninstall",
        "completions bash",
        "version",
        "--json --quiet --no-color --no-wait --socket /s --state-dir /d ls",
        "ls --socket /s --state-dir /d -q",
    ] {
        let words = std::iter::once("pinacle-tui").chain(line.split_whitespace());
        if let Err(error) = Cli::try_parse_from(words) {
            panic!("{line}: {error}");
        }
    }
}

#[test]
fn what_follows_the_dashes_is_the_command_untouched() {
    let cli = Cli::try_parse_from(["pinacle-tui", "exec", "web", "--", "ls", "--json", "-t"]);
    let Some(Command::Exec(args)) = cli.expect("parses").command else { panic!("not exec") };
    assert_eq!(args.command, ["ls", "--json", "-t"]);
    assert!(!args.tty);
}

#[tokio::test]
async fn wrong_usage_ends_with_2_and_names_what_comes_near() {
    let world = World::new();
    world.run("statr").await.exits(2).says("start");
    world.run("up --isolation none").await.exits(2).says("gvisor");
    world.run("rm").await.exits(2).says("POD");
    world.run("exec web").await.exits(2).says("COMMAND");
    let outcome = world.run("statr --json").await.exits(2);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    assert_eq!(error["error"]["kind"], "invalid_request");
    let hint = error["error"]["hint"].as_str().expect("a tip");
    assert!(hint.contains("start"), "{hint}");
    let outcome = world.run("rm --json").await.exits(2);
    let error: serde_json::Value = serde_json::from_str(&outcome.err).expect("JSON");
    let message = error["error"]["message"].as_str().expect("a message");
    assert!(message.contains("were not provided: <POD>"), "all of it, on one line: {message}");
}

#[tokio::test]
async fn help_and_version_are_results() {
    let world = World::without_daemon();
    assert!(world.run("--help").await.ok().contains("Exit codes:"));
    assert!(world.run("up --help").await.ok().contains("--accept-loss"));
    assert!(world.run("--version").await.ok().starts_with("pinacle-tui 0."));
    assert!(world.run("completions zsh").await.ok().contains("#compdef pinacle-tui"));
}

#[tokio::test]
async fn a_socket_path_that_is_too_long_is_explained() {
    let world = World::without_daemon();
    let long = format!("/{}", "s".repeat(120));
    world.run_words(&["ls", "--socket", &long]).await.exits(3).says("bytes");
}
