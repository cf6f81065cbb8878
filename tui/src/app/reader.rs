//! Reads parts of a journal: its end, and what is missing above it.

use crate::client::Client;
use crate::journal::{Missing, Piece, Way};
use pinacle_protocol::{ApiError, Cursor, JournalEntry, JournalRecord, PodId, PodRef};
use std::collections::BTreeSet;

/// Records that are read at once; the daemon ends a page at about a MiB as well.
const PAGE: u32 = 1_000;

/// Records a journal is opened with: a screenful even when each is a line.
const OPENED: u32 = 200;

/// Commands under way whose beginning is looked up; more at once are hardly run.
const STRANGERS: usize = 64;

/// Reads one pod's journal.
pub(super) struct Reader<'a> {
    client: &'a Client,
    pod: PodRef,
    infra: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(client: &'a Client, pod: &PodId, infra: bool) -> Self {
        Self { client, pod: PodRef(pod.to_string()), infra }
    }

    /// Returns its end.
    pub(super) async fn end(&self) -> Result<Piece, ApiError> {
        self.back(Cursor::default(), OPENED, u64::MAX).await
    }

    /// Returns what is missing.
    pub(super) async fn part(&self, missing: Missing) -> Result<Piece, ApiError> {
        let Missing { after, until, way } = missing;
        match way {
            Way::Again => self.onwards(after, until, 0).await,
            Way::Onwards(reach) => self.onwards(after, until, reach).await,
            Way::Back(reach) => self.back(Cursor { seq: until, ..after }, PAGE, reach).await,
        }
    }

    /// Reads a page after a cursor; all up to `until` when it gets as far as `reach`.
    async fn onwards(&self, after: Cursor, until: u64, reach: u64) -> Result<Piece, ApiError> {
        let mut piece = Piece { from: after, next: after, ..Piece::default() };
        loop {
            let page = self.client.journal(self.pod.clone(), piece.next, PAGE, self.infra).await?;
            let ended = page.at_end || page.next == piece.next || page.next.seq >= until;
            piece.missed += page.missed;
            piece.records.extend(page.records.into_iter().filter(|r| r.seq <= until));
            // What another journal has in this place is no part of this one.
            let seq = if ended { until } else { page.next.seq };
            piece.next = Cursor { seq, ..after };
            if ended || page.next.seq < reach {
                return Ok(piece);
            }
        }
    }

    /// Reads pages up to a cursor, until they begin before `reach`.
    async fn back(&self, until: Cursor, count: u32, reach: u64) -> Result<Piece, ApiError> {
        let mut at = until;
        let (mut pages, mut piece) = (Vec::new(), Piece::default());
        loop {
            let page = self.client.journal_until(self.pod.clone(), at, count, self.infra).await?;
            if pages.is_empty() {
                piece.next = page.next;
            }
            let ended = page.from.seq == 0 || page.from == at;
            piece.missed += page.missed;
            piece.from = page.from;
            at = page.from;
            pages.push(page.records);
            if ended || at.seq < reach {
                break;
            }
        }
        piece.records = pages.into_iter().rev().flatten().collect();
        if piece.from.seq > 0 {
            piece.context = self.context(&piece).await?;
        }
        Ok(piece)
    }

    /// Returns the beginnings of the commands that were under way before a part.
    async fn context(&self, piece: &Piece) -> Result<Vec<JournalRecord>, ApiError> {
        let mut strangers = Strangers::default();
        self.beginnings(piece.from, strangers.among(&piece.records)).await
    }

    /// Returns the beginnings of commands.
    pub(super) async fn beginnings(
        &self,
        place: Cursor,
        commands: Vec<u64>,
    ) -> Result<Vec<JournalRecord>, ApiError> {
        let mut context = Vec::new();
        for command in commands.into_iter().take(STRANGERS) {
            // A command's number is the place of its beginning.
            let before = Cursor { seq: command.saturating_sub(1), ..place };
            let page = self.client.journal(self.pod.clone(), before, 1, self.infra).await?;
            context.extend(page.records.into_iter().filter(|r| r.seq == command));
        }
        Ok(context)
    }
}

/// Tells commands whose beginning was not seen.
#[derive(Debug, Default)]
pub(super) struct Strangers {
    known: BTreeSet<u64>,
}

impl Strangers {
    /// Takes commands as known.
    pub(super) fn know(&mut self, records: &[JournalRecord]) {
        self.among(records);
    }

    /// Returns the commands among these records that are not known, which then are.
    pub(super) fn among(&mut self, records: &[JournalRecord]) -> Vec<u64> {
        let mut strangers = Vec::new();
        for record in records {
            match &record.entry {
                JournalEntry::Begin { command, .. } => {
                    self.known.insert(*command);
                }
                JournalEntry::Output { command, .. } => {
                    if self.known.insert(*command) {
                        strangers.push(*command);
                    }
                }
                JournalEntry::End { command, .. } => {
                    if !self.known.remove(command) {
                        strangers.push(*command);
                    }
                }
                JournalEntry::Note { .. } => {}
            }
        }
        strangers
    }
}
