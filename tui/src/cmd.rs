//! Everything the full screen can ask for. Values only: [`crate::app`] carries
//! them out, and what comes of them is a [`Msg`](crate::msg::Msg).

use crate::journal::Missing;
use crate::msg::{Pointer, Verb};
use pinacle_protocol::{HostId, PodId, Revision};

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cmd {
    /// Leave.
    Quit,
    /// Give the terminal to the shell that started us, until it brings us back.
    Suspend,
    /// Paint every cell again.
    Redraw,
    /// Take clicks from the terminal, or leave them to it.
    Point(Pointer),
    /// Ask what these pods use.
    Usage(Vec<PodId>),
    /// Ask for all about a pod, to edit its spec.
    Detail(PodId),
    /// Ask for all about a pod, to be shown.
    Look(PodId),
    /// Ask a pod's supervisor what it keeps.
    Processes(PodId),
    /// Ask what a process of a pod printed.
    Printed {
        /// The pod.
        pod: PodId,
        /// The process.
        process: String,
        /// Its last lines, so many.
        lines: u32,
    },
    /// Follow a journal instead of any other.
    Follow {
        /// Whose.
        pod: PodId,
        /// Told with all that comes of it.
        number: u64,
        /// Whether infrastructure commands are among it.
        infra: bool,
    },
    /// Follow none.
    Unfollow,
    /// Read a part of the journal.
    Read {
        /// Whose.
        pod: PodId,
        /// The journal's number.
        number: u64,
        /// Which part.
        missing: Missing,
        /// As when it was followed.
        infra: bool,
    },
    /// Do something with a pod.
    Act(Verb, PodId),
    /// Have a text checked.
    Check(u64, String),
    /// Ask what applying a text would do.
    Plan(u64, PodId, String),
    /// Bring a text into force.
    Apply {
        /// Whose.
        pod: PodId,
        /// The text.
        text: String,
        /// The revision it was made from.
        expected: Revision,
        /// Whether what is lost was seen and accepted.
        accept_loss: bool,
    },
    /// Read the spec of a directory or file.
    Source(String),
    /// Look what a path that is being typed may become.
    Complete(String),
    /// Make a pod.
    Create(Box<Creation>),
    /// Check a host; `fresh` asks for a new look.
    CheckHost {
        /// Which.
        host: HostId,
        /// Whether to look anew.
        fresh: bool,
    },
    /// Open a shell in a pod, on this terminal.
    Shell(PodId),
    /// Have a text edited by the user's own editor, on this terminal.
    External(String),
    /// Open an address of a pod.
    OpenUrl(PodId, String),
    /// Put text on the clipboard; the word says what it is.
    Copy(String, String),
    /// Read a pod's whole journal and write it to a file.
    Save {
        /// Whose.
        pod: PodId,
        /// Where.
        path: String,
        /// As it is shown.
        infra: bool,
    },
    /// Keep a text under a name until it is dropped.
    KeepDraft(String, String),
    /// Drop it.
    DropDraft(String),
    /// Look whether one is kept.
    FindDraft(String),
    /// Start a daemon where there is none.
    StartDaemon,
    /// Write the recording to a file.
    Record,
}

/// A pod to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// The spec.
    pub text: String,
    /// Name when the spec has none.
    pub default_name: Option<String>,
    /// Directory whose files are copied.
    pub source_dir: Option<String>,
    /// Directory it belongs to.
    pub dir: Option<String>,
}
