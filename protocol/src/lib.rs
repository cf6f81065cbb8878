//! The contract between `pinacled` and its clients.
//!
//! Everything that crosses the Unix socket is defined here and nowhere else.
//! Fields may be added and must then have a default; a removed or re-read
//! field raises [`PROTOCOL_VERSION`]. `protocol/README.md` describes the wire
//! for clients that are not written in Rust.
//!
//! Read in this order: [`hello`](ClientHello), [`Pinacle`], the views it
//! returns, then [`StreamRequest`] and [`PtyRequest`].

#![warn(missing_docs)]

pub mod diagnostic;
mod error;
mod event;
mod hello;
mod host;
mod ids;
mod journal;
mod operation;
pub mod paths;
mod pod;
mod process;
mod request;
#[allow(missing_docs, reason = "tarpc generates items without docs")]
mod service;
mod stream;
pub mod wire;

pub use error::{ApiError, ErrorKind};
pub use event::{Event, EventBatch, EventRecord};
pub use hello::{ClientHello, Mode, PROTOCOL_VERSION, ServerHello};
pub use host::{
    CheckResult, CheckStatus, EngineView, ForeignPod, HostReport, HostStatus, HostView,
};
pub use ids::{
    Cursor, HostId, HostPort, InvalidId, OperationId, OwnerId, PodId, RequestId, Revision, Slug,
    Timestamp,
};
pub use journal::{JournalEntry, JournalPage, JournalRecord, LEFT_RUNNING, OutputStream};
pub use operation::{OperationKind, OperationStatus, OperationView, StepStatus, StepView};
pub use pod::{
    Desired, Isolation, OperationSummary, PodDetail, PodObjects, PodPhase, PodView, TabView,
};
pub use process::{ProcessState, ProcessView};
pub use request::{
    Accepted, AdoptPod, ConfigApply, ConfigChange, ConfigPlan, ConfigReport, CreatePod, Inventory,
    MAX_SPEC_BYTES, PodAction, PodRef, PodTicket, PodUsage, ServerInfo,
};
pub use service::{Pinacle, PinacleClient, PinacleRequest, PinacleResponse, ServePinacle};
pub use stream::{
    MAX_PTY_FRAME, PtyFrameKind, PtyReply, PtyRequest, StreamFrame, StreamRequest, TerminalSize,
};
