//! `config plan`: what a changed spec would do. With `--json` a `ConfigPlan`.

use crate::args::ConfigText;
use crate::commands::create::explain;
use crate::failure::Failure;
use crate::locate;
use crate::output::{Paint, Style};
use crate::sanitize::plain_line;
use crate::session::Session;
use crate::spec_file;
use pinacle_protocol::ConfigPlan;

/// Prints the plan.
///
/// # Errors
///
/// `invalid_spec` after the findings were shown, `not_found`, and the daemon's.
pub async fn run(session: &mut Session, args: ConfigText) -> Result<(), Failure> {
    let spec = spec_file::read(session, &args.file).await?;
    let client = session.client().await?;
    let pod = locate::pod(session, &client, args.pod.as_deref()).await?;
    let plan = match client.config_plan(locate::reference(&pod), spec.text.clone()).await {
        Ok(plan) => plan,
        Err(error) => return Err(explain(session, &spec, error)),
    };
    if session.console.is_json() {
        return session.console.json(&plan);
    }
    let text = render(&plan, pod.slug.as_str(), session.console.paint());
    session.console.write(text.as_bytes())
}

/// Returns whether a plan would do anything at all.
pub fn does_something(plan: &ConfigPlan) -> bool {
    !plan.changes.is_empty() || !plan.restarts.is_empty() || plan.recreates
}

/// Returns a plan in words.
pub fn render(plan: &ConfigPlan, slug: &str, paint: Paint) -> String {
    if !does_something(plan) {
        return format!("nothing changes for {slug}\n");
    }
    let mut text = format!("changes for {slug} (revision {}):\n", plan.base);
    for change in &plan.changes {
        let path = paint.paint(Style::Strong, &plain_line(&change.path));
        let value = |v: &Option<String>| v.as_deref().map(plain_line);
        let values = match (value(&change.before), value(&change.after)) {
            (Some(before), Some(after)) => format!(": {before} -> {after}"),
            (None, Some(after)) => format!(": + {after}"),
            (Some(before), None) => format!(": - {before}"),
            (None, None) => String::new(),
        };
        text.push_str(&format!("  {path}{values}\n"));
        if !change.impact.is_empty() {
            text.push_str(&format!("      {}\n", plain_line(&change.impact)));
        }
    }
    if !plan.restarts.is_empty() {
        let names: Vec<String> = plan.restarts.iter().map(|n| plain_line(n)).collect();
        text.push_str(&format!("restarts: {}\n", names.join(", ")));
    }
    if plan.recreates {
        text.push_str("the container is made again\n");
    }
    for lost in &plan.lost {
        text.push_str(&format!("{} {}\n", paint.paint(Style::Bad, "lost:"), plain_line(lost)));
    }
    text
}
