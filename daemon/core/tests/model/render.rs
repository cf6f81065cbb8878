//! Events and effects as short lines, with names that stay the same from run
//! to run: pods by slug, operations by number.

use pinacle_core::State;
use pinacle_core::effect::Effect;
use pinacle_core::engine::{EngineCall, ObservedPod};
use pinacle_core::event::{Event, Request};
use pinacle_core::record::{Change, OperationRecord, PodRecord, Record, RecordKey};
use pinacle_protocol::{OperationId, PodId, StepStatus};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    operations: BTreeMap<OperationId, usize>,
    pods: BTreeMap<PodId, String>,
    spares: BTreeMap<PodId, usize>,
}

impl Names {
    fn operation(&mut self, id: &OperationId) -> String {
        let next = self.operations.len() + 1;
        format!("op{}", self.operations.entry(id.clone()).or_insert(next))
    }

    fn pod(&mut self, state: &State, id: &PodId) -> String {
        if let Some(record) = state.pod_record(id) {
            self.pods.insert(id.clone(), record.slug.to_string());
        }
        let spare = self.spares.get(id).map(|number| format!("spare{number}"));
        self.pods.get(id).cloned().or(spare).unwrap_or_else(|| "?".to_owned())
    }

    fn spare(&mut self, id: &PodId) -> String {
        let next = self.spares.len() + 1;
        format!("spare{}", self.spares.entry(id.clone()).or_insert(next))
    }

    /// Replaces ids within a text.
    fn tidy(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (id, name) in &self.pods {
            text = text.replace(id.as_str(), &format!("<{name}>"));
        }
        for (id, number) in &self.operations {
            text = text.replace(id.as_str(), &format!("<op{number}>"));
        }
        text
    }
}

pub(crate) fn event(names: &mut Names, state: &State, event: &Event) -> String {
    match event {
        Event::Requested { request, .. } => match request {
            Request::Create(create) => format!("create {} on {}", create.slug, create.host),
            Request::Act { pod, action, request_id } => {
                format!("{action:?} {} as {request_id}", names.pod(state, pod)).to_lowercase()
            }
            Request::Reconfigure(change) => {
                format!("reconfigure {} from {}", names.pod(state, &change.pod), change.expected)
            }
            Request::Adopt { host, pod, .. } => {
                format!("adopt {} on {host}", names.pod(state, pod))
            }
        },
        Event::CallEnded { ticket, result } => {
            let operation = names.operation(&ticket.operation);
            match result {
                Ok(_) => format!("{operation}#{} ok", ticket.call),
                Err(failure) => format!("{operation}#{} {:?}", ticket.call, failure.class),
            }
        }
        Event::HostUp { host, .. } => format!("{host} up"),
        Event::HostDown { host, .. } => format!("{host} down"),
        Event::HostObserved { host, snapshot } => {
            let pods: Vec<String> = snapshot
                .pods
                .iter()
                .map(|pod| format!("{} {}", names.pod(state, &pod.id), seen(Some(pod))))
                .collect();
            format!("{host} seen: [{}]", pods.join("; "))
        }
        Event::PodObserved { pod, observed, .. } => {
            format!("{} seen: {}", names.pod(state, pod), seen(observed.as_deref()))
        }
        Event::LookFailed { host, pod } => {
            let pod = pod.as_ref().map(|pod| names.pod(state, pod));
            format!("look failed: {host} {}", pod.unwrap_or_default())
        }
        Event::SpecRead { pod, text, .. } => {
            let text = if text.is_some() { "legible" } else { "not legible" };
            format!("spec of {} {text}", names.pod(state, pod))
        }
        Event::Tick => "tick".to_owned(),
        Event::Leaving => "the daemon is told to end".to_owned(),
    }
}

fn seen(pod: Option<&ObservedPod>) -> String {
    let Some(pod) = pod else { return "nothing".to_owned() };
    let mut parts = Vec::new();
    if let Some(c) = &pod.container {
        let port = c.port.map_or_else(String::new, |port| format!(":{port}"));
        parts.push(format!("container {:?}{port}", c.state));
    }
    if let Some(c) = &pod.previous {
        parts.push(format!("previous {:?}", c.state));
    }
    if let Some(subnet) = &pod.network {
        parts.push(format!("net {subnet}"));
    }
    if !pod.volumes.is_empty() {
        parts.push(format!("{} volumes", pod.volumes.len()));
    }
    parts.join(", ")
}

