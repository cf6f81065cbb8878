//! What the engine's own process may hand on: an engine without the right to
//! raise limits (itself in a container or a restricted machine) cannot give a pod
//! more open files than it has.

use super::socket;
use std::path::Path;

/// Bit of `CAP_SYS_RESOURCE` in a process's capabilities.
const SYS_RESOURCE: u32 = 24;

/// Returns the most open files the engine can give a container; `None` when it may raise
/// limits, or when that cannot be found out, and the engine's own word must do.
pub(super) fn open_files(set: Option<&Path>) -> Option<u64> {
    let path = socket::find(set).ok()?;
    let stream = std::os::unix::net::UnixStream::connect(path).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    let process = |file: &str| {
        std::fs::read_to_string(format!("/proc/{}/{file}", peer.pid.as_raw_nonzero())).ok()
    };
    ceiling(&process("status")?, &process("limits")?)
}

fn ceiling(status: &str, limits: &str) -> Option<u64> {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
    let effective = u64::from_str_radix(effective.trim(), 16).ok()?;
    if effective >> SYS_RESOURCE & 1 == 1 {
        return None;
    }
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: &str =
        "Limit      Soft Limit  Hard Limit  Units\nMax open files  1024  20000  files\n";

    #[test]
    fn only_an_engine_that_cannot_raise_limits_has_a_ceiling() {
        assert_eq!(ceiling("CapEff:\t000001fffeffffff\n", LIMITS), Some(20_000));
        assert_eq!(ceiling("CapEff:\t000001ffffffffff\n", LIMITS), None);
        assert_eq!(ceiling("", LIMITS), None);
    }
}
