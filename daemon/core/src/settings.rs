//! What the core is told once, at its start.

use crate::engine::Subnet;
use pinacle_protocol::OwnerId;
use std::net::Ipv4Addr;

/// The core's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// This daemon's owner id.
    pub owner: OwnerId,
    /// Ports pods are published on, lowest first.
    pub ports: std::ops::RangeInclusive<u16>,
    /// Where the pods' subnets come from.
    pub pool: SubnetPool,
    /// Networks kept ready on a host with pods, for those to come.
    pub spares: usize,
    /// Start of the random sequence that ids come from.
    pub seed: u64,
}

impl Settings {
    /// Returns the documented defaults: ports 30000 to 39999, subnets from 10.249.0.0/16,
    /// eight networks made ahead.
    pub fn new(owner: OwnerId, seed: u64) -> Self {
        Self { owner, ports: 30_000..=39_999, pool: SubnetPool::default(), spares: 8, seed }
    }
}

/// A range that is handed out in /24 pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPool {
    base: u32,
    count: u32,
}

impl Default for SubnetPool {
    fn default() -> Self {
        Self { base: u32::from(Ipv4Addr::new(10, 249, 0, 0)), count: 256 }
    }
}

impl SubnetPool {
    /// Makes a pool of `base/prefix`; `None` unless `prefix` is 8 to 24 and `base` has no
    /// bits beyond it.
    pub fn new(base: Ipv4Addr, prefix: u8) -> Option<Self> {
        let base = u32::from(base);
        let beyond = u32::MAX.checked_shr(u32::from(prefix)).unwrap_or(0);
        let fits = (8..=24).contains(&prefix) && base & beyond == 0;
        fits.then(|| Self { base, count: 1 << (24 - prefix) })
    }

    /// Returns whether it is one of its pieces.
    pub(crate) fn contains(self, subnet: Subnet) -> bool {
        let beyond = u32::from(subnet.network).checked_sub(self.base);
        beyond.is_some_and(|beyond| beyond >> 8 < self.count)
    }

    /// Returns how many pieces it has.
    pub(crate) fn len(self) -> usize {
        usize::try_from(self.count).unwrap_or(usize::MAX)
    }

    /// Returns its pieces, lowest first.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Subnet> {
        self.from(None)
    }

    /// Returns its pieces without those before one of them, lowest first.
    pub(crate) fn from(self, low: Option<Subnet>) -> impl DoubleEndedIterator<Item = Subnet> {
        let first = low.map_or(0, |low| u32::from(low.network).saturating_sub(self.base) >> 8);
        (first..self.count).map(move |i| Subnet { network: Ipv4Addr::from(self.base | (i << 8)) })
    }
}

impl std::fmt::Display for SubnetPool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", Ipv4Addr::from(self.base), 24 - self.count.ilog2())
    }
}

/// Returns whether a /24 and a range of the host share an address.
pub(crate) fn overlaps(subnet: Subnet, (network, prefix): (Ipv4Addr, u8)) -> bool {
    let bits = u32::from(prefix.min(24));
    let mask = if bits == 0 { return false } else { u32::MAX << (32 - bits) };
    u32::from(subnet.network) & mask == u32::from(network) & mask
}
