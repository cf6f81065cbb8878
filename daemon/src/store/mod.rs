//! What the daemon must not forget: records behind a trait, sled behind that.
//!
//! Rules: values are small JSON envelopes with a version and a checksum; a commit is
//! atomic, and written twice before it is acknowledged: as a line beside the newest
//! export, which is synced, and into the database. What cannot be read is set
//! aside, never overwritten, and the export with the lines since takes its place. A store
//! that cannot be written is opened again when there is room.

pub mod actor;
mod changes;
#[cfg(all(test, feature = "testing"))]
mod damage;
mod database;
mod error;
mod export;
#[cfg(test)]
mod full_disk;
mod lock;
pub mod memory;
pub mod owner;
#[cfg(test)]
mod power_cut;
mod records;
mod sled;
#[cfg(test)]
mod tests;

pub use actor::StoreHandle;
pub use error::StoreError;
pub use lock::LockGuard;
pub use pinacle_core::record::{Change, Durability, Record, RecordKey};
pub use sled::{Found, SledStore};

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
    /// [`StoreError`]; nothing more is stored until [`Store::reopen`] has succeeded.
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError>;

    /// Writes everything into a file of its own, if anything changed since the last time.
    ///
    /// # Errors
    ///
    /// [`StoreError`]; nothing is lost by it.
    fn export(&mut self) -> Result<(), StoreError>;

    /// Begins again after a failure: *Ok* means that commits can be stored again, and
    /// returns what is stored, which is everything that was acknowledged.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when it still cannot be written; nothing is lost by asking again.
    fn reopen(&mut self) -> Result<Vec<Record>, StoreError>;
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
    /// Why nothing can be stored at present; what was stored is in `records`.
    pub unwritable: Option<StoreError>,
    /// Keeps other daemons out for as long as it lives.
    pub lock: LockGuard,
}

/// Something that could not be read, and what took its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// Why the database could not be read; `None` when it could.
    pub reason: Option<String>,
    /// Where the unreadable database is now.
    pub moved_to: Option<PathBuf>,
    /// The export that was used, if there was a legible one.
    pub restored: Option<PathBuf>,
    /// What is damaged or missing in the exports and the commits beside them.
    pub flaws: Vec<String>,
}

impl fmt::Display for Recovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let damage = self.flaws.join(", ");
        let Some(reason) = &self.reason else {
            return write!(f, "a copy of the records was damaged ({damage}) and is made anew");
        };
        write!(f, "the database could not be read ({reason})")?;
        if let Some(moved_to) = &self.moved_to {
            write!(f, " and is kept at {}, for you to remove", moved_to.display())?;
        }
        match &self.restored {
            Some(export) if self.flaws.is_empty() => {
                write!(f, "; everything is restored from {}", export.display())
            }
            Some(export) => write!(
                f,
                "; {} was restored, which is damaged too ({damage}); pods that are missing now \
                 are found by their labels",
                export.display()
            ),
            None => write!(
                f,
                "; there was no export to restore; pods that are missing now are found by their \
                 labels"
            ),
        }
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
    let settle = |known: Option<&OwnerId>| owner::settle(state_dir, known, clock);
    let (store, found) = SledStore::open(state_dir, clock.clone(), settle)?;
    let Found { records, owner, recovered, unwritable } = found;
    let handle = StoreHandle::new(Box::new(store));
    Ok(Opened { handle, records, owner, recovered, unwritable, lock })
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
