//! Images that somebody else made.

use super::client::{IDLE_LIMIT, Shared, exit_code, look_for};
use super::error::{Touch, failure, silent};
use super::line::Line;
use crate::fail;
use crate::journal::{CommandStart, PodJournal};
use bollard::Docker;
use bollard::models::CreateImageInfo;
use bollard::query_parameters::CreateImageOptions;
use futures::StreamExt;
use pinacle_core::engine::{EngineFailure, EngineOutcome};
use pinacle_protocol::OutputStream;
use std::collections::BTreeMap;
use std::time::Duration;

/// Has the named image, pulled when missing.
pub(super) async fn ensure(
    shared: &Shared,
    journal: &PodJournal,
    reference: &str,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    if !is_there(&docker, reference).await? {
        pull(&docker, journal, reference, IDLE_LIMIT).await?;
    }
    Ok(EngineOutcome::Image { reference: reference.to_owned() })
}

/// Returns whether the engine has the image.
pub(super) async fn is_there(docker: &Docker, reference: &str) -> Result<bool, EngineFailure> {
    let doing = format!("failed to look for the image {reference}");
    Ok(look_for(&doing, docker.inspect_image(reference)).await?.is_some())
}

/// Pulls an image, its progress in the journal. `first_word` is how long the registry
/// may take to say anything at all.
pub(super) async fn pull(
    docker: &Docker,
    journal: &PodJournal,
    reference: &str,
    first_word: Duration,
) -> Result<(), EngineFailure> {
    let line = Line::docker(&["pull"]).arg(reference).done();
    let command = journal.begin(CommandStart { line, container_line: None, label: None }).await;
    fail::point("engine.pull_image.before");
    let doing = format!("failed to pull the image {reference}");
    let (name, tag) = split_reference(reference);
    let options = CreateImageOptions {
        from_image: Some(name.to_owned()),
        tag: tag.map(ToOwned::to_owned),
        ..Default::default()
    };
    let mut progress = docker.create_image(Some(options), None, None).boxed();
    let mut shown = BTreeMap::new();
    let mut limit = first_word;
    let result = loop {
        match tokio::time::timeout(limit, progress.next()).await {
            Err(_) => break Err(silent(&doing, limit)),
            Ok(None) => break Ok(()),
            Ok(Some(Err(error))) => break Err(failure(&doing, Touch::Change, &error)),
            Ok(Some(Ok(step))) => {
                limit = IDLE_LIMIT;
                if let Some(line) = news(&mut shown, step) {
                    command.output(OutputStream::Stdout, line.as_bytes()).await;
                }
            }
        }
    };
    fail::point("engine.pull_image.after");
    match &result {
        Ok(()) => command.end(Some(0), None).await,
        Err(failure) => command.end(exit_code(failure), Some(failure.error.chain())).await,
    }
    result
}

/// Returns a line when a layer is further than before; how many bytes of it have come is
/// told several times a second and not worth keeping.
fn news(shown: &mut BTreeMap<String, String>, step: CreateImageInfo) -> Option<String> {
    let status = step.status?;
    let Some(id) = step.id else { return Some(format!("{status}\n")) };
    if shown.get(&id) == Some(&status) {
        return None;
    }
    let line = format!("{id}: {status}\n");
    shown.insert(id, status);
    Some(line)
}

/// Parts a reference into name and tag, `latest` when it has neither tag nor digest:
/// the engine would fetch every tag.
fn split_reference(reference: &str) -> (&str, Option<&str>) {
    if reference.contains('@') {
        return (reference, None);
    }
    match reference.rsplit_once(':') {
        // A colon before a slash parts a registry's host and port.
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (reference, Some("latest")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_parted_at_its_tag() {
        assert_eq!(split_reference("debian"), ("debian", Some("latest")));
        assert_eq!(split_reference("debian:12"), ("debian", Some("12")));
        assert_eq!(split_reference("host:5000/a"), ("host:5000/a", Some("latest")));
        assert_eq!(split_reference("host:5000/a:b"), ("host:5000/a", Some("b")));
        assert_eq!(split_reference("a@sha256:00"), ("a@sha256:00", None));
    }

    #[test]
    fn a_layer_is_told_once_for_each_state() {
        let step = |status: &str| CreateImageInfo {
            id: Some("a".into()),
            status: Some(status.into()),
            ..Default::default()
        };
        let mut shown = BTreeMap::new();
        assert_eq!(news(&mut shown, step("Downloading")), Some("a: Downloading\n".into()));
        assert_eq!(news(&mut shown, step("Downloading")), None);
        assert_eq!(news(&mut shown, step("Pull complete")), Some("a: Pull complete\n".into()));
    }
}
