//! The thread that owns the store: its calls block on the disk.

use super::{Change, Durability, Record, Store, StoreError};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc, oneshot};

/// Commits that may wait; the driver makes one at a time, the housekeeping another.
const QUEUE: usize = 8;

/// When a served store pauses.
#[cfg(feature = "testing")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Nothing was stored yet.
    Before,
    /// It is stored, and nobody was told.
    After,
}

enum Command {
    Commit(Vec<Change>, Durability, oneshot::Sender<Result<(), StoreError>>),
    Export(oneshot::Sender<Result<(), StoreError>>),
    Reopen(oneshot::Sender<Result<Vec<Record>, StoreError>>),
}

/// A way to the store's thread. Cheap to clone; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct StoreHandle {
    commands: mpsc::Sender<Command>,
    /// Notified when an export should not wait for its time.
    export_wanted: Arc<Notify>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

/// The database library panics on some kinds of trouble with its disk: then what was
/// asked has failed, and the store is opened again.
fn guarded<T>(ask: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    catch_unwind(AssertUnwindSafe(ask)).unwrap_or(Err(StoreError::GaveUp))
}

impl StoreHandle {
    /// Starts the thread.
    pub fn new(mut store: Box<dyn Store>) -> Self {
        let (sender, mut commands) = mpsc::channel(QUEUE);
        std::thread::spawn(move || {
            while let Some(command) = commands.blocking_recv() {
                // Whoever asked may have gone away; what was asked is done all the same.
                match command {
                    Command::Commit(changes, durability, done) => {
                        let commit = || store.commit(&changes, durability);
                        drop(done.send(guarded(commit)));
                    }
                    Command::Export(done) => drop(done.send(guarded(|| store.export()))),
                    Command::Reopen(done) => drop(done.send(guarded(|| store.reopen()))),
                }
            }
        });
        Self { commands: sender, export_wanted: Arc::default() }
    }

    /// Has a future in place of the thread, which whoever polls it can hold up or drop at
    /// any moment: `pause` is awaited before and after each command is carried out.
    #[cfg(feature = "testing")]
    pub fn served<P>(
        mut store: Box<dyn Store>,
        mut pause: impl FnMut(Moment) -> P,
    ) -> (Self, impl Future<Output = ()>)
    where
        P: Future<Output = ()>,
    {
        let (sender, mut commands) = mpsc::channel(QUEUE);
        let serving = async move {
            while let Some(command) = commands.recv().await {
                pause(Moment::Before).await;
                match command {
                    Command::Commit(changes, durability, done) => {
                        let result = store.commit(&changes, durability);
                        pause(Moment::After).await;
                        drop(done.send(result));
                    }
                    Command::Export(done) => drop(done.send(store.export())),
                    Command::Reopen(done) => drop(done.send(store.reopen())),
                }
            }
        };
        (Self { commands: sender, export_wanted: Arc::default() }, serving)
    }

    /// Stores changes; see [`Store::commit`]. Dropping the future does not take them back.
    ///
    /// # Errors
    ///
    /// [`StoreError`], also when the thread has panicked.
    pub async fn commit(
        &self,
        changes: Vec<Change>,
        durability: Durability,
    ) -> Result<(), StoreError> {
        self.ask(|done| Command::Commit(changes, durability, done)).await
    }

    /// Begins again after a failure; see [`Store::reopen`].
    ///
    /// # Errors
    ///
    /// [`StoreError`]; ask again later.
    pub async fn reopen(&self) -> Result<Vec<Record>, StoreError> {
        self.ask(Command::Reopen).await
    }

    /// Writes an export if anything changed; see [`Store::export`].
    ///
    /// # Errors
    ///
    /// [`StoreError`], also when the thread has panicked.
    pub async fn export(&self) -> Result<(), StoreError> {
        self.ask(Command::Export).await
    }

    /// Says that old exports hold what should be gone: whoever waits for
    /// [`StoreHandle::export_wanted`] writes a new one.
    pub fn want_export(&self) {
        self.export_wanted.notify_one();
    }

    /// Waits until an export is wanted. Cancel safe.
    pub async fn export_wanted(&self) {
        self.export_wanted.notified().await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Command,
    ) -> Result<T, StoreError> {
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).await.map_err(|_| StoreError::Stopped)?;
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }
}
