//! A daemon that keeps everything in memory and does at once what it is asked.

use super::views;
use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};
use pinacle_protocol::*;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tarpc::context::Context;

/// How operations go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Ending {
    #[default]
    Well,
    Badly,
    /// Not before [`Fake::finish`] is called.
    Later,
}

/// A change of the pods behind a client's back.
pub(crate) type Change = Box<dyn FnMut(&mut Vec<PodDetail>) + Send>;

/// What the daemon knows, open to the test.
pub(crate) struct State {
    pub(crate) pods: Vec<PodDetail>,
    pub(crate) operations: BTreeMap<OperationId, OperationView>,
    pub(crate) journal: Vec<JournalRecord>,
    pub(crate) processes: Vec<ProcessView>,
    pub(crate) events: Vec<EventRecord>,
    pub(crate) report: HostReport,
    pub(crate) fresh_reports: Vec<HostReport>,
    pub(crate) ending: Ending,
    pub(crate) plan: ConfigPlan,
    pub(crate) created: Vec<CreatePod>,
    pub(crate) calls: Vec<String>,
    pub(crate) pty: Vec<PtyRequest>,
    pub(crate) sizes: Vec<TerminalSize>,
    pub(crate) protocol: u32,
    pub(crate) drop_next: u32,
    /// Streams end without a word after their first frame, this many times.
    pub(crate) cut_streams: u32,
    pub(crate) streams: Vec<StreamRequest>,
    pub(crate) on_check: Option<Change>,
}

/// A handle to one daemon.
#[derive(Clone)]
pub(crate) struct Fake {
    state: Arc<Mutex<State>>,
    changed: Arc<tokio::sync::Notify>,
    pub(crate) stopped: Arc<tokio::sync::Notify>,
    /// Tells followers that the daemon ends.
    pub(crate) ends: Arc<tokio::sync::Notify>,
}

impl Default for Fake {
    fn default() -> Self {
        let plan = ConfigPlan {
            base: Revision(1),
            changes: vec![ConfigChange {
                path: "tier".to_owned(),
                before: Some("dev.small".to_owned()),
                after: Some("dev.large".to_owned()),
                impact: "takes effect at once".to_owned(),
            }],
            restarts: vec!["web".to_owned()],
            recreates: false,
            lost: Vec::new(),
            diagnostics: Vec::new(),
        };
        let state = State {
            pods: Vec::new(),
            operations: BTreeMap::new(),
            journal: Vec::new(),
            processes: Vec::new(),
            events: Vec::new(),
            report: views::report(CheckStatus::Ok, Some("runsc")),
            fresh_reports: Vec::new(),
            ending: Ending::Well,
            plan,
            created: Vec::new(),
            calls: Vec::new(),
            pty: Vec::new(),
            sizes: Vec::new(),
            protocol: PROTOCOL_VERSION,
            drop_next: 0,
            cut_streams: 0,
            streams: Vec::new(),
            on_check: None,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            changed: Arc::default(),
            stopped: Arc::default(),
            ends: Arc::default(),
        }
    }
}

impl Fake {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("not poisoned")
    }

    /// Adds a pod.
    pub(crate) fn add(&self, slug: &str, phase: PodPhase) -> PodView {
        let mut state = self.state();
        let pod = views::pod(u64::try_from(state.pods.len()).expect("few"), slug, phase);
        state.pods.push(views::detail(&pod, "version: \"1.0\"\n"));
        pod
    }

    /// Changes a pod.
    pub(crate) fn change(&self, slug: &str, change: impl FnOnce(&mut PodDetail)) {
        let mut state = self.state();
        change(state.pods.iter_mut().find(|d| d.pod.slug.as_str() == slug).expect("the pod"));
    }

    pub(crate) fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// Ends all operations.
    pub(crate) fn finish(&self, status: OperationStatus) {
        for operation in self.state().operations.values_mut() {
            operation.status = status;
            operation.ended_at = Some(Timestamp(operation.created_at.0 + 1_500));
        }
        self.changed.notify_waiters();
    }

    fn find(&self, pod: &PodRef) -> Result<PodDetail, ApiError> {
        let state = self.state();
        let fits = |d: &&PodDetail| d.pod.id.as_str() == pod.0 || d.pod.slug.as_str() == pod.0;
        let found = state.pods.iter().find(fits).cloned();
        found.ok_or_else(|| ApiError::new(ErrorKind::NotFound, format!("no pod {}", pod.0)))
    }

    fn act(&self, call: &str, pod: &PodRef, kind: OperationKind) -> Result<Accepted, ApiError> {
        let id = self.find(pod)?.pod.id;
        let mut state = self.state();
        state.calls.push(format!("{call} {id}"));
        let status = match state.ending {
            Ending::Well => OperationStatus::Succeeded,
            Ending::Badly => OperationStatus::Failed,
            Ending::Later => OperationStatus::Running,
        };
        let number = u64::try_from(state.operations.len()).expect("few");
        let mut operation = views::operation(number, &id, kind, status);
        if status == OperationStatus::Failed {
            let error = ApiError::new(ErrorKind::Engine, "the engine said no").cause("disk full");
            operation.error = Some(error.hint("make room"));
        }
        let phase = match (status, kind) {
            (OperationStatus::Failed, _) => PodPhase::Failed,
            (_, OperationKind::Stop) => PodPhase::Stopped,
            _ => PodPhase::Running,
        };
        for detail in state.pods.iter_mut().filter(|d| d.pod.id == id) {
            detail.pod.phase = phase;
            detail.operations.insert(0, operation.clone());
        }
        if kind == OperationKind::Delete {
            state.pods.retain(|d| d.pod.id != id);
        }
        let accepted = Accepted { pod: id, operation: Some(operation.id.clone()) };
        state.operations.insert(operation.id.clone(), operation);
        Ok(accepted)
    }
}

