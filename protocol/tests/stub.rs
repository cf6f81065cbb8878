//! A daemon that knows nothing but the wire, and a client that knows nothing at all.

use crate::samples;
use futures::{SinkExt, StreamExt};
use pinacle_protocol::wire::{self, RpcTransport};
use pinacle_protocol::*;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tarpc::context::Context;
use tarpc::server::{BaseChannel, Channel};
use tokio::io::{
    AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, DuplexStream,
    ReadHalf, WriteHalf,
};
use tokio::task::JoinSet;

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Answers with the samples. `operation_wait` ends by itself only when asked to wait for
/// 25 s; `pod` knows `blog`, and `huge` whose answer fits no line.
#[derive(Clone, Default)]
pub(crate) struct Stub {
    /// Calls of `operation_wait` that are being worked on.
    pub(crate) waiting: Arc<AtomicUsize>,
}

/// Counts itself for as long as it lives.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

macro_rules! not_here {
    ($($name:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(async fn $name(self, _: Context, $($arg: $type),*) -> Result<$answer, ApiError> {
            $(let _ = $arg;)*
            Err(samples::error())
        })*
    };
}

impl Pinacle for Stub {
    async fn server_info(self, _: Context) -> Result<ServerInfo, ApiError> {
        Ok(samples::server_info())
    }

    async fn inventory(self, _: Context) -> Result<Inventory, ApiError> {
        Ok(samples::inventory())
    }

    async fn pod_create(self, _: Context, request: CreatePod) -> Result<Accepted, ApiError> {
        match request.spec_text.as_str() {
            "name: Blog\n" => Ok(samples::accepted()),
            _ => Err(samples::error()),
        }
    }

    async fn pod(self, _: Context, pod: PodRef) -> Result<PodDetail, ApiError> {
        let mut detail = samples::pod_detail();
        match pod.0.as_str() {
            "blog" | "k3v9x0a1b2c3d4e5" => Ok(detail),
            "huge" => {
                detail.spec_text = "#".repeat(wire::MAX_LINE);
                Ok(detail)
            }
            other => Err(ApiError::new(ErrorKind::NotFound, format!("there is no pod `{other}`"))),
        }
    }

    async fn operation_wait(
        self,
        _: Context,
        _: OperationId,
        wait_ms: u64,
    ) -> Result<OperationView, ApiError> {
        if wait_ms == 25_000 {
            let status = OperationStatus::Succeeded;
            return Ok(OperationView { status, error: None, ..samples::operation() });
        }
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let _counted = Counted(self.waiting.clone());
        std::future::pending().await
    }

    async fn config_check(self, _: Context, spec_text: String) -> Result<ConfigReport, ApiError> {
        let effective = Some(format!("# {} bytes", spec_text.len()));
        Ok(ConfigReport { effective, ..samples::config_report() })
    }

    async fn shutdown(self, _: Context) -> Result<(), ApiError> {
        Ok(())
    }

    not_here! {
        pod_start(request: PodAction) -> Accepted;
        pod_stop(request: PodAction) -> Accepted;
        pod_restart(request: PodAction) -> Accepted;
        pod_delete(request: PodAction) -> Accepted;
        pod_adopt(request: AdoptPod) -> Accepted;
        pod_usage(pods: Vec<PodRef>) -> Vec<PodUsage>;
        pod_processes(pod: PodRef) -> Vec<ProcessView>;
        process_log(pod: PodRef, process: String, lines: u32) -> String;
        pod_ticket(pod: PodRef, port: u16) -> PodTicket;
        config_plan(pod: PodRef, spec_text: String) -> ConfigPlan;
        config_apply(request: ConfigApply) -> Accepted;
        operation(id: OperationId) -> OperationView;
        events_since(after: Cursor, wait_ms: u64) -> EventBatch;
        journal(pod: PodRef, after: Cursor, max_records: u32, infra: bool) -> JournalPage;
        journal_until(pod: PodRef, until: Cursor, max_records: u32, infra: bool) -> JournalPage;
        host_check(host: HostId, fresh: bool) -> HostReport;
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve<T: AsyncRead + AsyncWrite + Unpin>(stream: T, stub: Stub) {
    let Ok(mut accepted) = wire::accept(stream, "0.1.0", Vec::new()).await else { return };
    if accepted.hello.mode == Mode::Stream {
        let asked = accepted.lines.next().await;
        assert!(matches!(asked, Some(Ok(wire::Line::Whole(_)))), "{asked:?}");
        let cursor = samples::cursor(5);
        let frames = [
            StreamFrame::Gap { resume: samples::cursor(0), missed: Some(4) },
            StreamFrame::Journal { cursor, records: samples::journal() },
            StreamFrame::End,
        ];
        for frame in frames {
            let line = serde_json::to_string(&frame).expect("JSON");
            accepted.lines.send(line).await.expect("the client reads");
        }
        return;
    }
    let channel = BaseChannel::with_defaults(RpcTransport::new(accepted.lines));
    channel.execute(stub.serve()).for_each_concurrent(None, |call| call).await;
}

/// A client that writes and reads lines.
pub(crate) struct Peer {
    read: BufReader<ReadHalf<DuplexStream>>,
    write: WriteHalf<DuplexStream>,
    pub(crate) stub: Stub,
    /// Ends with the peer.
    server: JoinSet<()>,
}

impl Peer {
    /// Connects without a word.
    pub(crate) fn silent() -> Self {
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        let (read, write) = tokio::io::split(ours);
        let stub = Stub::default();
        let mut server = JoinSet::new();
        server.spawn(serve(theirs, stub.clone()));
        Self { read: BufReader::new(read), write, stub, server }
    }

    /// Connects and says hello.
    pub(crate) async fn rpc() -> Self {
        let mut peer = Self::silent();
        peer.send(r#"{"pinacle":1,"mode":"rpc"}"#).await;
        assert_eq!(peer.receive().await["server"], "0.1.0");
        peer
    }

    pub(crate) async fn send(&mut self, line: &str) {
        self.send_bytes(format!("{line}\n").as_bytes()).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        let sent = tokio::time::timeout(PATIENCE, self.write.write_all(bytes)).await;
        sent.expect("there is room in time").expect("the daemon reads");
    }

    /// Closes the sending side.
    pub(crate) async fn finish(&mut self) {
        self.write.shutdown().await.expect("it closes");
    }

    pub(crate) async fn receive(&mut self) -> Value {
        self.try_receive().await.expect("an answer, not the end")
    }

    pub(crate) async fn try_receive(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.read.read_line(&mut line)).await;
        match read.expect("an answer in time") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).unwrap_or_else(|e| panic!("{line:?}: {e}"))),
        }
    }

    pub(crate) async fn ask(&mut self, line: &str) -> Value {
        self.send(line).await;
        self.receive().await
    }

    /// Sends bytes and closes the sending side, reading all the while; returns every
    /// answer. Fails unless the daemon then ends the connection of its own accord. For
    /// tests whose clock is paused: a call may take an hour.
    pub(crate) async fn converse(mut self, bytes: &[u8]) -> Vec<Value> {
        let send = async {
            // A daemon that refused the hello no longer reads.
            let _ = self.write.write_all(bytes).await;
            let _ = self.write.shutdown().await;
        };
        let receive = async {
            let mut text = Vec::new();
            self.read.read_to_end(&mut text).await.expect("it ends");
            text
        };
        let talk = async { tokio::join!(send, receive).1 };
        let text = tokio::time::timeout(2 * wire::MAX_DEADLINE, talk).await.expect("no end of it");
        self.server.join_next().await.expect("a server").expect("no panic");
        let lines = text.split_inclusive(|byte| *byte == b'\n');
        lines.map(|line| serde_json::from_slice(line).expect("a line of JSON")).collect()
    }

    /// Checks that the connection still answers.
    pub(crate) async fn check_alive(&mut self) {
        let answer = self.ask(r#"{"id":"alive","call":"server_info"}"#).await;
        assert_eq!((&answer["id"], &answer["ok"]["pid"]), (&"alive".into(), &4242.into()));
    }

    /// Waits until so many calls of `operation_wait` are being worked on.
    pub(crate) async fn wait_for(&mut self, waiting: usize) {
        let reached = async {
            while self.stub.waiting.load(Ordering::SeqCst) != waiting {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("the calls begin and end");
    }
}
