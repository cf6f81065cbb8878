//! The thread that writes: gives each record its place, puts what waits into one
//! write for each file, and wakes the followers.

use super::JournalLimits;
use super::command::Begun;
use super::files::{self, Stored};
use super::newest::{MOST, Newest};
use super::sweep::Ages;
use crate::clock::Clock;
use pinacle_protocol::{Cursor, JournalEntry, JournalRecord, PodId, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use tokio::sync::{mpsc, oneshot, watch};

/// Commands of the queue put into one round of writes.
const BATCH: usize = 256;
/// Files that wait for the disk; one that finds no room is synced by the next record.
const SYNCS: usize = 64;

/// What the thread is asked.
pub(crate) enum Command {
    /// Writes the beginning of a command; answered with its number, `None` when it
    /// could not be written.
    Begin {
        pod: PodId,
        line: String,
        container_line: Option<String>,
        label: Option<String>,
        answer: oneshot::Sender<Option<Begun>>,
    },
    /// Writes a record.
    Append { pod: PodId, infra: bool, entry: JournalEntry },
    /// Writes the end of a command.
    End {
        pod: PodId,
        infra: bool,
        begun: Begun,
        exit_code: Option<i64>,
        error: Option<String>,
        dropped_bytes: u64,
    },
    /// Opens a pod's folder.
    Open { pod: PodId, answer: oneshot::Sender<watch::Receiver<Cursor>> },
    /// Closes it.
    Close { pod: PodId },
    /// Removes what is too old.
    Sweep { answer: oneshot::Sender<()> },
    /// Syncs everything.
    SyncAll { answer: oneshot::Sender<()> },
}

/// The thread's state.
pub(super) struct Writer {
    dir: PathBuf,
    limits: JournalLimits,
    clock: Clock,
    pods: HashMap<PodId, PodFiles>,
    /// Pods with something in their buffers.
    waiting: BTreeSet<PodId>,
    syncs: SyncSender<Arc<File>>,
    ages: Ages,
    newest: Arc<Newest>,
}

struct PodFiles {
    head: watch::Sender<Cursor>,
    folder: PathBuf,
    epoch: u64,
    /// Place of the last record, in the buffer or on disk.
    last: u64,
    file: Option<Arc<File>>,
    length: u64,
    buffer: Vec<u8>,
    /// Records in the buffer.
    buffered: u64,
    /// The same, while somebody follows and they are few.
    newest: Vec<Stored>,
    sync: bool,
    /// Records the disk refused since something was last written.
    refused: u64,
}

impl Writer {
    pub(super) fn new(
        dir: PathBuf,
        limits: JournalLimits,
        clock: Clock,
        newest: Arc<Newest>,
    ) -> Self {
        let (syncs, files) = sync_channel::<Arc<File>>(SYNCS);
        std::thread::spawn(move || {
            while let Ok(file) = files.recv() {
                // A disk that cannot sync shows itself at the next write.
                let _ = file.sync_data();
            }
        });
        let ages = Ages::read(&dir);
        let (pods, waiting) = (HashMap::new(), BTreeSet::new());
        Self { dir, limits, clock, pods, waiting, syncs, ages, newest }
    }

    pub(super) fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut answers = Vec::new();
        while let Some(first) = commands.blocking_recv() {
            self.take(first, &mut answers);
            for _ in 1..BATCH {
                match commands.try_recv() {
                    Ok(next) => self.take(next, &mut answers),
                    Err(_) => break,
                }
            }
            self.write_out();
            for (answer, begun) in answers.drain(..) {
                // Whoever asked may have been broken off.
                let _ = answer.send(begun);
            }
        }
    }

    fn take(
        &mut self,
        command: Command,
        answers: &mut Vec<(oneshot::Sender<Option<Begun>>, Option<Begun>)>,
    ) {
        match command {
            Command::Begin { pod, line, container_line, label, answer } => {
                let infra = container_line.is_none();
                let number = self.next_seq(&pod);
                let entry = JournalEntry::Begin { command: number, line, container_line, label };
                let started = self.add(&pod, infra, entry);
                let started_ms = self.clock.monotonic_ms();
                answers.push((answer, started.map(|_| Begun { command: number, started_ms })));
            }
            Command::Append { pod, infra, entry } => {
                self.add(&pod, infra, entry);
            }
            Command::End { pod, infra, begun, exit_code, error, dropped_bytes } => {
                let duration_ms = self.clock.monotonic_ms().saturating_sub(begun.started_ms);
                let command = begun.command;
                let entry =
                    JournalEntry::End { command, exit_code, duration_ms, error, dropped_bytes };
                self.add(&pod, infra, entry);
            }
            Command::Open { pod, answer } => {
                if let Some(files) = self.files(&pod) {
                    let _ = answer.send(files.head.subscribe());
                }
            }
            Command::Close { pod } => {
                self.write_out();
                self.newest.forget(&pod);
                self.pods.remove(&pod);
            }
            Command::Sweep { answer } => {
                self.write_out();
                self.sweep();
                let _ = answer.send(());
            }
            Command::SyncAll { answer } => {
                self.write_out();
                for file in self.pods.values().filter_map(|pod| pod.file.as_ref()) {
                    let _ = file.sync_data();
                }
                let _ = answer.send(());
            }
        }
    }

    fn next_seq(&mut self, pod: &PodId) -> u64 {
        self.files(pod).map_or(0, |files| files.last + 1)
    }

    /// Returns the pod's files, opened if they were not. `None` when the disk refuses.
    fn files(&mut self, pod: &PodId) -> Option<&mut PodFiles> {
        if !self.pods.contains_key(pod) {
            let folder = files::folder(&self.dir, pod);
            match PodFiles::open(folder, self.clock.random_u64()) {
                Ok((files, open)) => {
                    self.pods.insert(pod.clone(), files);
                    for (command, (started, infra)) in open {
                        self.interrupted(pod, command, Timestamp(started), infra);
                    }
                }
                Err(error) => {
                    tracing::error!(%pod, %error, "cannot open the pod's journal");
                    return None;
                }
            }
        }
        self.pods.get_mut(pod)
    }

    fn interrupted(&mut self, pod: &PodId, command: u64, started: Timestamp, infra: bool) {
        let entry = JournalEntry::End {
            command,
            exit_code: None,
            duration_ms: self.clock.now().since_ms(started),
            error: Some("the daemon was stopped while it ran".to_owned()),
            dropped_bytes: 0,
        };
        self.add(pod, infra, entry);
    }

    /// Puts a record into the pod's buffer.
    fn add(&mut self, pod: &PodId, infra: bool, entry: JournalEntry) -> Option<()> {
        let time = self.clock.now();
        let ends = matches!(entry, JournalEntry::End { .. } | JournalEntry::Note { .. });
        let segment = self.limits.segment;
        let files = self.files(pod)?;
        files.last += 1;
        let record = JournalRecord { seq: files.last, time, entry };
        let stored = Stored { record, infra };
        stored.push(&mut files.buffer);
        files.buffered += 1;
        files.keep_newest(stored);
        files.sync |= ends;
        let full = u64::try_from(files.buffer.len()).unwrap_or(u64::MAX) >= segment;
        self.waiting.insert(pod.clone());
        if full {
            self.write_out();
        }
        Some(())
    }

    fn write_out(&mut self) {
        for pod in std::mem::take(&mut self.waiting) {
            let Some(files) = self.pods.get_mut(&pod) else { continue };
            match files.write(&pod, self.limits, &self.newest) {
                Ok(synced) => {
                    if let Some(file) = synced {
                        let _ = self.syncs.try_send(file);
                    }
                    if files.refused > 0 {
                        let text = format!("{} records could not be written here", files.refused);
                        files.refused = 0;
                        self.add(&pod, false, JournalEntry::Note { text });
                    }
                }
                Err(error) => {
                    tracing::error!(%pod, %error, "cannot write the pod's journal");
                }
            }
        }
    }

    fn sweep(&mut self) {
        let open = self.pods.values().map(|pod| pod.folder.clone()).collect();
        self.ages.sweep(&self.dir, &open, self.limits.keep, &self.clock);
    }
}

