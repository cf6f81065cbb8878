//! Every commit since the newest export, as a sealed line in a file beside it:
//! written before the database is touched and synced to the disk before anything
//! lasting is acknowledged. Whatever becomes of the database, the newest whole export and
//! these lines are all that was promised.

use super::export::{self, Export};
use super::{Change, Durability, Record, RecordKey, StoreError};
use crate::sealed::{self, Line};
use pinacle_protocol::OwnerId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const EXTENSION: &str = "changes";
/// What every line begins with, and what stands nowhere else in one.
const BEGIN: &[u8] = b"{\"n\":";

#[derive(Serialize)]
struct CommitRef<'a> {
    n: u64,
    put: Vec<&'a Record>,
    delete: Vec<&'a RecordKey>,
}

/// One commit, as it was read.
#[derive(Debug, Deserialize)]
pub(super) struct Commit {
    pub(super) n: u64,
    put: Vec<Record>,
    delete: Vec<RecordKey>,
}

impl Commit {
    /// Makes its changes.
    pub(super) fn apply(self, records: &mut BTreeMap<RecordKey, Record>) {
        for key in self.delete {
            records.remove(&key);
        }
        records.extend(self.put.into_iter().map(|record| (record.key(), record)));
    }

    /// Returns whether a pod is gone by it.
    fn removes_a_pod(&self) -> bool {
        self.delete.iter().any(|key| matches!(key, RecordKey::Pod(_)))
    }
}

/// The file that commits are added to.
#[derive(Debug)]
pub(super) struct ChangeLog {
    dir: PathBuf,
    base: u64,
    file: Option<File>,
    /// Bytes of whole lines in it.
    length: u64,
    /// Where the last line begins, to take it back.
    before: u64,
}

impl ChangeLog {
    /// Goes on behind the export `base`, with `length` bytes that are there already.
    pub(super) fn new(dir: &Path, base: u64, length: u64) -> Self {
        Self { dir: dir.to_owned(), base, file: None, length, before: length }
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// Adds a commit. On an error nothing is left of it.
    pub(super) fn append(
        &mut self,
        n: u64,
        changes: &[Change],
        durability: Durability,
    ) -> Result<(), StoreError> {
        let (mut put, mut delete) = (Vec::new(), Vec::new());
        for change in changes {
            match change {
                Change::Put(record) => put.push(record),
                Change::Delete(key) => delete.push(key),
            }
        }
        let mut line = Vec::new();
        export::push(&mut line, &CommitRef { n, put, delete })?;
        self.before = self.length;
        let path = path(&self.dir, self.base);
        let written = self.write(&path, &line, durability).inspect_err(|_| self.take_back());
        written.map_err(|source| StoreError::File { action: "write", path, source })
    }

    fn write(&mut self, path: &Path, line: &[u8], durability: Durability) -> io::Result<()> {
        if self.file.is_none() {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
            if file.metadata()?.len() != self.length {
                file.set_len(self.length)?;
            }
            // The name must be as lasting as what is written under it.
            File::open(&self.dir)?.sync_all()?;
            self.file = Some(file);
        }
        let Some(mut file) = self.file.as_ref() else { return Ok(()) };
        file.write_all(line)?;
        if durability == Durability::Sync {
            file.sync_data()?;
        }
        self.length += u64::try_from(line.len()).unwrap_or(0);
        Ok(())
    }

    /// Takes the last commit back: the database refused it.
    pub(super) fn take_back(&mut self) {
        self.length = self.before;
        if let Some(file) = self.file.take() {
            // Where not even this works, the half of a line is passed over by readers.
            let _ = file.set_len(self.before);
        }
    }
}

fn path(dir: &Path, base: u64) -> PathBuf {
    dir.join(format!("{base:020}.{EXTENSION}"))
}

/// The newest whole export and all commits since.
#[derive(Debug)]
pub(super) struct History {
    base: Export,
    commits: Vec<Commit>,
    /// The last commit that is known.
    pub(super) last: u64,
    /// What is damaged or missing; nothing means that this is all that was promised.
    pub(super) flaws: Vec<String>,
    /// The export to go on behind and the bytes of its file; `None` when a new export
    /// is due first.
    pub(super) tail: Option<(u64, u64)>,
}

impl History {
    pub(super) fn owner(&self) -> Option<&OwnerId> {
        self.base.owner.as_ref()
    }

