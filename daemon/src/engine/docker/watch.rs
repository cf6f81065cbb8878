//! Hearing of changes, instead of asking for them.

use super::client::{Shared, filter};
use super::error::{Touch, failure};
use bollard::errors::Error;
use bollard::models::{EventActor, EventMessage};
use bollard::query_parameters::EventsOptions;
use futures::stream::{BoxStream, select};
use futures::{StreamExt, future};
use pinacle_core::engine::{EngineFailure, LABEL_POD};
use pinacle_protocol::PodId;
use std::collections::HashMap;

/// What can happen to a container that changes what is seen of it. Left out: commands
/// run in it and health checks, which come many times a minute.
const CONTAINER_EVENTS: [&str; 12] = [
    "create", "start", "restart", "stop", "die", "kill", "oom", "pause", "unpause", "rename",
    "update", "destroy",
];
/// Events of this long before are asked for again, because the engine does not say
/// when it begins to listen for us.
const OVERLAP_MS: u64 = 1_000;

/// Streams the ids of pods that changed.
pub(super) async fn watch(
    shared: &Shared,
) -> Result<BoxStream<'static, Result<PodId, EngineFailure>>, EngineFailure> {
    let docker = shared.docker()?;
    // Being told at once when the engine is out of reach is worth a call.
    super::client::look("failed to reach the Docker engine", docker.ping()).await?;
    let since_ms = shared.settings.clock.now().0.saturating_sub(OVERLAP_MS);
    let since = format!("{}.{:09}", since_ms / 1000, (since_ms % 1000) * 1_000_000);
    let options =
        |filters| EventsOptions { since: Some(since.clone()), until: None, filters: Some(filters) };

    let mut of_containers = filter("type", "container");
    of_containers.insert("label".to_owned(), vec![LABEL_POD.to_owned()]);
    of_containers.insert("event".to_owned(), CONTAINER_EVENTS.map(str::to_owned).to_vec());
    // The engine's events about networks and volumes carry no labels, so that a filter
    // by label would drop them: these are told by their names.
    let of_others =
        HashMap::from([("type".to_owned(), vec!["network".to_owned(), "volume".to_owned()])]);

    let containers = docker.events(Some(options(of_containers))).map(Some).chain(end());
    let others = docker.events(Some(options(of_others))).map(Some).chain(end());
    // When one of the two ends the engine was lost, and the other is of no use.
    let both = select(containers.boxed(), others.boxed());
    let pods = both.take_while(|item| future::ready(item.is_some())).filter_map(|item| {
        future::ready(match item {
            Some(Ok(event)) => pod_of(&event).map(Ok),
            Some(Err(error)) => Some(Err(lost(&error))),
            None => None,
        })
    });
    Ok(pods.boxed())
}

fn end<T>() -> futures::stream::Once<future::Ready<Option<T>>> {
    futures::stream::once(future::ready(None))
}

fn lost(error: &Error) -> EngineFailure {
    failure("lost the Docker engine", Touch::Look, error)
}

fn pod_of(event: &EventMessage) -> Option<PodId> {
    let EventActor { id, attributes } = event.actor.as_ref()?;
    let attribute = |name: &str| attributes.as_ref()?.get(name).map(String::as_str);
    if let Some(label) = attribute(LABEL_POD) {
        return PodId::new(label).ok();
    }
    let name = attribute("name").or(id.as_deref())?;
    PodId::new(name.strip_prefix("pinacle-pod-")?.split('-').next()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str, attributes: &[(&str, &str)]) -> EventMessage {
        let attributes =
            attributes.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let actor = EventActor { id: Some(id.to_owned()), attributes: Some(attributes) };
        EventMessage { actor: Some(actor), ..Default::default() }
    }

    #[test]
    fn a_pod_is_known_by_its_label_or_its_objects_names() {
        let pod = "abcdefghij234567";
        let id = Some(PodId::new(pod).expect("an id"));
        assert_eq!(pod_of(&event("c0ffee", &[(LABEL_POD, pod), ("name", "other")])), id);
        assert_eq!(pod_of(&event("c0ffee", &[("name", &format!("pinacle-pod-{pod}"))])), id);
        assert_eq!(pod_of(&event(&format!("pinacle-pod-{pod}-home"), &[])), id);
        assert_eq!(pod_of(&event("c0ffee", &[("name", "bridge")])), None);
        assert_eq!(pod_of(&event("pinacle-pod-x", &[])), None);
        assert_eq!(pod_of(&event("c0ffee", &[(LABEL_POD, "BAD")])), None);
    }
}
