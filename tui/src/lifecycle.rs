//! What is common to the commands that change pods: ask, wait, say how it went.

use crate::client::Client;
use crate::failure::Failure;
use crate::output::time::elapsed;
use crate::session::Session;
use crate::watch;
use pinacle_protocol::{
    Accepted, ApiError, ErrorKind, OperationStatus, OperationView, PodId, PodView,
};
use serde::Serialize;

/// What a changing command answers with `--json`.
#[derive(Debug, Clone, Serialize)]
pub struct ActionReport {
    /// The pod.
    pub pod: PodId,
    /// Its slug.
    pub slug: String,
    /// What was done, in one word: `created`, `started` …; [`report`] says `accepted`
    /// where that was not waited for.
    pub outcome: &'static str,
    /// Its address afterwards, when it has one.
    pub url: Option<String>,
    /// The operation as it ended, or as it is with `--no-wait`; `None` when
    /// nothing was to be done.
    pub operation: Option<OperationView>,
}

/// Waits for what was accepted, unless `--no-wait` says otherwise. Returns the
/// operation as it is then; `None` when nothing was to be done.
///
/// # Errors
///
/// The operation's own when it failed, with the place of its journal.
pub async fn settle(
    session: &mut Session,
    client: &Client,
    slug: &str,
    accepted: &Accepted,
) -> Result<Option<OperationView>, Failure> {
    let Some(id) = &accepted.operation else {
        return Ok(None);
    };
    if session.global.no_wait {
        return Ok(Some(client.operation(id.clone()).await?));
    }
    let view = watch::operation(session, client, slug, id).await?;
    match failure_of(&view, slug) {
        Some(error) => Err(error.into()),
        None => Ok(Some(view)),
    }
}

/// Returns why an operation did not reach its end; `None` when it did.
pub fn failure_of(view: &OperationView, slug: &str) -> Option<ApiError> {
    let verb = view.kind.as_str();
    let mut error = match view.status {
        OperationStatus::Failed => {
            let text = format!("{verb} of {slug} failed");
            let why = view.error.clone();
            why.map_or_else(
                || ApiError::new(ErrorKind::Internal, text.clone()),
                |why| ApiError {
                    causes: std::iter::once(why.message).chain(why.causes).collect(),
                    message: text.clone(),
                    ..why
                },
            )
        }
        OperationStatus::Cancelled => {
            ApiError::new(ErrorKind::Cancelled, format!("{verb} of {slug} was cancelled"))
                .cause("a newer request took its place")
        }
        _ => return None,
    };
    let logs = format!("what was run is shown by `pinacle-tui logs {slug} --infra`");
    error.hint = Some(match error.hint {
        Some(hint) => format!("{hint}; {logs}"),
        None => logs,
    });
    Some(error)
}

/// What became of a pod that was taken over.
pub const ADOPTED: &str = "adopted";

/// Says how an action went: the slug on standard output for scripts, words for
/// people on standard error, or one JSON object.
///
/// # Errors
///
/// As [`crate::output::Console::write`].
pub fn report(session: &mut Session, report: &ActionReport) -> Result<(), Failure> {
    // Nobody knows yet what comes of it, also when it has ended by now.
    let is_pending = session.global.no_wait && report.operation.is_some();
    if session.console.is_json() {
        let outcome = if is_pending { "accepted" } else { report.outcome };
        return session.console.json(&ActionReport { outcome, ..report.clone() });
    }
    let ActionReport { slug, outcome, operation, .. } = report;
    match operation {
        None if *outcome == ADOPTED => session.console.remark(&format!("{slug} is {outcome}")),
        None => session.console.remark(&format!("{slug} is {outcome}: nothing to do")),
        Some(view) if is_pending => {
            let text = format!("{slug}: {} accepted as operation {}", view.kind.as_str(), view.id);
            session.console.remark(&text);
        }
        Some(view) => {
            let spent = view.ended_at.map_or(0, |end| end.since_ms(view.created_at));
            session.console.remark(&format!("{slug} {outcome} in {}", elapsed(spent)));
        }
    }
    Ok(())
}

/// Returns the pod as it is now; as it was when it cannot be had any more.
pub async fn refreshed(client: &Client, pod: PodView) -> PodView {
    match client.pod(crate::locate::reference(&pod)).await {
        Ok(detail) => detail.pod,
        Err(_) => pod,
    }
}
