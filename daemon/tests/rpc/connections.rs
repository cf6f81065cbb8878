//! Connections, whatever comes over them.

use crate::rig::{Daemon, PATIENCE, SPEC, create, soon};
use pinacle_daemon::rpc::{ListenError, listen};
use pinacle_protocol::wire::{self, MAX_IN_FLIGHT};
use pinacle_protocol::*;
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;

/// Sends bytes, closes the sending side, and returns every line that comes back.
async fn converse(daemon: &Daemon, bytes: &[u8]) -> Vec<Value> {
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut text = String::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut text)).await;
    read.expect("it ends").unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test]
async fn a_script_needs_nothing_but_lines() {
    let daemon = Daemon::start().await;
    let lines = [
        json!({"pinacle": 1, "mode": "rpc"}),
        json!({"id": 1, "call": "pod_create", "args": {"request_id": "r1", "spec_text": SPEC}}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let answers = converse(&daemon, text.as_bytes()).await;
    assert_eq!(answers[0]["pinacle"], 1);
    let wait = json!({"id": answers[1]["ok"]["operation"], "wait_ms": 25_000});
    let lines = [
        json!({"pinacle": 1, "mode": "rpc"}),
        json!({"id": "w", "call": "operation_wait", "args": wait}),
    ];
    let text = lines.map(|line| line.to_string()).join("\n");
    let answers = converse(&daemon, text.as_bytes()).await;
    assert_eq!(
        (&answers[1]["id"], &answers[1]["ok"]["status"]),
        (&json!("w"), &json!("succeeded"))
    );
    let text = "{\"pinacle\":1,\"mode\":\"stream\"}\n{\"stream\":\"journal\",\"pod\":\"blog\"}\n";
    let frames = converse(&daemon, text.as_bytes()).await;
    assert_eq!(frames.last().unwrap()["frame"], "end");
}

#[tokio::test]
async fn what_is_no_client_is_told_so() {
    let mut daemon = Daemon::start().await;
    let answers = converse(&daemon, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert_eq!(answers[0]["error"]["kind"], "invalid_request");
    let answers = converse(&daemon, b"{\"pinacle\":2,\"mode\":\"rpc\"}\n").await;
    assert_eq!(answers[0]["error"]["kind"], "version_mismatch");
    let asked = b"{\"pinacle\":1,\"mode\":\"stream\"}\n{\"stream\":\"nope\"}\n";
    let answers = converse(&daemon, asked).await;
    assert_eq!(
        (&answers[1]["frame"], &answers[1]["kind"]),
        (&json!("error"), &json!("invalid_request"))
    );
    let asked = b"{\"pinacle\":1,\"mode\":\"pty\"}\nnonsense\n";
    let answers = converse(&daemon, asked).await;
    assert_eq!(
        (&answers[1]["pty"], &answers[1]["kind"]),
        (&json!("error"), &json!("invalid_request"))
    );
    assert!(daemon.rpc().await.server_info(soon()).await.unwrap().is_ok());
}

#[tokio::test]
async fn as_many_calls_as_there_are_places_do_not_stop_the_connection() {
    let mut daemon = Daemon::start().await;
    let cursor = daemon.rpc().await.inventory(soon()).await.unwrap().unwrap().cursor;
    let after = json!({"epoch": cursor.epoch, "seq": cursor.seq + 1_000_000});
    let stream = UnixStream::connect(daemon.socket()).await.unwrap();
    let mut stream = BufReader::new(stream);
    let mut text = "{\"pinacle\":1,\"mode\":\"rpc\"}\n".to_owned();
    for id in 0..MAX_IN_FLIGHT {
        let message = json!({"EventsSince": {"after": after, "wait_ms": 25_000}});
        let deadline = json!({"deadline": {"secs": 60, "nanos": 0}});
        let request = json!({"id": id, "context": deadline, "message": message});
        text += &format!("{}\n", json!({ "Request": request }));
    }
    text += "{\"id\":\"more\",\"call\":\"server_info\"}\n{\"Cancel\":{\"request_id\":3}}\n";
    text += "{\"id\":\"room\",\"call\":\"server_info\"}\n";
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await;
        read.expect("no answer").unwrap();
        answers.push(serde_json::from_str::<Value>(&line).unwrap());
    }
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["kind"]), (&json!("more"), &json!("busy")));
    assert_eq!((&answers[2]["id"], answers[2]["ok"].is_object()), (&json!("room"), true));
}

#[tokio::test]
async fn connections_beyond_the_limit_are_told_to_come_back() {
    let mut daemon = Daemon::start().await;
    let mut silent = Vec::new();
    let refused = async {
        loop {
            match wire::connect(&daemon.socket(), Mode::Rpc).await {
                Ok(connection) => silent.push(connection),
                Err(error) => return error.to_api(),
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, refused).await.expect("there is a limit");
    assert_eq!((error.kind, silent.len()), (ErrorKind::Busy, 1_000));
    silent.truncate(10);
    let served = async {
        while wire::connect(&daemon.socket(), Mode::Rpc).await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, served).await.expect("there is room again");
    assert!(daemon.rpc().await.server_info(soon()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_daemon_told_to_stop_takes_no_more_and_ends_soon() {
    let mut daemon = Daemon::start().await;
    let client = daemon.rpc().await;
    let mut waiting = Vec::new();
    for _ in 0..10 {
        waiting.push(daemon.connect(Mode::Rpc).await);
    }
    daemon.stop.trigger();
    daemon.ended().await;
    let late = client.pod_create(soon(), create("late", SPEC)).await;
    assert!(!matches!(late, Ok(Ok(_))), "{late:?}");
    assert!(wire::connect(&daemon.socket(), Mode::Rpc).await.unwrap_err().is_absent());
}

#[tokio::test]
async fn the_socket_is_private_and_a_dead_one_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("made/on/demand/s");
    let listener = listen(&path).unwrap();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert!(matches!(listen(&path), Err(ListenError::InUse { .. })));
    drop(listener);
    drop(listen(&path).unwrap());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, "precious").unwrap();
    assert!(matches!(listen(&path), Err(ListenError::NotASocket { .. })));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    assert!(matches!(listen(&path), Err(ListenError::NotASocket { .. })));
    let long = dir.path().join("x".repeat(120));
    assert!(matches!(listen(&long), Err(ListenError::TooLong { .. })));
    let below = dir.path().join("made/on/demand/s/s");
    assert!(matches!(listen(&below), Err(ListenError::Io { .. })));
}
