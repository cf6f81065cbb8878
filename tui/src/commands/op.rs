//! `op`: shows an operation. With `--json` an `Operation`.

use crate::args::OpArgs;
use crate::failure::Failure;
use crate::lifecycle;
use crate::output::{Paint, Style, time};
use crate::sanitize::plain_line;
use crate::session::Session;
use crate::watch;
use pinacle_protocol::{
    ApiError, ErrorKind, OperationId, OperationView, PodRef, StepStatus, Timestamp,
};

/// Prints it, after waiting for its end with `--wait`.
///
/// # Errors
///
/// `not_found`; with `--wait` the operation's own.
pub async fn run(session: &mut Session, args: OpArgs) -> Result<(), Failure> {
    let id = OperationId::new(args.id)
        .map_err(|e| ApiError::from_error(ErrorKind::InvalidRequest, &e))?;
    let client = session.client().await?;
    let mut view = client.operation(id.clone()).await?;
    let slug = match client.pod(PodRef(view.pod.to_string())).await {
        Ok(detail) => detail.pod.slug.to_string(),
        Err(_) => view.pod.to_string(),
    };
    if args.wait {
        view = watch::operation(session, &client, &slug, &id).await?;
    }
    if session.console.is_json() {
        session.console.json(&view)?;
    } else {
        let text = render(&view, &slug, time::now(), session.console.paint());
        session.console.write(text.as_bytes())?;
    }
    match lifecycle::failure_of(&view, &slug) {
        Some(error) if args.wait => Err(error.into()),
        _ => Ok(()),
    }
}

/// Returns the steps of an operation.
pub fn render(view: &OperationView, slug: &str, now: Timestamp, paint: Paint) -> String {
    let spent = view.ended_at.unwrap_or(now).since_ms(view.created_at);
    let status = word(&view.status);
    let head = format!("{} {slug}: {status} ({})", view.kind.as_str(), time::elapsed(spent));
    let mut text = format!("{}\n", paint.paint(Style::Strong, &head));
    for step in &view.steps {
        let style = match step.status {
            StepStatus::Succeeded => Style::Good,
            StepStatus::Failed => Style::Bad,
            StepStatus::Started | StepStatus::Undone => Style::Warning,
            StepStatus::Planned | StepStatus::Skipped => Style::Faint,
        };
        let spent = match (step.started_at, step.ended_at) {
            (Some(start), Some(end)) => format!(" ({})", time::elapsed(end.since_ms(start))),
            _ => String::new(),
        };
        let status = paint.paint(style, &format!("{:<9}", word(&step.status)));
        text.push_str(&format!("  {status} {}{spent}\n", plain_line(&step.label)));
    }
    if let Some(error) = &view.error {
        text.push_str(&crate::output::render_error(error, paint));
    }
    text
}

/// Returns a status as it stands on the wire.
fn word(status: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(status).unwrap_or_default();
    value.as_str().unwrap_or_default().to_owned()
}
