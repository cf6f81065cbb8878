//! One value of everything that crosses the socket.

use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};
use pinacle_protocol::*;

pub(crate) fn pod_id() -> PodId {
    PodId::new("k3v9x0a1b2c3d4e5").expect("an id")
}

pub(crate) fn operation_id() -> OperationId {
    OperationId::new("op0123456789abcd").expect("an id")
}

pub(crate) fn cursor(seq: u64) -> Cursor {
    Cursor { epoch: 7, seq }
}

pub(crate) fn slug() -> Slug {
    Slug::new("blog").expect("a slug")
}

pub(crate) fn error() -> ApiError {
    let mut error = ApiError::new(ErrorKind::InvalidSpec, "the spec has 1 mistake")
        .cause("`tier` is unknown")
        .hint("choose dev.small, dev.medium, dev.large or dev.xlarge");
    error.diagnostics = vec![diagnostic(Severity::Error)];
    error
}

pub(crate) fn diagnostic(severity: Severity) -> Diagnostic {
    Diagnostic {
        severity,
        span: Span { line: 2, column: 7, end_line: 2, end_column: 15 },
        path: "tier".to_owned(),
        message: "there is no tier `dev.tiny`".to_owned(),
        hint: Some("choose dev.small".to_owned()),
    }
}

pub(crate) fn pod_minimal() -> PodView {
    PodView {
        id: pod_id(),
        name: "Blog".to_owned(),
        slug: slug(),
        host: HostId::local(),
        phase: PodPhase::Pending,
        phase_since: Timestamp(1_790_000_000_000),
        desired: Desired::Running,
        reason: None,
        hint: None,
        unknown_since: None,
        tier: "dev.small".to_owned(),
        isolation: Isolation::Gvisor,
        port: None,
        url: None,
        created_at: Timestamp(1_790_000_000_000),
        spec_revision: Revision(1),
        operation: None,
    }
}

pub(crate) fn pod_full() -> PodView {
    PodView {
        phase: PodPhase::Running,
        reason: Some("process `app` is not healthy".to_owned()),
        hint: Some("see its log".to_owned()),
        unknown_since: Some(Timestamp(1_790_000_060_000)),
        port: Some(HostPort(30_000)),
        url: Some("http://localhost-3000.pod-blog.localhost:30000".to_owned()),
        operation: Some(OperationSummary {
            id: operation_id(),
            kind: OperationKind::Restart,
            step: "stop the container".to_owned(),
            done: 1,
            total: 4,
            started_at: Timestamp(1_790_000_050_000),
        }),
        ..pod_minimal()
    }
}

pub(crate) fn operation() -> OperationView {
    let step = |label: &str, status, at: Option<u64>| StepView {
        label: label.to_owned(),
        status,
        started_at: at.map(Timestamp),
        ended_at: at.map(|at| Timestamp(at + 90)),
    };
    OperationView {
        id: operation_id(),
        pod: pod_id(),
        kind: OperationKind::Create,
        status: OperationStatus::Failed,
        error: Some(ApiError::new(ErrorKind::Engine, "the container did not start")),
        created_at: Timestamp(1_790_000_000_000),
        ended_at: Some(Timestamp(1_790_000_009_000)),
        steps: vec![
            step("make the network", StepStatus::Undone, Some(1_790_000_001_000)),
            step("start the container", StepStatus::Failed, Some(1_790_000_002_000)),
            step("run the processes", StepStatus::Skipped, None),
        ],
    }
}

pub(crate) fn pod_detail() -> PodDetail {
    PodDetail {
        pod: pod_full(),
        spec_text: "name: Blog\n".to_owned(),
        effective_spec: "name: Blog\ntier: dev.small\n".to_owned(),
        tabs: vec![TabView {
            name: "app".to_owned(),
            port: 3_000,
            url: "http://localhost-3000.pod-blog.localhost:30000".to_owned(),
        }],
        objects: PodObjects {
            container: "pinacle-pod-k3v9x0a1b2c3d4e5".to_owned(),
            network: "pinacle-pod-k3v9x0a1b2c3d4e5".to_owned(),
            bridge: "br-k3v9x0a1b2c3".to_owned(),
            subnet: Some("10.249.1.0/24".to_owned()),
            volumes: vec!["pinacle-pod-k3v9x0a1b2c3d4e5".to_owned()],
            image: None,
        },
        owner: owner(),
        operations: vec![operation()],
    }
}

pub(crate) fn owner() -> OwnerId {
    OwnerId::new("0wn3r00000000000").expect("an id")
}

pub(crate) fn host_up() -> HostView {
    HostView {
        id: HostId::local(),
        status: HostStatus::Up,
        since: Timestamp(1_790_000_000_000),
        error: None,
        engine: Some(EngineView {
            version: "20.10.24".to_owned(),
            api_version: "1.41".to_owned(),
            runtimes: vec!["runc".to_owned(), "runsc".to_owned()],
            cpus: 2,
            memory_bytes: 8 << 30,
        }),
    }
}

