//! What is kept on disk: pods and operations.
//!
//! These are the stored forms; a field that is added needs a serde default,
//! and one that changes its meaning needs a new envelope version in the store.

use crate::engine::Subnet;
use crate::spec::PodSpec;
use crate::step::Step;
use pinacle_protocol::{
    ApiError, Desired, HostId, HostPort, Isolation, OperationId, OperationKind, OwnerId, PodId,
    PodPhase, RequestId, Revision, Slug, StepStatus, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// One stored thing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Record {
    /// A pod.
    Pod(Box<PodRecord>),
    /// An operation.
    Operation(Box<OperationRecord>),
    /// A network made ahead.
    Spare(SpareRecord),
}

/// Names a stored thing.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordKey {
    /// A pod.
    Pod(PodId),
    /// An operation.
    Operation(OperationId),
    /// A network made ahead, by the id of the pod to come.
    Spare(PodId),
}

impl Record {
    /// Returns its name.
    pub fn key(&self) -> RecordKey {
        match self {
            Self::Pod(pod) => RecordKey::Pod(pod.id.clone()),
            Self::Operation(op) => RecordKey::Operation(op.id.clone()),
            Self::Spare(spare) => RecordKey::Spare(spare.id.clone()),
        }
    }
}

/// One change of what is stored.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// This is so now.
    Put(Record),
    /// This is gone.
    Delete(RecordKey),
}

/// How lasting a commit must be before it is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Survives the end of the process.
    Flush,
    /// Survives a power cut as well: creation, deletion, ownership.
    Sync,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PodRecord {
    /// Its id.
    pub id: PodId,
    /// Its name.
    pub name: String,
    /// Its part of the hostnames.
    pub slug: Slug,
    /// The host it lives on.
    pub host: HostId,
    /// The owner label on what was made for it.
    pub owner: OwnerId,
    /// The spec as its author wrote it.
    pub spec_text: String,
    /// The same, parsed.
    pub spec: PodSpec,
    /// Counts the spec's changes, from 1.
    pub spec_revision: Revision,
    /// The spec the container was last brought in line with.
    #[serde(default)]
    pub applied: Option<Applied>,
    /// Directory whose files are copied in at creation.
    #[serde(default)]
    pub source_dir: Option<String>,
    /// How it is to be isolated.
    pub isolation: Isolation,
    /// What the user wants.
    pub desired: Desired,
    /// Where it is in its life.
    pub phase: PodPhase,
    /// Since when.
    pub phase_since: Timestamp,
    /// The failure that stands between desired and seen.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// What is amiss while it runs.
    #[serde(default)]
    pub attention: Option<String>,
    /// What brought it down, until it is up again.
    #[serde(default)]
    pub fall: Option<Fall>,
    /// Its published port.
    #[serde(default)]
    pub port: Option<HostPort>,
    /// Its network's range.
    #[serde(default)]
    pub subnet: Option<Subnet>,
    /// The image its container is made from.
    #[serde(default)]
    pub image: Option<String>,
    /// The runtime that was found fit for `isolation`.
    #[serde(default)]
    pub runtime: Option<RuntimeChoice>,
    /// Counts its containers: part of the key of what runs once in each.
    #[serde(default)]
    pub generation: u32,
    /// The making of its container that a stop broke off.
    #[serde(default)]
    pub unfinished: Option<Unfinished>,
    /// When it was accepted.
    pub created_at: Timestamp,
}

/// A network made ahead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpareRecord {
    /// The id that the pod will have; the network is named by it.
    pub id: PodId,
    /// The host it is on.
    pub host: HostId,
    /// The owner label on it.
    pub owner: OwnerId,
    /// Its range; `None` for one that was found with a range that something else holds.
    #[serde(default)]
    pub subnet: Option<Subnet>,
}

/// The making of a container that was broken off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfinished {
    /// What made it, and is to make it anew.
    pub kind: OperationKind,
    /// Whether the source directory is in the volumes by now, where the user may have
    /// changed it.
    pub copied: bool,
}

/// What brings a pod down that is to be up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fall {
    /// Its container was removed by something else than Pinacle.
    Removed,
    /// Its container was killed for using too much memory.
    OutOfMemory,
    /// Its container was paused.
    Paused,
    /// Its container ended.
    Ended {
        /// With this exit code.
        code: i64,
    },
    /// Its container does not run, and nobody can tell why.
    Down,
}

/// A spec in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The spec.
    pub spec: PodSpec,
    /// Its revision.
    pub revision: Revision,
}

/// An operation that gave up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What was tried.
    pub kind: OperationKind,
    /// Why it failed.
    pub error: ApiError,
    /// How often in a row; sets the pause before the next try.
    pub times: u32,
}

/// How a host gives the isolation asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeChoice {
    /// Name of the engine's runtime; `None` for its plain one.
    pub runtime: Option<String>,
    /// Name servers to hand to the pod; empty when the engine's own work.
    pub resolvers: Vec<IpAddr>,
}

/// An operation. Its status is not stored: it follows from these fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// Its id.
    pub id: OperationId,
    /// The pod it changes.
    pub pod: PodId,
    /// What it does.
    pub kind: OperationKind,
    /// The request it answers; `None` when reconcile began it.
    #[serde(default)]
    pub request: Option<RequestId>,
    /// Later requests that it answers as well.
    #[serde(default)]
    pub joined: Vec<RequestId>,
    /// Which way it goes.
    pub direction: Direction,
    /// Its journal: the steps and how far each is. Steps of the way back are
    /// appended when it turns round.
    pub steps: Vec<StepRecord>,
    /// Why it turned round or ended.
    #[serde(default)]
    pub error: Option<ApiError>,
    /// Spec to go back to if a reconfigure fails.
    #[serde(default)]
    pub revert: Option<Box<Revert>>,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

/// Which way an operation goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Waits for the one before it.
    Queued,
    /// On.
    Forward,
    /// Back: what was done is being undone.
    Undo,
    /// Ended well.
    Succeeded,
    /// Ended badly.
    Failed,
    /// Ended because a later request took its place.
    Cancelled,
}

/// One step and how far it is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// What it does.
    pub step: Step,
    /// How far it is.
    pub status: StepStatus,
    /// Whether it belongs to the way back.
    #[serde(default)]
    pub undo: bool,
    /// When it was first asked for.
    #[serde(default)]
    pub started_at: Option<Timestamp>,
    /// When its outcome was known.
    #[serde(default)]
    pub ended_at: Option<Timestamp>,
}

/// The spec from before a reconfigure.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revert {
    /// Its text.
    pub spec_text: String,
    /// The same, parsed.
    pub spec: PodSpec,
    /// Isolation then.
    pub isolation: Isolation,
    /// Image then.
    pub image: Option<String>,
    /// Runtime then.
    pub runtime: Option<RuntimeChoice>,
    /// Name then.
    #[serde(default)]
    pub name: Option<String>,
    /// Slug then.
    #[serde(default)]
    pub slug: Option<Slug>,
}
