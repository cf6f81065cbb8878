//! What is too old goes: by the time the daemon has seen pass, never by the date
//! alone. A clock that jumps, or that was wrong when a record was written, would
//! otherwise make everything old at once.
//!
//! A segment's age counts from the last sweep that found it longer than before. While
//! the daemon runs, the steady clock counts; the time it did not run counts by
//! the date, a day at the most. So a wrong date keeps records longer, and never shorter
//! than by that day.

use super::files;
use crate::clock::Clock;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// File beside the pods' folders.
const FILE: &str = "ages.json";
/// The most that counts between two runs of the daemon, in milliseconds.
const BETWEEN_RUNS_MS: u64 = 86_400_000;

/// The segments' ages.
#[derive(Debug)]
pub(super) struct Ages {
    path: PathBuf,
    stored: Stored,
    /// When this daemon last swept (monotonic).
    swept: Option<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Stored {
    /// The date of the last sweep, in milliseconds since 1970.
    wall_ms: u64,
    /// Per folder and first record.
    segments: BTreeMap<String, BTreeMap<u64, Age>>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Age {
    bytes: u64,
    ms: u64,
}

impl Ages {
    /// Reads the ages that were written down; none where that cannot be read: everything
    /// is new then, and kept the longer.
    pub(super) fn read(dir: &Path) -> Self {
        let path = dir.join(FILE);
        let text = std::fs::read(&path).unwrap_or_default();
        Self { path, stored: serde_json::from_slice(&text).unwrap_or_default(), swept: None }
    }

    /// Removes segments older than `keep`, and folders with nothing left in them. Of
    /// folders in `open` the newest segment stays.
    pub(super) fn sweep(
        &mut self,
        dir: &Path,
        open: &BTreeSet<PathBuf>,
        keep: Duration,
        clock: &Clock,
    ) {
        let Ok(entries) = std::fs::read_dir(dir) else { return };
        let passed = self.passed(clock);
        let keep = u64::try_from(keep.as_millis()).unwrap_or(u64::MAX);
        let mut before = std::mem::take(&mut self.stored.segments);
        for folder in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()) {
            let Some(name) = folder.file_name().and_then(|name| name.to_str()) else { continue };
            let known = before.remove(name).unwrap_or_default();
            let left = sweep_folder(&folder, &known, open.contains(&folder), passed, keep);
            if !left.is_empty() {
                self.stored.segments.insert(name.to_owned(), left);
            }
        }
        if let Err(error) = self.write() {
            tracing::warn!(%error, "cannot write the ages of journals; they are kept longer");
        }
    }

    /// Returns the time since the last sweep, and begins to count anew.
    fn passed(&mut self, clock: &Clock) -> u64 {
        let (mono, wall) = (clock.monotonic_ms(), clock.now().0);
        let passed = match self.swept {
            Some(swept) => mono.saturating_sub(swept),
            None => wall.saturating_sub(self.stored.wall_ms).min(BETWEEN_RUNS_MS),
        };
        self.swept = Some(mono);
        self.stored.wall_ms = wall;
        passed
    }

    fn write(&self) -> io::Result<()> {
        let temporary = self.path.with_extension("new");
        let text = serde_json::to_vec(&self.stored).map_err(io::Error::other)?;
        std::fs::write(&temporary, text)
            .and_then(|()| std::fs::rename(&temporary, &self.path))
            .inspect_err(|_| drop(std::fs::remove_file(&temporary)))
    }
}

fn sweep_folder(
    folder: &Path,
    known: &BTreeMap<u64, Age>,
    open: bool,
    passed: u64,
    keep: u64,
) -> BTreeMap<u64, Age> {
    let mut left = BTreeMap::new();
    let Ok(segments) = files::segments(folder) else { return known.clone() };
    let newest = segments.last().map(|segment| segment.first);
    for segment in segments {
        let Ok(meta) = std::fs::metadata(&segment.path) else { continue };
        let same = known.get(&segment.first).filter(|age| age.bytes == meta.len());
        let ms = same.map_or(0, |age| age.ms.saturating_add(passed));
        let in_use = open && Some(segment.first) == newest;
        if ms > keep && !in_use && std::fs::remove_file(&segment.path).is_ok() {
            continue;
        }
        left.insert(segment.first, Age { bytes: meta.len(), ms });
    }
    if left.is_empty() && !open {
        // Fails harmlessly for what is not a journal's folder.
        let _ = std::fs::remove_file(folder.join("epoch"));
        let _ = std::fs::remove_dir(folder);
    }
    left
}
