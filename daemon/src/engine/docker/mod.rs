//! Docker, from 20.10 on, through bollard over a Unix socket.
//!
//! `client` is how every call is made, `error` what the answers mean, `line` how
//! a call is written into the journal; the other files carry out one kind of
//! call each.

mod arrivals;
mod build;
mod ceiling;
mod cgroup;
mod check;
mod client;
mod cloud;
mod connect;
mod container;
mod copy;
mod debootstrap;
mod error;
mod exec;
mod hangup;
mod isolation;
mod lifecycle;
mod line;
mod network;
mod observe;
mod probe;
mod probe_network;
mod pull;
mod raw;
mod ready;
mod rejoin;
mod routes;
mod session;
mod socket;
mod source;
mod ticket;
mod usage;
mod volume;
mod watch;

use super::{Engine, ExecRequest, ExecSession, Freshness};
use crate::clock::Clock;
use crate::journal::PodJournal;
use client::Shared;
use futures::future::BoxFuture;
use futures::stream::BoxStream;
use lifecycle::Lifecycle;
use line::Line;
use pinacle_core::engine::{
    EngineCall, EngineFailure, EngineOutcome, HostFacts, HostSnapshot, LABEL_SPEC, ObservedPod,
    Ownership,
};
use pinacle_core::settings::SubnetPool;
use pinacle_protocol::{HostId, HostReport, OwnerId, PodId, PodTicket, PodUsage};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Label with the name of a container's runtime: a list shows labels, but not that.
const LABEL_RUNTIME: &str = "dev.pinacle.runtime";

/// Which certificates image builds and pods trust beyond the usual ones.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum CaBundle {
    /// Those of this machine: `SSL_CERT_FILE`, or where Debian keeps them.
    #[default]
    Host,
    /// Those of a PEM file.
    File(PathBuf),
    /// No others.
    None,
}

/// What an engine is made with.
#[derive(Debug, Clone)]
pub struct DockerSettings {
    /// The host's name, for reports.
    pub host: HostId,
    /// The engine's socket; `None` for `DOCKER_HOST` or the usual places.
    pub socket: Option<PathBuf>,
    /// Where answers that took seconds to find are kept between runs.
    pub cache_dir: PathBuf,
    /// The only runtime to consider for gVisor pods; all that look like it when `None`.
    pub gvisor_runtime: Option<String>,
    /// Certificates for image builds.
    pub ca_bundle: CaBundle,
    /// This daemon; pods of others are foreign.
    pub owner: OwnerId,
    /// Where the subnets come from, also that of a check.
    pub pool: SubnetPool,
    /// Time.
    pub clock: Clock,
}

/// The Docker engine of one host.
pub struct DockerEngine {
    shared: Arc<Shared>,
}

impl DockerEngine {
    /// Makes one; nothing is sent yet.
    pub fn new(settings: DockerSettings) -> Self {
        Self { shared: Arc::new(Shared::new(settings)) }
    }
}

impl Engine for DockerEngine {
    fn connect(&self) -> BoxFuture<'_, Result<HostFacts, EngineFailure>> {
        Box::pin(connect::connect(&self.shared))
    }

    fn observe(&self) -> BoxFuture<'_, Result<HostSnapshot, EngineFailure>> {
        Box::pin(observe::all(&self.shared))
    }

    fn observe_pod<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<ObservedPod>, EngineFailure>> {
        Box::pin(observe::one(&self.shared, pod))
    }

    fn read_spec<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<String>, EngineFailure>> {
        Box::pin(source::read_spec(&self.shared, pod))
    }

    fn watch(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<PodId, EngineFailure>>, EngineFailure>>
    {
        Box::pin(watch::watch(&self.shared))
    }

    fn call<'a>(
        &'a self,
        owner: &'a Ownership,
        journal: &'a PodJournal,
        call: EngineCall,
    ) -> BoxFuture<'a, Result<EngineOutcome, EngineFailure>> {
        Box::pin(carry_out(&self.shared, owner, journal, call))
    }

    fn exec(&self, request: ExecRequest) -> BoxFuture<'_, Result<ExecSession, EngineFailure>> {
        Box::pin(session::begin(&self.shared, request))
    }

    fn usage<'a>(
        &'a self,
        pods: &'a [PodId],
    ) -> BoxFuture<'a, Result<Vec<PodUsage>, EngineFailure>> {
        Box::pin(usage::usage(&self.shared, pods))
    }

    fn ticket<'a>(
        &'a self,
        pod: &'a PodId,
        port: u16,
    ) -> BoxFuture<'a, Result<PodTicket, EngineFailure>> {
        Box::pin(ticket::issue(&self.shared, pod, port))
    }

    fn check(&self, fresh: Freshness) -> BoxFuture<'_, HostReport> {
        Box::pin(check::check(&self.shared, fresh))
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(isolation::break_off(&self.shared))
    }
}

