//! What the engine's answers mean. The only place that looks at its status
//! codes and words: 20.10 to 29 say many things with one code.

use bollard::errors::Error;
use pinacle_core::engine::{EngineFailure, FailureClass};
use pinacle_protocol::{ApiError, ErrorKind};
use std::time::Duration;

/// Whether a call changes something; decides what a lost link means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touch {
    /// It looks.
    Look,
    /// It changes.
    Change,
}

/// The engine's answer, in the few kinds we act upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Nothing of that name or id.
    NotFound,
    /// It is already so.
    AlreadySo,
    /// The name is taken.
    NameTaken,
    /// It is being removed right now.
    RemovalInProgress,
    /// The container is not running.
    NotRunning,
    /// The range overlaps with another network's.
    SubnetTaken,
    /// The host's port cannot be bound.
    PortTaken,
    /// The container's network is gone.
    NetworkMissing,
    /// The command is not in the image.
    CommandMissing,
    /// No space left on the host.
    DiskFull,
    /// The runtime could not start a container.
    RuntimeFailed,
    /// The registry could not be reached.
    RegistryUnreachable,
    /// The registry does not have it, or not for us.
    ImageUnknown,
    /// Nobody listens, or not for us.
    Unreachable,
    /// The connection broke with the answer outstanding.
    LinkLost,
    /// No answer in time.
    Silent,
    /// The engine failed in a way that may pass.
    Passing,
    /// The engine refused.
    Refused,
}

const SAME_BRIDGE: &str = "networks have same bridge name";

/// Returns whether the engine says that another network's bridge has the name.
pub(super) fn is_bridge_taken(failure: &EngineFailure) -> bool {
    failure.error.chain().contains(SAME_BRIDGE)
}

/// Words of the engine, lower case, and what they mean; the first that occurs counts.
const WORDS: &[(&str, Answer)] = &[
    ("pool overlaps with other one", Answer::SubnetTaken),
    ("networks have overlapping", Answer::SubnetTaken),
    // Only a network of the same pod has it: one that the engine made after it was given up.
    (SAME_BRIDGE, Answer::Passing),
    // In full the words are about a port; alone they are about the fixed address of a
    // container whose predecessor is still being taken off the network.
    ("bind: address already in use", Answer::PortTaken),
    ("address already in use", Answer::Passing),
    ("has active endpoints", Answer::Passing),
    ("port is already allocated", Answer::PortTaken),
    ("ports are not available", Answer::PortTaken),
    ("cannot assign requested address", Answer::Refused),
    ("is already in progress", Answer::RemovalInProgress),
    ("is already in use by container", Answer::NameTaken),
    ("already exists", Answer::NameTaken),
    ("is marked for removal", Answer::RemovalInProgress),
    ("no space left on device", Answer::DiskFull),
    ("executable file not found", Answer::CommandMissing),
    ("is not running", Answer::NotRunning),
    ("is paused", Answer::NotRunning),
    ("manifest unknown", Answer::ImageUnknown),
    ("pull access denied", Answer::ImageUnknown),
    ("repository does not exist", Answer::ImageUnknown),
    ("manifest for", Answer::ImageUnknown),
    ("no such host", Answer::RegistryUnreachable),
    ("i/o timeout", Answer::RegistryUnreachable),
    ("network is unreachable", Answer::RegistryUnreachable),
    ("no route to host", Answer::RegistryUnreachable),
    ("connection refused", Answer::RegistryUnreachable),
    ("request canceled while waiting for connection", Answer::RegistryUnreachable),
    ("tls handshake timeout", Answer::RegistryUnreachable),
    ("server misbehaving", Answer::RegistryUnreachable),
    ("temporary failure in name resolution", Answer::RegistryUnreachable),
    ("certificate signed by unknown authority", Answer::RegistryUnreachable),
    ("unknown runtime specified", Answer::Refused),
    ("unknown or invalid runtime name", Answer::Refused),
    ("failed to create shim", Answer::RuntimeFailed),
    ("oci runtime", Answer::RuntimeFailed),
    ("context deadline exceeded", Answer::Passing),
    ("ttrpc: closed", Answer::Passing),
];

/// Reads the engine's answer.
pub(super) fn read(error: &Error) -> Answer {
    match error {
        Error::DockerResponseServerError { status_code, message } => {
            read_status(*status_code, message)
        }
        Error::DockerStreamError { error } => read_words(error).unwrap_or(Answer::Refused),
        Error::RequestTimeoutError => Answer::Silent,
        Error::SocketNotFoundError(_) => Answer::Unreachable,
        Error::HyperLegacyError { err } if err.is_connect() => Answer::Unreachable,
        Error::HyperLegacyError { .. }
        | Error::HyperResponseError { .. }
        | Error::IOError { .. }
        | Error::HttpClientError { .. }
        // It answered, but nobody can say what: the same as not having heard it.
        | Error::JsonDataError { .. }
        | Error::JsonSerdeError { .. }
        | Error::StrParseError { .. } => Answer::LinkLost,
        _ => Answer::Refused,
    }
}

