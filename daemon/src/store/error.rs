//! Why something could not be stored, in words for the person who reads them.

use pinacle_protocol::{ApiError, ErrorKind};
use std::io;
use std::path::PathBuf;

/// Something could not be stored, or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The state directory cannot be made or used.
    #[error(
        "cannot use the state directory {path}; make it writable, or choose another with --state-dir"
    )]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The state directory is another user's.
    #[error("the state directory {path} belongs to user {uid}; choose your own with --state-dir")]
    Foreign {
        /// Which.
        path: PathBuf,
        /// Whose.
        uid: u32,
    },
    /// Another daemon has it.
    #[error(
        "the state directory {path} is in use by another pinacled (pid {pid}); use that one, or stop it first"
    )]
    Locked {
        /// Which.
        path: PathBuf,
        /// Its process id, as it wrote it down.
        pid: String,
    },
    /// A newer build wrote it.
    #[error(
        "the database {path} has format {found}, and this build knows {known}; install the newer version again"
    )]
    Newer {
        /// Which.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// A file cannot be read or written.
    #[error("cannot {action} {path}")]
    File {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The database failed.
    #[error("the database {path} failed; see whether its disk is full or broken")]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Another process has the database open, one that does not honour our lock.
    #[error(
        "the database {path} is open in another process; see with `fuser -v {path}/db` which, and end it"
    )]
    DatabaseInUse {
        /// Which.
        path: PathBuf,
        /// What the database library says.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The owner id cannot be read, and no database knows it.
    #[error(
        "the file {path} is damaged, and there is no database to restore it from; write into it what stands behind `dev.pinacle.owner` in `docker inspect` of one of your pods' containers, or remove the file to begin without them"
    )]
    OwnerDamaged {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A record cannot be turned into bytes.
    #[error("cannot encode a record")]
    Encode(#[source] serde_json::Error),
    /// The database library panicked.
    #[error("the database gave up; see whether its disk is full or broken")]
    GaveUp,
    /// The store's thread has ended.
    #[error("the store has stopped")]
    Stopped,
}

impl StoreError {
    /// Returns it in the shape every error has for clients.
    pub fn to_api(&self) -> ApiError {
        ApiError::from_error(ErrorKind::Storage, self).hint(
            "make room on the disk of the state directory, or mend it; the daemon goes on by \
             itself as soon as it can write there",
        )
    }
}
