//! The store on sled 0.34. Its `flush` is no fsync, its larger values are never
//! synced, and a damaged database panics or does not open: hence the small
//! pieces, and the commits beside the exports, which are synced and outlive it.

use super::changes::{self, ChangeLog, History};
use super::database::{self, Contents, Database, OpenError, Trouble};
use super::records::{NUMBER, encode, number_bytes, prefix};
use super::{Change, Durability, Record, Recovery, Store, StoreError, export};
use crate::clock::Clock;
use pinacle_protocol::OwnerId;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A log of commits shorter than this is no reason for a new export, in bytes.
const LOG_AT_LEAST: u64 = 1 << 20;

/// Records in sled.
pub struct SledStore {
    path: PathBuf,
    exports: PathBuf,
    clock: Clock,
    owner: OwnerId,
    /// `None` while it cannot be written.
    open: Option<Open>,
}

struct Open {
    database: Database,
    log: ChangeLog,
    /// The last commit.
    number: u64,
    /// Size of the newest export, in bytes.
    exported: u64,
    changed: bool,
    /// Whether old exports hold something of a pod that is gone.
    stale: bool,
}

/// What was found in a state directory.
pub struct Found {
    /// The records.
    pub records: Vec<Record>,
    /// Whose they are.
    pub owner: OwnerId,
    /// What had to be done because something could not be read.
    pub recovered: Option<Recovery>,
    /// Why nothing can be stored at present.
    pub unwritable: Option<StoreError>,
}

/// What was taken up.
struct Loaded {
    records: Vec<Record>,
    recovered: Option<Recovery>,
    /// Whether it can be written.
    begun: Result<(), StoreError>,
}

/// Which of the two copies is believed when the database has seen more commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Believe {
    /// The one that has: the end of the log is lost.
    Newer,
    /// The log: what the database has more was refused.
    Log,
}

impl SledStore {
    /// Opens the database of a state directory and reads it. One that cannot be read is
    /// set aside, and the newest export with all commits since takes its place. `settle`
    /// is given the owner id that the database knows and returns the one to go by.
    ///
    /// # Errors
    ///
    /// [`StoreError::Newer`] for a database of a newer build and
    /// [`StoreError::DatabaseInUse`] for one that another process has, both left alone; others
    /// when there is nothing to read and nothing can be written.
    pub fn open(
        state_dir: &Path,
        clock: Clock,
        settle: impl FnOnce(Option<&OwnerId>) -> Result<OwnerId, StoreError>,
    ) -> Result<(Self, Found), StoreError> {
        let path = state_dir.join("db");
        let exports = state_dir.join("export");
        let attempt = database::open(&path).map_err(|why| database::doubt(why, state_dir));
        let history = changes::read(&exports);
        let known = match &attempt {
            Ok((_, Contents { owner: Some(owner), .. })) => Some(owner.clone()),
            _ => history.as_ref().and_then(|history| history.owner().cloned()),
        };
        if let Err(Trouble::Newer(_) | Trouble::InUse(_)) = attempt {
            return Err(attempt.err().map_or(StoreError::Stopped, |t| t.into_error(&path)));
        }
        let owner = settle(known.as_ref())?;
        let known = history.is_some();
        let mut store = Self { path, exports, clock, owner: owner.clone(), open: None };
        let Loaded { records, recovered, begun } = store.load(attempt, history, Believe::Newer)?;
        match begun {
            // Nothing to show, and nothing can be stored.
            Err(error) if !known && records.is_empty() => Err(error),
            begun => Ok((store, Found { records, owner, recovered, unwritable: begun.err() })),
        }
    }

    /// Takes up what was found. Fails where there is nothing to go by.
    fn load(
        &mut self,
        attempt: Result<(Database, Contents), Trouble>,
        history: Option<History>,
        believe: Believe,
    ) -> Result<Loaded, StoreError> {
        match attempt {
            Ok((database, contents)) => match history {
                Some(history) if is_new(&contents) => {
                    Ok(self.restore(database, Some(history), None, "it was missing".to_owned()))
                }
                history => Ok(self.agree(database, contents, history, believe)),
            },
            Err(Trouble::Damaged(reason)) => {
                let moved_to = database::set_aside(&self.path, &self.clock)?;
                let opened = database::open(&self.path);
                let (database, _) = opened.map_err(|why| why.into_error(&self.path))?;
                Ok(self.restore(database, history, Some(moved_to), reason))
            }
            Err(trouble) => {
                let error = trouble.into_error(&self.path);
                // Everything is in the export and its log: enough to show, not to go on.
                match history.filter(|history| history.flaws.is_empty()) {
                    Some(history) => {
                        let records = history.into_records();
                        Ok(Loaded { records, recovered: None, begun: Err(error) })
                    }
                    None => Err(error),
                }
            }
        }
    }