type Open = std::collections::BTreeMap<u64, (u64, bool)>;

impl PodFiles {
    fn open(folder: PathBuf, new_epoch: u64) -> io::Result<(Self, Open)> {
        let found = files::open(&folder, new_epoch)?;
        let (head, _) = watch::channel(Cursor { epoch: found.epoch, seq: found.last });
        let mut files = Self {
            head,
            folder,
            epoch: found.epoch,
            last: found.last,
            file: None,
            length: 0,
            buffer: Vec::new(),
            buffered: 0,
            newest: Vec::new(),
            sync: false,
            refused: 0,
        };
        if let Some(segment) = found.segment {
            let (file, length) = files::append_to(&segment.path)?;
            (files.file, files.length) = (Some(Arc::new(file)), length);
        }
        Ok((files, found.open))
    }

    /// Keeps a record that was put into the buffer, for those who follow: one receiver is
    /// the journal's own.
    fn keep_newest(&mut self, stored: Stored) {
        if self.head.receiver_count() > 1 && self.buffer.len() <= MOST {
            self.newest.push(stored);
        } else {
            self.newest.clear();
        }
    }

    /// Writes the buffer. What the disk refuses is given up, and its places are given
    /// again, so that readers see no hole: the count is told by a note.
    fn write(
        &mut self,
        pod: &PodId,
        limits: JournalLimits,
        newest: &Newest,
    ) -> io::Result<Option<Arc<File>>> {
        if self.buffer.is_empty() {
            return Ok(None);
        }
        let result = self.write_buffer(limits);
        let wanted = std::mem::take(&mut self.sync);
        self.buffer.clear();
        let buffered = std::mem::take(&mut self.buffered);
        let records = std::mem::take(&mut self.newest);
        match result {
            Ok(file) => {
                let end = Cursor { epoch: self.epoch, seq: self.last };
                newest.keep(pod, end, records);
                self.head.send_replace(end);
                Ok(wanted.then_some(file))
            }
            Err(error) => {
                self.refused += buffered;
                self.last -= buffered;
                Err(error)
            }
        }
    }

