//! The calls: each resolves what it was given, asks the driver or reads what is
//! published, and answers.

use super::{inside, resolve};
use crate::backend::Backend;
use crate::engine::Freshness;
use crate::presence;
use crate::publish::Published;
use pinacle_core::event::{Action, LossConsent, ReconfigureRequest, Request};
use pinacle_protocol::{
    Accepted, AdoptPod, ApiError, ConfigApply, ConfigPlan, ConfigReport, CreatePod, Cursor,
    ErrorKind, EventBatch, HostId, HostReport, HostStatus, Inventory, JournalPage, OperationId,
    OperationView, Pinacle, PodAction, PodDetail, PodId, PodPhase, PodRef, PodTicket, PodUsage,
    ProcessView, ServerInfo,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tarpc::context::Context;

/// Longest wait of a long poll.
const MAX_WAIT: Duration = Duration::from_secs(25);
/// A long poll ends this long before the call's deadline, so that the answer gets out.
const BEFORE_DEADLINE: Duration = Duration::from_millis(500);
/// How long a list waits for hosts that are being looked at for the first time.
const FIRST_LOOK: Duration = Duration::from_secs(1);
/// Most events of one answer.
const MAX_EVENTS: usize = 500;
/// How long a host may take to say what its pods use.
const USAGE_LIMIT: Duration = Duration::from_secs(5);

/// Answers the calls of one connection.
#[derive(Clone)]
pub(super) struct Handler {
    backend: Backend,
}

impl Handler {
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend }
    }

    async fn act(&self, request: PodAction, action: Action) -> Result<Accepted, ApiError> {
        let entry = resolve::pod(&self.backend.driver.published(), &request.pod)?;
        let pod = entry.record.id.clone();
        self.backend
            .driver
            .request(Request::Act { request_id: request.request_id, pod, action })
            .await
    }

    /// Returns what is published once every pod was looked at whose host is not known to be
    /// down: a list asked for right after the daemon's start would call them all unknown.
    async fn looked_at(&self) -> Arc<Published> {
        let seen = |now: &Arc<Published>| {
            let mut unknown = now.pods.values().filter(|pod| pod.view.unknown_since.is_some());
            unknown.all(|pod| {
                let host = now.hosts.get(&pod.record.host);
                host.is_none_or(|host| host.view.status == HostStatus::Down)
            })
        };
        let mut published = self.backend.driver.watch();
        let first = tokio::time::timeout(FIRST_LOOK, published.wait_for(seen)).await;
        match first {
            Ok(Ok(now)) => now.clone(),
            Ok(Err(_)) | Err(_) => self.backend.driver.published(),
        }
    }

    fn find_operation(&self, id: &OperationId) -> Result<OperationView, ApiError> {
        let published = self.backend.driver.published();
        let found = published.operations.get(id).map(|view| (**view).clone());
        found.ok_or_else(|| {
            ApiError::new(ErrorKind::NotFound, format!("there is no operation {id}"))
        })
    }

    /// Asks one host what its pods use.
    async fn usage_on(&self, host: &HostId, pods: &[PodId]) -> Result<Vec<PodUsage>, ApiError> {
        let Some(engine) = self.backend.engines.get(host) else { return Ok(Vec::new()) };
        match tokio::time::timeout(USAGE_LIMIT, engine.usage(pods)).await {
            Ok(answer) => answer.map_err(|failure| failure.error),
            Err(_) => {
                let message =
                    format!("host `{host}` did not say within {USAGE_LIMIT:?} what its pods use");
                Err(ApiError::new(ErrorKind::HostUnreachable, message).hint("see `doctor`"))
            }
        }
    }
}

/// Returns how long a long poll may wait.
#[expect(clippy::disallowed_methods, reason = "the RPC library gives deadlines by this clock")]
fn wait_limit(context: &Context, wait_ms: u64) -> Duration {
    let left = context.deadline.saturating_duration_since(std::time::Instant::now());
    Duration::from_millis(wait_ms).min(MAX_WAIT).min(left.saturating_sub(BEFORE_DEADLINE))
}

