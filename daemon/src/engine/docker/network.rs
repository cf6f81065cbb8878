//! Networks: one per pod, a bridge of its own.

use super::client::{
    Act, CALL_LIMIT, RUNTIME_LIMIT, Shared, change, filter, gone_is_fine, is_ours, look, look_for,
};
use super::error::{is_bridge_taken, left_alone, not_ours, permanent};
use super::line::Line;
use super::routes;
use crate::journal::PodJournal;
use bollard::Docker;
use bollard::models::{Ipam, IpamConfig, Network, NetworkCreateRequest, NetworkDisconnectRequest};
use bollard::query_parameters::{InspectNetworkOptions, ListNetworksOptions};
use pinacle_core::engine::{
    EngineFailure, EngineOutcome, FailureClass, LABEL_SPEC, NetworkPlan, Ownership, Subnet,
};
use pinacle_protocol::{ApiError, ErrorKind};
use std::collections::HashMap;
use tokio::sync::Semaphore;

/// Networks made at once. The engine makes one after the other anyway: asked for fifty it
/// lets most of them run out of time, and the pods whose networks are there wait, too.
const AT_ONCE: usize = 2;

/// Who may make a network now.
pub(super) struct Turns(pub(super) Semaphore);

impl Default for Turns {
    fn default() -> Self {
        Self(Semaphore::new(AT_ONCE))
    }
}

/// The engine's option for the name of a bridge interface.
const BRIDGE_NAME: &str = "com.docker.network.bridge.name";
/// The engine's option for a network's packet size.
const MTU: &str = "com.docker.network.driver.mtu";

/// Returns the first range of a network that has the form of a pod's.
pub(super) fn subnet_of(network: &Network) -> Option<Subnet> {
    let configs = network.ipam.as_ref()?.config.as_ref()?;
    configs.iter().find_map(|config| parse_subnet(config.subnet.as_deref()?))
}

pub(super) fn parse_subnet(text: &str) -> Option<Subnet> {
    let network = text.strip_suffix("/24")?.parse().ok()?;
    Some(Subnet { network })
}

fn driver_options(plan: &NetworkPlan) -> HashMap<String, String> {
    let mut options = HashMap::from([(BRIDGE_NAME.to_owned(), plan.bridge.clone())]);
    options.extend(routes::small_mtu().map(|mtu| (MTU.to_owned(), mtu.to_string())));
    options
}

/// Has the network.
pub(super) async fn ensure(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    plan: &NetworkPlan,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    // Before 23.0 two networks of one name can exist, and a create that lost its answer may
    // have worked: a second look after a refusal settles both.
    let mut refused = None;
    for _ in 0..2 {
        if has_it(&docker, owner, journal, plan).await? {
            return Ok(EngineOutcome::Done);
        }
        if let Some(failure) = refused.take() {
            return Err(failure);
        }
        if let Some(route) = routes::overlapping(plan.subnet) {
            return Err(subnet_taken(plan, &route));
        }
        // Never closed, so that there is always a turn.
        let turn = shared.networks.0.acquire().await;
        let mut options = driver_options(plan);
        let mut created = create(&docker, journal, plan, options.clone()).await;
        if created.as_ref().err().is_some_and(is_bridge_taken) {
            // An engine that was killed in the middle of it may keep the name for a network
            // that it neither lists nor removes, for good. The engine then names the bridge.
            // Should it be one still in the making, its range is taken, too.
            options.remove(BRIDGE_NAME);
            created = create(&docker, journal, plan, options).await;
        }
        drop(turn);
        match created {
            Ok(()) => return Ok(EngineOutcome::Done),
            Err(failure) => refused = Some(failure),
        }
    }
    Err(refused.unwrap_or_else(|| not_ours("network", &plan.name)))
}

fn subnet_taken(plan: &NetworkPlan, route: &str) -> EngineFailure {
    let error = ApiError::new(
        ErrorKind::Engine,
        format!("failed to create the network {} with {}", plan.name, plan.subnet),
    )
    .cause(format!("the host already routes {route}"));
    EngineFailure { class: FailureClass::SubnetTaken, error }
}

/// Returns whether the network is there as planned; removes one of ours that is not.
async fn has_it(
    docker: &Docker,
    owner: &Ownership,
    journal: &PodJournal,
    plan: &NetworkPlan,
) -> Result<bool, EngineFailure> {
    let mut there = false;
    for network in by_name(docker, &plan.name).await? {
        if !is_ours(network.labels.as_ref(), owner) {
            return Err(not_ours("network", &plan.name));
        }
        let same = subnet_of(&network) == Some(plan.subnet);
        if same && !is_outdated(&network) {
            there = true;
            continue;
        }
        let id = network.id.clone().unwrap_or_default();
        if !endpoints(docker, &id).await?.is_empty() {
            if same {
                there = true;
                continue;
            }
            return Err(permanent(
                ErrorKind::Conflict,
                format!("the network {} has another range and containers on it", plan.name),
            ));
        }
        remove_one(docker, journal, &plan.name, &id).await?;
    }
    Ok(there)
}

