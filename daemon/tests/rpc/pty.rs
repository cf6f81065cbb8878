//! Commands in a pod. The engine's command prints what it is given.

use crate::rig::{Daemon, PATIENCE, SPEC, action, finished, pod_ref, soon};
use futures::{SinkExt, StreamExt};
use pinacle_protocol::wire::{PtyCodec, PtyFrame};
use pinacle_protocol::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

fn request(pod: &str, command: &[&str]) -> PtyRequest {
    PtyRequest {
        pod: pod_ref(pod),
        command: command.iter().map(|word| (*word).to_owned()).collect(),
        tty: false,
        size: None,
        env: vec![("TOKEN".to_owned(), "correct-horse-battery".to_owned())],
        working_dir: None,
        user: None,
    }
}

async fn next(frames: &mut Framed<UnixStream, PtyCodec>) -> PtyFrame {
    let frame = tokio::time::timeout(PATIENCE, frames.next()).await.expect("a frame in time");
    frame.expect("a frame, not the end").unwrap()
}

/// Reads the pod's journal until the last command has ended; returns its records.
async fn journal(client: &PinacleClient) -> Vec<JournalEntry> {
    let read = async {
        loop {
            let page =
                client.journal(soon(), pod_ref("blog"), Cursor::default(), 1_000, false).await;
            let records = page.unwrap().unwrap().records;
            if matches!(records.last().map(|r| &r.entry), Some(JournalEntry::End { .. })) {
                return records.into_iter().map(|record| record.entry).collect();
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("the command ends in the journal")
}

#[tokio::test]
async fn bytes_go_through_a_command_and_its_code_comes_back() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    daemon.engine.set_exit_code("cat it's", 42);
    let connection = daemon.connect(Mode::Pty).await;
    let mut frames = connection.into_pty(&request("blog", &["cat", "it's"])).await.unwrap();
    frames.send(PtyFrame::new(PtyFrameKind::Stdin, "hello\n")).await.unwrap();
    let back = next(&mut frames).await;
    assert_eq!((back.kind, &back.payload[..]), (PtyFrameKind::Stdout, &b"hello\n"[..]));
    frames.send(PtyFrame::resize(TerminalSize { columns: 1, rows: 1 })).await.unwrap();
    frames.send(PtyFrame::new(PtyFrameKind::StdinEnd, "")).await.unwrap();
    assert_eq!(next(&mut frames).await.exit_code(), Some(42));
    assert!(frames.next().await.is_none());
    let entries = journal(&client).await;
    let begun = entries.iter().any(|entry| {
        matches!(entry, JournalEntry::Begin { container_line: Some(line), .. }
        if line == r"cat 'it'\''s'")
    });
    assert!(begun, "{entries:?}");
    assert!(matches!(entries.last(), Some(JournalEntry::End { exit_code: Some(42), .. })));
    let text = format!("{entries:?}");
    assert!(!text.contains("correct-horse") && !text.contains("hello"), "{text}");
}

#[tokio::test]
async fn megabytes_come_back_whole() {
    let mut daemon = Daemon::start().await;
    daemon.pod(SPEC).await;
    let connection = daemon.connect(Mode::Pty).await;
    let frames = connection.into_pty(&request("blog", &["cat"])).await.unwrap();
    let (mut to, mut from) = frames.split();
    let sent: Vec<u8> = (0..6 << 20_u32).map(|n| (n % 251) as u8).collect();
    let send = async {
        for piece in sent.chunks(MAX_PTY_FRAME) {
            to.send(PtyFrame::new(PtyFrameKind::Stdin, piece.to_vec())).await.unwrap();
        }
        to.send(PtyFrame::new(PtyFrameKind::StdinEnd, "")).await.unwrap();
    };
    let receive = async {
        let mut received = Vec::new();
        loop {
            let frame = from.next().await.expect("a frame").unwrap();
            match frame.kind {
                PtyFrameKind::Stdout => received.extend_from_slice(&frame.payload),
                _ => return (received, frame.exit_code()),
            }
        }
    };
    let both = async { tokio::join!(send, receive).1 };
    let (received, code) = tokio::time::timeout(PATIENCE, both).await.expect("no standstill");
    assert!(received == sent && code == Some(0));
}

#[tokio::test]
async fn a_client_that_leaves_is_seen_in_the_journal() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let connection = daemon.connect(Mode::Pty).await;
    drop(connection.into_pty(&request("blog", &[])).await.unwrap());
    let entries = journal(&client).await;
    assert!(matches!(
        entries.last(),
        Some(JournalEntry::End { exit_code: None, error: Some(_), .. })
    ));
    let shell = entries.iter().any(
        |entry| matches!(entry, JournalEntry::Begin { label: Some(label), .. } if label == "Shell"),
    );
    assert!(shell, "{entries:?}");
}

#[tokio::test]
async fn what_a_client_leaves_behind_is_hung_up_unless_it_detached() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let connection = daemon.connect(Mode::Pty).await;
    let mut kept = connection.into_pty(&request("blog", &["cat", "kept"])).await.unwrap();
    kept.send(PtyFrame::new(PtyFrameKind::Detach, "")).await.unwrap();
    drop(kept);
    journal(&client).await;
    let connection = daemon.connect(Mode::Pty).await;
    drop(connection.into_pty(&request("blog", &["cat", "left"])).await.unwrap());
    let hung_up = async {
        while daemon.engine.hung_up().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, hung_up).await.expect("it is hung up");
    assert_eq!(daemon.engine.hung_up(), ["cat left"]);
}

