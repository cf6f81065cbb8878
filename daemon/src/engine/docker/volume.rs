//! Volumes: what of a pod outlives its container.

use super::client::{
    Act, CALL_LIMIT, Shared, change, filter, gone_is_fine, is_ours, look, look_for,
};
use super::error::{left_alone, not_ours};
use super::label_options;
use super::line::Line;
use crate::journal::PodJournal;
use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use pinacle_core::engine::{EngineFailure, EngineOutcome, LABEL_POD, Ownership};
use std::collections::{BTreeMap, BTreeSet};

/// Has the volumes.
pub(super) async fn ensure(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    names: &[String],
    labels: &BTreeMap<String, String>,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    let label = format!("{LABEL_POD}={}", owner.pod);
    let options = ListVolumesOptions { filters: Some(filter("label", label)) };
    let found = look("failed to list the volumes", docker.list_volumes(Some(options))).await?;
    let there: BTreeSet<String> = found
        .volumes
        .unwrap_or_default()
        .into_iter()
        .filter(|v| is_ours(Some(&v.labels), owner))
        .map(|v| v.name)
        .collect();
    for name in names.iter().filter(|name| !there.contains(*name)) {
        let request = VolumeCreateRequest {
            name: Some(name.clone()),
            labels: Some(labels.clone().into_iter().collect()),
            ..Default::default()
        };
        let act = Act {
            point: "create_volume",
            doing: format!("failed to create the volume {name}"),
            line: label_options(Line::docker(&["volume", "create"]), labels).arg(name).done(),
            limit: CALL_LIMIT,
        };
        // The engine hands out one that is there already, whoever made it.
        let volume = change(journal, act, docker.create_volume(request)).await?;
        if !is_ours(Some(&volume.labels), owner) {
            return Err(not_ours("volume", name));
        }
    }
    Ok(EngineOutcome::Done)
}

/// Has none of these volumes.
pub(super) async fn remove(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    names: &[String],
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    for name in names {
        let doing = format!("failed to look for the volume {name}");
        let Some(volume) = look_for(&doing, docker.inspect_volume(name)).await? else { continue };
        if !is_ours(Some(&volume.labels), owner) {
            journal.note(left_alone("volume", name)).await;
            continue;
        }
        let act = Act {
            point: "remove_volume",
            doing: format!("failed to remove the volume {name}"),
            line: Line::docker(&["volume", "rm"]).arg(name).done(),
            limit: CALL_LIMIT,
        };
        let call = docker.remove_volume(name, None::<RemoveVolumeOptions>);
        change(journal, act, gone_is_fine(call)).await?;
    }
    Ok(EngineOutcome::Done)
}
