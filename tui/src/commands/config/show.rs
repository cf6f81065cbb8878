//! `config show`: prints a pod's spec. With `--json` `{"pod", "revision",
//! "spec_text", "effective_spec"}`.

use crate::failure::Failure;
use crate::locate;
use crate::session::Session;

/// Prints it.
///
/// # Errors
///
/// `not_found`, and the daemon's.
pub async fn run(
    session: &mut Session,
    pod: Option<String>,
    effective: bool,
) -> Result<(), Failure> {
    let client = session.client().await?;
    let pod = locate::pod(session, &client, pod.as_deref()).await?;
    let detail = client.pod(locate::reference(&pod)).await?;
    if session.console.is_json() {
        return session.console.json(&serde_json::json!({
            "pod": detail.pod.slug,
            "revision": detail.pod.spec_revision,
            "spec_text": detail.spec_text,
            "effective_spec": detail.effective_spec,
        }));
    }
    let text = if effective { &detail.effective_spec } else { &detail.spec_text };
    let end = if text.ends_with('\n') { "" } else { "\n" };
    session.console.write(format!("{text}{end}").as_bytes())
}
