//! The store on sled 0.34. Its `flush` is no fsync, its larger values are never
//! synced, and a damaged database panics or does not open: hence the small
//! pieces, the syncs of our own, and the exports.

use super::records::{decode, encode, prefix};
use super::{Change, Durability, Record, Recovery, Store, StoreError, export};
use crate::clock::Clock;
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Format of the database as a whole.
const FORMAT: u32 = 1;
/// How often and how long the library's own lock is waited for: two seconds.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// What the library says of its lock; there is no kind of error for it.
const LOCK_WORDS: &str = "could not acquire lock";
/// Memory for pages, in bytes: a database has a few megabytes at the most.
const CACHE: u64 = 8 * 1024 * 1024;

/// Records in sled.
pub struct SledStore {
    path: PathBuf,
    exports: PathBuf,
    db: ::sled::Db,
    tree: ::sled::Tree,
    clock: Clock,
    changed: bool,
}

type OpenError = Box<dyn std::error::Error + Send + Sync>;

impl SledStore {
    /// Opens the database of a state directory and reads it. One that cannot be read is
    /// set aside, and the newest export takes its place.
    ///
    /// # Errors
    ///
    /// [`StoreError::Newer`] for a database of a newer build, which is left alone; others
    /// when not even a new database can be made.
    pub fn open(
        state_dir: &Path,
        clock: Clock,
    ) -> Result<(Self, Vec<Record>, Option<Recovery>), StoreError> {
        let path = state_dir.join("db");
        let exports = state_dir.join("export");
        let fail = |source: OpenError| StoreError::Database { path: path.clone(), source };
        let attempt = read_all(&path).and_then(|(db, pieces)| {
            check_format(&db, &path)?;
            Ok((db, decode(pieces.into_iter())))
        });
        let reason = match attempt {
            Ok((db, (records, unreadable))) if unreadable.is_empty() => {
                let store = Self::new(path.clone(), exports, db, clock).map_err(fail)?;
                return Ok((store, records, None));
            }
            Ok((_, (_, unreadable))) => unreadable.join(", "),
            Err(Trouble::Newer(error)) => return Err(error),
            Err(Trouble::Environment(source)) => return Err(fail(source)),
            Err(Trouble::Damaged(reason)) => reason,
        };
        let moved_to = set_aside(&path, &clock)?;
        let found = export::newest(&exports);
        let (restored, records, unreadable) = match found {
            Some((path, records, unreadable)) => (Some(path), records, unreadable),
            None => (None, Vec::new(), 0),
        };
        let (db, _) = read_all(&path).map_err(|trouble| fail(trouble.into_error()))?;
        let mut store = Self::new(path.clone(), exports, db, clock).map_err(fail)?;
        let changes: Vec<Change> = records.iter().cloned().map(Change::Put).collect();
        store.commit(&changes, Durability::Sync)?;
        let recovery = Recovery { moved_to, restored, unreadable, reason };
        Ok((store, records, Some(recovery)))
    }

    fn new(
        path: PathBuf,
        exports: PathBuf,
        db: ::sled::Db,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let meta = db.open_tree("meta")?;
        meta.insert("format", FORMAT.to_be_bytes().to_vec())?;
        meta.flush()?;
        let tree = db.open_tree("records")?;
        Ok(Self { path, exports, db, tree, clock, changed: false })
    }

    fn failed(&self, source: impl Into<OpenError>) -> StoreError {
        StoreError::Database { path: self.path.clone(), source: source.into() }
    }

    fn batch(&self, changes: &[Change]) -> Result<::sled::Batch, StoreError> {
        let mut batch = ::sled::Batch::default();
        for change in changes {
            let key = match change {
                Change::Put(record) => record.key(),
                Change::Delete(key) => key.clone(),
            };
            let pieces = match change {
                Change::Put(record) => encode(record)?,
                Change::Delete(_) => Vec::new(),
            };
            // A record that got smaller leaves pieces behind.
            for old in self.tree.scan_prefix(prefix(&key)).keys() {
                let old = old.map_err(|error| self.failed(error))?;
                if !pieces.iter().any(|(key, _)| key.as_bytes() == old.as_ref()) {
                    batch.remove(old);
                }
            }
            for (key, piece) in pieces {
                batch.insert(key.as_bytes(), piece);
            }
        }
        Ok(batch)
    }

