//! Starting, stopping, renaming, changing and removing containers.

use super::client::{
    Act, CALL_LIMIT, RUNTIME_LIMIT, Shared, change, filter, gone_is_fine, is_ours, look,
};
use super::container::{host_pids, inspect, inspect_ours, signed, status};
use super::error::{Answer, left_alone, read, retryable};
use super::line::{Line, bytes_option, cpus_option};
use crate::journal::PodJournal;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum as Status, ContainerUpdateBody,
};
use bollard::query_parameters::{
    ListContainersOptions, RemoveContainerOptions, RenameContainerOptions, StartContainerOptions,
    StopContainerOptions,
};
use pinacle_core::engine::{
    ContainerLimits, EngineFailure, EngineOutcome, FailureClass, LABEL_POD, Ownership,
};
use pinacle_core::names;
use pinacle_protocol::{ApiError, ErrorKind};
use std::future::Future;
use std::time::Duration;

/// How often a removal that somebody else began is looked at.
const REMOVAL_POLL: Duration = Duration::from_millis(50);

/// One pod's containers, its journal beside them.
pub(super) struct Lifecycle<'a> {
    shared: &'a Shared,
    docker: Docker,
    owner: &'a Ownership,
    journal: &'a PodJournal,
}

type Outcome = Result<EngineOutcome, EngineFailure>;

impl<'a> Lifecycle<'a> {
    pub(super) fn new(
        shared: &'a Shared,
        owner: &'a Ownership,
        journal: &'a PodJournal,
    ) -> Result<Self, EngineFailure> {
        Ok(Self { shared, docker: shared.docker()?, owner, journal })
    }

    async fn act(
        &self,
        point: &'static str,
        doing: String,
        line: Line,
        limit: Duration,
        call: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), EngineFailure> {
        change(self.journal, Act { point, doing, line: line.done(), limit }, call).await
    }

    /// Runs the container.
    pub(super) async fn start(&self, name: &str) -> Outcome {
        let Some(found) = inspect_ours(&self.docker, self.owner, name).await? else {
            return Err(missing(name));
        };
        match status(&found) {
            Status::RUNNING => {}
            Status::PAUSED => {
                let doing = format!("failed to resume the container {name}");
                let line = Line::docker(&["unpause"]).arg(name);
                let call = self.docker.unpause_container(name);
                self.act("unpause_container", doing, line, RUNTIME_LIMIT, call).await?;
            }
            Status::REMOVING | Status::DEAD => {
                return Err(retryable(format!("the container {name} is being removed")));
            }
            now => {
                // One that never ran is put on its network by its start.
                if now != Status::CREATED {
                    super::rejoin::ensure(&self.docker, self.journal, name, &found).await?;
                }
                let doing = format!("failed to start the container {name}");
                let line = Line::docker(&["start"]).arg(name);
                let call = self.docker.start_container(name, None::<StartContainerOptions>);
                let call = already_is_fine(call);
                self.act("start_container", doing, line, RUNTIME_LIMIT, call).await?;
            }
        }
        Ok(EngineOutcome::Done)
    }

    /// Has the container stopped, also when it was given another name; one that is not there
    /// is stopped.
    pub(super) async fn stop(&self, name: &str, grace: Duration) -> Outcome {
        let found = inspect(&self.docker, name).await?;
        let found = match self.ours(name, found).await {
            None => self.renamed().await?,
            found => found,
        };
        let Some(found) = found else { return Ok(EngineOutcome::Done) };
        let called = found.name.as_deref().map(|name| name.trim_start_matches('/').to_owned());
        let name = called.as_deref().unwrap_or(name);
        match status(&found) {
            Status::CREATED | Status::EXITED | Status::DEAD | Status::REMOVING => {
                return Ok(EngineOutcome::Done);
            }
            // A frozen process cannot heed the polite signal.
            Status::PAUSED => {
                let doing = format!("failed to resume the container {name}");
                let line = Line::docker(&["unpause"]).arg(name);
                let call = self.docker.unpause_container(name);
                self.act("unpause_container", doing, line, RUNTIME_LIMIT, call).await?;
            }
            _ => {}
        }
        let seconds = grace.as_millis().div_ceil(1000);
        let options = StopContainerOptions {
            t: Some(i32::try_from(seconds).unwrap_or(i32::MAX)),
            ..Default::default()
        };
        let call = gone_is_fine(self.docker.stop_container(name, Some(options)));
        let line = Line::docker(&["stop"]).opt("--time", seconds.to_string()).arg(name);
        let doing = format!("failed to stop the container {name}");
        self.act("stop_container", doing, line, grace + RUNTIME_LIMIT, already_is_fine(call))
            .await?;
        Ok(EngineOutcome::Done)
    }

