//! Everything that is said to the daemon, and the only place that says it.

mod pty;
mod stream;

pub use pty::{PtyReader, PtyWriter, SessionFrame};
pub use stream::Frames;
use stream::WhenLost;

use pinacle_protocol::{
    Accepted, AdoptPod, ApiError, ConfigApply, ConfigPlan, ConfigReport, CreatePod, Cursor,
    ErrorKind, EventBatch, HostId, HostReport, Inventory, JournalPage, Mode, OperationId,
    OperationView, PinacleClient, PodAction, PodDetail, PodRef, PodTicket, PodUsage, ProcessView,
    PtyRequest, ServerInfo, StreamRequest, wire,
};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tarpc::client::RpcError;
use tarpc::context::{self, Context};
use tokio::time::Instant;

/// Time for a call that answers from what the daemon knows.
const READ: Duration = Duration::from_secs(20);

/// Time for a call that waits for something on disk or on a host.
const CHANGE: Duration = Duration::from_secs(60);

/// Time for a host check, which starts containers on a slow machine.
const CHECK: Duration = Duration::from_secs(300);

/// Time a long poll gets beyond what it is asked to wait.
const POLL_MARGIN_MS: u64 = 10_000;

/// How long to look for a daemon whose connection was lost: it may restart.
const RECONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectFailure {
    /// Nothing listens on the socket: a daemon may be started.
    Absent(ApiError),
    /// Something does, or the socket cannot be used: starting one would not help.
    Other(ApiError),
}

impl From<ConnectFailure> for ApiError {
    fn from(failure: ConnectFailure) -> Self {
        match failure {
            ConnectFailure::Absent(error) | ConnectFailure::Other(error) => error,
        }
    }
}

/// A connection to the daemon. Calls may run side by side. A lost connection
/// is made anew and the call repeated, which the protocol allows for every
/// call but `shutdown`.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    /// Swapped when the connection is lost; never held across an await.
    rpc: Mutex<PinacleClient>,
}

impl Client {
    /// Connects to a daemon that listens.
    ///
    /// # Errors
    ///
    /// [`ConnectFailure`].
    pub async fn connect(socket: &Path) -> Result<Self, ConnectFailure> {
        let rpc = connect_rpc(socket).await?;
        Ok(Self { socket: socket.to_owned(), rpc: Mutex::new(rpc) })
    }

    async fn call<T, F>(
        &self,
        time: Duration,
        call: impl Fn(PinacleClient, Context) -> F,
    ) -> Result<T, ApiError>
    where
        F: Future<Output = Result<Result<T, ApiError>, RpcError>>,
    {
        let until = Instant::now() + RECONNECT_LIMIT;
        loop {
            let rpc = self.rpc.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let error = match call(rpc, deadline(time)).await {
                Ok(answer) => return answer,
                Err(error) => error,
            };
            if !matches!(error, RpcError::Shutdown | RpcError::Channel(_)) {
                return Err(call_failed(&error));
            }
            self.reconnect(until).await.map_err(|_| call_failed(&error))?;
        }
    }

    async fn reconnect(&self, until: Instant) -> Result<(), ApiError> {
        loop {
            match connect_rpc(&self.socket).await {
                Ok(rpc) => {
                    *self.rpc.lock().unwrap_or_else(PoisonError::into_inner) = rpc;
                    return Ok(());
                }
                Err(ConnectFailure::Absent(_)) if Instant::now() < until => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(failure) => return Err(failure.into()),
            }
        }
    }

    /// Opens a stream of its own.
    ///
    /// # Errors
    ///
    /// The daemon's.
    pub async fn stream(&self, request: StreamRequest) -> Result<Frames, ApiError> {
        Frames::open(&self.socket, request, WhenLost::Reopen).await
    }

    /// Opens a stream of its own that says so when its connection is lost,
    /// instead of making it anew.
    ///
    /// # Errors
    ///
    /// The daemon's.
    pub async fn stream_once(&self, request: StreamRequest) -> Result<Frames, ApiError> {
        Frames::open(&self.socket, request, WhenLost::Fail).await
    }

    /// Starts a command in a pod, on a connection of its own.
    ///
    /// # Errors
    ///
    /// The daemon's, when the command could not be started.
    pub async fn pty(&self, request: PtyRequest) -> Result<(PtyReader, PtyWriter), ApiError> {
        let connection = connect(&self.socket, Mode::Pty).await.map_err(ApiError::from)?;
        Ok(pty::split(connection.into_pty(&request).await?))
    }

    /// Ends the daemon.
    ///
    /// # Errors
    ///
    /// When it did not say that it will.
    pub async fn shutdown(&self) -> Result<(), ApiError> {
        let rpc = self.rpc.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match rpc.shutdown(deadline(READ)).await {
            Ok(answer) => answer,
            Err(error) => Err(call_failed(&error)),
        }
    }
}

