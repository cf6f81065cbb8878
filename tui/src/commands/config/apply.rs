//! `config apply`: brings a changed spec into force, after showing what that does.

use crate::args::ConfigWrite;
use crate::client::Client;
use crate::commands::config::plan;
use crate::commands::create::explain;
use crate::failure::Failure;
use crate::lifecycle::{self, ActionReport};
use crate::locate;
use crate::session::{self, Session};
use crate::spec_file::{self, SpecFile};
use pinacle_protocol::{ApiError, ConfigApply, ConfigPlan, ErrorKind, PodView};

/// What the user has agreed to beforehand.
#[derive(Debug, Clone, Copy)]
pub struct Consent {
    /// Not to be asked.
    pub yes: bool,
    /// That files are lost.
    pub accept_loss: bool,
}

/// Shows the plan, asks, applies and waits.
///
/// # Errors
///
/// `conflict` when files would be lost without `--accept-loss`, or the spec has
/// changed meanwhile; `invalid_spec`; the daemon's.
pub async fn run(session: &mut Session, args: ConfigWrite) -> Result<(), Failure> {
    let spec = spec_file::read(session, &args.text.file).await?;
    let client = session.client().await?;
    let pod = locate::pod(session, &client, args.text.pod.as_deref()).await?;
    let consent = Consent { yes: args.yes, accept_loss: args.accept_loss };
    match apply(session, &client, &pod, &spec, consent).await? {
        Applied::Done(report) => lifecycle::report(session, &report),
        Applied::Declined => {
            session.console.remark("nothing was changed");
            Err(Failure::Exit(1))
        }
    }
}

/// How asking for a change ended.
#[derive(Debug)]
pub enum Applied {
    /// It is in force, or on its way with `--no-wait`.
    Done(Box<ActionReport>),
    /// The user said no.
    Declined,
}

/// Plans, asks and applies.
///
/// # Errors
///
/// As [`run`].
pub async fn apply(
    session: &mut Session,
    client: &Client,
    pod: &PodView,
    spec: &SpecFile,
    consent: Consent,
) -> Result<Applied, Failure> {
    let plan = match client.config_plan(locate::reference(pod), spec.text.clone()).await {
        Ok(plan) => plan,
        Err(error) => return Err(explain(session, spec, error)),
    };
    if !agreed(session, pod, &plan, consent).await? {
        return Ok(Applied::Declined);
    }
    let slug = pod.slug.to_string();
    let request = ConfigApply {
        request_id: session::request_id()?,
        pod: locate::reference(pod),
        expected: plan.base,
        spec_text: spec.text.clone(),
        accept_loss: consent.accept_loss,
    };
    let accepted = match client.config_apply(request).await {
        Ok(accepted) => accepted,
        Err(error) => return Err(explain(session, spec, error)),
    };
    let operation = lifecycle::settle(session, client, &slug, &accepted).await?;
    let pod = lifecycle::refreshed(client, pod.clone()).await;
    let outcome = if operation.is_some() { "reconfigured" } else { "up to date" };
    let report = ActionReport { pod: pod.id, slug, outcome, url: pod.url, operation };
    Ok(Applied::Done(Box::new(report)))
}

async fn agreed(
    session: &mut Session,
    pod: &PodView,
    plan: &ConfigPlan,
    consent: Consent,
) -> Result<bool, Failure> {
    if !plan::does_something(plan) {
        return Ok(true);
    }
    let text = plan::render(plan, pod.slug.as_str(), session.console.paint_err());
    session.console.remark(text.trim_end());
    if !plan.lost.is_empty() && !consent.accept_loss {
        let text = format!("this change to {} would lose {}", pod.slug, plan.lost.join(", "));
        return Err(ApiError::new(ErrorKind::Conflict, text)
            .hint("save what matters, then repeat with --accept-loss")
            .into());
    }
    session.confirm(&format!("apply this to {}?", pod.slug), consent.yes, "--yes").await
}
