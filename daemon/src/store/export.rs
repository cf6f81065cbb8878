//! Exports: all records as JSON lines in a file of their own, the newest ten
//! kept. What a database that cannot be read any more is replaced from.

use super::{Record, StoreError};
use crate::clock::Clock;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Exports kept: with one in five minutes, the last hour of changes.
const KEPT: usize = 10;

/// Writes a file so that a crash leaves the old one or the new one, whole.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&temporary, path)?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes an export and removes those that are too many.
pub(super) fn write(dir: &Path, records: &[Record], clock: &Clock) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { action: "write", path: dir.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(failed)?;
    let mut bytes = Vec::new();
    for record in records {
        serde_json::to_writer(&mut bytes, record).map_err(StoreError::Encode)?;
        bytes.push(b'\n');
    }
    // Never older than one that is there, also when the clock was set back.
    let newest = list(dir).last().and_then(|path| stamp(path)).unwrap_or(0);
    let stamp = clock.now().0.max(newest + 1);
    let path = dir.join(format!("{stamp:020}.jsonl"));
    write_atomically(&path, &bytes).map_err(failed)?;
    let all = list(dir);
    for old in all.iter().take(all.len().saturating_sub(KEPT)) {
        std::fs::remove_file(old).map_err(failed)?;
    }
    Ok(())
}

fn stamp(path: &Path) -> Option<u64> {
    path.file_stem()?.to_str()?.parse().ok()
}

/// Returns the exports, oldest first.
fn list(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let is_export =
        |path: &PathBuf| path.extension().is_some_and(|e| e == "jsonl") && stamp(path).is_some();
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(is_export).collect();
    paths.sort();
    paths
}

/// Returns the records of the newest export that has any legible one, with its path and
/// the number of lines that were not legible.
pub(super) fn newest(dir: &Path) -> Option<(PathBuf, Vec<Record>, usize)> {
    list(dir).into_iter().rev().find_map(|path| {
        let (mut records, mut unreadable) = (Vec::new(), 0);
        for line in BufReader::new(File::open(&path).ok()?).split(b'\n') {
            match serde_json::from_slice(&line.ok()?) {
                Ok(record) => records.push(record),
                Err(_) => unreadable += 1,
            }
        }
        (!records.is_empty()).then_some((path, records, unreadable))
    })
}
