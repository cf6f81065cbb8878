//! The IPv4 ranges this machine routes.

use pinacle_core::engine::Subnet;
use std::net::Ipv4Addr;

const TABLE: &str = "/proc/net/route";

/// Returns the ranges with a route, the default one left out. Empty where the
/// kernel shows no table.
pub(super) fn read() -> Vec<(Ipv4Addr, u8)> {
    parse(&std::fs::read_to_string(TABLE).unwrap_or_default())
}

/// Returns a range that overlaps with the subnet, if one is routed.
pub(super) fn overlapping(subnet: Subnet) -> Option<String> {
    let (address, prefix) =
        read().into_iter().find(|range| overlap(*range, (subnet.network, 24)))?;
    Some(format!("{address}/{prefix}"))
}

/// Returns the packet size of the interface with the default route, when it is below a
/// bridge's usual 1500 bytes: pods with a network stack of their own then lose large
/// packets unless their network is as small.
pub(super) fn small_mtu() -> Option<u32> {
    let table = std::fs::read_to_string(TABLE).ok()?;
    let interface = default_interface(&table)?;
    let mtu = std::fs::read_to_string(format!("/sys/class/net/{interface}/mtu")).ok()?;
    mtu.trim().parse().ok().filter(|mtu| (576..1_500).contains(mtu))
}

fn default_interface(table: &str) -> Option<&str> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (interface, destination) = (fields.next()?, fields.next()?);
        let mask = fields.nth(5)?;
        (destination == "00000000" && mask == "00000000").then_some(interface)
    })
}

pub(super) fn overlap(a: (Ipv4Addr, u8), b: (Ipv4Addr, u8)) -> bool {
    let mask = mask(a.1.min(b.1));
    u32::from(a.0) & mask == u32::from(b.0) & mask
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0)
}

/// Parses an IPv4 range as engines write it.
pub(super) fn parse_range(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, prefix) = text.split_once('/')?;
    let prefix = prefix.parse().ok().filter(|p| *p <= 32)?;
    Some((address.parse().ok()?, prefix))
}

fn parse(table: &str) -> Vec<(Ipv4Addr, u8)> {
    let mut ranges: Vec<_> = table.lines().skip(1).filter_map(parse_line).collect();
    ranges.sort_unstable();
    ranges.dedup();
    ranges
}

/// The kernel prints addresses as hexadecimal numbers in the machine's byte order.
fn parse_line(line: &str) -> Option<(Ipv4Addr, u8)> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let number =
        |i: usize| u32::from_str_radix(fields.get(i)?, 16).ok().map(|n: u32| n.to_ne_bytes());
    let address = Ipv4Addr::from(number(1)?);
    let mask = u32::from_be_bytes(number(7)?);
    (mask != 0).then(|| (address, u8::try_from(mask.leading_ones()).unwrap_or(32)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_endian = "little")]
    #[test]
    fn the_kernels_table_is_read() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n\
            eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(
            parse(table),
            [(Ipv4Addr::new(172, 17, 0, 0), 16), (Ipv4Addr::new(192, 0, 2, 0), 24)]
        );
    }

    #[test]
    fn ranges_overlap_when_one_holds_the_other() {
        let range = |t: &str| parse_range(t).expect("a range");
        assert!(overlap(range("10.0.0.0/8"), range("10.249.3.0/24")));
        assert!(overlap(range("10.249.3.128/25"), range("10.249.3.0/24")));
        assert!(!overlap(range("10.249.2.0/24"), range("10.249.3.0/24")));
        assert!(overlap(range("0.0.0.0/0"), range("10.249.3.0/24")));
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in ["", "10.0.0.0", "10.0.0.0/33", "fd00::/64", "x/8"] {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