pub(crate) fn host_down() -> HostView {
    HostView {
        status: HostStatus::Down,
        error: Some(ApiError::new(ErrorKind::HostUnreachable, "the engine does not answer")),
        engine: None,
        ..host_up()
    }
}

pub(crate) fn host_report() -> HostReport {
    HostReport {
        host: HostId::local(),
        checked_at: Timestamp(1_790_000_000_000),
        checks: vec![CheckResult {
            check: "gvisor".to_owned(),
            status: CheckStatus::Failed,
            message: "no runtime of the engine is gVisor".to_owned(),
            remedy: Some("install runsc".to_owned()),
        }],
        gvisor_runtime: None,
        foreign: vec![ForeignPod {
            id: pod_id(),
            slug: Some(slug()),
            owner: "another0000000000".to_owned(),
        }],
    }
}

pub(crate) fn event(seq: u64, event: Event) -> EventRecord {
    EventRecord { cursor: cursor(seq), time: Timestamp(1_790_000_000_000 + seq), event }
}

pub(crate) fn events() -> Vec<EventRecord> {
    vec![
        event(1, Event::PodChanged { pod: Box::new(pod_minimal()) }),
        event(2, Event::HostChanged { host: Box::new(host_up()) }),
        event(3, Event::OperationChanged { operation: Box::new(operation()) }),
        event(4, Event::PodRemoved { id: pod_id() }),
    ]
}

pub(crate) fn journal() -> Vec<JournalRecord> {
    let record =
        |seq, entry| JournalRecord { seq, time: Timestamp(1_790_000_000_000 + seq), entry };
    vec![
        record(
            1,
            JournalEntry::Begin {
                command: 1,
                line: "docker exec pinacle-pod-k3v9x0a1b2c3d4e5 npm install".to_owned(),
                container_line: Some("npm install".to_owned()),
                label: Some("Install".to_owned()),
            },
        ),
        record(
            2,
            JournalEntry::Output {
                command: 1,
                stream: OutputStream::Stderr,
                text: "added 3 packages\n".to_owned(),
            },
        ),
        record(
            3,
            JournalEntry::End {
                command: 1,
                exit_code: Some(0),
                duration_ms: 1_250,
                error: None,
                dropped_bytes: 0,
            },
        ),
        record(
            4,
            JournalEntry::End {
                command: 1,
                exit_code: None,
                duration_ms: 0,
                error: Some("interrupted".to_owned()),
                dropped_bytes: 512,
            },
        ),
        record(5, JournalEntry::Note { text: "the pod is running".to_owned() }),
    ]
}

pub(crate) fn journal_page() -> JournalPage {
    JournalPage {
        pod: pod_id(),
        records: journal(),
        from: cursor(0),
        next: cursor(5),
        missed: 2,
        at_end: true,
    }
}

pub(crate) fn inventory() -> Inventory {
    Inventory {
        revision: Revision(12),
        cursor: cursor(4),
        pods: vec![pod_full()],
        hosts: vec![host_down()],
    }
}

pub(crate) fn server_info() -> ServerInfo {
    ServerInfo {
        version: "0.1.0".to_owned(),
        protocol: PROTOCOL_VERSION,
        pid: 4_242,
        owner: owner(),
        state_dir: "/home/ada/.local/state/pinacle".to_owned(),
        started_at: Timestamp(1_790_000_000_000),
        executable: "/usr/local/bin/pinacled".to_owned(),
        trouble: None,
    }
}

pub(crate) fn request_id() -> RequestId {
    RequestId::new("ci-4711").expect("an id")
}

pub(crate) fn pod_ref() -> PodRef {
    PodRef("blog".to_owned())
}

pub(crate) fn create() -> CreatePod {
    CreatePod {
        request_id: request_id(),
        spec_text: "name: Blog\n".to_owned(),
        default_name: Some("blog".to_owned()),
        host: Some(HostId::local()),
        isolation: Some(Isolation::Runc),
        source_dir: Some("/home/ada/blog".to_owned()),
    }
}

pub(crate) fn accepted() -> Accepted {
    Accepted { pod: pod_id(), operation: Some(operation_id()) }
}

pub(crate) fn config_report() -> ConfigReport {
    ConfigReport {
        valid: true,
        diagnostics: vec![diagnostic(Severity::Warning)],
        effective: Some("name: Blog\n".to_owned()),
    }
}

pub(crate) fn config_plan() -> ConfigPlan {
    ConfigPlan {
        base: Revision(3),
        changes: vec![ConfigChange {
            path: "tier".to_owned(),
            before: Some("dev.small".to_owned()),
            after: None,
            impact: "the container gets other limits".to_owned(),
        }],
        restarts: vec!["app".to_owned()],
        recreates: true,
        lost: vec!["files outside of /workspace and the home directory".to_owned()],
        diagnostics: Vec::new(),
    }
}