    fn write_buffer(&mut self, limits: JournalLimits) -> io::Result<Arc<File>> {
        if self.length >= limits.segment {
            self.file = None;
            self.make_room(limits)?;
        }
        let file = match self.file.clone() {
            Some(file) => file,
            None => {
                let first = self.last - self.buffered + 1;
                let (file, length) = files::append_to(&files::segment_path(&self.folder, first))?;
                self.length = length;
                let file = Arc::new(file);
                self.file = Some(file.clone());
                file
            }
        };
        if let Err(error) = (&*file).write_all(&self.buffer) {
            // Part of a line may be there; the next one must not be glued to it.
            file.set_len(self.length)?;
            return Err(error);
        }
        self.length += u64::try_from(self.buffer.len()).unwrap_or(0);
        Ok(file)
    }

    /// Removes the oldest segments of a pod that has too much.
    fn make_room(&self, limits: JournalLimits) -> io::Result<()> {
        let segments = files::segments(&self.folder).map_err(io::Error::other)?;
        let size = |path: &PathBuf| std::fs::metadata(path).map_or(0, |meta| meta.len());
        let mut total: u64 = segments.iter().map(|segment| size(&segment.path)).sum();
        for segment in &segments {
            if total + limits.segment <= limits.per_pod {
                break;
            }
            total = total.saturating_sub(size(&segment.path));
            std::fs::remove_file(&segment.path)?;
        }
        Ok(())
    }
}
