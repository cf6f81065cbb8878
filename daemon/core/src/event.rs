//! Everything that can happen, as the core is told of it. Closed: a new kind
//! of happening is a new variant here and a new arm in `State::handle`.

use crate::engine::{EngineFailure, EngineOutcome, HostFacts, HostSnapshot, ObservedPod};
use crate::spec::PodSpec;
use pinacle_protocol::{
    ApiError, HostId, Isolation, OperationId, PodId, RequestId, Revision, Slug, Timestamp,
};

/// The moment of an event, by two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// For people and records; may jump.
    pub wall: Timestamp,
    /// For pauses and time limits; never goes back.
    pub mono_ms: u64,
}

/// Names the client that waits for an answer; the shell keeps the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplyToken(pub u64);

/// Names one engine call, so that an outcome that comes too late is known as such.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket {
    /// The operation that asked.
    pub operation: OperationId,
    /// Counts the calls made since the daemon started.
    pub call: u64,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// A client asked for a change.
    Requested {
        /// Where the answer goes.
        token: ReplyToken,
        /// What is asked.
        request: Request,
    },
    /// An engine call ended.
    CallEnded {
        /// Which.
        ticket: Ticket,
        /// How.
        result: Result<EngineOutcome, EngineFailure>,
    },
    /// A host's engine answered.
    HostUp {
        /// Which host.
        host: HostId,
        /// What it is.
        facts: HostFacts,
    },
    /// A host's engine cannot be reached, or no longer.
    HostDown {
        /// Which host.
        host: HostId,
        /// Why, and what to do about it.
        error: ApiError,
    },
    /// All of a host was looked at, after it came up.
    HostObserved {
        /// Which host.
        host: HostId,
        /// What is there.
        snapshot: HostSnapshot,
    },
    /// One pod was looked at.
    PodObserved {
        /// Which host.
        host: HostId,
        /// Which pod.
        pod: PodId,
        /// What is there; `None` when nothing is.
        observed: Option<Box<ObservedPod>>,
    },
    /// A look at a host or a pod failed; the host is about to be reported down if it is.
    LookFailed {
        /// Which host.
        host: HostId,
        /// Which pod, if it was only that one.
        pod: Option<PodId>,
    },
    /// The spec kept inside a pod that is to be adopted was read.
    SpecRead {
        /// Which host.
        host: HostId,
        /// Which pod.
        pod: PodId,
        /// Its text; `None` when there is none or it cannot be read.
        text: Option<String>,
    },
    /// The moment that `State::next_deadline` named has come.
    Tick,
    /// The daemon is about to end.
    Leaving,
}

/// A change a client asks for, its form already checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// A new pod.
    Create(Box<CreateRequest>),
    /// Something to be done with one.
    Act {
        /// The client's name for it.
        request_id: RequestId,
        /// The pod, as resolved.
        pod: PodId,
        /// What.
        action: Action,
    },
    /// A changed spec.
    Reconfigure(Box<ReconfigureRequest>),
    /// A pod of another daemon.
    Adopt {
        /// The client's name for it.
        request_id: RequestId,
        /// The host.
        host: HostId,
        /// The pod.
        pod: PodId,
    },
}

/// What can be done with a pod as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Have it running.
    Start,
    /// Have it stopped.
    Stop,
    /// Stop and start it.
    Restart,
    /// Have it gone.
    Delete,
}

/// A new pod.
#[derive(Debug, Clone, PartialEq)]
pub struct CreateRequest {
    /// The client's name for it.
    pub request_id: RequestId,
    /// The host.
    pub host: HostId,
    /// The spec's text.
    pub spec_text: String,
    /// The same, parsed without errors.
    pub spec: PodSpec,
    /// The pod's name.
    pub name: String,
    /// Its slug; with `SlugChoice::Derived` a number is added when it is taken.
    pub slug: Slug,
    /// Whether the author chose the slug.
    pub slug_choice: SlugChoice,
    /// How to isolate it.
    pub isolation: Isolation,
    /// Directory to copy in.
    pub source_dir: Option<String>,
}

/// Where a slug comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlugChoice {
    /// The author wrote it: taken is an error.
    Explicit,
    /// It was made from the name: taken means another.
    Derived,
}

/// A changed spec.
#[derive(Debug, Clone, PartialEq)]
pub struct ReconfigureRequest {
    /// The client's name for it.
    pub request_id: RequestId,
    /// The pod.
    pub pod: PodId,
    /// The revision that was edited.
    pub expected: Revision,
    /// The new text.
    pub spec_text: String,
    /// The same, parsed without errors.
    pub spec: PodSpec,
    /// Whether the user accepts what the plan says is lost.
    pub loss: LossConsent,
}

/// Whether the user accepts a loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossConsent {
    /// Seen and accepted.
    Accepted,
    /// Not asked.
    NotGiven,
}
