//! Gets this machine ready for pods: a Docker engine and gVisor, installed and
//! set up only after asking, each step told before it is done.
//!
//! What is needed is decided by the daemon's host check; what can be done about
//! it here by [`plan::steps`], which is pure; `machine` does it.

pub mod machine;
pub mod plan;

use crate::client::Client;
use crate::failure::Failure;
use crate::session::Session;
use machine::Machine;
use pinacle_protocol::{ApiError, CheckStatus, ErrorKind, HostId, HostReport, Isolation};
use plan::{Need, Step};
use std::time::Duration;
use tokio::time::Instant;

/// How long the daemon may take to see an engine that was just started: its
/// pauses between attempts grow to several seconds.
const SEEN_LIMIT: Duration = Duration::from_secs(45);

/// How long the engine may take to read its settings again: it says nothing
/// when it has.
const RELOAD_LIMIT: Duration = Duration::from_secs(10);

/// How long a check may take before it is worth a word.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Makes sure that pods of this isolation can run on the local host, offering
/// to install what is missing.
///
/// # Errors
///
/// `host_unfit` or `host_unreachable` when something is missing and may not or
/// cannot be mended from here.
pub async fn ensure(
    session: &mut Session,
    client: &Client,
    wants: Isolation,
    yes: bool,
) -> Result<(), Failure> {
    let report = first_check(session, client).await?;
    let Some(need) = plan::need(&report, wants) else {
        return Ok(());
    };
    // What was seen last may be from before somebody mended it.
    let report = client.host_check(HostId::local(), true).await?;
    let Some(need) = plan::need(&report, wants).and(Some(need)) else {
        return Ok(());
    };
    let machine = Machine::of_this_system();
    let steps = plan::steps(&machine.facts(session), need);
    if steps.is_empty() {
        return Err(unfit(&report, need).into());
    }
    if !agreed(session, &report, need, &steps, yes).await? {
        return Err(unfit(&report, need).into());
    }
    machine.carry_out(session, &steps).await?;
    let report = seen(client, wants).await?;
    match plan::need(&report, wants) {
        None => Ok(()),
        Some(Need::Gvisor) => fall_back(session, client, &machine, &report, yes).await,
        Some(need) => Err(unfit(&report, need).into()),
    }
}

async fn first_check(session: &mut Session, client: &Client) -> Result<HostReport, Failure> {
    let check = client.host_check(HostId::local(), false);
    tokio::pin!(check);
    tokio::select! {
        report = &mut check => return Ok(report?),
        () = tokio::time::sleep(PATIENCE) => {}
    }
    session
        .console
        .remark("looking at what this machine can do, which takes a while the first time");
    Ok(check.await?)
}

async fn agreed(
    session: &mut Session,
    report: &HostReport,
    need: Need,
    steps: &[Step],
    yes: bool,
) -> Result<bool, Failure> {
    session.console.remark(&format!("{}; this can be mended:", unfit(report, need).chain()));
    for (number, step) in (1..).zip(steps) {
        session.console.remark(&format!("  {number}. {}", step.describe()));
    }
    session.confirm("do that now?", yes, "--yes").await
}

/// Some kernels refuse gVisor's own network stack. It can use the one of the
/// pod's network namespace instead, which is registered under another name so
/// that lists show it.
async fn fall_back(
    session: &mut Session,
    client: &Client,
    machine: &Machine,
    report: &HostReport,
    yes: bool,
) -> Result<(), Failure> {
    let step = Step::RegisterRuntime { network: plan::Network::OfPod };
    session.console.remark(
        "gVisor does not start with its own network stack on this kernel; it can use the kernel's, \
         within the pod's own network namespace",
    );
    session.console.remark(&format!("  1. {}", step.describe()));
    if !session.confirm("do that now?", yes, "--yes").await? {
        return Err(unfit(report, Need::Gvisor).into());
    }
    machine.carry_out(session, &[step]).await?;
    let report = seen(client, Isolation::Gvisor).await?;
    match plan::need(&report, Isolation::Gvisor) {
        None => Ok(()),
        Some(need) => Err(unfit(&report, need).into()),
    }
}

/// Checks afresh until all is well, or the daemon has had time enough to see it.
async fn seen(client: &Client, wants: Isolation) -> Result<HostReport, Failure> {
    let began = Instant::now();
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let report = client.host_check(HostId::local(), true).await?;
        match plan::need(&report, wants) {
            Some(Need::Engine) if began.elapsed() < SEEN_LIMIT => {}
            Some(Need::Gvisor) if began.elapsed() < RELOAD_LIMIT => {}
            _ => return Ok(report),
        }
    }
}

/// Returns the error that says what is missing, why, and what to do.
fn unfit(report: &HostReport, need: Need) -> ApiError {
    let (kind, message) = match need {
        Need::Engine => (ErrorKind::HostUnreachable, "no container engine answers on this machine"),
        Need::Gvisor => (ErrorKind::HostUnfit, "gVisor does not run on this machine"),
    };
    let mut error = ApiError::new(kind, message);
    let mut remedies = Vec::new();
    for check in report.checks.iter().filter(|c| c.status == CheckStatus::Failed) {
        error = error.cause(check.message.clone());
        remedies.extend(check.remedy.clone());
    }
    if need == Need::Gvisor {
        remedies.push(
            "a pod without gVisor, on the host's kernel, is made with `isolation: runc` in \
             pinacle.yaml or with --isolation runc"
                .to_owned(),
        );
    } else if remedies.is_empty() {
        remedies.push("install Docker and start it; `pinacle-tui doctor` checks again".to_owned());
    }
    error.hint(remedies.join("; "))
}
