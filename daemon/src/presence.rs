//! Which daemons run on this machine: each holds a name in the kernel that is made of its owner
//! id, and lost with its process whatever ends it. No file has to be found for that, and none
//! can be left over.
//!
//! A daemon in another network namespace or on another machine is not seen, and none where
//! the system has no such names: *not present* means *not known*.

use std::io;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// A daemon's name, held until this is dropped.
#[derive(Debug)]
pub(crate) struct Presence {
    _socket: UnixDatagram,
}

impl Presence {
    /// Takes the name of an owner.
    ///
    /// # Errors
    ///
    /// `AddrInUse` while another process has it; `Unsupported` where there are no such names.
    pub(crate) fn take(owner: &str) -> io::Result<Self> {
        // Nothing is ever read from it, so what is sent there goes nowhere.
        Ok(Self { _socket: UnixDatagram::bind_addr(&address(owner)?)? })
    }
}

/// Returns whether a daemon of this owner id is known to run.
pub(crate) fn is_present(owner: &str) -> bool {
    let connect = || UnixDatagram::unbound()?.connect_addr(&address(owner)?);
    connect().is_ok()
}

#[cfg(target_os = "linux")]
fn address(owner: &str) -> io::Result<SocketAddr> {
    use std::os::linux::net::SocketAddrExt;
    SocketAddr::from_abstract_name(format!("pinacle/owner/{owner}"))
}

#[cfg(not(target_os = "linux"))]
fn address(_: &str) -> io::Result<SocketAddr> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_daemon_is_present_for_as_long_as_it_lives() {
        let owner = format!("test-{}", std::process::id());
        assert!(!is_present(&owner));
        let first = Presence::take(&owner).expect("the name is free");
        assert!(is_present(&owner) && !is_present("another"));
        let second = Presence::take(&owner).expect_err("it is taken");
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(first);
        assert!(!is_present(&owner));
        // A label may hold anything.
        assert!(!is_present(&"x".repeat(1_000)));
        assert!(!is_present(""));
    }
}
