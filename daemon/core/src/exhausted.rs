//! What is said when a host has no port or no range left: who has them, and what to do.

use crate::host::Host;
use crate::settings::Settings;
use pinacle_protocol::{ApiError, ErrorKind, HostPort};

/// How many of a pool are whose; each one is counted once.
#[derive(Debug, Default)]
struct Shares {
    all: usize,
    listed: usize,
    ready: usize,
    foreign: usize,
    other: usize,
}

impl Shares {
    /// Says it: how many there are `of`, and who has those that no pod has.
    fn text(&self, of: &str, others: &str) -> String {
        let parts = [
            (self.listed, "pods in the list"),
            (self.ready, "networks made for pods to come"),
            (self.foreign, "other daemons"),
            (self.other, others),
        ];
        let mut text = format!("of {} {of}", self.all);
        let mut hold = " hold";
        for (count, whose) in parts.into_iter().filter(|(count, _)| *count > 0) {
            text += &format!(", {whose}{hold} {count}");
            hold = "";
        }
        text
    }
}

impl Host {
    /// Returns the error for a request that no port is left for.
    pub(crate) fn no_port(&self, settings: &Settings, mono_ms: u64) -> ApiError {
        let foreign = self.foreign_ports();
        let mut shares = Shares::default();
        for port in settings.ports.clone().map(HostPort) {
            shares.all += 1;
            if self.used_ports.contains(&port) {
                shares.listed += 1;
            } else if foreign.contains(&port) {
                shares.foreign += 1;
            } else if self.is_blocked(port, mono_ms) {
                shares.other += 1;
            }
        }
        let (first, last) = (settings.ports.start(), settings.ports.end());
        let text = shares.text(&format!("from {first} to {last}"), "other programs");
        exhausted("port", text, "`first` and `last` of `[ports]`")
    }

    /// Returns the error for a request that no range is left for.
    pub(crate) fn no_subnet(&self, settings: &Settings, mono_ms: u64) -> ApiError {
        let foreign = self.foreign_subnets();
        let mut shares = Shares::default();
        for subnet in settings.pool.iter() {
            shares.all += 1;
            if self.spares.hold(subnet) {
                shares.ready += 1;
            } else if self.used_subnets.contains(&subnet) {
                shares.listed += 1;
            } else if foreign.contains(&subnet) {
                shares.foreign += 1;
            } else if self.is_subnet_blocked(subnet, mono_ms) || self.is_routed(subnet) {
                shares.other += 1;
            }
        }
        let text = shares.text(&format!("in {}", settings.pool), "other networks of the host");
        exhausted("subnet", text, "`pool` of `[network]`")
    }
}

fn exhausted(what: &str, cause: String, setting: &str) -> ApiError {
    ApiError::new(ErrorKind::Exhausted, format!("no free {what} is left on the host"))
        .cause(cause)
        .hint(format!(
            "delete a pod you no longer need, or widen {setting} in the daemon's config.toml \
             and restart it"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{ObservedLabels, ObservedPod, Subnet};
    use crate::host::facts;
    use crate::settings::SubnetPool;
    use pinacle_protocol::{HostId, OwnerId, PodId, Timestamp};
    use std::net::Ipv4Addr;

    fn settings() -> Settings {
        let mut settings = Settings::new(OwnerId::new("0wn3r00000000000").expect("an owner"), 1);
        settings.ports = 30_000..=30_004;
        settings.pool = SubnetPool::new(Ipv4Addr::new(10, 249, 0, 0), 22).expect("a pool");
        settings
    }

    fn subnet(third: u8) -> Subnet {
        Subnet { network: Ipv4Addr::new(10, 249, third, 0) }
    }

    /// One whose pools nobody holds anything of.
    fn host() -> Host {
        let mut host = Host::new(HostId::local(), Timestamp(0));
        host.facts = Some(facts(Vec::new()));
        host
    }

    fn foreign(port: u16, third: u8) -> ObservedPod {
        ObservedPod {
            id: PodId::new("foreign000000001").expect("an id"),
            owner: "other".to_owned(),
            container: None,
            previous: None,
            strays: Vec::new(),
            network: Some(subnet(third)),
            volumes: Vec::new(),
            labels: ObservedLabels { port: Some(HostPort(port)), ..ObservedLabels::default() },
        }
    }

    #[test]
    fn who_has_the_ports_is_said_each_counted_once() {
        let mut host = host();
        // The last one is outside of the range by now and does not count.
        for port in [30_000, 30_001, 40_000] {
            host.used_ports.insert(HostPort(port));
        }
        let pod = foreign(30_002, 0);
        host.foreign.insert(pod.id.clone(), pod);
        for port in [30_001, 30_003, 30_004] {
            host.block_port(HostPort(port), 0);
        }
        assert_eq!(host.free_port(&settings(), 1), None);
        let error = host.no_port(&settings(), 1);
        assert_eq!(
            error.chain(),
            "no free port is left on the host: of 5 from 30000 to 30004, pods in the list hold 2, \
             other daemons 1, other programs 2"
        );
        assert!(error.hint.expect("a hint").contains("`first` and `last` of `[ports]`"));
    }

    #[test]
    fn who_has_the_ranges_is_said_and_who_has_none_is_not_named() {
        let mut host = host();
        for third in [0, 1, 3] {
            host.used_subnets.insert(subnet(third));
        }
        host.facts.as_mut().expect("facts").routes.push((Ipv4Addr::new(10, 249, 2, 0), 24));
        assert_eq!(host.free_subnet(&settings(), 1), None);
        let error = host.no_subnet(&settings(), 1);
        assert_eq!(
            error.chain(),
            "no free subnet is left on the host: of 4 in 10.249.0.0/22, pods in the list hold \
             3, other networks of the host 1"
        );
        assert!(error.hint.expect("a hint").contains("`pool` of `[network]`"));
    }
}
