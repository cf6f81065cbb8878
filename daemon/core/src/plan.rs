//! Which steps an operation takes.

use crate::engine::ObservedPod;
use crate::record::{PodRecord, StepRecord};
use crate::services;
use crate::spec::SpecDiff;
use crate::step::Step;
use pinacle_protocol::{OperationKind, StepStatus};

/// What becomes of the container that is there while a new one is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OldContainer {
    /// There never was one: the volumes are new, too.
    Never,
    /// There is none worth keeping; the volumes may hold work.
    Absent,
    /// It is kept until the new one is healthy.
    Aside,
}

/// Returns whether such an operation makes a container.
pub(crate) fn makes_container(kind: OperationKind, change: &SpecDiff) -> bool {
    match kind {
        OperationKind::Create | OperationKind::Recreate => true,
        OperationKind::Start | OperationKind::Restart | OperationKind::Reconfigure => {
            change.needs_recreate()
        }
        OperationKind::Stop | OperationKind::Delete => false,
    }
}

/// Wraps steps that nothing was done of yet.
pub(crate) fn planned(steps: Vec<Step>) -> Vec<StepRecord> {
    steps.into_iter().map(|step| record(step, false)).collect()
}

/// Wraps steps of the way back.
pub(crate) fn planned_undo(steps: Vec<Step>) -> Vec<StepRecord> {
    steps.into_iter().map(|step| record(step, true)).collect()
}

fn record(step: Step, undo: bool) -> StepRecord {
    StepRecord { step, status: StepStatus::Planned, undo, started_at: None, ended_at: None }
}

/// Returns the steps from nothing (or an old container) to a running pod. The
/// pod's `generation` must already be that of the new container.
pub(crate) fn create(pod: &PodRecord, old: OldContainer) -> Vec<Step> {
    let mut steps = vec![Step::EnsureImage, Step::CheckIsolation];
    if old == OldContainer::Aside {
        steps.extend([Step::StopContainer, Step::SetAside]);
    }
    steps.extend([
        Step::CreateNetwork,
        Step::CreateVolumes,
        Step::CreateContainer,
        Step::StartContainer,
        Step::AwaitReady,
    ]);
    if old == OldContainer::Never && pod.source_dir.is_some() {
        steps.push(Step::CopySource);
    }
    let before = before_services(pod);
    if !before.is_empty() {
        steps.push(Step::ApplyConfig { services: false });
        steps.extend(before);
    }
    steps.push(Step::ApplyConfig { services: true });
    steps.extend(after_services(pod));
    if old == OldContainer::Aside {
        steps.push(Step::RemovePrevious);
    }
    steps
}

/// Returns the steps from a stopped container to a running pod.
pub(crate) fn start(pod: &PodRecord, change: &SpecDiff) -> Vec<Step> {
    let mut steps = Vec::new();
    if change.limits_changed() {
        steps.push(Step::UpdateLimits);
    }
    steps.extend([Step::StartContainer, Step::AwaitReady]);
    if !change.is_empty() {
        if change.install_changed() {
            steps.push(Step::ApplyConfig { services: false });
            steps.extend(install(pod));
        }
        steps.push(Step::ApplyConfig { services: true });
    }
    steps.extend(after_services(pod));
    steps
}

/// Returns the steps that bring a running pod in line with its changed spec.
pub(crate) fn reconfigure(pod: &PodRecord, change: &SpecDiff) -> Vec<Step> {
    let mut steps = Vec::new();
    if change.limits_changed() {
        steps.push(Step::UpdateLimits);
    }
    if change.install_changed() {
        steps.extend(install(pod));
    }
    steps.push(Step::ApplyConfig { services: true });
    let restarted = change.restarts();
    let awaited = services::awaited(pod).into_iter().filter(|name| restarted.contains(name));
    steps.extend(awaited.map(|service| Step::AwaitHealthy { service }));
    steps
}

/// Returns the steps that remove what was renamed.
pub(crate) fn strays(seen: &ObservedPod) -> Vec<Step> {
    seen.strays.iter().map(|stray| Step::RemoveStray { name: stray.name.clone() }).collect()
}

/// Returns the steps to nothing at all.
pub(crate) fn delete(seen: Option<&ObservedPod>) -> Vec<Step> {
    let mut steps = seen.map(strays).unwrap_or_default();
    steps.extend([
        Step::RemoveContainer,
        Step::RemovePrevious,
        Step::RemoveNetwork,
        Step::RemoveVolumes,
    ]);
    steps
}

fn before_services(pod: &PodRecord) -> Vec<Step> {
    let hooks = pod.spec.hooks.pre_start.iter().enumerate().map(|(i, command)| Step::Run {
        key: format!("prestart-g{}-r{}-{i}", pod.generation, pod.spec_revision),
        label: "Running preStart hook".to_owned(),
        command: command.clone(),
    });
    hooks.chain(install(pod)).collect()
}

fn install(pod: &PodRecord) -> Option<Step> {
    pod.spec.install.as_ref().map(|command| Step::Run {
        key: format!("install-g{}-r{}", pod.generation, pod.spec_revision),
        label: "Installing".to_owned(),
        command: command.clone(),
    })
}

/// Keys end in `@`: what runs at every start is told apart by the operation,
/// whose id the caller puts behind it with [`stamp`].
fn after_services(pod: &PodRecord) -> Vec<Step> {
    let awaited = services::awaited(pod).into_iter().map(|service| Step::AwaitHealthy { service });
    let hooks = pod.spec.hooks.post_start.iter().enumerate().map(|(i, command)| Step::Run {
        key: format!("poststart-{i}-@"),
        label: "Running postStart hook".to_owned(),
        command: command.clone(),
    });
    let checks = services::health_checks(&pod.spec).into_iter().enumerate();
    let checks = checks.map(|(i, (name, command))| Step::Check {
        key: format!("check-{i}-@"),
        name,
        command,
    });
    awaited.chain(hooks).chain(checks).collect()
}

/// Makes the keys of steps that run at every start this operation's own.
pub(crate) fn stamp<'a>(steps: impl Iterator<Item = &'a mut Step>, operation: &str) {
    for step in steps {
        if let Step::Run { key, .. } | Step::Check { key, .. } = step
            && key.ends_with('@')
        {
            key.pop();
            key.push_str(operation);
        }
    }
}
