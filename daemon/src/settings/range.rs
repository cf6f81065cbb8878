//! Which address ranges pods can have.

use std::net::Ipv4Addr;

/// Ranges that no network can have, whatever the machine, and what they are for.
const RESERVED: [(Ipv4Addr, u8, &str); 5] = [
    (Ipv4Addr::new(0, 0, 0, 0), 8, "addresses that mean \"this network\""),
    (Ipv4Addr::new(127, 0, 0, 0), 8, "the machine's own loopback addresses"),
    (Ipv4Addr::new(169, 254, 0, 0), 16, "link-local addresses"),
    (Ipv4Addr::new(224, 0, 0, 0), 4, "multicast addresses"),
    (Ipv4Addr::new(240, 0, 0, 0), 4, "addresses that are reserved"),
];

/// Returns what a range has in it that no network can have.
pub(super) fn reserved(base: Ipv4Addr, prefix: u8) -> Option<&'static str> {
    let overlaps = |other: Ipv4Addr, other_prefix: u8| {
        // All of these are 32 bits at the most, and none is 0.
        let bits = u32::from(prefix.min(other_prefix)).clamp(1, 32);
        (u32::from(base) ^ u32::from(other)) >> (32 - bits) == 0
    };
    RESERVED.iter().find(|(other, bits, _)| overlaps(*other, *bits)).map(|(_, _, what)| *what)
}
