//! How an operation begins, gets its steps, and ends.

use crate::advance::pause_ms;
use crate::engine::ObservedPod;
use crate::event::Now;
use crate::fall::made_container;
use crate::plan::{self, OldContainer};
use crate::record::{
    Applied, Direction, Failure, OperationRecord, PodRecord, Revert, StepRecord, Unfinished,
};
use crate::setback::is_config_undo;
use crate::spec::{SpecDiff, diff};
use crate::state::{KEPT_PER_POD, State};
use crate::step::Step;
use crate::unfinished::{HALF_MADE, is_half, old_of};
use pinacle_protocol::{
    ApiError, ErrorKind, OperationId, OperationKind, PodId, PodPhase, RequestId, StepStatus,
};

impl State {
    /// Makes an operation the pod's next one, in place of the one that waits. It gets its
    /// steps when its turn comes.
    pub(crate) fn begin(
        &mut self,
        now: Now,
        id: &PodId,
        kind: OperationKind,
        request: Option<RequestId>,
    ) -> OperationId {
        let operation = self.new_operation_id();
        let asked = request.is_some();
        if let Some(request) = &request {
            self.requests.insert(request.clone(), (id.clone(), operation.clone()));
        }
        let record = OperationRecord::new(operation.clone(), id.clone(), kind, request, now.wall);
        self.operations.insert(operation.clone(), record);
        if matches!(kind, OperationKind::Create | OperationKind::Delete) {
            self.lasting();
        }
        self.drop_queued(now, id);
        if let Some(pod) = self.pod_mut(id) {
            pod.history.push_back(operation.clone());
            pod.queued = Some(operation.clone());
            // What reconcile begins leaves standing why it has to.
            if asked && pod.active.is_none() {
                pod.record.attention = None;
                pod.record.fall = None;
            }
        }
        let _ = self.operation_mut(&operation);
        if asked
            && matches!(
                kind,
                OperationKind::Start | OperationKind::Restart | OperationKind::Reconfigure
            )
        {
            self.look_anew(id);
        }
        operation
    }

    /// Ends the operation that waits for its turn, if one does.
    pub(crate) fn drop_queued(&mut self, now: Now, id: &PodId) {
        if let Some(queued) = self.pod_memory(id).and_then(|pod| pod.queued.take()) {
            self.supersede(now, &queued);
            self.changed.pods.insert(id.clone());
        }
    }

    pub(crate) fn new_operation_id(&mut self) -> OperationId {
        loop {
            if let Ok(id) = OperationId::new(self.new_id())
                && !self.operations.contains_key(&id)
            {
                return id;
            }
        }
    }

    /// Gives an operation whose turn has come its steps, and the pod what they need.
    ///
    /// # Errors
    ///
    /// Why it cannot be done: nothing was, then.
    pub(crate) fn plan(
        &mut self,
        now: Now,
        id: &PodId,
        operation: &OperationId,
    ) -> Result<(), ApiError> {
        let Some(asked) = self.operations.get(operation).map(|record| record.kind) else {
            return Ok(());
        };
        let Some(pod) = self.pods.get(id) else { return Ok(()) };
        let unknown = asked == OperationKind::Stop && !pod.fresh;
        let up = unknown || pod.container().is_some_and(|c| c.state.is_up());
        let half = pod.record.unfinished.is_some();
        let kind = match asked {
            // Taken up after a power cut, it may find what it made itself.
            OperationKind::Create if pod.record.applied.is_none() => asked,
            OperationKind::Create | OperationKind::Start | OperationKind::Recreate => {
                self.way_up(pod)
            }
            OperationKind::Restart if !up || half => self.way_up(pod),
            other => other,
        };
        // A changed spec comes into force by the same steps that get the pod up.
        let by = match kind {
            OperationKind::Reconfigure if !up || half => self.way_up(pod),
            other => other,
        };
        if !matches!(kind, OperationKind::Stop | OperationKind::Delete) {
            self.take_back_place(id)?;
            self.reserve(id, now.mono_ms)?;
        }
        let Some(pod) = self.pod_mut(id) else { return Ok(()) };
        pod.record.is_made_anew(by);
        let change = pending_change(&pod.record);
        if plan::makes_container(by, &change) {
            pod.record.generation = pod.record.generation.saturating_add(1);
        }
        let steps = steps(&pod.record, pod.observed.as_ref(), by, &change, up);
        let early = pod.record.phase == PodPhase::Pending && kind != OperationKind::Create;
        if let Some(record) = self.operation_mut(operation) {
            record.kind = kind;
            record.steps = plan::planned(steps);
            plan::stamp(record.steps.iter_mut().map(|s| &mut s.step), operation.as_str());
        }
        if early {
            self.set_phase(id, PodPhase::Provisioning, now.wall);
        }
        Ok(())
    }