async fn carry_out(
    shared: &Arc<Shared>,
    owner: &Ownership,
    journal: &PodJournal,
    call: EngineCall,
) -> Result<EngineOutcome, EngineFailure> {
    let now = || shared.settings.clock.monotonic_ms();
    let turn = shared.arrivals.turn(now(), &owner.pod, &call).await;
    let result = dispatch(shared, owner, journal, call).await;
    turn.end(result.is_ok().then(now));
    result
}

async fn dispatch(
    shared: &Arc<Shared>,
    owner: &Ownership,
    journal: &PodJournal,
    call: EngineCall,
) -> Result<EngineOutcome, EngineFailure> {
    let life = || Lifecycle::new(shared, owner, journal);
    match call {
        EngineCall::EnsureImage { reference: None } => build::ensure(shared, journal).await,
        EngineCall::EnsureImage { reference: Some(reference) } => {
            pull::ensure(shared, journal, &reference).await
        }
        EngineCall::CheckIsolation { isolation, image } => {
            isolation::choose(shared, journal, isolation, &image).await
        }
        EngineCall::CreateNetwork(plan) => network::ensure(shared, owner, journal, &plan).await,
        EngineCall::CreateVolumes { names, labels } => {
            volume::ensure(shared, owner, journal, &names, &labels).await
        }
        EngineCall::CreateContainer(plan) => container::ensure(shared, owner, journal, &plan).await,
        EngineCall::StartContainer { name } => life()?.start(&name).await,
        EngineCall::AwaitReady { name, publish, port, timeout_ms } => {
            ready::wait(shared, &name, publish, port, Duration::from_millis(timeout_ms)).await
        }
        EngineCall::CopySource { name, from, to, user } => {
            source::copy(shared, owner, journal, source::Copy { name, from, to, user }).await
        }
        EngineCall::ApplyConfig { name, config } => {
            exec::apply(shared, owner, journal, &name, &config).await
        }
        EngineCall::Run(plan) => exec::step(shared, owner, journal, &plan).await,
        EngineCall::AwaitHealthy { name, service, timeout_ms } => {
            let limit = Duration::from_millis(timeout_ms);
            exec::healthy(shared, owner, journal, (&name, &service), limit).await
        }
        EngineCall::StopContainer { name, grace_ms } => {
            life()?.stop(&name, Duration::from_millis(grace_ms)).await
        }
        EngineCall::RenameContainer { from, to } => life()?.rename(&from, &to).await,
        EngineCall::UpdateLimits { name, limits } => life()?.update(&name, limits).await,
        EngineCall::RemoveContainer { name } => life()?.remove(&name).await,
        EngineCall::RemoveNetwork { name } => network::remove(shared, owner, journal, &name).await,
        EngineCall::RemoveVolumes { names } => volume::remove(shared, owner, journal, &names).await,
    }
}

/// Returns the name of a pod's container.
fn names_of(pod: &PodId) -> String {
    pinacle_core::names::container(pod)
}

/// Adds the labels to a line, but for the spec: pages of JSON that nobody would
/// type, and the journal is for people.
fn label_options(line: Line, labels: &BTreeMap<String, String>) -> Line {
    labels
        .iter()
        .filter(|(name, _)| *name != LABEL_SPEC)
        .fold(line, |line, (name, value)| line.opt("--label", format!("{name}={value}")))
}

/// Starts a task that lives as long as the streams it carries, or as its few calls take.
#[allow(clippy::disallowed_methods, reason = "the task ends with its session, or by its limits")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}
