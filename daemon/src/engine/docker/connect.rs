//! Reaching the engine, and what it says it is.

use super::client::Shared;
use super::error::{permanent, silent, words_of};
use super::network::subnet_of;
use super::probe_network::{self, LABEL_CHECK};
use super::{isolation, routes, socket};
use bollard::errors::Error;
use bollard::models::{Network, SystemInfo, SystemVersion};
use bollard::query_parameters::ListNetworksOptions;
use pinacle_core::engine::{EngineFailure, FailureClass, HostFacts, LABEL_POD};
use pinacle_protocol::{ApiError, EngineView, ErrorKind};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

/// The oldest API we know to do everything we ask for: Docker 20.10's.
pub(super) const OLDEST_API: (u32, u32) = (1, 41);
/// An engine in health answers these in milliseconds; a person waits for this one.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const DOING: &str = "failed to reach the Docker engine";

/// What an engine said of itself.
pub(super) struct Greeting {
    pub(super) version: SystemVersion,
    pub(super) info: SystemInfo,
}

/// Reaches the engine and asks what it is.
pub(super) async fn connect(shared: &Arc<Shared>) -> Result<HostFacts, EngineFailure> {
    let greeting = greet(shared).await?;
    let docker = shared.docker()?;
    let clearing = Arc::clone(shared);
    super::spawn(async move { probe_network::clear_at_start(&clearing).await });
    let networks = super::client::look(
        "failed to list the networks",
        docker.list_networks(None::<ListNetworksOptions>),
    )
    .await?;
    Ok(HostFacts { engine: view(&greeting), routes: foreign_ranges(routes::read(), &networks) })
}

/// Reaches the engine; a failure says which of the ways of not answering it was.
pub(super) async fn greet(shared: &Shared) -> Result<Greeting, EngineFailure> {
    shared.forget_docker();
    let path = socket::find(shared.settings.socket.as_deref())?;
    drop(socket::open(&path).await?);
    let docker = shared.docker()?;
    let asked = async { futures::try_join!(docker.version(), docker.info()) };
    let (version, info) = match tokio::time::timeout(CONNECT_LIMIT, asked).await {
        Ok(Ok(answers)) => answers,
        Ok(Err(error)) => return Err(not_docker(&path.display().to_string(), &error)),
        Err(_) => return Err(silent(DOING, CONNECT_LIMIT)),
    };
    let api = version.api_version.clone().unwrap_or_default();
    if parse_api(&api).is_none_or(|api| api < OLDEST_API) {
        return Err(too_old(&version, &api));
    }
    // The library sends no version in its requests yet; once it does, it must be one
    // that the engine knows.
    docker.negotiate_version().await.map_err(|e| not_docker(&path.display().to_string(), &e))?;
    isolation::remember_names(shared, &info);
    Ok(Greeting { version, info })
}

fn not_docker(path: &str, error: &Error) -> EngineFailure {
    let api = ApiError::new(
        ErrorKind::HostUnreachable,
        format!("what listens on {path} did not answer like a Docker engine"),
    )
    .cause(words_of(error))
    .hint("look with `docker info`; DOCKER_HOST names another socket");
    EngineFailure { class: FailureClass::Retryable, error: api }
}

fn too_old(version: &SystemVersion, api: &str) -> EngineFailure {
    let engine = version.version.as_deref().unwrap_or("of unknown version");
    let (major, minor) = OLDEST_API;
    let mut failure = permanent(
        ErrorKind::HostUnfit,
        format!("Docker {engine} is too old: it speaks API {api}, and {major}.{minor} is needed"),
    );
    failure.error.hint = Some("install Docker 20.10 or newer".to_owned());
    failure
}

/// Parses an API version.
pub(super) fn parse_api(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Returns what clients see of the engine.
pub(super) fn view(greeting: &Greeting) -> EngineView {
    let Greeting { version, info } = greeting;
    let mut runtimes: Vec<String> =
        info.runtimes.as_ref().map(|r| r.keys().cloned().collect()).unwrap_or_default();
    runtimes.sort();
    EngineView {
        version: version.version.clone().unwrap_or_default(),
        api_version: version.api_version.clone().unwrap_or_default(),
        runtimes,
        cpus: info.ncpu.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        memory_bytes: info.mem_total.and_then(|n| u64::try_from(n).ok()).unwrap_or(0),
    }
}

/// Returns the ranges that pods must keep out of: what the host routes and what other
/// networks have, but not our own networks'. A check's network is gone in a moment.
fn foreign_ranges(mut ranges: Vec<(Ipv4Addr, u8)>, networks: &[Network]) -> Vec<(Ipv4Addr, u8)> {
    let is_ours = |n: &Network| {
        let has = |label| n.labels.as_ref().is_some_and(|labels| labels.contains_key(label));
        has(LABEL_POD) || has(LABEL_CHECK)
    };
    let ours: Vec<_> = networks
        .iter()
        .filter(|n| is_ours(n))
        .filter_map(|n| Some((subnet_of(n)?.network, 24)))
        .collect();
    let others = networks.iter().filter(|n| !is_ours(n)).flat_map(|network| {
        let configs = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
        configs.into_iter().flatten().filter_map(|c| routes::parse_range(c.subnet.as_deref()?))
    });
    ranges.retain(|range| !ours.contains(range));
    ranges.extend(others);
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::{Ipam, IpamConfig};
    use std::collections::HashMap;

    fn network(subnet: &str, label: Option<&str>) -> Network {
        let config = IpamConfig { subnet: Some(subnet.into()), ..Default::default() };
        Network {
            ipam: Some(Ipam { config: Some(vec![config]), ..Default::default() }),
            labels: label.map(|label| HashMap::from([(label.to_owned(), "x".to_owned())])),
            ..Default::default()
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(parse_api("1.41") >= Some(OLDEST_API));
        assert!(parse_api("1.9") < Some(OLDEST_API));
        assert_eq!(parse_api("x"), None);
    }

    #[test]
    fn our_own_networks_are_not_in_the_way() {
        let lan = (Ipv4Addr::new(192, 168, 1, 0), 24);
        let pod = (Ipv4Addr::new(10, 249, 0, 0), 24);
        let check = (Ipv4Addr::new(10, 249, 255, 0), 24);
        let networks = [
            network("10.249.0.0/24", Some(LABEL_POD)),
            network("10.249.255.0/24", Some(LABEL_CHECK)),
            network("172.18.0.0/16", None),
        ];
        assert_eq!(
            foreign_ranges(vec![lan, pod, check], &networks),
            [(Ipv4Addr::new(172, 18, 0, 0), 16), lan]
        );
    }
}
