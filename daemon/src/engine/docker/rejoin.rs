//! Putting a container back on its pod's network, after that was removed behind
//! our back and made again.

use super::client::{Act, CALL_LIMIT, change, gone_is_fine, look_for};
use super::line::Line;
use super::network::parse_subnet;
use crate::journal::PodJournal;
use bollard::Docker;
use bollard::models::{
    ContainerInspectResponse, EndpointIpamConfig, EndpointSettings, NetworkConnectRequest,
    NetworkDisconnectRequest,
};
use bollard::query_parameters::InspectNetworkOptions;
use pinacle_core::engine::EngineFailure;

/// Has the container on the network of its own name, with the pod's address there. Nothing
/// to do when it is, or when there is no such network: the start says so then.
pub(super) async fn ensure(
    docker: &Docker,
    journal: &PodJournal,
    name: &str,
    found: &ContainerInspectResponse,
) -> Result<(), EngineFailure> {
    let looking = docker.inspect_network(name, None::<InspectNetworkOptions>);
    let Some(network) = look_for("failed to look at the pod's network", looking).await? else {
        return Ok(());
    };
    let joined = found.network_settings.as_ref().and_then(|s| s.networks.as_ref()?.get(name));
    let id = joined.and_then(|endpoint| endpoint.network_id.as_deref());
    // A container that never ran has no network's id yet and is put there by its start.
    if joined.is_some() && (id == network.id.as_deref() || id.is_none_or(str::is_empty)) {
        return Ok(());
    }
    if joined.is_some() {
        let act = Act {
            point: "disconnect_network",
            doing: format!("failed to take {name} off a network that is gone"),
            line: Line::docker(&["network", "disconnect", "--force"]).arg(name).arg(name).done(),
            limit: CALL_LIMIT,
        };
        let request = NetworkDisconnectRequest { container: name.to_owned(), force: Some(true) };
        change(journal, act, gone_is_fine(docker.disconnect_network(name, request))).await?;
    }
    let ranges = network.ipam.as_ref().and_then(|ipam| ipam.config.as_ref());
    let subnet = ranges.into_iter().flatten().find_map(|r| parse_subnet(r.subnet.as_deref()?));
    let address = subnet.map(|subnet| subnet.pod_address().to_string());
    let mut line = Line::docker(&["network", "connect"]);
    if let Some(address) = &address {
        line = line.opt("--ip", address);
    }
    let act = Act {
        point: "connect_network",
        doing: format!("failed to put {name} back on its network"),
        line: line.arg(name).arg(name).done(),
        limit: CALL_LIMIT,
    };
    let ipam = EndpointIpamConfig { ipv4_address: address, ..Default::default() };
    let endpoint = EndpointSettings { ipam_config: Some(ipam), ..Default::default() };
    let request =
        NetworkConnectRequest { container: name.to_owned(), endpoint_config: Some(endpoint) };
    change(journal, act, docker.connect_network(name, request)).await
}
