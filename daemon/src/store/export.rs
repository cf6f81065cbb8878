//! Exports: all records as sealed lines in a file of their own, the newest ten
//! kept, each named after the last commit that is in it. With the commits since,
//! which [`changes`](super::changes) keeps beside them, they are what a database that cannot
//! be read any more is replaced from.

use super::{Record, StoreError};
use crate::sealed::{self, Line};
use pinacle_protocol::OwnerId;
use serde::{Deserialize, Serialize};
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Exports kept: with one in five minutes, the last hour of changes.
pub(super) const KEPT: usize = 10;
/// Version of the files.
const FORMAT: u32 = 2;

/// An export's first line.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    export: u32,
    number: u64,
    owner: Option<OwnerId>,
    records: usize,
}

/// An export as it was found.
#[derive(Debug)]
pub(super) struct Export {
    pub(super) path: PathBuf,
    /// The last commit in it.
    pub(super) number: u64,
    pub(super) owner: Option<OwnerId>,
    pub(super) records: Vec<Record>,
    /// Lines that are missing or not legible.
    pub(super) unreadable: usize,
}

/// Writes a file so that a crash leaves the old one or the new one, whole. What could
/// not be finished is removed: on a full disk it would take the last room.
pub(super) fn write_atomically(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("new");
    let written = write_synced(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .inspect_err(|_| drop(std::fs::remove_file(&temporary)));
    written?;
    match path.parent() {
        Some(dir) => File::open(dir)?.sync_all(),
        None => Ok(()),
    }
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Writes an export and returns its size in bytes.
pub(super) fn write(
    dir: &Path,
    number: u64,
    owner: &OwnerId,
    records: &[Record],
) -> Result<u64, StoreError> {
    let failed = |source| StoreError::File { action: "write", path: dir.to_owned(), source };
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(failed)?;
    let head = Head { export: FORMAT, number, owner: Some(owner.clone()), records: records.len() };
    let mut bytes = Vec::new();
    push(&mut bytes, &head)?;
    for record in records {
        push(&mut bytes, record)?;
    }
    write_atomically(&path(dir, number), &bytes).map_err(failed)?;
    Ok(u64::try_from(bytes.len()).unwrap_or(u64::MAX))
}

/// Adds a sealed line.
pub(super) fn push(bytes: &mut Vec<u8>, value: &impl Serialize) -> Result<(), StoreError> {
    let start = bytes.len();
    serde_json::to_writer(&mut *bytes, value).map_err(StoreError::Encode)?;
    sealed::seal(bytes, start);
    bytes.push(b'\n');
    Ok(())
}

fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}.jsonl"))
}

/// Returns the files of a folder with this extension and a number for a name, in order.
pub(super) fn numbered(dir: &Path, extension: &str) -> Vec<(u64, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let paths = entries.flatten().map(|entry| entry.path());
    let right = paths.filter(|path| path.extension().is_some_and(|e| e == extension));
    let mut numbered: Vec<_> = right
        .filter_map(|path| Some((path.file_stem()?.to_str()?.parse::<u64>().ok()?, path)))
        .collect();
    numbered.sort();
    numbered
}

/// Returns the exports, oldest first.
pub(super) fn list(dir: &Path) -> Vec<(u64, PathBuf)> {
    numbered(dir, "jsonl")
}

/// Reads an export as far as it is legible; `None` when it cannot be read at all.
pub(super) fn read(number: u64, path: &Path) -> Option<Export> {
    let mut found =
        Export { path: path.to_owned(), number, owner: None, records: Vec::new(), unreadable: 0 };
    let mut expected = None;
    let mut lines = BufReader::new(File::open(path).ok()?).split(b'\n').enumerate();
    let mut sealed_lines = false;
    lines.try_for_each(|(at, line)| {
        let line = line.ok()?;
        let json = match sealed::open(&line) {
            Line::Whole(json) => json,
            // Of an older build: a file without a head and without checksums.
            Line::Plain(json) if !sealed_lines => json,
            Line::Plain(_) | Line::Damaged => &[],
        };
        sealed_lines |= matches!(sealed::open(&line), Line::Whole(_));
        match serde_json::from_slice::<Head>(json) {
            Ok(head) if at == 0 => {
                found.owner = head.owner;
                expected = Some(head.records);
                return Some(());
            }
            _ => {}
        }
        match serde_json::from_slice(json) {
            Ok(record) => found.records.push(record),
            Err(_) => found.unreadable += 1,
        }
        Some(())
    })?;
    match expected {
        Some(expected) => found.unreadable = expected.saturating_sub(found.records.len()),
        // Without its head nobody knows how many there were.
        None if sealed_lines || found.records.is_empty() => found.unreadable += 1,
        None => {}
    }
    Some(found)
}
