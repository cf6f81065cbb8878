//! The database library at arm's length: opening, reading everything, telling damage
//! from a disk or a process in the way.

use super::StoreError;
use super::records::{Decoded, decode};
use crate::clock::Clock;
use pinacle_protocol::OwnerId;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Format of the database as a whole. 2: each record carries a checksum, and the number of
/// the last commit is among them.
pub(super) const FORMAT: u32 = 2;
/// How often and how long the library's own lock is waited for: ten seconds. It is let go of
/// behind the last write of whoever had it, on a disk that may be slow.
const LOCK_TRIES: u32 = 500;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// What the library says of its lock; there is no kind of error for it.
const LOCK_WORDS: &str = "could not acquire lock";
/// Memory for pages, in bytes: a database has a few megabytes at the most.
const CACHE: u64 = 8 * 1024 * 1024;

pub(super) type OpenError = Box<dyn std::error::Error + Send + Sync>;

/// An open database. The library panics where it cannot sync at its end: that is caught,
/// because whoever drops it has already been told.
pub(super) struct Database(Option<(::sled::Db, ::sled::Tree)>);

impl Drop for Database {
    fn drop(&mut self) {
        let open = self.0.take();
        if catch_unwind(AssertUnwindSafe(|| drop(open))).is_err() {
            tracing::warn!("the database could not be closed; what was acknowledged is in its log");
        }
    }
}

/// What an open database holds.
pub(super) struct Contents {
    pub(super) decoded: Decoded,
    pub(super) owner: Option<OwnerId>,
}

/// Why it cannot be opened.
pub(super) enum Trouble {
    Newer(StoreError),
    /// Another process has it open.
    InUse(OpenError),
    /// Nothing is wrong with the database: the disk, the rights.
    Environment(OpenError),
    Damaged(String),
}

impl Trouble {
    pub(super) fn into_error(self, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Newer(error) => error,
            Self::InUse(source) => StoreError::DatabaseInUse { path, source },
            Self::Environment(source) => StoreError::Database { path, source },
            Self::Damaged(reason) => StoreError::Database { path, source: reason.into() },
        }
    }
}

/// Opens the database and reads every record. The library lets go of its own lock a moment
/// after a database was dropped; other daemons are kept out by ours, so its lock is
/// waited for.
pub(super) fn open(path: &Path) -> Result<(Database, Contents), Trouble> {
    for _ in 0..LOCK_TRIES {
        match open_once(path) {
            Err(Trouble::InUse(_)) => std::thread::sleep(LOCK_PAUSE),
            other => return other,
        }
    }
    open_once(path)
}

/// Room a new database takes at once, in bytes, and then some.
const PROBE: usize = 1 << 20;

/// Without room the library takes its own failed writes for damage: whether it is damage
/// shows only where something can be written.
pub(super) fn doubt(trouble: Trouble, dir: &Path) -> Trouble {
    let Trouble::Damaged(_) = trouble else { return trouble };
    let probe = dir.join("probe");
    let written = std::fs::write(&probe, vec![1; PROBE])
        .and_then(|()| std::fs::File::open(&probe)?.sync_all());
    // Not there when not even its name could be written.
    let _ = std::fs::remove_file(&probe);
    match written {
        Ok(()) => trouble,
        Err(error) => Trouble::Environment(error.into()),
    }
}

