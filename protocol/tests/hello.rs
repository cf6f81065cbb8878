//! The first line of each side.

use crate::stub::{PATIENCE, Peer};
use futures::StreamExt;
use pinacle_protocol::wire::{self, AcceptError, Line};
use pinacle_protocol::{ApiError, ErrorKind, Mode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends a first line; returns the refusal, after which the connection is closed.
async fn refused(first: &str) -> ApiError {
    let mut peer = Peer::silent();
    let answer = peer.ask(first).await;
    assert_eq!(answer["supported"], serde_json::json!([1]), "{first}");
    assert!(peer.try_receive().await.is_none(), "{first}");
    serde_json::from_value(answer["error"].clone()).expect("an error")
}

#[tokio::test]
async fn what_is_no_hello_gets_one_line_and_the_end() {
    let first = [
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "",
        "hello",
        "{}",
        "[1]",
        r#"{"pinacle":"1","mode":"rpc"}"#,
        r#"{"pinacle":1}"#,
        r#"{"pinacle":1,"mode":"telnet"}"#,
        r#"{"id":1,"call":"server_info"}"#,
    ];
    for line in first.into_iter().filter(|line| !line.is_empty()) {
        assert_eq!(refused(line).await.kind, ErrorKind::InvalidRequest, "{line}");
    }
    let error = refused(&"x".repeat(wire::MAX_HELLO + 1)).await;
    assert_eq!(error.kind, ErrorKind::InvalidRequest);
}

#[tokio::test]
async fn another_version_is_told_both_versions_and_the_way_out() {
    for version in ["0", "2", "4294967297", "18446744073709551615"] {
        let error = refused(&format!(r#"{{"pinacle":{version},"mode":"rpc","new":[]}}"#)).await;
        assert_eq!(error.kind, ErrorKind::VersionMismatch);
        let hint = error.hint.expect("a hint");
        assert!(
            error.message.contains(version) && error.message.contains("version 1"),
            "{}",
            error.message
        );
        assert!(hint.contains(version) && hint.contains("pinacle-tui daemon restart"), "{hint}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_is_sent_away() {
    let mut peer = Peer::silent();
    peer.send_bytes(br#"{"pinacle":1,"mo"#).await;
    let before = tokio::time::Instant::now();
    assert_eq!(peer.receive().await["error"]["kind"], "invalid_request");
    assert_eq!(before.elapsed(), wire::HELLO_LIMIT);
    assert!(peer.try_receive().await.is_none());
}

#[tokio::test]
async fn lines_sent_with_the_hello_are_not_lost() {
    let mut peer = Peer::silent();
    let hello = "{\"pinacle\":1,\"mode\":\"rpc\"}\r\n";
    let calls = "{\"id\":1,\"call\":\"server_info\"}\n{\"Request\":{\"id\":2,\"message\":{\"ServerInfo\":{}}}}";
    peer.send_bytes(format!("{hello}{calls}").as_bytes()).await;
    peer.finish().await;
    assert_eq!(peer.receive().await["pinacle"], 1);
    assert_eq!(peer.receive().await["id"], 1);
    assert_eq!(peer.receive().await["request_id"], 2);
    assert!(peer.try_receive().await.is_none());
}

#[tokio::test]
async fn a_large_line_behind_the_hello_is_read_whole() {
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let large = "x".repeat(3 * wire::MAX_HELLO);
    let sent = format!("{{\"pinacle\":1,\"mode\":\"stream\",\"client\":\"x\"}}\n{large}\n");
    ours.write_all(sent.as_bytes()).await.expect("there is room");
    let mut accepted = wire::accept(theirs, "9.9.9", vec!["f".to_owned()]).await.expect("a hello");
    assert_eq!((accepted.hello.mode, accepted.hello.client.as_deref()), (Mode::Stream, Some("x")));
    let line = tokio::time::timeout(PATIENCE, accepted.lines.next()).await.expect("in time");
    assert!(matches!(line, Some(Ok(Line::Whole(line))) if line == large));
    drop(accepted);
    let mut answer = String::new();
    ours.read_to_string(&mut answer).await.expect("it ends");
    assert_eq!(answer, "{\"pinacle\":1,\"server\":\"9.9.9\",\"features\":[\"f\"]}\n");
}

#[tokio::test]
async fn a_client_that_leaves_early_is_no_trouble() {
    let (ours, theirs) = tokio::io::duplex(64);
    drop(ours);
    assert!(matches!(wire::accept(theirs, "0", Vec::new()).await, Err(AcceptError::Closed)));
    let (mut ours, theirs) = tokio::io::duplex(64);
    ours.write_all(b"GET /\n").await.expect("there is room");
    drop(ours);
    let error = wire::accept(theirs, "0", Vec::new()).await.expect_err("no hello");
    assert!(matches!(error, AcceptError::Malformed | AcceptError::Stream(_)), "{error}");
}