pub(crate) fn ticket() -> PodTicket {
    PodTicket { path: Some("/.pinacle/enter?ticket=t".into()), seconds: Some(600) }
}

pub(crate) fn usage() -> PodUsage {
    PodUsage {
        pod: pod_id(),
        cpu_milli: Some(250),
        memory_bytes: 100 << 20,
        memory_limit_bytes: 1 << 30,
    }
}

/// Every call, by its name in the plain form, with an answer of the same name.
pub(crate) fn calls() -> Vec<(&'static str, PinacleRequest, PinacleResponse)> {
    use {PinacleRequest as Q, PinacleResponse as A};
    let action = || PodAction { request_id: request_id(), pod: pod_ref() };
    let spec_text = || "name: Blog\n".to_owned();
    let adopt = AdoptPod { request_id: request_id(), host: None, pod: pod_id() };
    let apply = ConfigApply {
        request_id: request_id(),
        pod: pod_ref(),
        expected: Revision(3),
        spec_text: spec_text(),
        accept_loss: true,
    };
    let check = Q::ConfigCheck { spec_text: spec_text() };
    let plan = Q::ConfigPlan { pod: pod_ref(), spec_text: spec_text() };
    let batch = EventBatch { events: events(), next: cursor(4), gap: false };
    let id = operation_id;
    let mut calls = vec![
        ("server_info", Q::ServerInfo {}, A::ServerInfo(Ok(server_info()))),
        ("inventory", Q::Inventory {}, A::Inventory(Ok(inventory()))),
        ("pod", Q::Pod { pod: pod_ref() }, A::Pod(Ok(pod_detail()))),
        ("pod_create", Q::PodCreate { request: create() }, A::PodCreate(Ok(accepted()))),
        ("pod_start", Q::PodStart { request: action() }, A::PodStart(Ok(accepted()))),
        (
            "pod_stop",
            Q::PodStop { request: action() },
            A::PodStop(Ok(Accepted { operation: None, ..accepted() })),
        ),
        ("pod_restart", Q::PodRestart { request: action() }, A::PodRestart(Ok(accepted()))),
        ("pod_delete", Q::PodDelete { request: action() }, A::PodDelete(Ok(accepted()))),
        ("pod_adopt", Q::PodAdopt { request: adopt }, A::PodAdopt(Ok(accepted()))),
        ("pod_usage", Q::PodUsage { pods: vec![pod_ref()] }, A::PodUsage(Ok(vec![usage()]))),
        ("pod_ticket", Q::PodTicket { pod: pod_ref(), port: 7681 }, A::PodTicket(Ok(ticket()))),
        ("config_check", check, A::ConfigCheck(Ok(config_report()))),
        ("config_plan", plan, A::ConfigPlan(Ok(config_plan()))),
        ("config_apply", Q::ConfigApply { request: apply }, A::ConfigApply(Err(error()))),
        ("operation", Q::Operation { id: id() }, A::Operation(Ok(operation()))),
        (
            "operation_wait",
            Q::OperationWait { id: id(), wait_ms: 25_000 },
            A::OperationWait(Ok(operation())),
        ),
        (
            "events_since",
            Q::EventsSince { after: cursor(3), wait_ms: 0 },
            A::EventsSince(Ok(batch)),
        ),
        (
            "host_check",
            Q::HostCheck { host: HostId::local(), fresh: true },
            A::HostCheck(Ok(host_report())),
        ),
        ("shutdown", Q::Shutdown {}, A::Shutdown(Ok(()))),
    ];
    let at = calls.len() - 2;
    calls.splice(at..at, journal_calls());
    calls.splice(10..10, process_calls());
    calls
}

pub(crate) fn process() -> ProcessView {
    ProcessView {
        name: "app".to_owned(),
        state: ProcessState::Restarting,
        pid: None,
        restarts: 4,
        since: Timestamp(1_790_000_000_000),
    }
}

fn process_calls() -> [(&'static str, PinacleRequest, PinacleResponse); 2] {
    use {PinacleRequest as Q, PinacleResponse as A};
    let log = Q::ProcessLog { pod: pod_ref(), process: "app".to_owned(), lines: 200 };
    [
        ("pod_processes", Q::PodProcesses { pod: pod_ref() }, A::PodProcesses(Ok(vec![process()]))),
        ("process_log", log, A::ProcessLog(Ok("listening\n".to_owned()))),
    ]
}

fn journal_calls() -> [(&'static str, PinacleRequest, PinacleResponse); 2] {
    use {PinacleRequest as Q, PinacleResponse as A};
    let (pod, max_records, infra) = (pod_ref, 500, false);
    let after = Q::Journal { pod: pod(), after: cursor(0), max_records, infra };
    let until = Q::JournalUntil { pod: pod(), until: cursor(5), max_records, infra };
    [
        ("journal", after, A::Journal(Ok(journal_page()))),
        ("journal_until", until, A::JournalUntil(Ok(journal_page()))),
    ]
}
