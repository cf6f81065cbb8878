//! The journal of commands: what was run for a pod, written as it happens.
//!
//! One folder for each pod holds segments of JSON lines; a thread of the
//! journal's own writes them. A follower reads the files and is woken when
//! there is more, so a slow one costs nothing and misses nothing. Secrets are cut
//! out before a record is made; nothing here ever stops the daemon: what a full
//! disk refuses is counted and said once there is room again.

mod back;
mod command;
#[cfg(test)]
mod damage;
mod files;
mod newest;
mod read;
mod redact;
mod shapes;
mod sweep;
#[cfg(test)]
mod tests;
mod writer;

pub use command::{CommandJournal, CommandStart, PodJournal};
pub use newest::Head;

use crate::clock::Clock;
use pinacle_protocol::{Cursor, JournalPage, PodId};
use redact::Redactor;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use writer::Command;

/// Records that may wait for the writer. Each has at most [`MAX_TEXT`] bytes of text, so
/// this is 16 MiB at the most, and commands that print faster than the disk wait here.
const QUEUE: usize = 256;
/// Most text of one record, in bytes.
pub const MAX_TEXT: usize = 64 * 1024;

/// What is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalLimits {
    /// Output kept of one command, in bytes; what comes after is counted and left out.
    pub per_command: u64,
    /// Kept of one pod, in bytes; the oldest goes first.
    pub per_pod: u64,
    /// How long.
    pub keep: Duration,
    /// Size at which a new segment is begun, in bytes.
    pub segment: u64,
}

impl Default for JournalLimits {
    fn default() -> Self {
        Self {
            per_command: 128 << 20,
            per_pod: 512 << 20,
            keep: Duration::from_secs(5 * 86_400),
            segment: 8 << 20,
        }
    }
}

/// The journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file or folder of it cannot be used.
    #[error("cannot {action} {path} of the journal")]
    File {
        /// What was to be done.
        action: &'static str,
        /// To what.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Its thread has ended.
    #[error("the journal has stopped")]
    Stopped,
}

/// All journals of a daemon. Cheap to clone.
#[derive(Clone)]
pub struct Journal(Arc<Shared>);

struct Shared {
    dir: PathBuf,
    limits: JournalLimits,
    commands: mpsc::Sender<Command>,
    // Caches of this module, each held for a look-up and never across an await.
    heads: Mutex<HashMap<PodId, watch::Receiver<Cursor>>>,
    redactors: Mutex<HashMap<PodId, Arc<Redactor>>>,
    places: Mutex<read::Places>,
    newest: Arc<newest::Newest>,
}

impl Journal {
    /// Opens the journals below `dir`, made when missing, and starts their thread.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the folder cannot be made.
    pub fn open(dir: PathBuf, limits: JournalLimits, clock: Clock) -> Result<Self, JournalError> {
        std::fs::create_dir_all(&dir).map_err(|source| JournalError::File {
            action: "make",
            path: dir.clone(),
            source,
        })?;
        let (commands, receiver) = mpsc::channel(QUEUE);
        let newest = Arc::<newest::Newest>::default();
        let writer = writer::Writer::new(dir.clone(), limits, clock, newest.clone());
        std::thread::spawn(move || writer.run(receiver));
        Ok(Self(Arc::new(Shared {
            dir,
            limits,
            commands,
            heads: Mutex::default(),
            redactors: Mutex::default(),
            places: Mutex::default(),
            newest,
        })))
    }

    /// Returns a journal that keeps nothing and has no thread, so that nothing waits for a
    /// disk.
    pub fn closed() -> Self {
        Self(Arc::new(Shared {
            dir: PathBuf::new(),
            limits: JournalLimits::default(),
            commands: mpsc::channel(1).0,
            heads: Mutex::default(),
            redactors: Mutex::default(),
            places: Mutex::default(),
            newest: Arc::default(),
        }))
    }

    /// Returns the journal of one pod.
    pub fn pod(&self, pod: &PodId) -> PodJournal {
        PodJournal::new(self.clone(), pod.clone())
    }

