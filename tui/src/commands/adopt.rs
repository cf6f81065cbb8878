//! `adopt`: takes over a pod that another daemon created.

use crate::args::AdoptArgs;
use crate::failure::Failure;
use crate::lifecycle::{self, ActionReport};
use crate::session::{self, Session};
use pinacle_protocol::{AdoptPod, ApiError, ErrorKind, HostId, PodId, PodRef};

/// Takes it over, waits, and prints its slug.
///
/// # Errors
///
/// `invalid_request` for a malformed id; the daemon's.
pub async fn run(session: &mut Session, args: AdoptArgs) -> Result<(), Failure> {
    let invalid =
        |e: pinacle_protocol::InvalidId| ApiError::from_error(ErrorKind::InvalidRequest, &e);
    let pod = PodId::new(args.pod).map_err(invalid)?;
    let host = args.host.map(HostId::new).transpose().map_err(invalid)?;
    let client = session.client().await?;
    let request = AdoptPod { request_id: session::request_id()?, host, pod };
    let accepted = client.adopt(request).await?;
    let pod = client.pod(PodRef(accepted.pod.to_string())).await?.pod;
    let slug = pod.slug.to_string();
    let operation = lifecycle::settle(session, &client, &slug, &accepted).await?;
    let pod = lifecycle::refreshed(&client, pod).await;
    let report =
        ActionReport { pod: pod.id, slug, outcome: lifecycle::ADOPTED, url: pod.url, operation };
    lifecycle::report(session, &report)?;
    // One that runs on this machine was refused; nothing can tell of others.
    session.console.warn(&format!(
        "if the daemon that made {} still runs, it goes on with the pod as well, and each undoes \
         what the other does: stop that one for good",
        report.slug
    ));
    if session.console.is_json() { Ok(()) } else { session.console.line(&report.slug) }
}
