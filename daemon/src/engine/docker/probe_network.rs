//! What checks of a runtime have on the engine: the network they run on, and how all of
//! it is cleared away, also what a check that was broken off has left.
//!
//! An engine gives out about thirty ranges of its own: a few dozen networks left behind
//! would keep everybody from making one. So the range comes from the daemon's own pool.

use super::client::{Shared, filter, gone_is_fine, look};
use super::line::Line;
use super::probe::Site;
use super::{isolation, routes};
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{ContainerSummary, Ipam, IpamConfig, Network, NetworkCreateRequest};
use bollard::query_parameters::{
    ListContainersOptions, ListNetworksOptions, RemoveContainerOptions,
};
use pinacle_core::engine::{EngineFailure, FailureClass, Subnet};
use pinacle_core::settings::SubnetPool;
use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Label of what is made to try something, with who made it.
pub(super) const LABEL_CHECK: &str = "dev.pinacle.check";
/// What another daemon made to try something is left alone for this long, by the engine's
/// time of its making. A check takes minutes at most, so this one's daemon is gone for good.
const ABANDONED_AFTER: Duration = Duration::from_secs(3_600);
/// Ranges that are asked for before the engine may choose: another program may take one
/// between the look and the call.
const RANGES_TRIED: usize = 8;

/// Makes the network of a check, in the pool's highest free range: pods take the lowest.
pub(super) async fn create(shared: &Shared, site: &Site<'_>) -> Result<(), EngineFailure> {
    let listed = site.docker.list_networks(None::<ListNetworksOptions>);
    let networks = look("failed to list the networks", listed).await?;
    let free = free_ranges(shared.settings.pool, &in_use(&networks));
    // A pool without a free range must not keep a pod that has its own from starting.
    for range in free.into_iter().map(Some).chain([None]) {
        let turn = shared.networks.0.acquire().await;
        let created = create_with(site, range).await;
        drop(turn);
        match created {
            Err(failure) if failure.class == FailureClass::SubnetTaken && range.is_some() => {}
            result => return result,
        }
    }
    Ok(())
}

fn in_use(networks: &[Network]) -> Vec<(Ipv4Addr, u8)> {
    let configs = networks.iter().filter_map(|network| network.ipam.as_ref()?.config.as_ref());
    let subnets = configs.flatten().filter_map(|config| config.subnet.as_deref());
    routes::read().into_iter().chain(subnets.filter_map(routes::parse_range)).collect()
}

fn free_ranges(pool: SubnetPool, used: &[(Ipv4Addr, u8)]) -> Vec<Subnet> {
    let is_free =
        |range: &Subnet| !used.iter().any(|used| routes::overlap(*used, (range.network, 24)));
    pool.iter().rev().filter(is_free).take(RANGES_TRIED).collect()
}

async fn create_with(site: &Site<'_>, range: Option<Subnet>) -> Result<(), EngineFailure> {
    let config = |range: Subnet| IpamConfig {
        subnet: Some(range.to_string()),
        gateway: Some(range.gateway().to_string()),
        ..Default::default()
    };
    let request = NetworkCreateRequest {
        name: site.name.clone(),
        driver: Some("bridge".to_owned()),
        ipam: range.map(|range| Ipam { config: Some(vec![config(range)]), ..Default::default() }),
        labels: Some(site.labels()),
        ..Default::default()
    };
    let mut line = Line::docker(&["network", "create"]).opt("--label", &site.label);
    if let Some(range) = range {
        line = line.opt("--subnet", range.to_string());
    }
    let call = site.docker.create_network(request);
    let doing = "failed to make a network to try";
    site.change("create_check_network", doing, line.arg(&site.name), call).await.map(drop)
}

/// Removes what this daemon ever made to try something, and what daemons that are gone for
/// good have left. What cannot be removed now is tried again by the next check or start.
pub(super) async fn clear(site: &Site<'_>) {
    let left = left_behind(&site.docker, &site.owner, site.now_ms).await;
    for (id, name) in left.containers {
        let call = remove_container(&site.docker, &id);
        let line = Line::docker(&["rm", "--force", "--volumes"]).arg(name);
        let removed = site.change("remove_check", REMOVE_CONTAINER, line, call);
        told(removed.await);
    }
    for (id, name) in left.networks {
        let call = gone_is_fine(site.docker.remove_network(&id));
        let line = Line::docker(&["network", "rm"]).arg(name);
        told(site.change("remove_check_network", REMOVE_NETWORK, line, call).await);
    }
}

const REMOVE_CONTAINER: &str = "failed to remove a test container";
const REMOVE_NETWORK: &str = "failed to remove a test network";

/// The same for a daemon that has just reached its engine: what the one before it left.
/// While a check runs there is nothing to do, because it clears up itself.
pub(super) async fn clear_at_start(shared: &Shared) {
    let Some(_turn) = isolation::idle(shared) else { return };
    let Ok(docker) = shared.docker() else { return };
    let own = shared.settings.owner.as_str();
    let left = left_behind(&docker, own, shared.settings.clock.now().0).await;
    for (id, name) in left.containers {
        tracing::info!(name, "removing a test container that was left behind");
        told(look(REMOVE_CONTAINER, remove_container(&docker, &id)).await);
    }
    for (id, name) in left.networks {
        tracing::info!(name, "removing a test network that was left behind");
        told(look(REMOVE_NETWORK, gone_is_fine(docker.remove_network(&id))).await);
    }
}