fn findings(spec_text: &str) -> Vec<Diagnostic> {
    let wrong = spec_text.lines().position(|line| line.starts_with("teir"));
    wrong
        .map(|line| {
            let line = u32::try_from(line).expect("few") + 1;
            Diagnostic {
                severity: Severity::Error,
                span: Span { line, column: 1, end_line: line, end_column: 5 },
                path: "teir".to_owned(),
                message: "there is no key teir".to_owned(),
                hint: Some("write tier".to_owned()),
            }
        })
        .into_iter()
        .collect()
}

fn invalid(spec_text: &str) -> Result<(), ApiError> {
    let diagnostics = findings(spec_text);
    if diagnostics.is_empty() {
        return Ok(());
    }
    Err(ApiError { diagnostics, ..ApiError::new(ErrorKind::InvalidSpec, "the spec is refused") })
}

impl Pinacle for Fake {
    async fn server_info(self, _: Context) -> Result<ServerInfo, ApiError> {
        Ok(ServerInfo {
            version: "0.1.0".to_owned(),
            protocol: PROTOCOL_VERSION,
            pid: 4711,
            owner: views::owner(),
            state_dir: "/state".to_owned(),
            started_at: Timestamp(views::T0),
            executable: "/usr/bin/pinacled".to_owned(),
            trouble: None,
        })
    }

    async fn inventory(self, _: Context) -> Result<Inventory, ApiError> {
        let state = self.state();
        Ok(Inventory {
            revision: Revision(1),
            cursor: Cursor { epoch: 1, seq: 0 },
            pods: state.pods.iter().map(|d| d.pod.clone()).collect(),
            hosts: Vec::new(),
        })
    }

    async fn pod(self, _: Context, pod: PodRef) -> Result<PodDetail, ApiError> {
        self.find(&pod)
    }

    async fn pod_create(self, _: Context, request: CreatePod) -> Result<Accepted, ApiError> {
        invalid(&request.spec_text)?;
        let name = pinacle_tui::spec_file::name_in(&request.spec_text)
            .or(request.default_name.clone())
            .unwrap_or_default();
        let slug = pinacle_tui::spec_file::slug_of(&name).expect("a slug");
        let id = self.add(slug.as_str(), PodPhase::Pending).id;
        self.state().created.push(request.clone());
        self.change(slug.as_str(), |d| d.spec_text = request.spec_text);
        self.act("create", &PodRef(id.to_string()), OperationKind::Create)
    }

    async fn pod_start(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        if self.find(&request.pod)?.pod.phase == PodPhase::Running {
            let pod = self.find(&request.pod)?.pod.id;
            return Ok(Accepted { pod, operation: None });
        }
        self.act("start", &request.pod, OperationKind::Start)
    }

    async fn pod_stop(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        if self.find(&request.pod)?.pod.phase == PodPhase::Terminating {
            return Err(ApiError::new(ErrorKind::WrongPhase, "it is being removed"));
        }
        self.act("stop", &request.pod, OperationKind::Stop)
    }

    async fn pod_restart(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        self.act("restart", &request.pod, OperationKind::Restart)
    }

    async fn pod_delete(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        self.act("delete", &request.pod, OperationKind::Delete)
    }

    async fn pod_adopt(self, _: Context, request: AdoptPod) -> Result<Accepted, ApiError> {
        let mut state = self.state();
        let mut pod = views::pod(9, "foreign", PodPhase::Running);
        pod.id = request.pod.clone();
        state.pods.push(views::detail(&pod, ""));
        Ok(Accepted { pod: request.pod, operation: None })
    }

    async fn pod_usage(self, _: Context, _: Vec<PodRef>) -> Result<Vec<PodUsage>, ApiError> {
        Ok(Vec::new())
    }

    async fn pod_processes(self, _: Context, pod: PodRef) -> Result<Vec<ProcessView>, ApiError> {
        let pod = self.find(&pod)?.pod;
        if pod.phase != PodPhase::Running {
            return Err(ApiError::new(ErrorKind::WrongPhase, "it does not run"));
        }
        Ok(self.state().processes.clone())
    }