    /// Has the container called `to`.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Outcome {
        let target = inspect_ours(&self.docker, self.owner, to).await?;
        if inspect_ours(&self.docker, self.owner, from).await?.is_none() {
            return if target.is_some() { Ok(EngineOutcome::Done) } else { Err(missing(from)) };
        }
        if target.is_some() {
            return Err(super::error::permanent(
                ErrorKind::Conflict,
                format!("the containers {from} and {to} are both there"),
            ));
        }
        let options = RenameContainerOptions { name: to.to_owned() };
        let call = self.docker.rename_container(from, options);
        let line = Line::docker(&["rename"]).arg(from).arg(to);
        let doing = format!("failed to rename the container {from}");
        self.act("rename_container", doing, line, CALL_LIMIT, call).await?;
        Ok(EngineOutcome::Done)
    }

    /// Changes what a container may use.
    pub(super) async fn update(&self, name: &str, limits: ContainerLimits) -> Outcome {
        let Some(found) = inspect_ours(&self.docker, self.owner, name).await? else {
            return Err(missing(name));
        };
        let runtime = found.host_config.as_ref().and_then(|host| host.runtime.as_deref());
        let pids = host_pids(self.shared, runtime, limits.pids);
        let memory = signed(limits.memory_bytes);
        let body = ContainerUpdateBody {
            nano_cpus: Some(signed(limits.cpu_milli.saturating_mul(1_000_000))),
            memory: Some(memory),
            memory_swap: Some(memory),
            pids_limit: Some(signed(pids)),
            ..Default::default()
        };
        let text = bytes_option(limits.memory_bytes);
        let line = Line::docker(&["update"])
            .opt("--cpus", cpus_option(limits.cpu_milli))
            .opt("--memory", &text)
            .opt("--memory-swap", &text)
            .opt("--pids-limit", pids.to_string())
            .arg(name);
        let call = self.docker.update_container(name, body);
        let doing = format!("failed to change the limits of the container {name}");
        self.act("update_container", doing, line, CALL_LIMIT, async { call.await.map(|_| ()) })
            .await?;
        Ok(EngineOutcome::Done)
    }

    /// Leaves out a container that was not made for this pod: it is not stopped or removed,
    /// and the pod's own is not there.
    async fn ours(
        &self,
        name: &str,
        found: Option<ContainerInspectResponse>,
    ) -> Option<ContainerInspectResponse> {
        let found = found?;
        let labels = found.config.as_ref().and_then(|c| c.labels.as_ref());
        if is_ours(labels, self.owner) {
            return Some(found);
        }
        self.journal.note(left_alone("container", name)).await;
        None
    }

    /// Returns a container of the pod that runs, and is not the one set aside: whoever renamed
    /// it may have done so a moment ago, before anybody looked.
    async fn renamed(&self) -> Result<Option<ContainerInspectResponse>, EngineFailure> {
        let label = format!("{LABEL_POD}={}", self.owner.pod);
        let options =
            ListContainersOptions { filters: Some(filter("label", label)), ..Default::default() };
        let call = self.docker.list_containers(Some(options));
        let listed = look("failed to list the containers", call).await?;
        let previous = format!("/{}", names::previous(&self.owner.pod));
        let ours = listed.iter().filter(|c| is_ours(c.labels.as_ref(), self.owner));
        let mut other = ours.filter(|c| !c.names.iter().flatten().any(|name| *name == previous));
        match other.next().and_then(|found| found.id.as_deref()) {
            Some(id) => inspect(&self.docker, id).await,
            None => Ok(None),
        }
    }

    /// Has no container of this pod with that name, running or not.
    pub(super) async fn remove(&self, name: &str) -> Outcome {
        let found = inspect(&self.docker, name).await?;
        let Some(found) = self.ours(name, found).await else { return Ok(EngineOutcome::Done) };
        // By id: the name may be given to another one while we wait.
        let id = found.id.unwrap_or_else(|| name.to_owned());
        let options = RemoveContainerOptions { force: true, v: false, link: false };
        let call = gone_is_fine(self.docker.remove_container(&id, Some(options)));
        let line = Line::docker(&["rm", "--force"]).arg(name);
        let doing = format!("failed to remove the container {name}");
        let call = removal_under_way_is_fine(call);
        self.act("remove_container", doing, line, RUNTIME_LIMIT, call).await?;
        self.await_gone(&id, name).await
    }

    async fn await_gone(&self, id: &str, name: &str) -> Outcome {
        let gone = async {
            while inspect(&self.docker, id).await?.is_some() {
                tokio::time::sleep(REMOVAL_POLL).await;
            }
            Ok(EngineOutcome::Done)
        };
        tokio::time::timeout(RUNTIME_LIMIT, gone).await.unwrap_or_else(|_| {
            Err(retryable(format!("the container {name} is still being removed")))
        })
    }
}

/// Makes the failure of a container that is not there.
pub(super) fn missing(name: &str) -> EngineFailure {
    EngineFailure {
        class: FailureClass::Missing,
        error: ApiError::new(ErrorKind::NotFound, format!("there is no container {name}")),
    }
}

async fn already_is_fine(call: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    match call.await {
        Err(error) if read(&error) == Answer::AlreadySo => Ok(()),
        result => result,
    }
}

async fn removal_under_way_is_fine(
    call: impl Future<Output = Result<(), Error>>,
) -> Result<(), Error> {
    match call.await {
        Err(error) if read(&error) == Answer::RemovalInProgress => Ok(()),
        result => result,
    }
}

/// Returns a container's last lines of log, oldest first.
pub(super) async fn last_log_lines(docker: &Docker, name: &str, lines: usize) -> Vec<String> {
    use futures::TryStreamExt;
    let options = bollard::query_parameters::LogsOptions {
        stdout: true,
        stderr: true,
        tail: lines.to_string(),
        ..Default::default()
    };
    let call = async {
        let chunks: Vec<_> = docker.logs(name, Some(options)).try_collect().await?;
        Ok(chunks.into_iter().map(|c| c.to_string()).collect::<String>())
    };
    // The words only help to explain a failure that is reported either way.
    let text = look("failed to read a container's log", call).await.unwrap_or_default();
    let all: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    all[all.len().saturating_sub(lines)..].iter().map(|l| (*l).to_owned()).collect()
}