    /// Fills an empty database from the export and its log.
    fn restore(
        &mut self,
        database: Database,
        history: Option<History>,
        moved_to: Option<PathBuf>,
        reason: String,
    ) -> Loaded {
        let restored = history.as_ref().map(|history| history.export().to_owned());
        let flaws = history.as_ref().map(|history| history.flaws.clone()).unwrap_or_default();
        let last = history.as_ref().map_or(0, |history| history.last);
        let records = history.map_or(Vec::new(), History::into_records);
        // Where this finds no room, the next try finds an empty database and does the same.
        let begun = self.begin(database, &records, last, None);
        let recovered = Some(Recovery { moved_to, restored, flaws, reason: Some(reason) });
        Loaded { records, recovered, begun }
    }

    /// Settles what is true where the database and the log differ, and begins with that.
    fn agree(
        &mut self,
        database: Database,
        contents: Contents,
        history: Option<History>,
        believe: Believe,
    ) -> Loaded {
        let decoded = contents.decoded;
        let number = decoded.number.unwrap_or(0);
        let Some(history) = history else {
            // The first start, or one of a build that had no log.
            let begun = self.begin(database, &decoded.records, number, None);
            return Loaded { records: decoded.records, recovered: None, begun };
        };
        let (last, stale) = (history.last, history.removes_a_pod());
        let (tail, export) = (history.tail, history.export().to_owned());
        let mut flaws = history.flaws.clone();
        let whole = flaws.is_empty();
        // A build that had no log did not count either.
        let counted = decoded.number.is_some() || decoded.records.is_empty();
        let records = match believe {
            _ if !counted => decoded.records,
            Believe::Log if whole => history.into_records(),
            Believe::Log | Believe::Newer if number > last => decoded.records,
            _ if whole => {
                let records = history.into_records();
                if number == last && records != decoded.records {
                    flaws.push(format!("{} does not hold what was committed", self.path.display()));
                }
                records
            }
            _ => history.bring_up(number, decoded.records),
        };
        let same = decoded.number == Some(last) && flaws.is_empty();
        let begun = self.begin(database, &records, number.max(last), tail.filter(|_| same));
        if let Some(open) = &mut self.open {
            open.stale |= stale;
            open.changed |= stale;
        }
        let restored = Some(export);
        let recovery = Recovery { moved_to: None, restored, flaws, reason: None };
        let recovered = Some(recovery).filter(|recovery| !recovery.flaws.is_empty());
        Loaded { records, recovered, begun }
    }

    /// Makes the database hold exactly these records, and goes on behind the export in
    /// `tail`, or behind a new one.
    fn begin(
        &mut self,
        database: Database,
        records: &[Record],
        number: u64,
        tail: Option<(u64, u64)>,
    ) -> Result<(), StoreError> {
        let failed = |source: OpenError| StoreError::Database { path: self.path.clone(), source };
        database.sign(&self.owner).map_err(failed)?;
        let log = match tail {
            Some((base, length)) => ChangeLog::new(&self.exports, base, length),
            None => {
                let batch = difference(&database, records, number).map_err(failed)?;
                database.apply(batch?).map_err(failed)?;
                export::write(&self.exports, number, &self.owner, records)?;
                self.prune(export::KEPT)?;
                ChangeLog::new(&self.exports, number, 0)
            }
        };
        self.open = Some(Open { database, log, number, exported: 0, changed: false, stale: false });
        Ok(())
    }

    fn prune(&self, kept: usize) -> Result<(), StoreError> {
        changes::prune(&self.exports, kept).map_err(|source| StoreError::File {
            action: "remove old files of",
            path: self.exports.clone(),
            source,
        })
    }

    fn commit_open(
        &self,
        open: &mut Open,
        changes: &[Change],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let failed = |source: OpenError| StoreError::Database { path: self.path.clone(), source };
        let number = open.number + 1;
        let batch = batch(&open.database, changes, number).map_err(failed)??;
        open.log.append(number, changes, durability)?;
        if let Err(error) = open.database.apply(batch) {
            open.log.take_back();
            return Err(failed(error));
        }
        open.number = number;
        open.changed = true;
        open.stale |=
            changes.iter().any(|change| matches!(change, Change::Delete(super::RecordKey::Pod(_))));
        Ok(())
    }

