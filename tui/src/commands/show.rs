//! `show`: everything about one pod. With `--json` a `PodDetail`.

use crate::args::MaybePod;
use crate::failure::Failure;
use crate::locate;
use crate::output::{Paint, Style, table, time};
use crate::sanitize::plain_line;
use crate::session::Session;
use pinacle_protocol::{PodDetail, Timestamp};

/// Prints it.
///
/// # Errors
///
/// `not_found`, and the daemon's.
pub async fn run(session: &mut Session, args: MaybePod) -> Result<(), Failure> {
    let client = session.client().await?;
    let pod = locate::pod(session, &client, args.pod.as_deref()).await?;
    let detail = client.pod(locate::reference(&pod)).await?;
    if session.console.is_json() {
        return session.console.json(&detail);
    }
    let text = render(&detail, time::now(), session.console.paint());
    session.console.write(text.as_bytes())
}

/// Returns the page about a pod.
pub fn render(detail: &PodDetail, now: Timestamp, paint: Paint) -> String {
    let pod = &detail.pod;
    let state = table::state(pod, now);
    let state = table::state_style(pod).map_or(state.clone(), |style| paint.paint(style, &state));
    let mut text = format!("{}\n", paint.paint(Style::Strong, &plain_line(&pod.name)));
    let since = time::age(now.since_ms(pod.phase_since));
    let mut fact = |name: &str, value: &str| {
        if !value.is_empty() {
            text.push_str(&format!("  {name:<10} {value}\n"));
        }
    };
    fact("state", &format!("{state} for {since}"));
    fact("reason", &pod.reason.as_deref().map(plain_line).unwrap_or_default());
    fact("hint", &pod.hint.as_deref().map(plain_line).unwrap_or_default());
    fact("slug", pod.slug.as_str());
    fact("id", pod.id.as_str());
    fact("host", pod.host.as_str());
    fact("isolation", pod.isolation.as_str());
    fact("tier", &plain_line(&pod.tier));
    fact("port", &pod.port.map(|p| p.to_string()).unwrap_or_default());
    fact("created", &time::rfc3339(pod.created_at));
    fact("revision", &pod.spec_revision.to_string());
    fact("owner", detail.owner.as_str());
    fact("container", &detail.objects.container);
    fact("image", detail.objects.image.as_deref().unwrap_or_default());
    fact("network", &detail.objects.network);
    fact("subnet", detail.objects.subnet.as_deref().unwrap_or_default());
    fact("volumes", &detail.objects.volumes.join(", "));
    section(
        &mut text,
        paint,
        "Tabs",
        detail
            .tabs
            .iter()
            .map(|t| format!("{:<16} {:<6} {}", plain_line(&t.name), t.port, plain_line(&t.url))),
    );
    section(
        &mut text,
        paint,
        "Operations",
        detail.operations.iter().map(|o| {
            let status = serde_json::to_value(o.status).ok();
            let status = status.as_ref().and_then(|v| v.as_str()).unwrap_or_default().to_owned();
            let why = o.error.as_ref().map(|e| plain_line(&e.chain())).unwrap_or_default();
            let ago = time::age(now.since_ms(o.created_at));
            format!("{} {:<11} {status:<9} {ago:>4} ago  {why}", o.id, o.kind.as_str())
                .trim_end()
                .to_owned()
        }),
    );
    text
}

fn section(text: &mut String, paint: Paint, title: &str, lines: impl Iterator<Item = String>) {
    for (index, line) in lines.enumerate() {
        if index == 0 {
            text.push_str(&format!("\n{}\n", paint.paint(Style::Strong, title)));
        }
        text.push_str(&format!("  {line}\n"));
    }
}