fn read_status(status: u16, message: &str) -> Answer {
    let words = read_words(message);
    match (status, words) {
        (304, _) => Answer::AlreadySo,
        // "network … not found" at a start is a 404 about the container's network, not about
        // the container; everything else of that code is about what was asked for.
        (404, _) if lower(message).starts_with("network ") => Answer::NetworkMissing,
        (404, Some(answer @ (Answer::ImageUnknown | Answer::CommandMissing))) => answer,
        (404, _) => Answer::NotFound,
        (_, Some(answer)) => answer,
        (403 | 500, None) if is_missing_network(message) => Answer::NetworkMissing,
        (409, None) => Answer::NameTaken,
        (500..=599, None) => Answer::Passing,
        _ => Answer::Refused,
    }
}

fn is_missing_network(message: &str) -> bool {
    let message = lower(message);
    message.contains("network ") && message.contains(" not found")
}

fn read_words(message: &str) -> Option<Answer> {
    let message = lower(message);
    WORDS.iter().find(|(words, _)| message.contains(words)).map(|(_, answer)| *answer)
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

/// Makes the failure of a call. `doing` names it and its object: `failed to …`.
pub(super) fn failure(doing: &str, touch: Touch, error: &Error) -> EngineFailure {
    let answer = read(error);
    let (class, kind) = judge(answer, touch);
    let mut api = ApiError::new(kind, doing).cause(words_of(error));
    api.hint = hint(answer).map(str::to_owned);
    EngineFailure { class, error: api }
}

fn judge(answer: Answer, touch: Touch) -> (FailureClass, ErrorKind) {
    match answer {
        Answer::NotFound | Answer::NetworkMissing => (FailureClass::Missing, ErrorKind::Engine),
        Answer::SubnetTaken => (FailureClass::SubnetTaken, ErrorKind::Engine),
        Answer::PortTaken => (FailureClass::PortTaken, ErrorKind::Engine),
        Answer::LinkLost if touch == Touch::Change => {
            (FailureClass::OutcomeUnknown, ErrorKind::HostUnreachable)
        }
        Answer::LinkLost | Answer::Unreachable | Answer::Silent => {
            (FailureClass::Retryable, ErrorKind::HostUnreachable)
        }
        Answer::RemovalInProgress | Answer::NotRunning | Answer::Passing => {
            (FailureClass::Retryable, ErrorKind::Engine)
        }
        Answer::CommandMissing | Answer::RegistryUnreachable | Answer::ImageUnknown => {
            (FailureClass::Permanent, ErrorKind::HostUnfit)
        }
        Answer::AlreadySo
        | Answer::NameTaken
        | Answer::DiskFull
        | Answer::RuntimeFailed
        | Answer::Refused => (FailureClass::Permanent, ErrorKind::Engine),
    }
}

fn hint(answer: Answer) -> Option<&'static str> {
    Some(match answer {
        Answer::Unreachable => "start the engine, then look with `docker info`",
        Answer::DiskFull => "free some space, for example with `docker system prune`",
        Answer::CommandMissing => {
            "the image is not made from Pinacle's base image; leave `baseImage` out of the spec, \
             or build it from `pinacle-base`"
        }
        Answer::RegistryUnreachable => {
            "check the host's network, name servers and proxy, or load the image there with \
             `docker load`"
        }
        Answer::ImageUnknown => "check the image's name, or log in with `docker login`",
        Answer::RuntimeFailed => "`pinacle-tui doctor` tries the host's runtimes and says more",
        _ => return None,
    })
}