    pub(super) fn export(&self) -> &Path {
        &self.base.path
    }

    /// Returns whether old exports or lines hold something of a pod that is gone.
    pub(super) fn removes_a_pod(&self) -> bool {
        self.commits.iter().any(Commit::removes_a_pod)
    }

    /// Returns all records.
    pub(super) fn into_records(self) -> Vec<Record> {
        let base = self.base.records.into_iter();
        let mut records: BTreeMap<_, _> = base.map(|record| (record.key(), record)).collect();
        for commit in self.commits {
            commit.apply(&mut records);
        }
        records.into_values().collect()
    }

    /// Makes what was committed after `number` of these records.
    pub(super) fn bring_up(self, number: u64, records: Vec<Record>) -> Vec<Record> {
        let mut records: BTreeMap<_, _> =
            records.into_iter().map(|record| (record.key(), record)).collect();
        for commit in self.commits.into_iter().filter(|commit| commit.n > number) {
            commit.apply(&mut records);
        }
        records.into_values().collect()
    }
}

/// Reads what is there; `None` when there is no export that can be read.
pub(super) fn read(dir: &Path) -> Option<History> {
    let mut flaws = Vec::new();
    let mut best: Option<Export> = None;
    for (number, path) in export::list(dir).into_iter().rev() {
        let Some(export) = export::read(number, &path) else {
            flaws.push(format!("{} cannot be read", path.display()));
            continue;
        };
        let whole = export.unreadable == 0;
        if !whole {
            flaws.push(format!("{} lines of {} are damaged", export.unreadable, path.display()));
        }
        // None that is whole: the newest one that holds anything.
        if whole || (best.is_none() && !export.records.is_empty()) {
            best = Some(export);
        }
        if whole {
            break;
        }
    }
    let base = best?;
    let mut history = History { last: base.number, base, commits: Vec::new(), flaws, tail: None };
    let from = history.base.number;
    let files = export::numbered(dir, EXTENSION);
    history.tail = Some((from, 0));
    for (number, path) in files.into_iter().filter(|(number, _)| *number >= from) {
        match std::fs::read(&path) {
            Ok(bytes) => history.take(number, &path, &bytes),
            Err(error) => history.flaws.push(format!("{}: {error}", path.display())),
        }
    }
    if !history.flaws.is_empty() {
        history.tail = None;
    }
    Some(history)
}

impl History {
    fn take(&mut self, number: u64, path: &Path, bytes: &[u8]) {
        let mut whole = 0;
        let mut clean = true;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ended = line.last() == Some(&b'\n');
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            if let (Line::Whole(json), true) = (sealed::open(text), ended) {
                self.commit(path, json);
                whole += line.len();
                continue;
            }
            clean = false;
            for json in sealed::salvage(line, BEGIN) {
                self.commit(path, json);
            }
            if ended {
                self.flaws.push(format!("a line of {} is damaged", path.display()));
            }
        }
        // The end of a line that was being written when the process or the machine died
        // was never acknowledged.
        let length = u64::try_from(whole).unwrap_or(0);
        self.tail = if clean { Some((number, length)) } else { None };
    }

    fn commit(&mut self, path: &Path, json: &[u8]) {
        let Ok(commit) = serde_json::from_slice::<Commit>(json) else {
            self.flaws.push(format!("a line of {} is of another version", path.display()));
            return;
        };
        if commit.n <= self.last {
            return;
        }
        if commit.n > self.last + 1 {
            self.flaws.push(format!("commits {} to {} are missing", self.last + 1, commit.n - 1));
        }
        self.last = commit.n;
        self.commits.push(commit);
    }
}

/// Removes exports and logs that are too many: all but the newest `kept` exports.
pub(super) fn prune(dir: &Path, kept: usize) -> io::Result<()> {
    let exports = export::list(dir);
    let Some((oldest, _)) = exports.get(exports.len().saturating_sub(kept)) else { return Ok(()) };
    let all = exports.iter().chain(&export::numbered(dir, EXTENSION)).cloned().collect::<Vec<_>>();
    for (_, path) in all.iter().filter(|(number, _)| number < oldest) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}
