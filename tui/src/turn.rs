//! Lets one `up` of a directory at a time look for its pod and ask for one: two
//! that looked at the same moment would both find none, and make two.
//!
//! An empty file for each directory, in the state directory, that is locked
//! while it is somebody's turn and goes when the turn ends.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often to look whether the one before is done: that takes two calls of the daemon.
const PAUSE: Duration = Duration::from_millis(20);

/// The turn of one run. Dropping it, or dying, lets the next one in.
#[derive(Debug)]
pub struct Turn {
    /// Holds the lock.
    _file: File,
    path: PathBuf,
}

impl Turn {
    /// Waits for the turn in `dir`, a directory that is there.
    ///
    /// # Errors
    ///
    /// When the state directory cannot be written to, or knows no locks.
    ///
    /// # Cancel safety
    ///
    /// Nothing is held before it returns.
    pub async fn take(state_dir: &Path, dir: &Path) -> io::Result<Self> {
        let dir = dir.metadata()?;
        let turns = state_dir.join("turns");
        fs::create_dir_all(&turns)?;
        let path = turns.join(format!("{:x}-{:x}", dir.dev(), dir.ino()));
        loop {
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).mode(0o600).open(&path)?;
            match file.try_lock() {
                // One that was removed meanwhile keeps nobody out.
                Ok(()) if is_at(&file, &path) => return Ok(Self { _file: file, path }),
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => tokio::time::sleep(PAUSE).await,
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Before the lock goes. One that stays is taken by the next.
        fs::remove_file(&self.path).unwrap_or_default();
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let id = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match (file.metadata(), path.metadata()) {
        (Ok(ours), Ok(there)) => id(ours) == id(there),
        _ => false,
    }
}
