//! A store whose disk is full when a test says so.

use crate::store::memory::MemStore;
use crate::store::{Change, Durability, Record, Store, StoreError};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Keeps records in memory while its disk has room. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct FlakyStore {
    full: Arc<AtomicBool>,
    // Held for one call each; the store's thread and the test take turns.
    kept: Arc<std::sync::Mutex<MemStore>>,
}

impl FlakyStore {
    /// Fills the disk.
    pub fn fill(&self) {
        self.full.store(true, Ordering::SeqCst);
    }

    /// Makes room again.
    pub fn make_room(&self) {
        self.full.store(false, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), StoreError> {
        if !self.full.load(Ordering::SeqCst) {
            return Ok(());
        }
        let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
        Err(StoreError::File { action: "write", path: "/full".into(), source })
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, MemStore> {
        self.kept.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Store for FlakyStore {
    fn commit(&mut self, changes: &[Change], durability: Durability) -> Result<(), StoreError> {
        self.check()?;
        self.kept().commit(changes, durability)
    }

    fn export(&mut self) -> Result<(), StoreError> {
        self.check()
    }

    fn reopen(&mut self) -> Result<Vec<Record>, StoreError> {
        self.check()?;
        Ok(self.kept().records())
    }
}