pub(crate) fn effect(names: &mut Names, state: &State, effect: &Effect) -> String {
    match effect {
        Effect::Persist { changes, durability } => {
            let lines: Vec<String> = changes.iter().map(|c| change(names, state, c)).collect();
            format!("persist {durability:?}\n  {}", lines.join("\n  ")).to_owned()
        }
        Effect::Reply { result, .. } => match result {
            Ok(accepted) => {
                let operation = accepted.operation.as_ref().map(|id| names.operation(id));
                let operation = operation.unwrap_or_else(|| "nothing to do".to_owned());
                format!("reply {}: {operation}", names.pod(state, &accepted.pod))
            }
            Err(error) => {
                let text = format!("reply {:?}: {}", error.kind, error.chain());
                names.tidy(&text)
            }
        },
        Effect::Call { ticket, host, call, .. } | Effect::CallAhead { ticket, host, call, .. } => {
            let operation = names.operation(&ticket.operation);
            let text = format!("call {operation}#{} on {host}: {}", ticket.call, call_text(call));
            names.tidy(&text)
        }
        Effect::CancelCall { ticket } => {
            format!("cancel {}#{}", names.operation(&ticket.operation), ticket.call)
        }
        Effect::Observe { host } => format!("look at {host}"),
        Effect::ObservePod { pod, .. } => format!("look at pod {}", names.pod(state, pod)),
        Effect::ReadSpec { pod, .. } => format!("read spec of {}", names.pod(state, pod)),
        Effect::SetSecrets { values, .. } => format!("secrets: {}", values.0.len()),
        Effect::Note { text, .. } => format!("note: {}", names.tidy(text)),
        Effect::ForgetJournal { pod } => format!("forget journal of {}", names.pod(state, pod)),
    }
}

fn change(names: &mut Names, state: &State, change: &Change) -> String {
    match change {
        Change::Put(Record::Pod(pod)) => {
            names.pods.insert(pod.id.clone(), pod.slug.to_string());
            pod_text(names, pod)
        }
        Change::Put(Record::Operation(operation)) => operation_text(names, operation),
        Change::Delete(RecordKey::Pod(pod)) => format!("pod {} deleted", names.pod(state, pod)),
        Change::Delete(RecordKey::Operation(id)) => format!("{} deleted", names.operation(id)),
        Change::Put(Record::Spare(spare)) => {
            format!("spare {} on {:?}", names.spare(&spare.id), spare.subnet.map(|s| s.network))
        }
        Change::Delete(RecordKey::Spare(id)) => format!("spare {} deleted", names.spare(id)),
    }
}

fn pod_text(names: &Names, pod: &PodRecord) -> String {
    let mut text = format!("pod {}: {} wants {:?}", pod.slug, pod.phase.as_str(), pod.desired);
    text = text.to_lowercase();
    text += &pod.port.map_or_else(String::new, |port| format!(", {port}"));
    text += &pod.subnet.map_or_else(String::new, |subnet| format!(", {subnet}"));
    let applied = pod.applied.as_ref().map_or(0, |applied| applied.revision.0);
    text += &format!(", spec {}/{applied}", pod.spec_revision);
    if let Some(failure) = &pod.failure {
        text += &format!(", {} failed x{}", failure.kind.as_str(), failure.times);
    }
    if let Some(attention) = &pod.attention {
        text += &format!(", \"{}\"", names.tidy(attention));
    }
    text
}

fn operation_text(names: &mut Names, operation: &OperationRecord) -> String {
    let steps: String = operation
        .steps
        .iter()
        .map(|step| match (step.status, step.undo) {
            (StepStatus::Planned, _) => '.',
            (StepStatus::Started, false) => '>',
            (StepStatus::Started, true) => '<',
            (StepStatus::Succeeded, false) => '+',
            (StepStatus::Succeeded, true) => 'u',
            (StepStatus::Failed, _) => 'x',
            (StepStatus::Undone, _) => '-',
            (StepStatus::Skipped, _) => 's',
        })
        .collect();
    let name = names.operation(&operation.id);
    let error = operation.error.as_ref().map(|error| format!(" \"{}\"", error.chain()));
    let error = error.unwrap_or_default();
    let status = format!("{:?}", operation.status()).to_lowercase();
    format!("{name} {}: {status} [{steps}]{error}", operation.kind.as_str())
}

fn call_text(call: &EngineCall) -> String {
    match call {
        EngineCall::EnsureImage { reference } => {
            format!("image {}", reference.as_deref().unwrap_or("base"))
        }
        EngineCall::CheckIsolation { isolation, .. } => format!("isolation {}", isolation.as_str()),
        EngineCall::CreateNetwork(plan) => format!("create network {}", plan.subnet),
        EngineCall::CreateVolumes { .. } => "create volumes".to_owned(),
        EngineCall::CreateContainer(plan) => {
            format!("create container {} :{}", plan.image, plan.port)
        }
        EngineCall::StartContainer { .. } => "start container".to_owned(),
        EngineCall::AwaitReady { port, .. } => format!("await :{port}"),
        EngineCall::CopySource { from, to, .. } => format!("copy {from} to {to}"),
        EngineCall::ApplyConfig { config, .. } => {
            format!("apply config r{} with {} services", config.revision, config.services.len())
        }
        EngineCall::Run(plan) => format!("run {} ({})", plan.label, plan.key),
        EngineCall::AwaitHealthy { service, .. } => format!("await {service}"),
        EngineCall::StopContainer { .. } => "stop container".to_owned(),
        EngineCall::RenameContainer { from, to } => format!("rename {from} to {to}"),
        EngineCall::UpdateLimits { limits, .. } => {
            format!("limits {}m {} MiB", limits.cpu_milli, limits.memory_bytes >> 20)
        }
        EngineCall::RemoveContainer { name } => format!("remove container {name}"),
        EngineCall::RemoveNetwork { .. } => "remove network".to_owned(),
        EngineCall::RemoveVolumes { .. } => "remove volumes".to_owned(),
    }
}