    fn export_open(&self, open: &mut Open) -> Result<(), StoreError> {
        let read = open.database.read();
        let read =
            read.map_err(|source| StoreError::Database { path: self.path.clone(), source })?;
        open.exported = export::write(&self.exports, open.number, &self.owner, &read.records)?;
        open.log = ChangeLog::new(&self.exports, open.number, 0);
        open.changed = false;
        // Older ones hold what a deleted pod kept secret.
        self.prune(if open.stale { 1 } else { export::KEPT })?;
        open.stale = false;
        Ok(())
    }

    fn unwritable(&self) -> StoreError {
        StoreError::Database { path: self.path.clone(), source: "it is not open".into() }
    }
}

fn is_new(contents: &Contents) -> bool {
    contents.decoded.number.is_none() && contents.decoded.records.is_empty()
}

impl Store for SledStore {
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        // Put back only when all is well: after a failure the library refuses everything
        // until it is opened again.
        let Some(mut open) = self.open.take() else { return Err(self.unwritable()) };
        self.commit_open(&mut open, changes, durability)?;
        if open.log.length() > LOG_AT_LEAST.max(open.exported)
            && let Err(error) = self.export_open(&mut open)
        {
            tracing::warn!(error = error.to_api().chain(), "cannot export the store");
        }
        self.open = Some(open);
        Ok(())
    }

    fn export(&mut self) -> Result<(), StoreError> {
        let Some(mut open) = self.open.take() else { return Err(self.unwritable()) };
        let result = if open.changed { self.export_open(&mut open) } else { Ok(()) };
        self.open = Some(open);
        result
    }

    fn reopen(&mut self) -> Result<Vec<Record>, StoreError> {
        self.open = None;
        let dir = self.path.parent().unwrap_or(&self.path);
        let attempt = database::open(&self.path).map_err(|why| database::doubt(why, dir));
        let history = changes::read(&self.exports);
        let Loaded { records, recovered, begun } = self.load(attempt, history, Believe::Log)?;
        begun?;
        if let Some(recovery) = recovered {
            tracing::error!("{recovery}");
        }
        // Opening writes next to nothing: only a commit shows that there is room again.
        self.commit(&[], Durability::Sync).inspect_err(|_| self.open = None)?;
        Ok(records)
    }
}

type Prepared = Result<::sled::Batch, StoreError>;

/// Returns what turns the database's records into these.
fn difference(database: &Database, records: &[Record], number: u64) -> Result<Prepared, OpenError> {
    let mut wanted = BTreeMap::from([(NUMBER.to_owned(), number_bytes(number))]);
    for record in records {
        match encode(record) {
            Ok(pieces) => wanted.extend(pieces),
            Err(error) => return Ok(Err(error)),
        }
    }
    let mut batch = ::sled::Batch::default();
    for pair in database.tree() {
        let (key, old) = pair?;
        let name = String::from_utf8_lossy(&key);
        match wanted.get(&*name) {
            Some(new) if **new == *old => drop(wanted.remove(&*name)),
            Some(_) => {}
            None => batch.remove(key),
        }
    }
    for (key, piece) in wanted {
        batch.insert(key.as_bytes(), piece);
    }
    Ok(Ok(batch))
}

/// Returns what makes these changes.
fn batch(database: &Database, changes: &[Change], number: u64) -> Result<Prepared, OpenError> {
    let mut batch = ::sled::Batch::default();
    for change in changes {
        let (key, pieces) = match change {
            Change::Put(record) => (record.key(), encode(record)),
            Change::Delete(key) => (key.clone(), Ok(Vec::new())),
        };
        let pieces = match pieces {
            Ok(pieces) => pieces,
            Err(error) => return Ok(Err(error)),
        };
        // A record that got smaller leaves pieces behind.
        for old in database.tree().scan_prefix(prefix(&key)).keys() {
            let old = old?;
            if !pieces.iter().any(|(key, _)| key.as_bytes() == old.as_ref()) {
                batch.remove(old);
            }
        }
        for (key, piece) in pieces {
            batch.insert(key.as_bytes(), piece);
        }
    }
    batch.insert(NUMBER.as_bytes(), number_bytes(number));
    Ok(Ok(batch))
}
