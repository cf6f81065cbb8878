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

/// Returns what `--help` says of a command's JSON: its commands, and what a line of it is.
fn json_help() -> Vec<(String, String)> {
    let help = Cli::command().render_long_help().to_string();
    let (_, json) = help.split_once("JSON (types").expect("a section");
    let mut rows: Vec<(String, String)> = Vec::new();
    let mut pending = String::new();
    for line in json.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        let (commands, form) = line.split_at_checked(30).unwrap_or((line, ""));
        match (commands.trim(), form.trim()) {
            ("", form) if pending.is_empty() => {
                rows.last_mut().expect("a row before").1.push_str(&format!(" {form}"));
            }
            ("", form) => rows.push((std::mem::take(&mut pending), form.to_owned())),
            (_, _) if line.contains("config apply and edit") => pending = line.trim().to_owned(),
            (commands, form) => rows.push((commands.to_owned(), form.to_owned())),
        }
    }
    rows
}

#[test]
fn the_types_in_the_help_are_those_of_the_protocol() {
    let protocol = include_str!("../../protocol/README.md");
    let of_types = protocol.split_once("\n## Types").expect("types").1;
    let (_, of_commands) = protocol.split_once("\n## `pinacle-tui --json`").expect("commands");
    let words = |text: &str| -> Vec<String> {
        text.split(|c: char| !c.is_ascii_alphanumeric()).map(str::to_owned).collect()
    };
    let is_type = |word: &str| {
        word == "Error" || of_types.lines().any(|line| line.starts_with(&format!("| {word} |")))
    };
    let types = |text: &str| -> Vec<String> {
        words(text).into_iter().filter(|word| is_type(word)).collect()
    };
    let rows = json_help();
    assert!(rows.len() > 10, "{rows:?}");
    for (commands, form) in rows {
        for word in words(&form).iter().filter(|w| w.starts_with(|c: char| c.is_ascii_uppercase()))
        {
            assert!(is_type(word), "{word} of {commands} is no type of the protocol");
        }
        // `logs, events` are two rows there, and each of these has a type of its own.
        let fitting = of_commands.lines().filter(|line| {
            let names = line.split('|').nth(1).unwrap_or_default();
            words(names).iter().any(|name| !name.is_empty() && words(&commands).contains(name))
        });
        let there: Vec<String> = fitting.flat_map(types).collect();
        for word in types(&form).iter().filter(|_| commands != "every error") {
            assert!(there.contains(word), "{word} is not what a line of {commands} is there");
        }
    }
}