    /// Has the record name the port and range that the pod's things on the host have, where
    /// they could not be had when it was taken into the list.
    fn take_back_place(&mut self, id: &PodId) -> Result<(), ApiError> {
        let Some(pod) = self.pods.get(id) else { return Ok(()) };
        let Some(host) = self.hosts.get(&pod.record.host) else { return Ok(()) };
        let keeps = pod.container().filter(|c| c.state.has_run());
        let port = keeps.and_then(|c| c.port).filter(|_| pod.record.port.is_none());
        let subnet = pod.observed.as_ref().and_then(|seen| seen.network);
        let subnet = subnet.filter(|_| pod.record.subnet.is_none());
        let taken = |what: String| {
            let message =
                format!("{what}, which the container is set to, is in use by another pod");
            Err(ApiError::new(ErrorKind::Conflict, message)
                .hint("delete that pod, then start this one again"))
        };
        if let Some(port) = port.filter(|port| host.used_ports.contains(port)) {
            return taken(format!("port {port}"));
        }
        if let Some(subnet) = subnet.filter(|subnet| host.used_subnets.contains(subnet)) {
            return taken(format!("subnet {subnet}"));
        }
        let host = pod.record.host.clone();
        if let Some(host) = self.hosts.get_mut(&host) {
            port.into_iter().for_each(|port| host.used_ports.insert(port));
            subnet.into_iter().for_each(|subnet| host.used_subnets.insert(subnet));
        }
        if let Some(pod) = self.pod_mut(id) {
            pod.record.port = pod.record.port.or(port);
            pod.record.subnet = pod.record.subnet.or(subnet);
        }
        Ok(())
    }

    /// Ends an operation whose steps are all behind it.
    pub(crate) fn complete(&mut self, now: Now, id: &PodId, operation: &OperationId) {
        let Some(record) = self.operation_mut(operation) else { return };
        let failed = record.direction == Direction::Undo;
        record.direction = if failed { Direction::Failed } else { Direction::Succeeded };
        record.ended_at = Some(now.wall);
        if !failed {
            record.error = None;
            record.revert = None;
        }
        let (kind, error) = (record.kind, record.error.clone());
        let configured = record.steps.iter().any(is_configured);
        let made = made_container(record);
        let mut back = record.steps.iter().filter(|step| is_config_undo(step)).peekable();
        let restored = failed && kind == OperationKind::Reconfigure && !record.recreates();
        let restored = restored
            && back.peek().is_some()
            && back.all(|step| step.status == StepStatus::Succeeded);
        if let Some(pod) = self.pod_mut(id) {
            pod.active = None;
            pod.cancelling = false;
            pod.resumed = false;
            pod.attempts = 0;
        }
        if restored {
            self.apply(id);
        }
        if !failed && kind == OperationKind::Delete {
            return self.remove_pod(id);
        }
        match error {
            Some(error) if failed => self.ended_badly(now, id, kind, error),
            _ => {
                self.ended_well(now, id, kind, configured);
                self.brought_back(id, made);
            }
        }
        self.trim_history(id);
    }

    fn ended_well(&mut self, now: Now, id: &PodId, kind: OperationKind, configured: bool) {
        let Some(pod) = self.pod_mut(id) else { return };
        let stopped = kind == OperationKind::Stop;
        // A creation that failed while the stop waited for its end is as it was.
        let failure = pod.record.failure.as_ref().map(|failure| failure.kind);
        let never_made = stopped && failure == Some(OperationKind::Create);
        if !never_made {
            pod.record.failure = None;
        }
        pod.fresh = false;
        if configured {
            // Only now: half-way, the old container may still come back.
            self.apply(id);
        }
        if stopped && let Some(pod) = self.pod_mut(id) {
            pod.record.fall = None;
            pod.record.attention = pod.record.unfinished.map(|_| HALF_MADE.to_owned());
        }
        let phase = match stopped {
            true if never_made => PodPhase::Failed,
            true => PodPhase::Stopped,
            false => PodPhase::Running,
        };
        self.set_phase(id, phase, now.wall);
        self.look(id);
    }

    /// Takes note that the container was brought in line with the pod's spec.
    pub(crate) fn apply(&mut self, id: &PodId) {
        let Some(pod) = self.pod_mut(id) else { return };
        let (spec, revision) = (pod.record.spec.clone(), pod.record.spec_revision);
        pod.record.applied = Some(Applied { spec, revision });
        pod.record.unfinished = None;
    }

    fn ended_badly(&mut self, now: Now, id: &PodId, kind: OperationKind, error: ApiError) {
        if kind == OperationKind::Create {
            // Every step was undone, so nothing of the pod is on the host any more.
            self.release(id);
            self.lasting();
        }
        let Some(pod) = self.pod_mut(id) else { return };
        match kind {
            OperationKind::Create => pod.record.unfinished = None,
            // An engine that carries a call out late leaves a container nothing was run in.
            OperationKind::Recreate => {
                let copied = pod.record.unfinished.is_some_and(|before| before.copied);
                pod.record.unfinished = Some(Unfinished { kind, copied });
            }
            _ => {}
        }
        let same = pod.record.failure.as_ref().filter(|failure| failure.kind == kind);
        let times = same.map_or(1, |failure| failure.times.saturating_add(1));
        let queued = pod.queued.is_some();
        pod.fresh = false;
        pod.record.attention = None;
        if kind == OperationKind::Reconfigure {
            let text = if pending_change(&pod.record).is_empty() {
                format!("the last change was taken back: {}", error.chain())
            } else {
                format!(
                    "the last change failed, and what it did in the pod stays until its next \
                     start: {}",
                    error.chain()
                )
            };
            pod.record.attention = Some(text);
        } else {
            pod.record.failure = Some(Failure { kind, error, times });
        }
        if kind == OperationKind::Create {
            pod.observed = None;
            pod.fresh = true;
            return self.set_phase(id, PodPhase::Failed, now.wall);
        }
        if !queued {
            let pause = pause_ms(times.saturating_add(3));
            self.set_timer(id, now.mono_ms.saturating_add(pause));
        }
        self.look(id);
    }

