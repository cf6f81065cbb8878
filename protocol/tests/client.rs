//! The Rust client, against daemons good and bad.

use crate::samples;
use crate::stub::{PATIENCE, Stub, serve};
use futures::{SinkExt, StreamExt};
use pinacle_protocol::wire::{self, ConnectError, FrameError, MAX_LINE, PtyFrame};
use pinacle_protocol::*;
use std::time::Duration;
use tarpc::client::RpcError;
use tarpc::context;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;

/// A daemon on a socket of its own.
pub(crate) struct Daemon {
    pub(crate) dir: TempDir,
    tasks: JoinSet<()>,
}

impl Daemon {
    fn new() -> (Self, UnixListener) {
        let dir = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(dir.path().join("s")).expect("it binds");
        (Self { dir, tasks: JoinSet::new() }, listener)
    }

    /// One that serves calls.
    pub(crate) fn calls(stub: &Stub) -> Self {
        let (mut daemon, listener) = Self::new();
        let stub = stub.clone();
        daemon.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, stub.clone()));
            }
        });
        daemon
    }

    /// One that reads so many lines of one client, says this, and goes.
    fn saying(lines: usize, words: impl Into<Vec<u8>>) -> Self {
        let words = words.into();
        let (mut daemon, listener) = Self::new();
        daemon.tasks.spawn(async move {
            let (stream, _) = listener.accept().await.expect("a client");
            let mut stream = BufReader::new(stream);
            let mut read = String::new();
            for _ in 0..lines {
                stream.read_line(&mut read).await.expect("a line");
            }
            stream.write_all(&words).await.expect("the client reads");
        });
        daemon
    }

    async fn connect(&self, mode: Mode) -> Result<wire::ClientConnection, ConnectError> {
        wire::connect(&self.dir.path().join("s"), mode).await
    }
}

const WELCOME: &str = "{\"pinacle\":1,\"server\":\"0.1.0\",\"features\":[]}\n";

async fn rpc(daemon: &Daemon) -> (PinacleClient, JoinSet<()>) {
    let (client, dispatch) = daemon.connect(Mode::Rpc).await.expect("it connects").into_rpc();
    let mut tasks = JoinSet::new();
    tasks.spawn(dispatch);
    (client, tasks)
}

#[tokio::test]
async fn calls_go_and_answers_come() {
    let stub = Stub::default();
    let daemon = Daemon::calls(&stub);
    let connection = daemon.connect(Mode::Rpc).await.expect("it connects");
    assert_eq!(connection.server_version(), "0.1.0");
    drop(connection);
    let (client, mut tasks) = rpc(&daemon).await;
    let info = client.server_info(context::current()).await.expect("an answer");
    assert_eq!(info, Ok(samples::server_info()));
    let error = client
        .host_check(context::current(), HostId::local(), true)
        .await
        .expect("an answer")
        .expect_err("an error");
    assert_eq!(error, samples::error());
    drop(client);
    tokio::time::timeout(PATIENCE, tasks.join_next()).await.expect("the dispatch ends");
}

#[tokio::test]
async fn an_abandoned_call_is_cancelled() {
    let stub = Stub::default();
    let daemon = Daemon::calls(&stub);
    let (client, _tasks) = rpc(&daemon).await;
    let waits = client.operation_wait(context::current(), samples::operation_id(), 0);
    assert!(tokio::time::timeout(Duration::from_millis(50), waits).await.is_err());
    let gone = async {
        while stub.waiting.load(std::sync::atomic::Ordering::SeqCst) > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, gone).await.expect("the work ends");
}

#[tokio::test]
async fn what_does_not_fit_a_line_fails_its_call_alone() {
    let stub = Stub::default();
    let daemon = Daemon::calls(&stub);
    let (client, _tasks) = rpc(&daemon).await;
    let text = "#".repeat(MAX_LINE);
    let error = client.config_check(context::current(), text).await.expect_err("too long");
    assert!(
        matches!(&error, RpcError::Server(error) if error.detail.contains("larger than")),
        "{error}"
    );
    let huge =
        client.pod(context::current(), PodRef("huge".to_owned())).await.expect_err("too long");
    assert!(
        matches!(&huge, RpcError::Server(error) if error.detail.contains("ask for less")),
        "{huge}"
    );
    let info = client.server_info(context::current()).await.expect("an answer");
    assert!(info.is_ok());
}

