//! `ls`: the list of pods. With `--json` one `Pod` a line.

use crate::failure::Failure;
use crate::output::{table, time};
use crate::session::Session;
use pinacle_protocol::HostStatus;

/// Prints the list.
///
/// # Errors
///
/// The daemon's.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    let client = session.client().await?;
    let inventory = client.inventory().await?;
    if session.console.is_json() {
        return inventory.pods.iter().try_for_each(|pod| session.console.json(pod));
    }
    let text = table::pods(&inventory.pods, time::now(), session.console.paint());
    session.console.write(text.as_bytes())?;
    for host in inventory.hosts.iter().filter(|h| h.status == HostStatus::Down) {
        let why = host.error.as_ref().map_or_else(String::new, |e| format!(": {}", e.chain()));
        let hint = host.error.as_ref().and_then(|e| e.hint.as_deref());
        let hint = hint.map_or_else(String::new, |h| format!("; {h}"));
        session.console.warn(&format!("host {} is out of reach{why}{hint}", host.id));
    }
    Ok(())
}