#[tokio::test]
async fn a_client_that_left_before_the_start_is_over_leaves_nothing_running() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    stream.write_all(b"{\"pinacle\":1,\"mode\":\"pty\"}\n").await.unwrap();
    // Its answer is one line; the end of it is waited for.
    while stream.read_u8().await.unwrap() != b'\n' {}
    let wanted = serde_json::to_string(&request("blog", &["cat", "early"])).unwrap();
    stream.write_all(format!("{wanted}\n").as_bytes()).await.unwrap();
    drop(stream);
    let entries = journal(&client).await;
    assert!(matches!(entries.last(), Some(JournalEntry::End { error: Some(_), .. })));
    let hung_up = async {
        while daemon.engine.hung_up().is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, hung_up).await.expect("it is hung up");
}

#[tokio::test]
async fn frames_that_make_no_sense_end_the_session_and_no_more() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let connection = daemon.connect(Mode::Pty).await;
    let frames = connection.into_pty(&request("blog", &["cat"])).await.unwrap();
    let mut stream = frames.into_inner();
    stream.write_all(&[9, 255, 255, 255, 255]).await.unwrap();
    let mut rest = Vec::new();
    let read = stream.read_to_end(&mut rest);
    // However it is closed, it is closed.
    let _ = tokio::time::timeout(PATIENCE, read).await.expect("the session ends");
    assert!(client.server_info(soon()).await.unwrap().is_ok());
}

#[tokio::test]
async fn a_pod_that_does_not_run_is_said_not_to() {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let stopped = client.pod_stop(soon(), action("stop", "blog")).await.unwrap().unwrap();
    finished(&client, &stopped).await;
    let connection = daemon.connect(Mode::Pty).await;
    let error = connection.into_pty(&request("blog", &[])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::WrongPhase);
    assert!(error.hint.unwrap().contains("pinacle-tui start blog"));
    let connection = daemon.connect(Mode::Pty).await;
    let error = connection.into_pty(&request("nope", &[])).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_stopping_daemon_lets_go_of_commands() {
    let mut daemon = Daemon::start().await;
    daemon.pod(SPEC).await;
    let connection = daemon.connect(Mode::Pty).await;
    let mut frames = connection.into_pty(&request("blog", &["cat"])).await.unwrap();
    daemon.stop.trigger();
    daemon.ended().await;
    assert!(!matches!(frames.next().await, Some(Ok(frame)) if frame.kind != PtyFrameKind::Error));
}
