//! `restart`: stops and starts pods.

use crate::args::SomePods;
use crate::commands::stop::each;
use crate::failure::Failure;
use crate::session::Session;

/// Stops and starts them, all at once, and waits.
///
/// # Errors
///
/// The first that failed, after all were tried.
pub async fn run(session: &mut Session, args: SomePods) -> Result<(), Failure> {
    let client = session.client().await?;
    let call = |request| client.restart(request);
    each(session, &client, &args.pods, "restarted", call).await
}