    async fn process_log(
        self,
        _: Context,
        pod: PodRef,
        process: String,
        _: u32,
    ) -> Result<String, ApiError> {
        self.find(&pod)?;
        Ok(format!("what {process} printed\n"))
    }

    async fn pod_ticket(self, _: Context, pod: PodRef, port: u16) -> Result<PodTicket, ApiError> {
        let path = (port == 7681).then(|| format!("/.pinacle/enter?ticket=for-{}", pod.0));
        Ok(PodTicket { seconds: path.as_ref().map(|_| 600), path })
    }

    async fn config_check(self, _: Context, text: String) -> Result<ConfigReport, ApiError> {
        let mut state = self.state();
        if let Some(mut change) = state.on_check.take() {
            change(&mut state.pods);
        }
        let diagnostics = findings(&text);
        let valid = diagnostics.is_empty();
        Ok(ConfigReport { valid, diagnostics, effective: valid.then_some(text) })
    }

    async fn config_plan(
        self,
        _: Context,
        pod: PodRef,
        text: String,
    ) -> Result<ConfigPlan, ApiError> {
        let base = self.find(&pod)?.pod.spec_revision;
        invalid(&text)?;
        Ok(ConfigPlan { base, ..self.state().plan.clone() })
    }

    async fn config_apply(self, _: Context, request: ConfigApply) -> Result<Accepted, ApiError> {
        let detail = self.find(&request.pod)?;
        if detail.pod.spec_revision != request.expected {
            return Err(ApiError::new(ErrorKind::Conflict, "the spec was changed meanwhile"));
        }
        self.change(detail.pod.slug.as_str(), |d| {
            d.spec_text = request.spec_text;
            d.pod.spec_revision = d.pod.spec_revision.next();
        });
        self.act("apply", &request.pod, OperationKind::Reconfigure)
    }

    async fn operation(self, _: Context, id: OperationId) -> Result<OperationView, ApiError> {
        let found = self.state().operations.get(&id).cloned();
        found.ok_or_else(|| ApiError::new(ErrorKind::NotFound, format!("no operation {id}")))
    }

    async fn operation_wait(
        self,
        context: Context,
        id: OperationId,
        _: u64,
    ) -> Result<OperationView, ApiError> {
        loop {
            let changed = self.changed.notified();
            let view = self.clone().operation(context, id.clone()).await?;
            if view.status.is_final() {
                return Ok(view);
            }
            changed.await;
        }
    }

    async fn events_since(self, _: Context, _: Cursor, _: u64) -> Result<EventBatch, ApiError> {
        Ok(EventBatch { events: Vec::new(), next: Cursor::default(), gap: false })
    }

    async fn journal(
        self,
        _: Context,
        pod: PodRef,
        after: Cursor,
        _: u32,
        _: bool,
    ) -> Result<JournalPage, ApiError> {
        let pod = self.find(&pod)?.pod.id;
        let state = self.state();
        let records: Vec<JournalRecord> =
            state.journal.iter().filter(|r| r.seq > after.seq).cloned().collect();
        let seq = records.last().map_or(after.seq, |r| r.seq);
        let (from, next) = (Cursor { epoch: 1, ..after }, Cursor { epoch: 1, seq });
        Ok(JournalPage { pod, records, from, next, missed: 0, at_end: true })
    }

    async fn journal_until(
        self,
        _: Context,
        pod: PodRef,
        until: Cursor,
        max_records: u32,
        _: bool,
    ) -> Result<JournalPage, ApiError> {
        let pod = self.find(&pod)?.pod.id;
        let state = self.state();
        let last = state.journal.last().map_or(0, |r| r.seq);
        let seq = if until.epoch == 0 { last } else { until.seq.min(last) };
        let mut records: Vec<JournalRecord> =
            state.journal.iter().filter(|r| r.seq <= seq).cloned().collect();
        let skipped = records.len().saturating_sub(max_records as usize);
        let kept = records.split_off(skipped);
        let from = Cursor { epoch: 1, seq: records.last().map_or(0, |r| r.seq) };
        let next = Cursor { epoch: 1, seq };
        let at_end = seq == last;
        Ok(JournalPage { pod, records: kept, from, next, missed: 0, at_end })
    }

    async fn host_check(self, _: Context, _: HostId, fresh: bool) -> Result<HostReport, ApiError> {
        let mut state = self.state();
        state.calls.push(format!("host_check fresh={fresh}"));
        if fresh && !state.fresh_reports.is_empty() {
            state.report = state.fresh_reports.remove(0);
        }
        Ok(state.report.clone())
    }

    async fn shutdown(self, _: Context) -> Result<(), ApiError> {
        self.state().calls.push("shutdown".to_owned());
        self.stopped.notify_one();
        Ok(())
    }
}