    /// Keeps these values out of the pod's journal from now on, in any of the forms they
    /// usually appear in. Values under four characters would blot out half of all output
    /// and are not looked for.
    pub fn set_secrets(&self, pod: &PodId, values: Vec<String>) {
        let redactor = Arc::new(Redactor::new(&values));
        lock(&self.0.redactors).insert(pod.clone(), redactor);
    }

    pub(crate) fn redactor(&self, pod: &PodId) -> Arc<Redactor> {
        lock(&self.0.redactors).entry(pod.clone()).or_default().clone()
    }

    pub(crate) fn limits(&self) -> JournalLimits {
        self.0.limits
    }

    pub(crate) async fn send(&self, command: Command) -> Result<(), JournalError> {
        self.0.commands.send(command).await.map_err(|_| JournalError::Stopped)
    }

    pub(crate) fn try_send(&self, command: Command) -> Result<(), JournalError> {
        self.0.commands.try_send(command).map_err(|_| JournalError::Stopped)
    }

    pub(crate) async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<T>) -> Command,
    ) -> Result<T, JournalError> {
        let (sender, answer) = oneshot::channel();
        self.send(command(sender)).await?;
        answer.await.map_err(|_| JournalError::Stopped)
    }

    /// Returns what moves when records of the pod can be read; the newest are at hand until it
    /// is dropped.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the journal has stopped.
    pub async fn subscribe(&self, pod: &PodId) -> Result<Head, JournalError> {
        let moves = self.head(pod).await?;
        Ok(self.0.newest.follow(pod, moves))
    }

    async fn head(&self, pod: &PodId) -> Result<watch::Receiver<Cursor>, JournalError> {
        let known = lock(&self.0.heads).get(pod).cloned();
        if let Some(head) = known.filter(|head| head.has_changed().is_ok()) {
            return Ok(head);
        }
        let head = self.ask(|answer| Command::Open { pod: pod.clone(), answer }).await?;
        lock(&self.0.heads).insert(pod.clone(), head.clone());
        Ok(head)
    }

    /// Reads up to `max_records` records after a cursor, and about a MiB at the most.
    /// `infra` says whether infrastructure commands are among them. An unknown pod has an
    /// empty journal.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the files cannot be read.
    pub async fn read(
        &self,
        pod: &PodId,
        after: Cursor,
        max_records: u32,
        infra: bool,
    ) -> Result<JournalPage, JournalError> {
        let head = *self.head(pod).await?.borrow();
        let query = read::Query { place: after, max_records, infra, head };
        if let Some(page) = self.0.newest.page(pod, query) {
            return Ok(page);
        }
        let (shared, pod) = (self.0.clone(), pod.clone());
        let page = tokio::task::spawn_blocking(move || {
            read::page(&shared.dir, &pod, query, &shared.places)
        });
        page.await.unwrap_or(Err(JournalError::Stopped))
    }

    /// Reads up to `max_records` records up to a cursor, that one among them, the newest
    /// first chosen, and about a MiB at the most. A cursor of another epoch means the end.
    ///
    /// # Errors
    ///
    /// [`JournalError`] when the files cannot be read.
    pub async fn read_until(
        &self,
        pod: &PodId,
        until: Cursor,
        max_records: u32,
        infra: bool,
    ) -> Result<JournalPage, JournalError> {
        let head = *self.head(pod).await?.borrow();
        let (shared, pod) = (self.0.clone(), pod.clone());
        let query = read::Query { place: until, max_records, infra, head };
        let page = tokio::task::spawn_blocking(move || back::page(&shared.dir, &pod, query));
        page.await.unwrap_or(Err(JournalError::Stopped))
    }

    /// The pod is gone: its files stay until they are old.
    pub fn forget(&self, pod: &PodId) {
        lock(&self.0.redactors).remove(pod);
        lock(&self.0.heads).remove(pod);
        // A full queue only means that its file stays open until the daemon ends.
        let _ = self.try_send(Command::Close { pod: pod.clone() });
    }

    /// Removes what is too old.
    pub async fn sweep(&self) {
        // Nobody to tell when the journal has stopped: the daemon is ending.
        let _ = self.ask(|answer| Command::Sweep { answer }).await;
    }

    /// Has the disk write everything that was written so far.
    pub async fn sync_all(&self) {
        let _ = self.ask(|answer| Command::SyncAll { answer }).await;
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("dir", &self.0.dir).finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
