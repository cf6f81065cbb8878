//! A store that forgets, for tests.

use super::{Change, Durability, Record, RecordKey, Store, StoreError};
use std::collections::BTreeMap;

/// Keeps records for as long as it lives.
#[derive(Debug, Default)]
pub struct MemStore {
    records: BTreeMap<RecordKey, Record>,
}

impl MemStore {
    /// Returns what is in it.
    pub fn records(&self) -> Vec<Record> {
        self.records.values().cloned().collect()
    }
}

impl Store for MemStore {
    fn commit(&mut self, changes: &[Change], _durability: Durability) -> Result<(), StoreError> {
        for change in changes {
            match change {
                Change::Put(record) => drop(self.records.insert(record.key(), record.clone())),
                Change::Delete(key) => drop(self.records.remove(key)),
            }
        }
        Ok(())
    }

    fn export(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn reopen(&mut self) -> Result<Vec<Record>, StoreError> {
        Ok(self.records())
    }
}