/// Refuses to take over a pod from a daemon that is known to run: each would undo what the
/// other does.
fn no_living_owner(published: &Published, host: &HostId, pod: &PodId) -> Result<(), ApiError> {
    let foreign = published
        .hosts
        .get(host)
        .and_then(|host| host.foreign.iter().find(|foreign| foreign.id == *pod));
    if !foreign.is_some_and(|foreign| presence::is_present(&foreign.owner)) {
        return Ok(());
    }
    let message = format!("pod {pod} belongs to another daemon, which runs on this machine");
    Err(ApiError::new(ErrorKind::Conflict, message).hint(
        "stop that one for good first, with `pinacle-tui daemon stop` and its --state-dir: two \
         daemons undo each other's changes",
    ))
}

impl Pinacle for Handler {
    async fn server_info(self, _: Context) -> Result<ServerInfo, ApiError> {
        let trouble = self.backend.driver.trouble();
        Ok(ServerInfo { trouble, ..(*self.backend.info).clone() })
    }

    async fn inventory(self, _: Context) -> Result<Inventory, ApiError> {
        let published = self.looked_at().await;
        let pods = published.slugs.values().filter_map(|id| published.pods.get(id));
        Ok(Inventory {
            revision: published.revision,
            cursor: published.cursor,
            pods: pods.map(|entry| entry.view.clone()).collect(),
            hosts: published.hosts.values().map(|entry| entry.view.clone()).collect(),
        })
    }

    async fn pod(self, _: Context, pod: PodRef) -> Result<PodDetail, ApiError> {
        let published = self.backend.driver.published();
        let entry = resolve::pod(&published, &pod)?;
        Ok(published.detail(&entry))
    }

    async fn pod_create(self, _: Context, request: CreatePod) -> Result<Accepted, ApiError> {
        let create = tokio::task::spawn_blocking(move || resolve::create(request)).await;
        let create = create
            .map_err(|_| ApiError::new(ErrorKind::Internal, "reading the spec panicked"))??;
        self.backend.driver.request(Request::Create(Box::new(create))).await
    }

    async fn pod_start(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        self.act(request, Action::Start).await
    }

    async fn pod_stop(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        self.act(request, Action::Stop).await
    }

    async fn pod_restart(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        self.act(request, Action::Restart).await
    }

    async fn pod_delete(self, _: Context, request: PodAction) -> Result<Accepted, ApiError> {
        self.act(request, Action::Delete).await
    }

    async fn pod_adopt(self, _: Context, request: AdoptPod) -> Result<Accepted, ApiError> {
        let host = request.host.unwrap_or_else(HostId::local);
        let AdoptPod { request_id, pod, .. } = request;
        no_living_owner(&self.backend.driver.published(), &host, &pod)?;
        self.backend.driver.request(Request::Adopt { request_id, host, pod }).await
    }

    async fn pod_usage(self, _: Context, pods: Vec<PodRef>) -> Result<Vec<PodUsage>, ApiError> {
        let published = self.backend.driver.published();
        let mut by_host: BTreeMap<HostId, Vec<_>> = BTreeMap::new();
        for pod in &pods {
            let entry = resolve::pod(&published, pod)?;
            if entry.record.phase == PodPhase::Running {
                by_host.entry(entry.record.host.clone()).or_default().push(entry.record.id.clone());
            }
        }
        let mut usage = Vec::new();
        for (host, pods) in by_host {
            usage.extend(self.usage_on(&host, &pods).await?);
        }
        Ok(usage)
    }

    async fn pod_processes(self, _: Context, pod: PodRef) -> Result<Vec<ProcessView>, ApiError> {
        inside::processes(&self.backend, &pod).await
    }

    async fn process_log(
        self,
        _: Context,
        pod: PodRef,
        process: String,
        lines: u32,
    ) -> Result<String, ApiError> {
        inside::log(&self.backend, &pod, &process, lines).await
    }

    async fn pod_ticket(self, _: Context, pod: PodRef, port: u16) -> Result<PodTicket, ApiError> {
        let entry = resolve::pod(&self.backend.driver.published(), &pod)?;
        let record = &entry.record;
        if !record.spec.gives_shell(port) {
            return Ok(PodTicket::default());
        }
        let engine = resolve::running(&self.backend, &entry)?;
        engine.ticket(&record.id, port).await.map_err(|failure| failure.error)
    }

    async fn config_check(self, _: Context, spec_text: String) -> Result<ConfigReport, ApiError> {
        let parsed = pinacle_core::spec::parse(spec_text.as_bytes());
        Ok(ConfigReport {
            valid: parsed.spec.is_some(),
            effective: parsed.spec.map(|spec| spec.to_yaml()),
            diagnostics: parsed.diagnostics,
        })
    }

