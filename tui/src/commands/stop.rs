//! `stop`: stops pods; and what it shares with `start` and `restart`.

use crate::args::SomePods;
use crate::client::Client;
use crate::failure::Failure;
use crate::lifecycle::{self, ActionReport};
use crate::locate;
use crate::session::{self, Session};
use pinacle_protocol::{Accepted, ApiError, PodAction, PodView};

/// Stops them, all at once, and waits.
///
/// # Errors
///
/// The first that failed, after all were tried.
pub async fn run(session: &mut Session, args: SomePods) -> Result<(), Failure> {
    let client = session.client().await?;
    let call = |request| client.stop(request);
    each(session, &client, &args.pods, "stopped", call).await
}

/// Asks the same for each pod, then waits for one after the other: the daemon
/// works on all of them meanwhile.
///
/// # Errors
///
/// The first that failed, after all were tried; those before it were shown.
pub async fn each<F>(
    session: &mut Session,
    client: &Client,
    names: &[String],
    outcome: &'static str,
    call: impl Fn(PodAction) -> F,
) -> Result<(), Failure>
where
    F: Future<Output = Result<Accepted, ApiError>>,
{
    let mut accepted = Vec::new();
    let mut failures = Failures::default();
    for pod in locate::pods(session, client, names).await? {
        let request =
            PodAction { request_id: session::request_id()?, pod: locate::reference(&pod) };
        match call(request).await {
            Ok(answer) => accepted.push((pod, answer)),
            Err(error) => failures.add(session, error.into()),
        }
    }
    for (pod, answer) in accepted {
        match one(session, client, pod, &answer, outcome).await {
            Ok(()) => {}
            // Nobody is there to wait for the others.
            Err(failure @ (Failure::Exit(_) | Failure::OutputClosed)) => return Err(failure),
            Err(failure) => failures.add(session, failure),
        }
    }
    failures.into_result()
}

async fn one(
    session: &mut Session,
    client: &Client,
    pod: PodView,
    accepted: &Accepted,
    outcome: &'static str,
) -> Result<(), Failure> {
    let slug = pod.slug.to_string();
    let operation = lifecycle::settle(session, client, &slug, accepted).await?;
    let pod = lifecycle::refreshed(client, pod).await;
    // Nothing was done to it: what it is says more than what was asked for.
    let outcome = if operation.is_some() { outcome } else { pod.phase.as_str() };
    let report = ActionReport { pod: pod.id, slug, outcome, url: pod.url, operation };
    lifecycle::report(session, &report)
}

/// Failures of several pods: each but the last is shown when it happens, and
/// the first decides the exit code.
#[derive(Debug, Default)]
pub struct Failures {
    code: Option<u8>,
}

impl Failures {
    /// Shows a failure and keeps its code if it is the first.
    pub fn add(&mut self, session: &mut Session, failure: Failure) {
        self.code.get_or_insert(failure.exit_code());
        crate::show_failure(&mut session.console, &failure);
    }

    /// Returns the end of the command.
    ///
    /// # Errors
    ///
    /// The first failure's code, when there was one.
    pub fn into_result(self) -> Result<(), Failure> {
        self.code.map_or(Ok(()), |code| Err(Failure::Exit(code)))
    }
}
