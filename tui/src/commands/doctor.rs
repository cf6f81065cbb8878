//! `doctor`: whether pods can run on a host. With `--json` a `HostReport`.

use crate::args::DoctorArgs;
use crate::failure::Failure;
use crate::output::{Paint, Style};
use crate::sanitize::plain_line;
use crate::session::Session;
use pinacle_protocol::{ApiError, CheckStatus, ErrorKind, HostId, HostReport};

/// Prints the findings.
///
/// # Errors
///
/// [`Failure::Exit`] with the code of `host_unfit` when a check failed.
pub async fn run(session: &mut Session, args: DoctorArgs) -> Result<(), Failure> {
    let host =
        HostId::new(args.host).map_err(|e| ApiError::from_error(ErrorKind::InvalidRequest, &e))?;
    let client = session.client().await?;
    let report = client.host_check(host, args.fresh).await?;
    if session.console.is_json() {
        session.console.json(&report)?;
    } else {
        let text = render(&report, session.console.paint());
        session.console.write(text.as_bytes())?;
    }
    if report.checks.iter().any(|c| c.status == CheckStatus::Failed) {
        return Err(Failure::Exit(ErrorKind::HostUnfit.exit_code()));
    }
    Ok(())
}

/// Returns the findings, each with what to do about it.
pub fn render(report: &HostReport, paint: Paint) -> String {
    let mut text = String::new();
    let width = report.checks.iter().map(|c| c.check.len()).max().unwrap_or(0);
    for check in &report.checks {
        let (word, style) = match check.status {
            CheckStatus::Ok => ("ok     ", Style::Good),
            CheckStatus::Skipped => ("skipped", Style::Faint),
            CheckStatus::Warning => ("warning", Style::Warning),
            CheckStatus::Failed => ("failed ", Style::Bad),
        };
        let name = plain_line(&check.check);
        let message = plain_line(&check.message);
        text.push_str(&format!("{}  {name:<width$}  {message}\n", paint.paint(style, word)));
        if let Some(remedy) = &check.remedy {
            text.push_str(&format!("         to mend it: {}\n", plain_line(remedy)));
        }
    }
    match &report.gvisor_runtime {
        Some(runtime) => text.push_str(&format!("gVisor pods run under {}\n", plain_line(runtime))),
        None => text.push_str("no runtime for gVisor pods; only `isolation: runc` works\n"),
    }
    for pod in &report.foreign {
        let slug = pod.slug.as_ref().map_or_else(String::new, |s| format!(" ({s})"));
        text.push_str(&format!(
            "pod {}{slug} belongs to another daemon, {}; if that one is gone for good, `pinacle-tui adopt {}` takes it over\n",
            pod.id,
            plain_line(&pod.owner),
            pod.id
        ));
    }
    text
}
