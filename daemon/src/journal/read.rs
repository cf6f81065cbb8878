//! Reading: a stretch of a pod's journal, from its files.

use super::files::{self, Segment, Stored, Stretch};
use super::{JournalError, back, lock};
use pinacle_protocol::{Cursor, JournalPage, PodId};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};
use std::path::Path;
use std::sync::Mutex;

/// Most records of one page.
pub(super) const MAX_RECORDS: u32 = 1_000;
/// Size at which a page ends, in bytes of its lines.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Places remembered, over all pods: one for each reader that goes on page by page.
const PLACES: usize = 1_024;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    /// Where the page begins, or ends.
    pub(super) place: Cursor,
    pub(super) max_records: u32,
    pub(super) infra: bool,
    /// The newest record when it was asked.
    pub(super) head: Cursor,
}

/// Where in the files pages ended, so that the next page begins there instead of
/// searching its segment.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<(PodId, u64), (u64, u64)>);

impl Places {
    /// Returns the segment's first record and the offset behind a record.
    fn find(&self, pod: &PodId, seq: u64) -> Option<(u64, u64)> {
        self.0.get(&(pod.clone(), seq)).copied()
    }

    fn remember(&mut self, pod: &PodId, seq: u64, segment: u64, offset: u64) {
        if self.0.len() >= PLACES {
            self.0.clear();
        }
        self.0.insert((pod.clone(), seq), (segment, offset));
    }
}

/// Reads a page.
pub(super) fn page(
    dir: &Path,
    pod: &PodId,
    query: Query,
    places: &Mutex<Places>,
) -> Result<JournalPage, JournalError> {
    let Query { place: after, head, .. } = query;
    // A cursor of an older journal means from the beginning of this one.
    let from = if after.epoch == head.epoch { after.seq.min(head.seq) } else { 0 };
    let mut page = Page::new(pod, query, from);
    let segments = files::segments(&files::folder(dir, pod))?;
    let first = segments.iter().rposition(|segment| segment.first <= from + 1).unwrap_or(0);
    let place = lock(places).find(pod, from);
    for segment in &segments[first.min(segments.len())..] {
        let known = place.filter(|(of, _)| *of == segment.first).map(|(_, offset)| offset);
        match page.read_segment(segment, from, known) {
            Ok(Progress::More) => {}
            Ok(Progress::Full) => break,
            // Removed by its age since it was listed: the gap is counted.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(JournalError::File {
                    action: "read",
                    path: segment.path.clone(),
                    source,
                });
            }
        }
    }
    if let Some((segment, offset)) = page.end {
        lock(places).remember(pod, page.last, segment, offset);
    }
    Ok(page.finish())
}

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    More,
    Full,
}

struct Page {
    query: Query,
    page: JournalPage,
    bytes: usize,
    /// The last record that was passed, shown or not.
    last: u64,
    end: Option<(u64, u64)>,
}

impl Page {
    fn new(pod: &PodId, query: Query, from: u64) -> Self {
        let page = JournalPage {
            pod: pod.clone(),
            records: Vec::new(),
            from: Cursor { epoch: query.head.epoch, seq: from },
            next: query.head,
            missed: 0,
            at_end: false,
        };
        Self { query, page, bytes: 0, last: from, end: None }
    }

    fn read_segment(
        &mut self,
        segment: &Segment,
        from: u64,
        known: Option<u64>,
    ) -> std::io::Result<Progress> {
        let mut file = File::open(&segment.path)?;
        let offset = match known {
            Some(offset) => offset,
            None if segment.first > from => 0,
            None => back::offset_behind(&mut file, from)?,
        };
        file.seek(SeekFrom::Start(offset))?;
        let mut reader = BufReader::with_capacity(64 * 1024, file);
        let mut offset = offset;
        let mut line = Vec::new();
        loop {
            if self.is_full() {
                return Ok(Progress::Full);
            }
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            // A line without an end is being written.
            if length == 0 || line.last() != Some(&b'\n') {
                return Ok(Progress::More);
            }
            offset += u64::try_from(length).unwrap_or(0);
            let end = (segment.first, offset);
            let progress = match files::look(&line) {
                Stretch::Line(json) => self.take(json, length, end),
                // The next place that is legible shows the hole.
                Stretch::Damaged { whole, .. } => {
                    let taken = whole.into_iter().map(|json| self.take(json, json.len(), end));
                    taken.last().unwrap_or(Progress::More)
                }
            };
            if progress == Progress::Full {
                return Ok(Progress::Full);
            }
        }
    }

    /// Takes one record, if it is one that was asked for.
    fn take(&mut self, json: &[u8], length: usize, end: (u64, u64)) -> Progress {
        let Some(seq) = files::seq_of(json) else { return Progress::More };
        if seq <= self.last {
            return Progress::More;
        }
        if seq > self.query.head.seq {
            return Progress::Full;
        }
        let Ok(stored) = serde_json::from_slice::<Stored>(json) else { return Progress::More };
        self.page.missed += seq - self.last - 1;
        self.last = seq;
        self.end = Some(end);
        if self.query.infra || !stored.infra {
            self.bytes += length;
            self.page.records.push(stored.record);
        }
        Progress::More
    }

    fn is_full(&self) -> bool {
        let max = usize::try_from(self.query.max_records.clamp(1, MAX_RECORDS)).unwrap_or(1);
        self.page.records.len() >= max || self.bytes >= MAX_BYTES
    }

    fn finish(mut self) -> JournalPage {
        if !self.is_full() {
            // Everything up to the head was passed; what was not seen is gone.
            self.page.missed += self.query.head.seq.saturating_sub(self.last);
            self.last = self.last.max(self.query.head.seq);
        }
        self.page.next = Cursor { epoch: self.query.head.epoch, seq: self.last };
        self.page.at_end = self.last >= self.query.head.seq;
        self.page
    }
}
