//! Everything the core can ask the shell to do. Closed.
//!
//! Order matters: a `Persist` comes first, and nothing behind it may be done
//! before it is on disk.

use crate::engine::{EngineCall, Ownership};
use crate::event::{ReplyToken, Ticket};
use crate::record::{Change, Durability};
use pinacle_protocol::{Accepted, ApiError, HostId, PodId};

/// Something to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Put these changes on disk, all or none.
    Persist {
        /// The changes.
        changes: Vec<Change>,
        /// How lasting.
        durability: Durability,
    },
    /// Answer a client.
    Reply {
        /// Which.
        token: ReplyToken,
        /// With what.
        result: Result<Accepted, ApiError>,
    },
    /// Ask a host's engine. Ends in exactly one `Event::CallEnded`, whatever happens.
    Call {
        /// Names the call.
        ticket: Ticket,
        /// Which host.
        host: HostId,
        /// For which pod.
        owner: Ownership,
        /// What.
        call: EngineCall,
    },
    /// The same for a pod to come; a journal begins with its pod.
    CallAhead {
        /// Names the call.
        ticket: Ticket,
        /// Which host.
        host: HostId,
        /// For which pod.
        owner: Ownership,
        /// What.
        call: EngineCall,
    },
    /// Break a call off; its `Event::CallEnded` follows soon.
    CancelCall {
        /// Which.
        ticket: Ticket,
    },
    /// Look at all of a host.
    Observe {
        /// Which.
        host: HostId,
    },
    /// Look at one pod.
    ObservePod {
        /// Which host.
        host: HostId,
        /// Which pod.
        pod: PodId,
    },
    /// Read the spec kept inside a pod.
    ReadSpec {
        /// Which host.
        host: HostId,
        /// Which pod.
        pod: PodId,
    },
    /// Keep these values out of the pod's journal.
    SetSecrets {
        /// Which pod.
        pod: PodId,
        /// The values.
        values: Secrets,
    },
    /// Write a word of ours into the pod's journal.
    Note {
        /// Which pod.
        pod: PodId,
        /// The word.
        text: String,
    },
    /// The pod is gone; its journal may age out.
    ForgetJournal {
        /// Which pod.
        pod: PodId,
    },
}

/// Values that are never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets(pub Vec<String>);

impl std::fmt::Debug for Secrets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}
