//! Pinacle's own base image, made on the host when it is missing.

use super::client::{IDLE_LIMIT, Shared, exit_code};
use super::error::{Touch, failure, permanent, silent};
use super::line::Line;
use super::pull::{is_there, pull};
use super::{CaBundle, debootstrap};
use crate::fail;
use crate::image::{Context, LOCAL_BASE, PUBLIC_BASE};
use crate::journal::{CommandJournal, CommandStart, PodJournal};
use bollard::Docker;
use bollard::models::BuildInfo;
use bollard::query_parameters::BuildImageOptions;
use futures::StreamExt;
use pinacle_core::engine::{EngineFailure, EngineOutcome};
use pinacle_protocol::{ErrorKind, OutputStream};
use std::collections::HashMap;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// A registry in reach says something within a second; without one nobody shall wait long.
const REGISTRY_LIMIT: Duration = Duration::from_secs(15);
/// Where Debian, Ubuntu, Alpine and most others keep the certificates they trust.
const HOST_BUNDLE: &str = "/etc/ssl/certs/ca-certificates.crt";

/// One build at a time: a second one of the same files would only slow the first.
#[derive(Default)]
pub(super) struct Turns(Mutex<()>);

impl Turns {
    async fn wait(&self, journal: &PodJournal, reference: &str) -> MutexGuard<'_, ()> {
        if let Ok(turn) = self.0.try_lock() {
            return turn;
        }
        journal.note(format!("waiting for the image {reference}, which is being built")).await;
        self.0.lock().await
    }
}

/// Returns the context and the reference of its image, without asking the engine.
pub(super) fn context(shared: &Shared) -> Result<Context, EngineFailure> {
    Ok(Context::new(certificates(&shared.settings.ca_bundle)?))
}

fn certificates(bundle: &CaBundle) -> Result<Option<Vec<u8>>, EngineFailure> {
    match bundle {
        CaBundle::None => Ok(None),
        CaBundle::File(path) => std::fs::read(path).map(Some).map_err(|error| {
            let message = format!("failed to read the certificates in {}", path.display());
            let mut failure = permanent(ErrorKind::HostUnfit, message);
            failure.error.causes.push(error.to_string());
            failure
        }),
        CaBundle::Host => {
            let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
            let path = named.unwrap_or_else(|| PathBuf::from(HOST_BUNDLE));
            // A host without the file trusts nothing beyond what the image does.
            Ok(std::fs::read(path).ok().filter(|pem| !pem.is_empty()))
        }
    }
}

/// Has the base image.
pub(super) async fn ensure(
    shared: &Shared,
    journal: &PodJournal,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    let context = context(shared)?;
    let reference = context.reference();
    let outcome = EngineOutcome::Image { reference: reference.clone() };
    if is_there(&docker, &reference).await? {
        return Ok(outcome);
    }
    let _turn = shared.builds.wait(journal, &reference).await;
    if is_there(&docker, &reference).await? {
        return Ok(outcome);
    }
    let base = base(shared, &docker, journal).await?;
    journal.note(format!("building the image {reference} from {base}; this is done once")).await;
    build(&docker, journal, &context, &reference, &base).await?;
    Ok(outcome)
}

/// Returns an image to build from that the engine has.
async fn base(
    shared: &Shared,
    docker: &Docker,
    journal: &PodJournal,
) -> Result<String, EngineFailure> {
    let public = format!("{}:{}", PUBLIC_BASE.0, PUBLIC_BASE.1);
    if is_there(docker, &public).await? {
        return Ok(public);
    }
    let Err(refusal) = pull(docker, journal, &public, REGISTRY_LIMIT).await else {
        return Ok(public);
    };
    let local = format!("{}:{}", LOCAL_BASE.0, LOCAL_BASE.1);
    if is_there(docker, &local).await? {
        journal.note(format!("{public} cannot be pulled; using {local}, made here before")).await;
        return Ok(local);
    }
    journal
        .note(format!("{public} cannot be pulled; making {local} from Debian's packages instead"))
        .await;
    match debootstrap::make(shared, docker, journal).await {
        Ok(()) => Ok(local),
        Err(mut failure) => {
            failure.error.causes.push(refusal.error.chain());
            Err(failure)
        }
    }
}

async fn build(
    docker: &Docker,
    journal: &PodJournal,
    context: &Context,
    reference: &str,
    base: &str,
) -> Result<(), EngineFailure> {
    let doing = format!("failed to build the image {reference}");
    let archive = context.archive().map_err(|error| {
        let mut failure = permanent(ErrorKind::Internal, doing.clone());
        failure.error.causes.push(error.to_string());
        failure
    })?;
    let line = Line::docker(&["build"])
        .opt("-t", reference)
        .opt("--build-arg", format!("BASE={base}"))
        .arg("docker/")
        .done();
    let label = Some("Building the base image".to_owned());
    let command = journal.begin(CommandStart { line, container_line: None, label }).await;
    fail::point("engine.build_image.before");
    let options = BuildImageOptions {
        dockerfile: "Dockerfile".to_owned(),
        t: Some(reference.to_owned()),
        buildargs: Some(HashMap::from([("BASE".to_owned(), base.to_owned())])),
        rm: true,
        forcerm: true,
        ..Default::default()
    };
    let body = bollard::body_full(archive.into());
    let steps = docker.build_image(options, None, Some(body));
    let result = follow(steps.boxed(), &command, &doing).await;
    fail::point("engine.build_image.after");
    match &result {
        Ok(()) => command.end(Some(0), None).await,
        Err(failure) => command.end(exit_code(failure), Some(failure.error.chain())).await,
    }
    result
}

type Steps<'a> = futures::stream::BoxStream<'a, Result<BuildInfo, bollard::errors::Error>>;

/// Carries an engine's messages into the journal until it has no more.
pub(super) async fn follow(
    mut steps: Steps<'_>,
    command: &CommandJournal,
    doing: &str,
) -> Result<(), EngineFailure> {
    loop {
        let step = match tokio::time::timeout(IDLE_LIMIT, steps.next()).await {
            Err(_) => return Err(silent(doing, IDLE_LIMIT)),
            Ok(None) => return Ok(()),
            Ok(Some(Err(error))) => {
                return Err(failure(doing, Touch::Change, &error));
            }
            Ok(Some(Ok(step))) => step,
        };
        if let Some(text) = &step.stream {
            command.output(OutputStream::Stdout, text.as_bytes()).await;
        }
        if let Some(message) = step.error_detail.and_then(|detail| detail.message) {
            let error = bollard::errors::Error::DockerStreamError { error: message };
            return Err(failure(doing, Touch::Change, &error));
        }
    }
}