#[tokio::test]
async fn an_answer_from_the_future_fails_its_call_alone() {
    let answers = [
        "{\"id\":null,\"error\":{}}\n",
        "nonsense\n",
        "{\"request_id\":0,\"message\":{\"Ok\":{\"ServerInfo\":{\"Ok\":{\"version\":[]}}}}}\n",
        "{\"request_id\":1,\"message\":{\"Ok\":{\"ServerInfo\":{\"Ok\":{\"version\":[]}}}}}\n",
    ];
    let (mut daemon, listener) = Daemon::new();
    daemon.tasks.spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut stream = BufReader::new(stream);
        let mut read = String::new();
        stream.read_line(&mut read).await.expect("a hello");
        stream.write_all(WELCOME.as_bytes()).await.expect("the client reads");
        stream.read_line(&mut read).await.expect("a call");
        stream.write_all(answers.concat().as_bytes()).await.expect("the client reads");
        stream.read_to_string(&mut read).await.expect("the client goes");
    });
    let (client, _tasks) = rpc(&daemon).await;
    let error = client.server_info(context::current()).await.expect_err("no sense");
    assert!(
        matches!(&error, RpcError::Server(error) if error.detail.contains("makes no sense")),
        "{error}"
    );
}

async fn refused(daemon: &Daemon) -> (ConnectError, ApiError) {
    let error = daemon.connect(Mode::Rpc).await.expect_err("it does not connect");
    let api = error.to_api();
    assert!(api.hint.is_some() && !api.message.is_empty());
    (error, api)
}

