//! `rm`: removes pods with all their files.

use crate::args::RemoveArgs;
use crate::commands::stop::each;
use crate::failure::Failure;
use crate::kept;
use crate::locate;
use crate::origins::Origins;
use crate::session::Session;

/// Asks, removes them, and waits.
///
/// # Errors
///
/// [`Failure::Usage`] when there is no terminal to ask on; else as `stop`.
pub async fn run(session: &mut Session, args: RemoveArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let pods = locate::pods(session, &client, &args.which.pods).await?;
    let slugs: Vec<&str> = pods.iter().map(|p| p.slug.as_str()).collect();
    let question = format!("remove {} with all files?", slugs.join(", "));
    if !session.confirm(&question, args.yes, "--yes").await? {
        session.console.remark("nothing was removed");
        return Err(Failure::Exit(1));
    }
    let ids: Vec<String> = pods.iter().map(|p| p.id.to_string()).collect();
    let call = |request| client.delete(request);
    let result = each(session, &client, &ids, "removed", call).await;
    if result.is_ok() && !session.global.no_wait {
        let origins = Origins::new(&session.paths.state_dir);
        for pod in &pods {
            origins.forget(&pod.id);
            kept::forget(&session.paths.state_dir, &pod.id, pod.slug.as_str());
        }
    }
    result
}
