//! Calling the engine: one connection setting for all, a time limit for each
//! call, and a journal entry for each that changes something.

use super::error::{Answer, Touch, failure, read, silent};
use super::socket;
use super::{DockerSettings, arrivals, build, isolation, network, usage};
use crate::backend::StopSwitch;
use crate::fail;
use crate::journal::{CommandStart, PodJournal};
use bollard::Docker;
use bollard::errors::Error;
use pinacle_core::engine::{EngineFailure, FailureClass, LABEL_OWNER, LABEL_POD, Ownership};
use pinacle_protocol::HostReport;
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// For a call that an engine in health answers in milliseconds; one that is swapping
/// or removing many containers takes seconds.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);
/// For calls that wait for a runtime: gVisor on a busy half-processor host.
pub(super) const RUNTIME_LIMIT: Duration = Duration::from_secs(60);
/// For pulls and builds, from one line of output to the next: a package that compiles.
pub(super) const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// The library's own limit would cut builds and long stops; ours come first.
const LIBRARY_LIMIT_S: u64 = 24 * 3600;

/// What all calls of one engine share.
pub(super) struct Shared {
    pub(super) settings: DockerSettings,
    docker: Mutex<Option<Docker>>,
    pub(super) builds: build::Turns,
    pub(super) networks: network::Turns,
    pub(super) arrivals: arrivals::Arrivals,
    pub(super) isolation: isolation::Findings,
    /// Thrown when the daemon ends: checks are broken off, and none begins.
    pub(super) stop: StopSwitch,
    pub(super) readings: Mutex<HashMap<String, usage::Reading>>,
    pub(super) report: Mutex<Option<(String, HostReport)>>,
    /// Names of runtimes that are gVisor's, as the engine's settings last said.
    pub(super) gvisor_runtimes: Mutex<BTreeSet<String>>,
}

impl Shared {
    pub(super) fn new(settings: DockerSettings) -> Self {
        Self {
            isolation: isolation::Findings::default(),
            stop: StopSwitch::default(),
            settings,
            docker: Mutex::new(None),
            builds: build::Turns::default(),
            networks: network::Turns::default(),
            arrivals: arrivals::Arrivals::default(),
            readings: Mutex::default(),
            report: Mutex::default(),
            gvisor_runtimes: Mutex::default(),
        }
    }

    /// Returns the library's client; making one sends nothing.
    pub(super) fn docker(&self) -> Result<Docker, EngineFailure> {
        let mut slot = lock(&self.docker);
        if let Some(docker) = &*slot {
            return Ok(docker.clone());
        }
        let path = socket::find(self.settings.socket.as_deref())?;
        let docker = Docker::connect_with_unix(
            &path.to_string_lossy(),
            LIBRARY_LIMIT_S,
            bollard::API_DEFAULT_VERSION,
        )
        .map_err(|error| failure("failed to reach the Docker engine", Touch::Look, &error))?;
        *slot = Some(docker.clone());
        Ok(docker)
    }

    /// Forgets the client, so that the next call looks for the socket again.
    pub(super) fn forget_docker(&self) {
        *lock(&self.docker) = None;
    }
}

/// Locks; what a panic elsewhere left behind is still whole, because every
/// section under these locks is a single assignment or look-up.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Waits for a call that looks. `doing` is the message of its failure.
pub(super) async fn look<T>(
    doing: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, EngineFailure> {
    match tokio::time::timeout(CALL_LIMIT, call).await {
        Ok(result) => result.map_err(|error| failure(doing, Touch::Look, &error)),
        Err(_) => Err(silent(doing, CALL_LIMIT)),
    }
}

/// Like [`look`], for something that may not be there.
pub(super) async fn look_for<T>(
    doing: &str,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<Option<T>, EngineFailure> {
    look(doing, async {
        match call.await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    })
    .await
}

/// A call that changes something.
pub(super) struct Act {
    /// Its fail points are `engine.<point>.before` and `.after`.
    pub(super) point: &'static str,
    /// The message of its failure.
    pub(super) doing: String,
    /// The docker command it stands for.
    pub(super) line: String,
    /// How long it may take.
    pub(super) limit: Duration,
}

/// Waits for a call that changes something, and puts it into the journal.
pub(super) async fn change<T>(
    journal: &PodJournal,
    act: Act,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, EngineFailure> {
    let Act { point, doing, line, limit } = act;
    let command = journal.begin(CommandStart { line, container_line: None, label: None }).await;
    fail::point(&format!("engine.{point}.before"));
    let result = match tokio::time::timeout(limit, call).await {
        Ok(result) => result.map_err(|error| failure(&doing, Touch::Change, &error)),
        Err(_) => Err(silent(&doing, limit)),
    };
    fail::point(&format!("engine.{point}.after"));
    match &result {
        Ok(_) => command.end(Some(0), None).await,
        Err(failure) => command.end(exit_code(failure), Some(failure.error.chain())).await,
    }
    result
}

/// Returns what the docker command would have ended with, when that is known.
pub(super) fn exit_code(failure: &EngineFailure) -> Option<i64> {
    match failure.class {
        FailureClass::OutcomeUnknown => None,
        _ => Some(1),
    }
}

/// Returns whether the error says that what was asked for is not there.
pub(super) fn is_gone(error: &Error) -> bool {
    matches!(read(error), Answer::NotFound | Answer::NetworkMissing)
}

/// Takes "it is not there" as success.
pub(super) async fn gone_is_fine(
    call: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    match call.await {
        Err(error) if is_gone(&error) => Ok(()),
        result => result,
    }
}

/// Returns whether labels say that an object is this pod's and this daemon's.
pub(super) fn is_ours(labels: Option<&HashMap<String, String>>, owner: &Ownership) -> bool {
    labels.is_some_and(|labels| {
        labels.get(LABEL_POD).map(String::as_str) == Some(owner.pod.as_str())
            && labels.get(LABEL_OWNER).map(String::as_str) == Some(owner.owner.as_str())
    })
}

/// Returns a filter with one condition.
pub(super) fn filter(key: &str, value: impl Into<String>) -> HashMap<String, Vec<String>> {
    HashMap::from([(key.to_owned(), vec![value.into()])])
}
