//! Names of things, as types, so that one cannot stand in for another.
//!
//! Every id is plain text on the wire. Parsing checks the form, so an id that
//! came through serde is safe to put into an engine object's name.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Text that is not an id of the kind asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not {kind}: {rule}")]
pub struct InvalidId {
    kind: &'static str,
    text: String,
    rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        // By hand: the derived one would make a copy of the text first.
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl $name {
            #[doc = concat!("Checks `text` and wraps it.\n\n# Errors\n\n[`InvalidId`] unless it is ", $rule, ".")]
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let check: fn(&str) -> bool = $check;
                if check(&text) {
                    Ok(Self(text))
                } else {
                    let text = text.chars().take(80).collect();
                    Err(InvalidId { kind: $kind, text, rule: $rule })
                }
            }

            /// Returns the id as it stands on the wire.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }
    };
}

fn is_token(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
}

fn is_dns_label(text: &str, max: usize) -> bool {
    let edge = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    (1..=max).contains(&bytes.len())
        && edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

text_id!(
    /// One pod, for ever. Made by the daemon; names the container, network and
    /// volume on the host (`pinacle-pod-<id>`), and its first 12 characters the
    /// bridge, so those 12 are unique on a host too.
    PodId, "a pod id", "16 lower-case letters and digits", |t| is_token(t, 16, 16)
);
text_id!(
    /// One operation, for ever. Made by the daemon.
    OperationId, "an operation id", "16 lower-case letters and digits", |t| is_token(t, 16, 16)
);
text_id!(
    /// One daemon's state directory; the owner label of what it created.
    OwnerId, "an owner id", "16 lower-case letters and digits", |t| is_token(t, 16, 16)
);
text_id!(
    /// A client's own name for one request. Asking twice with the same one
    /// gives the same operation, so a client may repeat after a lost reply.
    RequestId, "a request id", "1 to 64 printable ASCII characters without spaces",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic())
);
text_id!(
    /// A host's name in lists: `local`, or what the user called it.
    HostId, "a host name", "a DNS label of at most 40 lower-case letters, digits and dashes",
    |t| is_dns_label(t, 40)
);
text_id!(
    /// A pod's part of its hostnames; unique per daemon. At most 40 characters,
    /// because `localhost-65535-pod-` and the slug share one DNS label.
    Slug, "a slug", "a DNS label of at most 40 lower-case letters, digits and dashes",
    |t| is_dns_label(t, 40)
);

impl HostId {
    /// The host every daemon has: the Docker engine on its own machine.
    pub fn local() -> Self {
        Self("local".to_owned())
    }
}

/// A count of changes: of a pod's spec (from 1), or of the inventory (from 0).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// Returns the one after this.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The pod's one published port on its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HostPort(pub u16);

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Milliseconds since 1970-01-01 UTC, by the daemon's clock.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// Returns the milliseconds from `earlier` to this; zero when the clock went back.
    pub fn since_ms(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0)
    }

    /// Returns the moment `ms` milliseconds later.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

/// A place in a sequence that outlives a connection: records with a larger
/// `seq` of the same `epoch` come after it. A new epoch means the sequence was
/// begun again (lost database, cleared journal): start from its beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cursor {
    /// Which run of the sequence; 0 only in a cursor that means "from the start".
    pub epoch: u64,
    /// The last record already seen; 0 when none was.
    pub seq: u64,
}
