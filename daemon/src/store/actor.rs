//! The thread that owns the store: its calls block on the disk.

use super::{Change, Durability, Store, StoreError};
use tokio::sync::{mpsc, oneshot};

/// Commits that may wait; the driver makes one at a time, the housekeeping another.
const QUEUE: usize = 8;

enum Command {
    Commit(Vec<Change>, Durability, oneshot::Sender<Result<(), StoreError>>),
    Export(oneshot::Sender<Result<(), StoreError>>),
}

/// A way to the store's thread. Cheap to clone; the thread ends with the last one.
#[derive(Debug, Clone)]
pub struct StoreHandle(mpsc::Sender<Command>);

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
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
                        drop(done.send(store.commit(&changes, durability)));
                    }
                    Command::Export(done) => drop(done.send(store.export())),
                }
            }
        });
        Self(sender)
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

    /// Writes an export if anything changed; see [`Store::export`].
    ///
    /// # Errors
    ///
    /// [`StoreError`], also when the thread has panicked.
    pub async fn export(&self) -> Result<(), StoreError> {
        self.ask(Command::Export).await
    }

    async fn ask(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<(), StoreError>>) -> Command,
    ) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        self.0.send(command(done)).await.map_err(|_| StoreError::Stopped)?;
        answer.await.unwrap_or(Err(StoreError::Stopped))
    }
}
