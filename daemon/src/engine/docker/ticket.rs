//! Having a pod let a browser in.

use super::client::Shared;
use super::error::permanent;
use super::{exec, names_of};
use pinacle_core::engine::EngineFailure;
use pinacle_protocol::{ErrorKind, PodId, PodTicket};

/// What the pod prints is one short line.
const CAP: usize = 4096;

/// Asks the pod for a ticket.
pub(super) async fn issue(
    shared: &Shared,
    pod: &PodId,
    port: u16,
) -> Result<PodTicket, EngineFailure> {
    let (container, port) = (names_of(pod), port.to_string());
    let command = ["pinacle-pod", "ticket", &port];
    let Some(line) = exec::read_out(shared, &container, &command, CAP).await? else {
        // Made from an image of before there were tickets: nothing there asks for one.
        return Ok(PodTicket::default());
    };
    let ticket: PodTicket = serde_json::from_slice(&line).map_err(|_| unreadable(&container))?;
    // It becomes part of an address: nothing else may come out of a pod that way.
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"/.?=_-".contains(&b);
    match &ticket.path {
        Some(path) if !path.starts_with("/.") || !path.bytes().all(plain) => {
            Err(unreadable(&container))
        }
        _ => Ok(ticket),
    }
}

fn unreadable(container: &str) -> EngineFailure {
    let message = format!("what {container} answered for a ticket is none");
    permanent(ErrorKind::Engine, message)
}