/// Returns whether a network that was made ahead has the packet size of another day.
fn is_outdated(network: &Network) -> bool {
    let ahead = network.labels.as_ref().is_none_or(|labels| !labels.contains_key(LABEL_SPEC));
    let has = network.options.as_ref().and_then(|options| options.get(MTU));
    ahead && has != routes::small_mtu().map(|mtu| mtu.to_string()).as_ref()
}

async fn by_name(docker: &Docker, name: &str) -> Result<Vec<Network>, EngineFailure> {
    let doing = format!("failed to look for the network {name}");
    let options = ListNetworksOptions { filters: Some(filter("name", name)) };
    let mut found = look(&doing, docker.list_networks(Some(options))).await?;
    // The engine's filter takes parts of names, too.
    found.retain(|network| network.name.as_deref() == Some(name));
    Ok(found)
}

async fn create(
    docker: &Docker,
    journal: &PodJournal,
    plan: &NetworkPlan,
    options: HashMap<String, String>,
) -> Result<(), EngineFailure> {
    let subnet = plan.subnet.to_string();
    let gateway = plan.subnet.gateway().to_string();
    let mut line = Line::docker(&["network", "create", "--driver", "bridge"])
        .opt("--subnet", &subnet)
        .opt("--gateway", &gateway);
    for (name, value) in std::collections::BTreeMap::from_iter(&options) {
        line = line.opt("--opt", format!("{name}={value}"));
    }
    let line = super::label_options(line, &plan.labels).arg(&plan.name).done();
    let request = NetworkCreateRequest {
        name: plan.name.clone(),
        driver: Some("bridge".to_owned()),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(subnet),
                gateway: Some(gateway),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        options: Some(options),
        labels: Some(plan.labels.clone().into_iter().collect()),
        ..Default::default()
    };
    let act = Act {
        point: "create_network",
        doing: format!("failed to create the network {} with {}", plan.name, plan.subnet),
        line,
        limit: RUNTIME_LIMIT,
    };
    change(journal, act, docker.create_network(request)).await.map(|_| ())
}

/// Returns the containers on a network: id (or `ep-…` for what is left of one) and name.
async fn endpoints(docker: &Docker, id: &str) -> Result<Vec<(String, String)>, EngineFailure> {
    let call = docker.inspect_network(id, None::<InspectNetworkOptions>);
    let network = look_for("failed to look at a network", call).await?;
    let containers = network.and_then(|n| n.containers).unwrap_or_default();
    Ok(containers.into_iter().map(|(id, e)| (id, e.name.unwrap_or_default())).collect())
}

/// Has no network of that name.
pub(super) async fn remove(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    name: &str,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    for network in by_name(&docker, name).await? {
        if !is_ours(network.labels.as_ref(), owner) {
            journal.note(left_alone("network", name)).await;
            continue;
        }
        let id = network.id.unwrap_or_default();
        for (container, container_name) in endpoints(&docker, &id).await? {
            disconnect(&docker, owner, journal, (name, &id), &container, &container_name).await?;
        }
        remove_one(&docker, journal, name, &id).await?;
    }
    Ok(EngineOutcome::Done)
}

async fn disconnect(
    docker: &Docker,
    owner: &Ownership,
    journal: &PodJournal,
    (name, id): (&str, &str),
    container: &str,
    container_name: &str,
) -> Result<(), EngineFailure> {
    let call = docker
        .inspect_container(container, None::<bollard::query_parameters::InspectContainerOptions>);
    let found = look_for("failed to look at a container", call).await?;
    let labels = found.as_ref().and_then(|c| c.config.as_ref()).and_then(|c| c.labels.as_ref());
    if found.is_some() && !is_ours(labels, owner) {
        let mut failure = permanent(
            ErrorKind::Conflict,
            format!(
                "the container {container_name}, which is not this pod's, is on the network {name}"
            ),
        );
        failure.error.hint =
            Some(format!("take it off with `docker network disconnect {name} {container_name}`"));
        return Err(failure);
    }
    // What is left of a container that is gone is known by its name only.
    let target = if found.is_some() { container } else { container_name };
    let act = Act {
        point: "disconnect_network",
        doing: format!("failed to take {container_name} off the network {name}"),
        line: Line::docker(&["network", "disconnect", "--force"]).arg(name).arg(target).done(),
        limit: CALL_LIMIT,
    };
    let request = NetworkDisconnectRequest { container: target.to_owned(), force: Some(true) };
    change(journal, act, gone_is_fine(docker.disconnect_network(id, request))).await
}

async fn remove_one(
    docker: &Docker,
    journal: &PodJournal,
    name: &str,
    id: &str,
) -> Result<(), EngineFailure> {
    let act = Act {
        point: "remove_network",
        doing: format!("failed to remove the network {name}"),
        line: Line::docker(&["network", "rm"]).arg(name).done(),
        limit: CALL_LIMIT,
    };
    change(journal, act, gone_is_fine(docker.remove_network(id))).await
}