#[tokio::test]
async fn no_daemon_and_a_dead_one_are_told_from_others() {
    let (daemon, listener) = Daemon::new();
    drop(listener);
    let (error, api) = refused(&daemon).await;
    assert!(matches!(error, ConnectError::Refused { .. }) && error.is_absent());
    assert_eq!(api.kind, ErrorKind::DaemonUnreachable);
    std::fs::remove_file(daemon.dir.path().join("s")).expect("it was there");
    let (error, api) = refused(&daemon).await;
    assert!(matches!(error, ConnectError::NoSocket { .. }) && error.is_absent());
    assert!(api.hint.expect("a hint").contains("daemon start"));
    std::fs::write(daemon.dir.path().join("s"), "").expect("it can be written");
    let (error, _) = refused(&daemon).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn another_version_is_told_from_no_daemon() {
    let refusals = [
        r#"{"error":{"kind":"version_mismatch","message":"m","hint":"h"},"supported":[2]}"#,
        r#"{"error":{"kind":"a_kind_from_the_future"},"supported":[2,3]}"#,
        r#"{"pinacle":2,"server":"2.0.0","features":[]}"#,
        r#"{"pinacle":2}"#,
    ];
    for line in refusals {
        // Some daemons speak and close before they have read anything.
        for read in [0, 1] {
            let daemon = Daemon::saying(read, format!("{line}\n"));
            let (error, api) = refused(&daemon).await;
            assert!(matches!(error, ConnectError::NotServed(_)), "{line}: {error}");
            assert_eq!(api.kind, ErrorKind::VersionMismatch, "{line}");
        }
    }
}

#[tokio::test]
async fn what_is_no_daemon_is_said_to_be_none() {
    for words in ["HTTP/1.1 400 Bad Request\n", "{}\n", "[]\n", "220 mail ready\n"] {
        let (error, api) = refused(&Daemon::saying(1, words)).await;
        assert!(matches!(error, ConnectError::NotPinacle { .. }), "{words}: {error}");
        assert_eq!(api.kind, ErrorKind::DaemonUnreachable);
    }
    let (error, _) = refused(&Daemon::saying(1, "")).await;
    assert!(matches!(error, ConnectError::Refused { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_daemon_that_says_nothing_is_not_waited_for_long() {
    let (daemon, listener) = Daemon::new();
    let before = tokio::time::Instant::now();
    let (error, api) = refused(&daemon).await;
    assert!(matches!(error, ConnectError::TimedOut { .. }) && !error.is_absent());
    assert_eq!((before.elapsed(), api.kind), (wire::HELLO_LIMIT, ErrorKind::DaemonUnreachable));
    drop(listener);
}

#[tokio::test(start_paused = true)]
async fn a_daemon_whose_queue_is_full_is_not_taken_for_dead() {
    let (daemon, listener) = Daemon::new();
    let path = daemon.dir.path().join("s");
    let mut waiting = Vec::new();
    while let Ok(stream) = UnixStream::connect(&path).await {
        waiting.push(stream);
        if waiting.len() > 5_000 {
            // This kernel queues more than anybody opens.
            return;
        }
    }
    let (error, _) = refused(&daemon).await;
    assert!(matches!(error, ConnectError::TimedOut { .. }), "{error}");
    drop(listener);
}

async fn stream(words: &str) -> (Daemon, wire::StreamReader) {
    let (mut daemon, listener) = Daemon::new();
    let words = words.to_owned();
    daemon.tasks.spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut accepted = wire::accept(stream, "0.1.0", Vec::new()).await.expect("a hello");
        let asked = accepted.lines.next().await.expect("a line").expect("a line");
        assert!(matches!(asked, wire::Line::Whole(line) if line == "{\"stream\":\"events\",\"after\":null}"));
        let mut stream = accepted.lines.into_inner();
        stream.write_all(words.as_bytes()).await.expect("the client reads");
    });
    let connection = daemon.connect(Mode::Stream).await.expect("it connects");
    let reader =
        connection.into_stream(&StreamRequest::Events { after: None }).await.expect("it is sent");
    (daemon, reader)
}

#[tokio::test]
async fn frames_come_and_unknown_ones_are_passed_over() {
    let words = "{\"frame\":\"of_the_future\",\"x\":1}\n\n{\"frame\":\"caught_up\",\"cursor\":{\"epoch\":7,\"seq\":4}}\n{\"frame\":\"end\"}\n";
    let (_daemon, mut reader) = stream(words).await;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next_frame().await.expect("a frame") {
        frames.push(frame);
    }
    assert_eq!(frames, [StreamFrame::CaughtUp { cursor: samples::cursor(4) }, StreamFrame::End]);
}

#[tokio::test]
async fn a_frame_that_makes_no_sense_is_no_silent_loss() {
    for words in ["{\"frame\":\"gap\"}\n", "nonsense\n", "{}\n"] {
        let (_daemon, mut reader) = stream(words).await;
        assert!(reader.next_frame().await.is_err(), "{words}");
    }
}

#[tokio::test]
async fn giving_up_on_a_frame_loses_none_of_it() {
    let (mut daemon, listener) = Daemon::new();
    daemon.tasks.spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut accepted = wire::accept(stream, "0.1.0", Vec::new()).await.expect("a hello");
        accepted.lines.next().await.expect("a line").expect("a line");
        let mut stream = accepted.lines.into_inner();
        for byte in "{\"frame\":\"end\"}\n".bytes() {
            stream.write_all(&[byte]).await.expect("the client reads");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stream.read_u8().await.expect_err("the client says no more");
    });
    let connection = daemon.connect(Mode::Stream).await.expect("it connects");
    let mut reader =
        connection.into_stream(&StreamRequest::Events { after: None }).await.expect("it is sent");
    let frame = async {
        loop {
            let tried = tokio::time::timeout(Duration::from_millis(1), reader.next_frame()).await;
            if let Ok(frame) = tried {
                return frame;
            }
        }
    };
    let frame = tokio::time::timeout(PATIENCE, frame).await.expect("in time");
    assert_eq!(frame.expect("a frame"), Some(StreamFrame::End));
}

fn shell() -> PtyRequest {
    serde_json::from_str("{\"pod\":\"blog\",\"tty\":true}").expect("a request")
}

#[tokio::test]
async fn bytes_go_both_ways_through_a_terminal() {
    let (mut daemon, listener) = Daemon::new();
    daemon.tasks.spawn(async move {
        let (stream, _) = listener.accept().await.expect("a client");
        let mut accepted = wire::accept(stream, "0.1.0", Vec::new()).await.expect("a hello");
        accepted.lines.next().await.expect("a line").expect("a line");
        let started = serde_json::to_string(&PtyReply::Started).expect("JSON");
        accepted.lines.feed(started).await.expect("it fits");
        accepted.lines.flush().await.expect("the client reads");
        let mut frames = accepted.lines.map_codec(|_| wire::PtyCodec);
        while let Some(Ok(frame)) = frames.next().await {
            let answer = match frame.kind {
                PtyFrameKind::Stdin => PtyFrame::new(PtyFrameKind::Stdout, frame.payload),
                _ => PtyFrame::exit(3),
            };
            frames.send(answer).await.expect("the client reads");
        }
    });
    let connection = daemon.connect(Mode::Pty).await.expect("it connects");
    let mut frames = connection.into_pty(&shell()).await.expect("it runs");
    let large = vec![7_u8; MAX_PTY_FRAME];
    frames.send(PtyFrame::new(PtyFrameKind::Stdin, large.clone())).await.expect("it is sent");
    let back = frames.next().await.expect("a frame").expect("a frame");
    assert!(back.kind == PtyFrameKind::Stdout && back.payload == large);
    frames.send(PtyFrame::new(PtyFrameKind::StdinEnd, "")).await.expect("it is sent");
    let last = frames.next().await.expect("a frame").expect("a frame");
    assert_eq!(last.exit_code(), Some(3));
    let larger = PtyFrame::new(PtyFrameKind::Stdin, vec![7_u8; MAX_PTY_FRAME + 1]);
    assert!(matches!(frames.send(larger).await, Err(FrameError::TooLong(_))));
}

#[tokio::test]
async fn a_terminal_that_is_refused_says_why() {
    let error = ApiError::new(ErrorKind::WrongPhase, "pod `blog` is stopped, not running");
    let reply = serde_json::to_string(&PtyReply::Error(error.clone())).expect("JSON");
    let daemon = Daemon::saying(1, format!("{WELCOME}{reply}\n"));
    let connection = daemon.connect(Mode::Pty).await.expect("it connects");
    assert_eq!(connection.into_pty(&shell()).await.expect_err("no"), error);
    let daemon = Daemon::saying(1, WELCOME);
    let connection = daemon.connect(Mode::Pty).await.expect("it connects");
    assert_eq!(
        connection.into_pty(&shell()).await.expect_err("no").kind,
        ErrorKind::DaemonUnreachable
    );
}