/// Returns the engine's own words for an error, without our library's around them.
pub(super) fn words_of(error: &Error) -> String {
    match error {
        Error::DockerResponseServerError { message, status_code } if message.trim().is_empty() => {
            format!("the engine answered with status {status_code} and no reason")
        }
        Error::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Error::DockerStreamError { error } => error.trim().to_owned(),
        Error::RequestTimeoutError => "the engine did not answer in time".to_owned(),
        other => chain(other),
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for part in std::iter::successors(Some(error), |e| e.source()) {
        let text = part.to_string();
        // Transparent wrappers show the same words twice.
        if parts.last().is_none_or(|last| !last.contains(&text)) {
            parts.push(text);
        }
    }
    parts.join(": ")
}

/// Makes the failure of an engine that accepts calls and answers none.
pub(super) fn silent(doing: &str, limit: Duration) -> EngineFailure {
    let error = ApiError::new(ErrorKind::HostUnreachable, doing)
        .cause(format!("the engine did not answer within {} s", limit.as_secs()))
        .hint("look with `docker info`; if that hangs too, restart the engine");
    EngineFailure { class: FailureClass::Retryable, error }
}

/// Makes a failure that trying again does not mend.
pub(super) fn permanent(kind: ErrorKind, message: impl Into<String>) -> EngineFailure {
    EngineFailure { class: FailureClass::Permanent, error: ApiError::new(kind, message) }
}

/// Makes a failure that may pass.
pub(super) fn retryable(message: impl Into<String>) -> EngineFailure {
    EngineFailure {
        class: FailureClass::Retryable,
        error: ApiError::new(ErrorKind::Engine, message),
    }
}

/// Says why something stays where the pod's own was to be stopped or removed: it is not the
/// pod's, which therefore has none.
pub(super) fn left_alone(what: &str, name: &str) -> String {
    format!("the {what} {name} on the host was not made for this pod and is left alone")
}

/// Makes the failure of something that the pod needs and that is another's.
pub(super) fn not_ours(what: &str, name: &str) -> EngineFailure {
    let error = ApiError::new(
        ErrorKind::Conflict,
        format!("the {what} {name} on the host was not made for this pod"),
    )
    .hint(format!(
        "look at it with `docker {what} inspect {name}` and remove it if nobody needs it"
    ));
    EngineFailure { class: FailureClass::Permanent, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16, message: &str) -> Error {
        Error::DockerResponseServerError { status_code: code, message: message.to_owned() }
    }

    /// Status, message, and what it means.
    const SAID: &[(u16, &str, Answer)] = &[
        (403, "Pool overlaps with other one on this address space", Answer::SubnetTaken),
        (
            403,
            "invalid pool request: Pool overlaps with other one on this address space",
            Answer::SubnetTaken,
        ),
        (403, "conflicts with network 1 (br-a): networks have same bridge name", Answer::Passing),
        (
            500,
            "driver failed programming external connectivity on endpoint x (abc): Bind for 127.0.0.1:30000 failed: port is already allocated",
            Answer::PortTaken,
        ),
        (
            500,
            "driver failed programming external connectivity on endpoint x (abc): Error starting userland proxy: listen tcp4 127.0.0.1:30000: bind: address already in use",
            Answer::PortTaken,
        ),
        (
            500,
            "Ports are not available: exposing port TCP 127.0.0.1:30000 -> 0.0.0.0:0",
            Answer::PortTaken,
        ),
        (404, "No such container: x", Answer::NotFound),
        (404, "network pinacle-pod-x not found", Answer::NetworkMissing),
        (500, "could not find network x: network x not found", Answer::NetworkMissing),
        (409, "removal of container x is already in progress", Answer::RemovalInProgress),
        (
            409,
            "Conflict. The container name \"/x\" is already in use by container \"y\".",
            Answer::NameTaken,
        ),
        (409, "network with name x already exists", Answer::NameTaken),
        (409, "Container x is not running", Answer::NotRunning),
        (
            400,
            "OCI runtime exec failed: exec failed: exec: \"pinacle-pod\": executable file not found in $PATH",
            Answer::CommandMissing,
        ),
        (404, "pull access denied for x, repository does not exist", Answer::ImageUnknown),
        (
            500,
            "Get \"https://registry-1.docker.io/v2/\": dial tcp: lookup registry-1.docker.io: no such host",
            Answer::RegistryUnreachable,
        ),
        (
            500,
            "failed to create shim: OCI runtime create failed: no network",
            Answer::RuntimeFailed,
        ),
        (500, "something else", Answer::Passing),
        (400, "invalid reference format", Answer::Refused),
        (304, "", Answer::AlreadySo),
        (500, "write /x: no space left on device", Answer::DiskFull),
    ];

    #[test]
    fn the_engines_words_are_understood() {
        for (code, message, answer) in SAID {
            assert_eq!(read(&status(*code, message)), *answer, "{code} {message}");
        }
    }

    #[test]
    fn a_lost_link_leaves_only_changes_unsettled() {
        let lost = || Error::IOError { err: std::io::ErrorKind::ConnectionReset.into() };
        assert_eq!(failure("x", Touch::Change, &lost()).class, FailureClass::OutcomeUnknown);
        assert_eq!(failure("x", Touch::Look, &lost()).class, FailureClass::Retryable);
    }

    #[test]
    fn an_error_names_doing_cause_and_next_step() {
        let failure = failure(
            "failed to pull debian:12",
            Touch::Change,
            &status(404, "pull access denied for debian"),
        );
        assert_eq!(
            failure.error.chain(),
            "failed to pull debian:12: pull access denied for debian"
        );
        assert!(failure.error.hint.is_some());
    }
}
