//! A pod's folder: segments named after their first record.

use super::JournalError;
use crate::sealed::{self, Line};
use pinacle_protocol::{JournalEntry, JournalRecord, PodId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What every line of a segment begins with, and what stands nowhere else in one.
const BEGIN: &[u8] = b"{\"seq\":";

/// A line of a segment: the record, and whether it is of an infrastructure
/// command, so that a reader can tell without having seen the command's beginning.
#[derive(Serialize, Deserialize)]
pub(super) struct Stored {
    #[serde(flatten)]
    pub(super) record: JournalRecord,
    #[serde(default, rename = "i", skip_serializing_if = "std::ops::Not::not")]
    pub(super) infra: bool,
}

impl Stored {
    /// Adds it to a buffer as a sealed line.
    pub(super) fn push(&self, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        // These types always serialise, and a buffer takes any bytes.
        let _ = serde_json::to_writer(&mut *buffer, self);
        sealed::seal(buffer, start);
        buffer.push(b'\n');
    }
}

/// What stands in a stretch of a segment that ends with a line's end or with the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stretch<'a> {
    /// One whole line.
    Line(&'a [u8]),
    /// Something is damaged: the lines in it that are whole all the same, and how many
    /// lines it was at least.
    Damaged { whole: Vec<&'a [u8]>, lines: u64 },
}

/// Takes a stretch apart. A record's place is believed only with a right checksum: one
/// wrong digit in it would hide all records up to there.
pub(super) fn look(stretch: &[u8]) -> Stretch<'_> {
    let line = stretch.strip_suffix(b"\n").unwrap_or(stretch);
    match sealed::open(line) {
        Line::Whole(json) => Stretch::Line(json),
        // Of a build that wrote no checksums.
        Line::Plain(json) if serde_json::from_slice::<Stored>(json).is_ok() => Stretch::Line(json),
        Line::Plain(_) | Line::Damaged => {
            let lines = sealed::beginnings(stretch, BEGIN).count().max(1);
            Stretch::Damaged {
                whole: sealed::salvage(stretch, BEGIN).collect(),
                lines: u64::try_from(lines).unwrap_or(u64::MAX),
            }
        }
    }
}

/// Returns a record's place without reading the rest: every record begins with it.
pub(super) fn seq_of(json: &[u8]) -> Option<u64> {
    let digits = json.strip_prefix(BEGIN)?;
    let end = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) first: u64,
    pub(super) path: PathBuf,
}

pub(super) fn folder(dir: &Path, pod: &PodId) -> PathBuf {
    dir.join(pod.as_str())
}

pub(super) fn segment_path(folder: &Path, first: u64) -> PathBuf {
    folder.join(format!("{first:016}.jsonl"))
}

/// Returns a folder's segments, oldest first; none when there is no folder.
pub(super) fn segments(folder: &Path) -> Result<Vec<Segment>, JournalError> {
    let failed = |source| JournalError::File { action: "list", path: folder.to_owned(), source };
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut segments = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let is_segment = path.extension().is_some_and(|extension| extension == "jsonl");
        let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let Some(first) = first.filter(|_| is_segment) {
            segments.push(Segment { first, path });
        }
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// What a folder held when it was opened.
pub(super) struct Found {
    pub(super) epoch: u64,
    /// The last record's place; 0 when there is none.
    pub(super) last: u64,
    /// Commands without an end: number, start, whether infrastructure.
    pub(super) open: BTreeMap<u64, (u64, bool)>,
    /// The newest segment, to append to.
    pub(super) segment: Option<Segment>,
}

/// Opens a folder, made when missing: finds the last record, cuts a torn line off, and
/// finds the commands that a dead daemon left open.
pub(super) fn open(folder: &Path, new_epoch: u64) -> io::Result<Found> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let epoch = epoch(folder, new_epoch)?;
    let all = segments(folder).map_err(io::Error::other)?;
    let mut found = Found { epoch, last: 0, open: BTreeMap::new(), segment: all.last().cloned() };
    // A command that printed nothing for two whole segments has long ended.
    for segment in all.iter().rev().take(2).rev() {
        found.last = found.last.max(segment.first.saturating_sub(1));
        let bytes = std::fs::read(&segment.path)?;
        let mut kept = 0;
        for stretch in bytes.split_inclusive(|byte| *byte == b'\n') {
            let ended = stretch.last() == Some(&b'\n');
            let whole = found.take_stretch(stretch, ended);
            if ended {
                kept += stretch.len();
            } else if whole {
                // Only its end is damaged; a reader has seen it.
                let mut file = OpenOptions::new().append(true).open(&segment.path)?;
                file.write_all(b"\n")?;
                kept = bytes.len();
            }
        }
        if kept < bytes.len() {
            let length = u64::try_from(kept).map_err(io::Error::other)?;
            OpenOptions::new().write(true).open(&segment.path)?.set_len(length)?;
        }
    }
    Ok(found)
}

impl Found {
    /// Takes what stands in a stretch, and returns whether anything in it is whole.
    fn take_stretch(&mut self, stretch: &[u8], ended: bool) -> bool {
        match look(stretch) {
            Stretch::Line(json) => {
                if let Ok(stored) = serde_json::from_slice::<Stored>(json) {
                    self.take(&stored);
                }
                true
            }
            Stretch::Damaged { whole, lines } => {
                let before = self.last;
                let stored = whole.iter().filter_map(|json| serde_json::from_slice(json).ok());
                stored.for_each(|stored: Stored| self.take(&stored));
                // What is damaged is counted as missing by readers; its place is not given
                // again. A line that was never finished was seen by nobody.
                if ended {
                    self.last = self.last.max(before.saturating_add(lines));
                }
                !whole.is_empty()
            }
        }
    }

    fn take(&mut self, stored: &Stored) {
        self.last = self.last.max(stored.record.seq);
        let at = stored.record.time.0;
        match &stored.record.entry {
            JournalEntry::Begin { command, .. } => {
                self.open.insert(*command, (at, stored.infra));
            }
            JournalEntry::Output { command, .. } => {
                self.open.entry(*command).or_insert((at, stored.infra));
            }
            JournalEntry::End { command, .. } => {
                self.open.remove(command);
            }
            JournalEntry::Note { .. } => {}
        }
    }
}

/// Returns the folder's epoch: written once, so that a folder that was cleared is
/// noticed by whoever has a cursor into the old one.
fn epoch(folder: &Path, new: u64) -> io::Result<u64> {
    let path = folder.join("epoch");
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            if let Some(epoch) = text.trim().parse().ok().filter(|epoch| *epoch > 0) {
                return Ok(epoch);
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    // JSON numbers are exact up to 2^53 in every client.
    let new = (new >> 11).max(1);
    std::fs::write(&path, format!("{new}\n"))?;
    Ok(new)
}

/// Opens a segment for appending.
pub(super) fn append_to(path: &Path) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    let length = file.metadata()?.len();
    Ok((file, length))
}
