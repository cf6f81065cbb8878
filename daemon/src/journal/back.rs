//! Reading backwards: the newest records up to a place, without a look at what
//! stands before them. A journal of any length is opened at its end this way.

use super::JournalError;
use super::files::{self, Segment, Stored, Stretch, seq_of};
use super::read::{MAX_BYTES, MAX_RECORDS, Query};
use pinacle_protocol::{Cursor, JournalPage, JournalRecord, PodId};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Read at once from the end, in bytes.
const BLOCK: u64 = 128 * 1024;
/// A stretch of a segment in which a place is looked for line by line, in bytes.
const NEAR: u64 = 64 * 1024;

/// Reads a page that ends at a place.
pub(super) fn page(dir: &Path, pod: &PodId, query: Query) -> Result<JournalPage, JournalError> {
    let Query { place, head, .. } = query;
    let until = if place.epoch == head.epoch { place.seq.min(head.seq) } else { head.seq };
    let mut page =
        Page { query, until, oldest: until + 1, records: Vec::new(), bytes: 0, missed: 0 };
    let segments = files::segments(&files::folder(dir, pod))?;
    for segment in segments.iter().rev().filter(|segment| segment.first <= until) {
        match page.read_segment(segment) {
            Ok(()) => {}
            // Removed by its age since it was listed: the gap is counted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                let (action, path) = ("read", segment.path.clone());
                return Err(JournalError::File { action, path, source });
            }
        }
        if page.is_full() {
            break;
        }
    }
    Ok(page.finish(pod))
}

struct Page {
    query: Query,
    until: u64,
    /// The oldest record that was passed, shown or not.
    oldest: u64,
    /// Newest first.
    records: Vec<JournalRecord>,
    bytes: usize,
    missed: u64,
}

impl Page {
    fn read_segment(&mut self, segment: &Segment) -> io::Result<()> {
        let mut file = File::open(&segment.path)?;
        let end = offset_behind(&mut file, self.until)?;
        let mut lines = LinesBack { file, start: end, held: Vec::new() };
        while !self.is_full() {
            let Some(line) = lines.next()? else { break };
            match files::look(&line) {
                Stretch::Line(json) => self.take(json, line.len()),
                // The one before it shows the hole.
                Stretch::Damaged { whole, .. } => {
                    whole.into_iter().rev().for_each(|json| self.take(json, json.len()));
                }
            }
        }
        Ok(())
    }

    /// Takes one record, if it is older than all before.
    fn take(&mut self, json: &[u8], length: usize) {
        let Some(seq) = seq_of(json).filter(|seq| *seq < self.oldest) else { return };
        let Ok(stored) = serde_json::from_slice::<Stored>(json) else { return };
        if self.is_full() {
            return;
        }
        self.missed += self.oldest - seq - 1;
        self.oldest = seq;
        if self.query.infra || !stored.infra {
            self.bytes += length;
            self.records.push(stored.record);
        }
    }

    fn is_full(&self) -> bool {
        let max = usize::try_from(self.query.max_records.clamp(1, MAX_RECORDS)).unwrap_or(1);
        self.records.len() >= max || self.bytes >= MAX_BYTES
    }

    fn finish(mut self, pod: &PodId) -> JournalPage {
        let epoch = self.query.head.epoch;
        let full = self.is_full();
        let before = self.oldest.saturating_sub(1);
        if !full {
            // Everything was passed; what was not seen is gone.
            self.missed += before;
        }
        self.records.reverse();
        JournalPage {
            pod: pod.clone(),
            records: self.records,
            from: Cursor { epoch, seq: if full { before } else { 0 } },
            next: Cursor { epoch, seq: self.until },
            missed: self.missed,
            at_end: self.until >= self.query.head.seq,
        }
    }
}

/// Whole lines of a file, the last first.
struct LinesBack {
    file: File,
    /// What was not read ends here.
    start: u64,
    /// What was read and not given out; ends with a line's end.
    held: Vec<u8>,
}

impl LinesBack {
    fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let body = self.held.len().saturating_sub(1);
            if let Some(at) = self.held[..body].iter().rposition(|byte| *byte == b'\n') {
                return Ok(Some(self.held.split_off(at + 1)));
            }
            if self.start == 0 {
                let last = std::mem::take(&mut self.held);
                return Ok((!last.is_empty()).then_some(last));
            }
            let length = BLOCK.min(self.start);
            self.start -= length;
            self.file.seek(SeekFrom::Start(self.start))?;
            let mut block = Vec::with_capacity(self.held.len() + BLOCK as usize);
            (&self.file).take(length).read_to_end(&mut block)?;
            block.append(&mut self.held);
            self.held = block;
        }
    }
}

/// Returns the offset behind the last whole line whose record is not after a place. Lines
/// of a segment stand in order, so it is found by halves.
pub(super) fn offset_behind(file: &mut File, seq: u64) -> io::Result<u64> {
    // A line begins at `low`, with a record that is not after the place.
    let (mut low, mut high) = (0, file.metadata()?.len());
    while high - low > NEAR {
        let middle = low + (high - low) / 2;
        match legible_from(file, middle, high)? {
            Some((at, found)) if found <= seq => low = at,
            // Either way nothing from here on is looked for.
            Some(_) | None => high = middle,
        }
    }
    file.seek(SeekFrom::Start(low))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        let torn = line.last() != Some(&b'\n');
        if torn || place_of(&line).is_some_and(|found| found > seq) {
            return Ok(low);
        }
        low += length as u64;
    }
}

/// Returns the first line that begins after an offset and before another, and can be
/// told the place of: where it begins, and that place.
fn legible_from(file: &mut File, after: u64, before: u64) -> io::Result<Option<(u64, u64)>> {
    file.seek(SeekFrom::Start(after))?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    let mut at = after + reader.read_until(b'\n', &mut line)? as u64;
    while at < before {
        line.clear();
        let length = reader.read_until(b'\n', &mut line)?;
        if length == 0 {
            break;
        }
        if let Some(seq) = place_of(&line) {
            return Ok(Some((at, seq)));
        }
        at += length as u64;
    }
    Ok(None)
}

/// Returns the place of the first whole record of a line.
fn place_of(line: &[u8]) -> Option<u64> {
    match files::look(line) {
        Stretch::Line(json) => seq_of(json),
        Stretch::Damaged { whole, .. } => whole.first().and_then(|json| seq_of(json)),
    }
}
