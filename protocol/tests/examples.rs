//! The example clients, run as a reader would. They need python3, socat and jq.

use crate::client::Daemon;
use crate::stub::{PATIENCE, Stub};
use std::process::Output;
use tokio::process::Command;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");

async fn run(daemon: &Daemon, client: &str, args: &[&str]) -> Output {
    let mut command = Command::new(format!("{EXAMPLES}/{client}"));
    command.args(args).env("PINACLE_SOCKET", daemon.dir.path().join("s")).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends");
    output.unwrap_or_else(|error| panic!("{client}: {error}"))
}

async fn said(daemon: &Daemon, client: &str, args: &[&str]) -> String {
    let output = run(daemon, client, args).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{client} {args:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

async fn failed(daemon: &Daemon, client: &str, args: &[&str]) -> String {
    let output = run(daemon, client, args).await;
    assert!(!output.status.success(), "{client} {args:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const CLIENTS: [&str; 2] = ["client.py", "client.sh"];
const URL: &str = "http://localhost-3000.pod-blog.localhost:30000";

#[tokio::test]
async fn they_list_and_create() {
    let daemon = Daemon::calls(&Stub::default());
    let spec = daemon.dir.path().join("pinacle.yaml");
    let spec = spec.to_str().expect("text");
    std::fs::write(spec, "name: Blog\n").expect("it can be written");
    for client in CLIENTS {
        let list = said(&daemon, client, &["list"]).await;
        assert!(
            list.starts_with("blog") && list.contains("running") && list.contains(URL),
            "{list}"
        );
        assert_eq!(said(&daemon, client, &["create", spec]).await.trim(), URL);
    }
    std::fs::write(spec, "name: [\n").expect("it can be written");
    for client in CLIENTS {
        let error = failed(&daemon, client, &["create", spec]).await;
        assert!(error.starts_with("invalid_spec: the spec has 1 mistake"), "{client}: {error}");
    }
}

#[tokio::test]
async fn they_follow_a_journal_to_its_end() {
    let daemon = Daemon::calls(&Stub::default());
    for client in CLIENTS {
        let text = said(&daemon, client, &["journal", "blog"]).await;
        assert_eq!(
            text,
            "[4 records are gone]\n$ npm install\nadded 3 packages\nExit code: None\n"
                .replace("None", if client == "client.sh" { "null" } else { "None" })
        );
    }
}

#[tokio::test]
async fn they_say_what_went_wrong() {
    let daemon = Daemon::calls(&Stub::default());
    let answer = said(&daemon, "client.sh", &["call", "shutdown"]).await;
    assert_eq!(answer.trim(), "null");
    let error = failed(&daemon, "client.sh", &["call", "pod", "{\"pod\":\"x\"}"]).await;
    assert_eq!(error, "not_found: there is no pod `x`\n");
    for client in CLIENTS {
        assert!(failed(&daemon, client, &[]).await.contains("journal POD"));
    }
    std::fs::remove_file(daemon.dir.path().join("s")).expect("it was there");
    for client in CLIENTS {
        assert!(!failed(&daemon, client, &["list"]).await.is_empty());
    }
}
