//! A host's container engine, in our words.
//!
//! The trait is what the rest of the daemon knows; `docker` carries it out with
//! bollard, and no type of that library leaves this folder. Every command run
//! for a pod goes into its journal from here, as the docker command it stands
//! for, while it runs.

pub mod docker;

use crate::journal::PodJournal;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use pinacle_core::engine::{
    EngineCall, EngineFailure, EngineOutcome, HostFacts, HostSnapshot, ObservedPod, Ownership,
};
use pinacle_protocol::{HostReport, PodId, PodTicket, PodUsage, TerminalSize};
use tokio::sync::{mpsc, oneshot};

/// A container engine on one host. Implementations hold no state that matters:
/// dropping a call's future ends the call and loses only its outcome.
pub trait Engine: Send + Sync + 'static {
    /// Reaches the engine and asks what it is.
    ///
    /// # Errors
    ///
    /// The one sentence to show when it cannot be reached or is too old, with the next step.
    fn connect(&self) -> BoxFuture<'_, Result<HostFacts, EngineFailure>>;

    /// Looks at everything that carries our labels, whoever owns it.
    fn observe(&self) -> BoxFuture<'_, Result<HostSnapshot, EngineFailure>>;

    /// Looks at one pod; `None` when nothing of it is there.
    fn observe_pod<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<ObservedPod>, EngineFailure>>;

    /// Reads the spec file kept in a pod's container, running or not; `None` when
    /// there is none yet.
    fn read_spec<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<String>, EngineFailure>>;

    /// Streams the ids of pods whose containers or networks changed, for as long as
    /// the engine can be reached. The stream's end, with or without an error, means the
    /// engine was lost. Changes before the call are not in it: watch, then observe.
    fn watch(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<PodId, EngineFailure>>, EngineFailure>>;

    /// Carries out one call for a pod, writing to its journal as it goes.
    fn call<'a>(
        &'a self,
        owner: &'a Ownership,
        journal: &'a PodJournal,
        call: EngineCall,
    ) -> BoxFuture<'a, Result<EngineOutcome, EngineFailure>>;

    /// Runs a command for a client, with its streams.
    fn exec(&self, request: ExecRequest) -> BoxFuture<'_, Result<ExecSession, EngineFailure>>;

    /// Asks what these pods use now; pods that do not run are left out.
    fn usage<'a>(
        &'a self,
        pods: &'a [PodId],
    ) -> BoxFuture<'a, Result<Vec<PodUsage>, EngineFailure>>;

    /// Has a pod let one browser in to a port; not in the journal, for it is a secret.
    fn ticket<'a>(
        &'a self,
        pod: &'a PodId,
        port: u16,
    ) -> BoxFuture<'a, Result<PodTicket, EngineFailure>>;

    /// Checks the host. Without `fresh` the last report is returned if the engine,
    /// its runtimes and their binaries are still what they were then.
    fn check(&self, fresh: Freshness) -> BoxFuture<'_, HostReport>;

    /// Ends what runs on the host for the daemon itself and clears it away; nothing of the
    /// kind is begun from now on. Calls for pods are not touched.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

/// Whether an earlier answer will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// An earlier answer that still applies will do.
    Cached,
    /// Look again.
    Fresh,
}

/// A command to run for a client.
#[derive(Clone)]
pub struct ExecRequest {
    /// In which pod.
    pub pod: PodId,
    /// Command and arguments; never empty.
    pub command: Vec<String>,
    /// Whether it gets a terminal.
    pub tty: bool,
    /// The terminal's size.
    pub size: Option<TerminalSize>,
    /// Environment, `(name, value)`.
    pub env: Vec<(String, String)>,
    /// Working directory.
    pub working_dir: String,
    /// User.
    pub user: String,
    /// Names this run among all there were; letters and digits.
    pub session: String,
}

/// A running command. Dropping it closes its standard input and stops reading;
/// the command itself goes on unless that ends it.
pub struct ExecSession {
    /// What it prints, in order; closed when it has ended or the link is lost.
    pub output: mpsc::Receiver<Result<ExecOutput, EngineFailure>>,
    /// Its standard input; dropping the sender is end of file.
    pub input: mpsc::Sender<Bytes>,
    /// New terminal sizes.
    pub resize: mpsc::Sender<TerminalSize>,
    /// Hangs it up: it and what it started in its session are told to end, and made to.
    pub hang_up: oneshot::Sender<()>,
}

/// What a running command sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExecOutput {
    /// Bytes of its standard output, or its terminal.
    Stdout(Bytes),
    /// Bytes of its standard error.
    Stderr(Bytes),
    /// It ended with this code; the last item.
    Exit(i64),
}