/// The calls, as [`pinacle_protocol::Pinacle`] describes them.
macro_rules! calls {
    ($($name:ident = $method:ident ( $($arg:ident : $type:ty),* ) -> $answer:ty, $time:expr;)*) => {
        impl Client {
            $(
                #[doc = concat!("Calls `", stringify!($method), "`; see its description there.")]
                ///
                /// # Errors
                ///
                /// Those of the call, and `daemon_unreachable`.
                pub async fn $name(&self, $($arg: $type),*) -> Result<$answer, ApiError> {
                    self.call($time, |rpc, context| {
                        $(let $arg = $arg.clone();)*
                        async move { rpc.$method(context, $($arg),*).await }
                    })
                    .await
                }
            )*
        }
    };
}

calls! {
    server_info = server_info() -> ServerInfo, READ;
    inventory = inventory() -> Inventory, READ;
    pod = pod(pod: PodRef) -> PodDetail, READ;
    create = pod_create(request: CreatePod) -> Accepted, CHANGE;
    start = pod_start(request: PodAction) -> Accepted, CHANGE;
    stop = pod_stop(request: PodAction) -> Accepted, CHANGE;
    restart = pod_restart(request: PodAction) -> Accepted, CHANGE;
    delete = pod_delete(request: PodAction) -> Accepted, CHANGE;
    adopt = pod_adopt(request: AdoptPod) -> Accepted, CHANGE;
    usage = pod_usage(pods: Vec<PodRef>) -> Vec<PodUsage>, CHANGE;
    processes = pod_processes(pod: PodRef) -> Vec<ProcessView>, CHANGE;
    process_log = process_log(pod: PodRef, process: String, lines: u32) -> String, CHANGE;
    ticket = pod_ticket(pod: PodRef, port: u16) -> PodTicket, CHANGE;
    config_check = config_check(spec_text: String) -> ConfigReport, READ;
    config_plan = config_plan(pod: PodRef, spec_text: String) -> ConfigPlan, READ;
    config_apply = config_apply(request: ConfigApply) -> Accepted, CHANGE;
    operation = operation(id: OperationId) -> OperationView, READ;
    operation_wait = operation_wait(id: OperationId, wait_ms: u64) -> OperationView,
        Duration::from_millis(wait_ms + POLL_MARGIN_MS);
    events_since = events_since(after: Cursor, wait_ms: u64) -> EventBatch,
        Duration::from_millis(wait_ms + POLL_MARGIN_MS);
    journal = journal(pod: PodRef, after: Cursor, max_records: u32, infra: bool) -> JournalPage, READ;
    journal_until = journal_until(pod: PodRef, until: Cursor, max_records: u32, infra: bool)
        -> JournalPage, READ;
    host_check = host_check(host: HostId, fresh: bool) -> HostReport, CHECK;
}

/// Returns the process id of whoever listens on a socket, whatever it speaks.
pub async fn peer_pid(socket: &Path) -> Option<i32> {
    let stream = tokio::net::UnixStream::connect(socket).await.ok()?;
    stream.peer_cred().ok()?.pid()
}

#[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
async fn connect_rpc(socket: &Path) -> Result<PinacleClient, ConnectFailure> {
    let (rpc, dispatch) = connect(socket, Mode::Rpc).await?.into_rpc();
    // Ends when the last handle to `rpc` is gone, or the connection is.
    tokio::spawn(dispatch);
    Ok(rpc)
}

async fn connect(socket: &Path, mode: Mode) -> Result<wire::ClientConnection, ConnectFailure> {
    wire::connect(socket, mode).await.map_err(|error| match error.is_absent() {
        true => ConnectFailure::Absent(error.to_api()),
        false => ConnectFailure::Other(error.to_api()),
    })
}

fn deadline(time: Duration) -> Context {
    let mut context = context::current();
    context.deadline = (Instant::now() + time).into_std();
    context
}

fn call_failed(error: &RpcError) -> ApiError {
    match error {
        RpcError::DeadlineExceeded => {
            ApiError::new(ErrorKind::Busy, "the daemon did not answer in time")
                .hint("what was asked for may still be done; `pinacle-tui ls` shows it")
        }
        RpcError::Server(error) => {
            ApiError::new(ErrorKind::Internal, "the daemon could not take the call")
                .cause(error.to_string())
        }
        other => ApiError::from_error(ErrorKind::DaemonUnreachable, other)
            .hint("`pinacle-tui daemon status` shows whether it runs"),
    }
}

fn link_lost(error: &dyn std::error::Error) -> ApiError {
    let error = ApiError::from_error(ErrorKind::DaemonUnreachable, error);
    ApiError {
        causes: std::iter::once(error.message).chain(error.causes).collect(),
        ..ApiError::new(ErrorKind::DaemonUnreachable, "the connection to the daemon was lost")
    }
}
