//! The disk: every commit in order, and which of them a power cut spares.

use crate::host::Host;
use pinacle_daemon::store::{Change, Durability, Record, RecordKey, Store, StoreError};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// What outlives a daemon. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<Parts>>);

#[derive(Default)]
struct Parts {
    commits: Vec<Vec<Change>>,
    /// Commits that a power cut cannot take back.
    synced: usize,
    /// What all commits add up to.
    records: BTreeMap<RecordKey, Record>,
    /// Whether the next commit fails.
    full: bool,
}

impl Disk {
    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.0.lock().expect("no panic while it is held")
    }

    /// Returns what a daemon that starts now finds.
    pub(crate) fn records(&self) -> Vec<Record> {
        self.parts().records.values().cloned().collect()
    }

    pub(crate) fn with_records<T>(
        &self,
        look: impl FnOnce(&BTreeMap<RecordKey, Record>) -> T,
    ) -> T {
        look(&self.parts().records)
    }

    /// Returns how many commits there are.
    pub(crate) fn length(&self) -> usize {
        self.parts().commits.len()
    }

    pub(crate) fn fill(&self) {
        self.parts().full = true;
    }

    pub(crate) fn mend(&self) {
        self.parts().full = false;
    }

    /// Forgets the commits from `kept` on, but for those that are synced. Returns how many
    /// are left.
    pub(crate) fn lose_power(&self, kept: usize) -> usize {
        let mut parts = self.parts();
        let kept = kept.clamp(parts.synced, parts.commits.len());
        parts.commits.truncate(kept);
        let commits = std::mem::take(&mut parts.commits);
        parts.records.clear();
        for commit in &commits {
            apply(&mut parts.records, commit);
        }
        parts.commits = commits;
        kept
    }

    /// Loses everything, as a disk that is replaced does.
    pub(crate) fn wipe(&self) {
        *self.parts() = Parts::default();
    }
}

fn apply(records: &mut BTreeMap<RecordKey, Record>, commit: &[Change]) {
    for change in commit {
        match change {
            Change::Put(record) => drop(records.insert(record.key(), record.clone())),
            Change::Delete(key) => drop(records.remove(key)),
        }
    }
}

/// The disk as one daemon has it: one that is dead writes nothing.
pub(crate) struct Mounted {
    pub(crate) disk: Disk,
    pub(crate) host: Host,
    pub(crate) life: u64,
}

impl Store for Mounted {
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        if !self.host.is_alive(self.life) {
            return Ok(());
        }
        let mut parts = self.disk.parts();
        if std::mem::take(&mut parts.full) {
            return Err(StoreError::Stopped);
        }
        parts.commits.push(changes.to_vec());
        apply(&mut parts.records, changes);
        if durability == Durability::Sync {
            parts.synced = parts.commits.len();
        }
        Ok(())
    }

    fn reopen(&mut self) -> Result<Vec<Record>, StoreError> {
        Ok(self.disk.records())
    }

    fn export(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}