pub(super) async fn remove_container(docker: &Docker, id: &str) -> Result<(), Error> {
    let options = RemoveContainerOptions { force: true, v: true, link: false };
    gone_is_fine(docker.remove_container(id, Some(options))).await
}

fn told(removed: Result<(), EngineFailure>) {
    if let Err(failure) = removed {
        tracing::warn!(error = %failure.error.chain(), "something of a check is left behind");
    }
}

/// What is to be removed: `(id, name)`.
#[derive(Default)]
struct LeftBehind {
    containers: Vec<(String, String)>,
    networks: Vec<(String, String)>,
}

/// Looks for what `own` has made, and for what of others is old enough. An engine that
/// does not answer has nothing to remove.
async fn left_behind(docker: &Docker, own: &str, now_ms: u64) -> LeftBehind {
    let filters = || Some(filter("label", LABEL_CHECK));
    let options = ListContainersOptions { all: true, filters: filters(), ..Default::default() };
    let listed = look("failed to list test containers", docker.list_containers(Some(options)));
    let containers = listed.await.unwrap_or_default();
    let options = ListNetworksOptions { filters: filters() };
    let listed = look("failed to list test networks", docker.list_networks(Some(options)));
    let networks = listed.await.unwrap_or_default();
    let is_left = |labels: Option<&HashMap<String, String>>, made| {
        let owner = labels.and_then(|labels| labels.get(LABEL_CHECK));
        owner.is_some_and(|owner| owner == own) || is_abandoned(made, now_ms)
    };
    let container = |found: ContainerSummary| {
        let made = found.created.and_then(|seconds| u64::try_from(seconds).ok());
        let name = found.names.into_iter().flatten().next().unwrap_or_default();
        is_left(found.labels.as_ref(), made.map(|seconds| seconds * 1_000))
            .then(|| (found.id.unwrap_or_default(), name.trim_start_matches('/').to_owned()))
    };
    let network = |found: Network| {
        is_left(found.labels.as_ref(), found.created.as_deref().and_then(parse_moment))
            .then(|| (found.id.unwrap_or_default(), found.name.unwrap_or_default()))
    };
    LeftBehind {
        containers: containers.into_iter().filter_map(container).collect(),
        networks: networks.into_iter().filter_map(network).collect(),
    }
}

/// Without a legible time of its making, a thing of another daemon is not ours to remove.
fn is_abandoned(made_ms: Option<u64>, now_ms: u64) -> bool {
    let after = u64::try_from(ABANDONED_AFTER.as_millis()).unwrap_or(u64::MAX);
    made_ms.is_some_and(|made| now_ms.saturating_sub(made) > after)
}

/// Reads a moment as the engine writes it, `2026-01-31T12:00:00.123456789+01:00`, in
/// milliseconds since 1970; parts of a second are left out.
fn parse_moment(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T')?;
    let mut date = date.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (date.next()??, date.next()??, date.next()??);
    let clock = time.get(..8)?;
    let mut parts = clock.splitn(3, ':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    let zone = time[8..].trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let seconds = days(year, month, day)? * 86_400 + hour * 3_600 + minute * 60 + second;
    u64::try_from((seconds - zone_seconds(zone)?) * 1_000).ok()
}

fn zone_seconds(zone: &str) -> Option<i64> {
    if zone == "Z" {
        return Some(0);
    }
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let (hours, minutes) = zone.trim_start_matches(['+', '-']).split_once(':')?;
    Some(sign * (hours.parse::<i64>().ok()? * 3_600 + minutes.parse::<i64>().ok()? * 60))
}

/// Days from 1970-01-01, counted in years that begin in March, so that a leap day is the
/// last of its year.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    if !(1970..10_000).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let leap_days = year / 4 - year / 100 + year / 400;
    Some(year * 365 + leap_days + (month * 153 + 2) / 5 + day - 1 - 719_468)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_in_its_zone() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T12:00:01.5Z", 951_825_601),
            ("2026-11-29T15:48:02.123456789Z", 1_795_967_282),
            ("2026-11-29T16:48:02.123456789+01:00", 1_795_967_282),
            ("2026-11-29T10:18:02-05:30", 1_795_967_282),
        ] {
            assert_eq!(parse_moment(text), Some(seconds * 1_000), "{text}");
        }
        for text in
            ["", "2026-11-29", "2026-13-01T00:00:00Z", "x-1-1T00:00:00Z", "0001-01-01T00:00:00Z"]
        {
            assert_eq!(parse_moment(text), None, "{text}");
        }
    }

    #[test]
    fn a_fresh_check_of_another_daemon_is_left_alone() {
        let now = 10 * 3_600_000;
        assert!(!is_abandoned(Some(now), now));
        assert!(!is_abandoned(Some(now - 3_599_000), now));
        assert!(!is_abandoned(Some(now + 86_400_000), now), "a clock that went back");
        assert!(!is_abandoned(None, now));
        assert!(is_abandoned(Some(now - 3_601_000), now));
    }

    #[test]
    fn the_highest_free_range_of_the_pool_is_taken() {
        let pool = SubnetPool::new(Ipv4Addr::new(10, 220, 0, 0), 22).expect("a pool");
        let used = [(Ipv4Addr::new(10, 220, 3, 0), 24), (Ipv4Addr::new(10, 220, 1, 0), 25)];
        let free: Vec<String> = free_ranges(pool, &used).iter().map(ToString::to_string).collect();
        assert_eq!(free, ["10.220.2.0/24", "10.220.0.0/24"]);
        assert!(free_ranges(pool, &[(Ipv4Addr::new(10, 0, 0, 0), 8)]).is_empty());
    }
}