    fn trim_history(&mut self, id: &PodId) {
        let Some(pod) = self.pods.get(id) else { return };
        let excess = pod.history.len().saturating_sub(KEPT_PER_POD);
        let ended = |operation: &&OperationId| {
            self.operations.get(*operation).is_none_or(OperationRecord::is_final)
        };
        let old: Vec<OperationId> =
            pod.history.iter().take(excess).filter(ended).cloned().collect();
        if let Some(pod) = self.pod_memory(id) {
            pod.history.retain(|operation| !old.contains(operation));
        }
        for operation in old {
            self.forget_operation(&operation);
        }
    }

    /// Gives the pod back the spec from before a change that failed.
    pub(crate) fn take_back_spec(&mut self, id: &PodId, revert: Revert) {
        let Some(old) = self.pods.get(id).map(|pod| pod.record.slug.clone()) else { return };
        let free = revert.slug.filter(|slug| !self.slugs.contains_key(slug));
        if let Some(slug) = &free {
            self.slugs.remove(&old);
            self.slugs.insert(slug.clone(), id.clone());
        }
        let Some(pod) = self.pod_mut(id) else { return };
        let record = &mut pod.record;
        if let Some(slug) = free {
            record.slug = slug;
        }
        if let Some(name) = revert.name {
            record.name = name;
        }
        (record.spec_text, record.spec) = (revert.spec_text, revert.spec);
        (record.image, record.runtime) = (revert.image, revert.runtime);
        record.isolation = revert.isolation;
        record.spec_revision = record.spec_revision.next();
    }
}

/// Returns what of the wanted spec is not in force yet.
pub(crate) fn pending_change(record: &PodRecord) -> SpecDiff {
    let applied = record.applied.as_ref().map_or(&record.spec, |applied| &applied.spec);
    diff(applied, &record.spec)
}

pub(crate) fn is_configured(step: &StepRecord) -> bool {
    step.step == Step::ApplyConfig { services: true }
        && step.status == StepStatus::Succeeded
        && !step.undo
}

/// Returns the steps of an operation for a pod as it was seen.
fn steps(
    pod: &PodRecord,
    seen: Option<&ObservedPod>,
    kind: OperationKind,
    change: &SpecDiff,
    up: bool,
) -> Vec<Step> {
    let container = seen.and_then(ObservedPod::any_container);
    let keeps = container.is_some_and(|c| c.state.has_run());
    let aside = seen.is_some_and(|seen| seen.previous.is_some());
    let mut steps = Vec::new();
    if kind == OperationKind::Delete {
        return plan::delete(seen);
    }
    if let Some(stray) = seen.and_then(ObservedPod::stray) {
        steps.push(Step::TakeName { from: stray.name.clone() });
        if kind == OperationKind::Start && up && change.is_empty() {
            return steps;
        }
    }
    let left_over = seen.is_some_and(|seen| seen.previous.is_some() && seen.stray().is_none());
    if kind == OperationKind::Stop {
        steps.extend(up.then_some(Step::StopContainer));
        steps.extend((!up && keeps && left_over).then_some(Step::RemovePrevious));
        return steps;
    }
    if kind == OperationKind::Start && up && keeps && left_over && change.is_empty() {
        return vec![Step::RemovePrevious];
    }
    if container.is_some() && (!keeps || is_half(pod, kind)) {
        steps.push(Step::RemoveContainer);
    }
    match kind {
        OperationKind::Create => steps.extend(plan::create(pod, old_of(pod, seen))),
        OperationKind::Recreate => steps.extend(plan::create(pod, OldContainer::Absent)),
        _ => {
            match (keeps, aside) {
                (false, true) => steps.push(Step::PutBack),
                // Left over, and in the way of the one that takes its place.
                (true, true) if change.needs_recreate() => steps.push(Step::RemovePrevious),
                _ => {}
            }
            if change.needs_recreate() {
                steps.extend(plan::create(pod, OldContainer::Aside));
            } else if kind == OperationKind::Reconfigure {
                steps.extend(plan::reconfigure(pod, change));
            } else {
                if kind == OperationKind::Restart {
                    steps.push(Step::StopContainer);
                }
                // Whatever was seen of it: it may have been removed a moment ago.
                steps.push(Step::CreateNetwork);
                steps.extend(plan::start(pod, change));
            }
        }
    }
    steps
}
