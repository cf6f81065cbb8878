//! The calls of the `rpc` mode.
//!
//! No call changes anything in its own future: it hands the request to the
//! daemon's one owner of state and waits for the answer, so a deadline that
//! passes or a client that goes away loses only the answer. *Ok* of a changing
//! call means that the request is on disk and will be carried out. Changing
//! calls carry a [`RequestId`](crate::RequestId) and may be repeated with it.

use crate::{
    Accepted, AdoptPod, ApiError, ConfigApply, ConfigPlan, ConfigReport, CreatePod, Cursor,
    EventBatch, HostId, HostReport, Inventory, JournalPage, OperationId, OperationView, PodAction,
    PodDetail, PodRef, PodTicket, PodUsage, ProcessView, ServerInfo,
};

/// The daemon's calls. Where nothing else is said, a call is a plain read,
/// answers at once from what is published, and may be repeated.
#[tarpc::service]
pub trait Pinacle {
    /// Who answers.
    async fn server_info() -> Result<ServerInfo, ApiError>;

    /// All pods and hosts.
    async fn inventory() -> Result<Inventory, ApiError>;

    /// One pod. Errors: `not_found`.
    async fn pod(pod: PodRef) -> Result<PodDetail, ApiError>;

    /// Creates a pod and, once it is made, starts it. Errors: `invalid_spec`,
    /// `conflict` (slug taken), `not_found` (host), `exhausted`, `busy`, `storage`.
    async fn pod_create(request: CreatePod) -> Result<Accepted, ApiError>;

    /// Starts a stopped pod; tries a failed one again. Errors: `not_found`,
    /// `wrong_phase`, `exhausted`, `busy`, `storage`.
    async fn pod_start(request: PodAction) -> Result<Accepted, ApiError>;

    /// Stops a pod; every file, its port and its address are kept. One that is being
    /// created is broken off: its next start makes the container anew and keeps the
    /// volumes. Errors as `pod_start`.
    async fn pod_stop(request: PodAction) -> Result<Accepted, ApiError>;

    /// Stops and starts a pod. Errors as `pod_start`.
    async fn pod_restart(request: PodAction) -> Result<Accepted, ApiError>;

    /// Removes a pod with all its files, whatever phase it is in; an operation under
    /// way is ended first. Errors: `not_found`, `busy`, `storage`.
    async fn pod_delete(request: PodAction) -> Result<Accepted, ApiError>;

    /// Takes over a pod of another daemon. Errors: `not_found`, `conflict`,
    /// `host_unreachable`, `busy`, `storage`.
    async fn pod_adopt(request: AdoptPod) -> Result<Accepted, ApiError>;

    /// What pods use now, for those that run; asked from the engine at each call.
    async fn pod_usage(pods: Vec<PodRef>) -> Result<Vec<PodUsage>, ApiError>;

    /// What the supervisor in a running pod keeps, by name; asked in the pod at each
    /// call. Errors: `not_found`, `wrong_phase`, `engine`, `command_failed`, `host_unreachable`.
    async fn pod_processes(pod: PodRef) -> Result<Vec<ProcessView>, ApiError>;

    /// The last lines (5,000 at the most) that a process of a running pod printed, as
    /// they were: escape sequences are among them. Errors: as `pod_processes`.
    async fn process_log(pod: PodRef, process: String, lines: u32) -> Result<String, ApiError>;

    /// Lets a browser in to a port of a pod: behind some, a shell waits. Each ticket is
    /// good for one browser. Errors: `not_found`, `wrong_phase`, `engine`, `host_unreachable`.
    async fn pod_ticket(pod: PodRef, port: u16) -> Result<PodTicket, ApiError>;

    /// Checks a spec. Errors: none but `busy`; findings are the answer.
    async fn config_check(spec_text: String) -> Result<ConfigReport, ApiError>;

    /// Says what applying a changed spec would do. Errors: `not_found`, `invalid_spec`.
    async fn config_plan(pod: PodRef, spec_text: String) -> Result<ConfigPlan, ApiError>;

    /// Brings a changed spec into force. Errors: `not_found`, `invalid_spec`,
    /// `conflict` (changed since, or loss not accepted), `wrong_phase`, `busy`, `storage`.
    async fn config_apply(request: ConfigApply) -> Result<Accepted, ApiError>;

    /// One operation. Ended ones are kept for a day, the newest 20 of a pod for as
    /// long as the pod. Errors: `not_found`.
    async fn operation(id: OperationId) -> Result<OperationView, ApiError>;

    /// Waits until an operation has ended, at most `wait_ms` (25 s at the most) and
    /// less than the call's deadline, and returns it as it then is. Errors: `not_found`.
    async fn operation_wait(id: OperationId, wait_ms: u64) -> Result<OperationView, ApiError>;

    /// Events after a cursor, waiting up to `wait_ms` (25 s at the most) for the first.
    async fn events_since(after: Cursor, wait_ms: u64) -> Result<EventBatch, ApiError>;

    /// Up to `max_records` (1,000 at the most) journal records of a pod after a
    /// cursor. `infra` says whether infrastructure commands are among them. Errors:
    /// `not_found`, `storage`.
    async fn journal(
        pod: PodRef,
        after: Cursor,
        max_records: u32,
        infra: bool,
    ) -> Result<JournalPage, ApiError>;

    /// Up to `max_records` (1,000 at the most) journal records of a pod up to a cursor,
    /// that one among them: the newest of them, oldest first. Epoch 0, and a cursor of
    /// another epoch, mean the end of what is written now. The page's `from` asks for
    /// what stands before it. Errors: as `journal`.
    async fn journal_until(
        pod: PodRef,
        until: Cursor,
        max_records: u32,
        infra: bool,
    ) -> Result<JournalPage, ApiError>;

    /// Checks a host. Starts containers of its own and takes seconds the first time;
    /// `fresh` asks for a new look instead of the last one. Errors: `not_found`.
    async fn host_check(host: HostId, fresh: bool) -> Result<HostReport, ApiError>;

    /// Ends the daemon; pods keep running. *Ok* means that it no longer takes requests.
    async fn shutdown() -> Result<(), ApiError>;
}