    /// Has the disk write what sled has only handed to the kernel.
    fn sync(&self) -> Result<(), StoreError> {
        let failed = |source| StoreError::File { action: "sync", path: self.path.clone(), source };
        for name in ["db", "conf"] {
            match File::open(self.path.join(name)) {
                Ok(file) => file.sync_all().map_err(failed)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(failed(error)),
            }
        }
        File::open(&self.path).and_then(|dir| dir.sync_all()).map_err(failed)
    }
}

impl Store for SledStore {
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        let batch = self.batch(changes)?;
        self.tree.apply_batch(batch).map_err(|error| self.failed(error))?;
        self.db.flush().map_err(|error| self.failed(error))?;
        self.changed = true;
        match durability {
            Durability::Flush => Ok(()),
            Durability::Sync => self.sync(),
        }
    }

    fn export(&mut self) -> Result<(), StoreError> {
        if !self.changed {
            return Ok(());
        }
        let pieces: Result<Vec<_>, _> =
            self.tree.iter().map(|pair| pair.map(|(k, v)| (k.to_vec(), v.to_vec()))).collect();
        let pieces = pieces.map_err(|error| self.failed(error))?;
        let (records, _) = decode(pieces.into_iter());
        export::write(&self.exports, &records, &self.clock)?;
        self.changed = false;
        Ok(())
    }
}

enum Trouble {
    Newer(StoreError),
    /// Nothing is wrong with the database: the disk, the rights, another process.
    Environment(OpenError),
    Damaged(String),
}

impl Trouble {
    fn into_error(self) -> OpenError {
        match self {
            Self::Newer(error) => Box::new(error),
            Self::Environment(error) => error,
            Self::Damaged(reason) => reason.into(),
        }
    }
}

type Pieces = Vec<(Vec<u8>, Vec<u8>)>;

/// Opens the database and reads every piece. The library lets go of its own lock a moment
/// after a database was dropped; other daemons are kept out by ours, so its lock is
/// waited for.
fn read_all(path: &Path) -> Result<(::sled::Db, Pieces), Trouble> {
    for _ in 0..LOCK_TRIES {
        match read_once(path) {
            Err(Trouble::Environment(error)) if error.to_string().contains(LOCK_WORDS) => {
                std::thread::sleep(LOCK_PAUSE);
            }
            other => return other,
        }
    }
    read_once(path)
}

/// Opens the database and reads every piece. sled panics on some kinds of damage.
fn read_once(path: &Path) -> Result<(::sled::Db, Pieces), Trouble> {
    let open = || {
        let db = ::sled::Config::new().path(path).cache_capacity(CACHE).open()?;
        let tree = db.open_tree("records")?;
        let pairs = tree.iter().map(|pair| pair.map(|(k, v)| (k.to_vec(), v.to_vec())));
        let pieces = pairs.collect::<Result<Pieces, ::sled::Error>>()?;
        Ok((db, pieces))
    };
    match catch_unwind(AssertUnwindSafe(open)) {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(::sled::Error::Io(error))) if !is_damage(&error) => {
            Err(Trouble::Environment(error.into()))
        }
        Ok(Err(error)) => Err(Trouble::Damaged(error.to_string())),
        Err(_) => Err(Trouble::Damaged("the database library gave up on it".to_owned())),
    }
}

/// A file that ends too early or makes no sense is damage; a full disk is not.
fn is_damage(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::UnexpectedEof
            | std::io::ErrorKind::InvalidData
            | std::io::ErrorKind::InvalidInput
    )
}

fn check_format(db: &::sled::Db, path: &Path) -> Result<(), Trouble> {
    let meta = db.open_tree("meta").map_err(|error| Trouble::Damaged(error.to_string()))?;
    let found = meta.get("format").map_err(|error| Trouble::Damaged(error.to_string()))?;
    let number = found.as_deref().map(<[u8; 4]>::try_from);
    match number {
        None => Ok(()),
        Some(Ok(bytes)) => match u32::from_be_bytes(bytes) {
            found if found > FORMAT => {
                let path = path.to_owned();
                Err(Trouble::Newer(StoreError::Newer { path, found, known: FORMAT }))
            }
            _ => Ok(()),
        },
        Some(Err(_)) => Err(Trouble::Damaged("its format number makes no sense".to_owned())),
    }
}

fn set_aside(path: &Path, clock: &Clock) -> Result<PathBuf, StoreError> {
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
