//! What a pod's things are called on its host.

use pinacle_protocol::PodId;

/// Returns the container's name.
pub fn container(pod: &PodId) -> String {
    format!("pinacle-pod-{pod}")
}

/// Returns the name of the container kept aside while it is replaced.
pub fn previous(pod: &PodId) -> String {
    format!("pinacle-pod-{pod}-previous")
}

/// Returns the network's name.
pub fn network(pod: &PodId) -> String {
    format!("pinacle-pod-{pod}")
}

/// Returns the bridge's name: an interface name has 15 characters at most.
pub fn bridge(pod: &PodId) -> String {
    format!("br-{}", &pod.as_str()[..12])
}

/// Returns the names of the volumes for `/workspace` and the home directory.
pub fn volume_pair(pod: &PodId) -> [String; 2] {
    [format!("pinacle-pod-{pod}-workspace"), format!("pinacle-pod-{pod}-home")]
}

/// Returns the names of all volumes.
pub fn volumes(pod: &PodId) -> Vec<String> {
    volume_pair(pod).to_vec()
}