    async fn config_plan(
        self,
        _: Context,
        pod: PodRef,
        spec_text: String,
    ) -> Result<ConfigPlan, ApiError> {
        let entry = resolve::pod(&self.backend.driver.published(), &pod)?;
        let (spec, diagnostics) = resolve::spec(&spec_text)?;
        Ok(pinacle_core::config_plan(&entry.record, &spec, diagnostics))
    }

    async fn config_apply(self, _: Context, request: ConfigApply) -> Result<Accepted, ApiError> {
        let entry = resolve::pod(&self.backend.driver.published(), &request.pod)?;
        let (spec, _) = resolve::spec(&request.spec_text)?;
        let change = ReconfigureRequest {
            request_id: request.request_id,
            pod: entry.record.id.clone(),
            expected: request.expected,
            spec_text: request.spec_text,
            spec,
            loss: if request.accept_loss { LossConsent::Accepted } else { LossConsent::NotGiven },
        };
        self.backend.driver.request(Request::Reconfigure(Box::new(change))).await
    }

    async fn operation(self, _: Context, id: OperationId) -> Result<OperationView, ApiError> {
        self.find_operation(&id)
    }

    async fn operation_wait(
        self,
        context: Context,
        id: OperationId,
        wait_ms: u64,
    ) -> Result<OperationView, ApiError> {
        let limit = wait_limit(&context, wait_ms);
        let mut published = self.backend.driver.watch();
        let ended = published.wait_for(|published| {
            published.operations.get(&id).is_none_or(|operation| operation.status.is_final())
        });
        // Whether it ended or the wait did, the answer is the operation as it is now.
        let ended = tokio::time::timeout(limit, ended).await.is_ok();
        match self.backend.driver.trouble() {
            // It goes on when something can be stored again, and that may be long.
            Some(trouble) if !ended => Err(trouble),
            _ => self.find_operation(&id),
        }
    }

    async fn events_since(
        self,
        context: Context,
        after: Cursor,
        wait_ms: u64,
    ) -> Result<EventBatch, ApiError> {
        let limit = wait_limit(&context, wait_ms);
        let after = resolve::cursor(after);
        let hub = self.backend.driver.events();
        let mut head = hub.subscribe();
        let news = head.wait_for(|head| head.epoch != after.epoch || head.seq > after.seq);
        let _ = tokio::time::timeout(limit, news).await;
        let slice = hub.after(after, MAX_EVENTS);
        let events = slice.events.into_iter().map(Arc::unwrap_or_clone).collect();
        Ok(EventBatch { events, next: slice.next, gap: slice.gap })
    }

    async fn journal(
        self,
        _: Context,
        pod: PodRef,
        after: Cursor,
        max_records: u32,
        infra: bool,
    ) -> Result<JournalPage, ApiError> {
        let entry = resolve::pod(&self.backend.driver.published(), &pod)?;
        let after = resolve::cursor(after);
        let page = self.backend.journal.read(&entry.record.id, after, max_records, infra).await;
        page.map_err(|error| ApiError::from_error(ErrorKind::Storage, &error))
    }

    async fn journal_until(
        self,
        _: Context,
        pod: PodRef,
        until: Cursor,
        max_records: u32,
        infra: bool,
    ) -> Result<JournalPage, ApiError> {
        let entry = resolve::pod(&self.backend.driver.published(), &pod)?;
        let id = &entry.record.id;
        let page = self.backend.journal.read_until(id, until, max_records, infra).await;
        page.map_err(|error| ApiError::from_error(ErrorKind::Storage, &error))
    }

    async fn host_check(
        self,
        _: Context,
        host: HostId,
        fresh: bool,
    ) -> Result<HostReport, ApiError> {
        let Some(engine) = self.backend.engines.get(&host) else {
            return Err(ApiError::new(ErrorKind::NotFound, format!("there is no host `{host}`")));
        };
        if let Some(poke) = self.backend.pokes.get(&host) {
            poke.notify_one();
        }
        let freshness = if fresh { Freshness::Fresh } else { Freshness::Cached };
        Ok(engine.check(freshness).await)
    }

    async fn shutdown(self, _: Context) -> Result<(), ApiError> {
        self.backend.stop.trigger();
        Ok(())
    }
}
