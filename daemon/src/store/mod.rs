//! What the daemon must not forget: records behind a trait, sled behind that.
//!
//! Rules: values are small JSON envelopes with a version; a commit is atomic and
//! flushed before it is acknowledged; what cannot be read is set aside, never
//! overwritten, and the newest export is restored in its place.

pub mod actor;
mod error;
mod export;
mod lock;
pub mod memory;
pub mod owner;
mod records;
mod sled;
#[cfg(test)]
mod tests;

pub use actor::StoreHandle;
pub use error::StoreError;
pub use lock::LockGuard;
pub use pinacle_core::record::{Change, Durability, Record, RecordKey};
pub use sled::SledStore;

use crate::clock::Clock;
use pinacle_protocol::OwnerId;
use std::fmt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// A place for records. Synchronous; an [`actor`](StoreHandle) puts a thread around it.
pub trait Store: Send + 'static {
    /// Stores all of these changes or none of them. *Ok* means that they survive the end
    /// of the process, with [`Durability::Sync`] a power cut too.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; the daemon then stops, because it can promise nothing more.
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError>;

    /// Writes everything into a file of its own, if anything changed since the last time.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing is lost by it.
    fn export(&mut self) -> Result<(), StoreError>;
}

/// A store that was opened, and all that comes with it.
pub struct Opened {
    /// The store.
    pub handle: StoreHandle,
    /// What was in it.
    pub records: Vec<Record>,
    /// This state directory's owner id.
    pub owner: OwnerId,
    /// What had to be done because the database could not be read.
    pub recovered: Option<Recovery>,
    /// Keeps other daemons out for as long as it lives.
    pub lock: LockGuard,
}

/// A database that could not be read, and what took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Where the unreadable one is now.
    pub moved_to: PathBuf,
    /// The export that was restored, if there was a legible one.
    pub restored: Option<PathBuf>,
    /// Records that could not be read.
    pub unreadable: usize,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the database could not be read ({}) and is kept at {}; ",
            self.reason,
            self.moved_to.display()
        )?;
        match &self.restored {
            Some(export) => write!(f, "the export {} was restored", export.display())?,
            None => write!(f, "there was no export to restore")?,
        }
        write!(f, "; pods that are missing now are found by their labels")
    }
}

/// Opens the store of a state directory, alone: makes the directory, takes its lock,
/// finds its owner id, reads the records, recovers what cannot be read.
///
/// # Errors
///
/// [`StoreError`], each with one sentence and the next step.
pub fn open(state_dir: &Path, clock: &Clock) -> Result<Opened, StoreError> {
    prepare(state_dir)?;
    let lock = lock::take(state_dir)?;
    let owner = owner::load_or_create(state_dir, clock)?;
    let (store, records, recovered) = SledStore::open(state_dir, clock.clone())?;
    let handle = StoreHandle::new(Box::new(store));
    Ok(Opened { handle, records, owner, recovered, lock })
}

/// Makes the directory, for its owner alone, and refuses one that is another user's.
fn prepare(dir: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::Directory { path: dir.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let meta = std::fs::metadata(dir).map_err(failed)?;
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us {
        return Err(StoreError::Foreign { path: dir.to_owned(), uid: meta.uid() });
    }
    // One that was made by hand may let others in, and the database holds secrets.
    if meta.mode() & 0o077 != 0 {
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(dir, private).map_err(failed)?;
    }
    Ok(())
}
