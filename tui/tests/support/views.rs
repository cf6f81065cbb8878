//! Views to begin with.

use pinacle_protocol::*;

pub(crate) const T0: u64 = 1_700_000_000_000;

pub(crate) fn pod_id(n: u64) -> PodId {
    PodId::new(format!("{n:x}pod0000000000000").chars().take(16).collect::<String>())
        .expect("an id")
}

pub(crate) fn operation_id(n: u64) -> OperationId {
    OperationId::new(format!("op{n:014}")).expect("an id")
}

pub(crate) fn owner() -> OwnerId {
    OwnerId::new("owner00000000000").expect("an id")
}

pub(crate) fn pod(n: u64, slug: &str, phase: PodPhase) -> PodView {
    let port = HostPort(30_000 + u16::try_from(n).expect("small"));
    PodView {
        id: pod_id(n),
        name: slug.to_owned(),
        slug: Slug::new(slug).expect("a slug"),
        host: HostId::local(),
        phase,
        phase_since: Timestamp(T0),
        desired: Desired::Running,
        reason: None,
        hint: None,
        unknown_since: None,
        tier: "dev.small".to_owned(),
        isolation: Isolation::Gvisor,
        port: Some(port),
        url: Some(format!("http://localhost-8726.pod-{slug}.localhost:{port}")),
        created_at: Timestamp(T0),
        spec_revision: Revision(1),
        operation: None,
    }
}

pub(crate) fn detail(pod: &PodView, spec_text: &str) -> PodDetail {
    let url = |port: u16| {
        let published = pod.port.map_or(0, |p| p.0);
        format!("http://localhost-{port}.pod-{}.localhost:{published}", pod.slug)
    };
    PodDetail {
        pod: pod.clone(),
        spec_text: spec_text.to_owned(),
        effective_spec: format!("{spec_text}tier: dev.small\n"),
        tabs: vec![
            TabView { name: "Editor".to_owned(), port: 8726, url: url(8726) },
            TabView { name: "App".to_owned(), port: 3000, url: url(3000) },
        ],
        objects: PodObjects {
            container: format!("pinacle-pod-{}", pod.id),
            network: format!("pinacle-pod-{}", pod.id),
            bridge: "br-000000000000".to_owned(),
            subnet: Some("10.249.0.0/24".to_owned()),
            volumes: vec![format!("pinacle-pod-{}", pod.id)],
            image: Some("pinacle/base:1".to_owned()),
        },
        owner: owner(),
        operations: Vec::new(),
    }
}

pub(crate) fn step(label: &str, status: StepStatus) -> StepView {
    StepView { label: label.to_owned(), status, started_at: None, ended_at: None }
}

pub(crate) fn operation(
    n: u64,
    pod: &PodId,
    kind: OperationKind,
    status: OperationStatus,
) -> OperationView {
    let steps = match status {
        OperationStatus::Succeeded => StepStatus::Succeeded,
        _ => StepStatus::Planned,
    };
    OperationView {
        id: operation_id(n),
        pod: pod.clone(),
        kind,
        status,
        error: None,
        created_at: Timestamp(T0),
        ended_at: status.is_final().then_some(Timestamp(T0 + 1_500)),
        steps: vec![step("make the network", steps), step("start the container", steps)],
    }
}

pub(crate) fn record(seq: u64, entry: JournalEntry) -> JournalRecord {
    JournalRecord { seq, time: Timestamp(T0 + seq), entry }
}

pub(crate) fn begin(seq: u64, label: &str, line: &str) -> JournalRecord {
    record(
        seq,
        JournalEntry::Begin {
            command: seq,
            line: format!("docker exec x {line}"),
            container_line: Some(line.to_owned()),
            label: Some(label.to_owned()),
        },
    )
}

pub(crate) fn output(seq: u64, command: u64, text: &str) -> JournalRecord {
    let stream = OutputStream::Stdout;
    record(seq, JournalEntry::Output { command, stream, text: text.to_owned() })
}

pub(crate) fn end(seq: u64, command: u64, exit_code: Option<i64>) -> JournalRecord {
    record(
        seq,
        JournalEntry::End { command, exit_code, duration_ms: 1_500, error: None, dropped_bytes: 0 },
    )
}

pub(crate) fn report(engine: CheckStatus, runtime: Option<&str>) -> HostReport {
    let engine_ok = engine == CheckStatus::Ok;
    HostReport {
        host: HostId::local(),
        checked_at: Timestamp(T0),
        checks: vec![
            CheckResult {
                check: "engine".to_owned(),
                status: engine,
                message: if engine_ok {
                    "20.10.24".to_owned()
                } else {
                    "it does not answer".to_owned()
                },
                remedy: (!engine_ok).then(|| "start Docker".to_owned()),
            },
            CheckResult {
                check: "gvisor".to_owned(),
                status: if runtime.is_some() { CheckStatus::Ok } else { CheckStatus::Failed },
                message: "looked at".to_owned(),
                remedy: runtime.is_none().then(|| "install runsc".to_owned()),
            },
        ],
        gvisor_runtime: runtime.map(str::to_owned),
        foreign: Vec::new(),
    }
}