/// Opens the database and reads every piece. sled panics on some kinds of damage.
fn open_once(path: &Path) -> Result<(Database, Contents), Trouble> {
    let open = || {
        let db = ::sled::Config::new().path(path).cache_capacity(CACHE).open()?;
        let meta = db.open_tree("meta")?;
        let (format, owner) = (meta.get("format")?, meta.get("owner")?);
        let tree = db.open_tree("records")?;
        let pairs = tree.iter().map(|pair| pair.map(|(k, v)| (k.to_vec(), v.to_vec())));
        let pieces = pairs.collect::<Result<Vec<_>, ::sled::Error>>()?;
        Ok((Database(Some((db, tree))), format, owner, pieces))
    };
    let (database, format, owner, pieces) = match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(read)) => read,
        Ok(Err(::sled::Error::Io(error))) if error.to_string().contains(LOCK_WORDS) => {
            return Err(Trouble::InUse(error.into()));
        }
        Ok(Err(::sled::Error::Io(error))) if !is_damage(&error) => {
            return Err(Trouble::Environment(error.into()));
        }
        Ok(Err(error)) => return Err(Trouble::Damaged(error.to_string())),
        Err(_) => return Err(Trouble::Damaged("the database library gave up on it".to_owned())),
    };
    check_format(format.as_deref(), path)?;
    let decoded = decode(pieces.into_iter());
    if !decoded.unreadable.is_empty() {
        return Err(Trouble::Damaged(decoded.unreadable.join(", ")));
    }
    let owner = owner.and_then(|id| OwnerId::new(String::from_utf8_lossy(&id)).ok());
    Ok((database, Contents { decoded, owner }))
}

/// A file that ends too early or makes no sense is damage; a full disk is not.
fn is_damage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{
        InvalidData, InvalidInput, IsADirectory, NotADirectory, UnexpectedEof,
    };
    let kind = error.kind();
    matches!(kind, UnexpectedEof | InvalidData | InvalidInput | IsADirectory | NotADirectory)
}

fn check_format(format: Option<&[u8]>, path: &Path) -> Result<(), Trouble> {
    let Some(bytes) = format else { return Ok(()) };
    let senseless = || Trouble::Damaged("its format number makes no sense".to_owned());
    let bytes = <[u8; 4]>::try_from(bytes).map_err(|_| senseless())?;
    match u32::from_be_bytes(bytes) {
        found if found > FORMAT => {
            Err(Trouble::Newer(StoreError::Newer { path: path.to_owned(), found, known: FORMAT }))
        }
        _ => Ok(()),
    }
}

impl Database {
    fn parts(&self) -> &(::sled::Db, ::sled::Tree) {
        self.0.as_ref().expect("taken by Drop alone")
    }

    pub(super) fn tree(&self) -> &::sled::Tree {
        &self.parts().1
    }

    /// Writes down the format and the owner, where they are not there yet.
    pub(super) fn sign(&self, owner: &OwnerId) -> Result<(), OpenError> {
        let (db, _) = self.parts();
        let meta = db.open_tree("meta")?;
        let format = FORMAT.to_be_bytes();
        if meta.get("format")?.as_deref() != Some(&format[..]) {
            meta.insert("format", format.to_vec())?;
        }
        if meta.get("owner")?.as_deref() != Some(owner.as_str().as_bytes()) {
            meta.insert("owner", owner.as_str().as_bytes())?;
        }
        meta.flush()?;
        Ok(())
    }

    /// Makes changes, all or none.
    pub(super) fn apply(&self, batch: ::sled::Batch) -> Result<(), OpenError> {
        let (db, tree) = self.parts();
        tree.apply_batch(batch)?;
        db.flush()?;
        Ok(())
    }

    /// Reads every record.
    pub(super) fn read(&self) -> Result<Decoded, OpenError> {
        let pairs = self.tree().iter().map(|pair| pair.map(|(k, v)| (k.to_vec(), v.to_vec())));
        Ok(decode(pairs.collect::<Result<Vec<_>, _>>()?.into_iter()))
    }
}

/// Moves the database out of the way and returns its new place.
pub(super) fn set_aside(path: &Path, clock: &Clock) -> Result<PathBuf, StoreError> {
    let mut to = path.with_extension(format!("corrupt-{}", clock.now().0));
    let mut n = 1;
    while to.exists() {
        to = path.with_extension(format!("corrupt-{}-{n}", clock.now().0));
        n += 1;
    }
    std::fs::rename(path, &to).map_err(|source| StoreError::File {
        action: "set aside",
        path: path.to_owned(),
        source,
    })?;
    Ok(to)
}
