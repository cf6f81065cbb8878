//! Damaged segments and wrong clocks: one damaged place costs one record at the most,
//! and no record goes because of a date.

use super::read::{self, Places, Query};
use super::*;
use pinacle_protocol::{JournalEntry, JournalRecord};
use std::path::Path;

const NOTES: u64 = 8;

fn pod() -> PodId {
    PodId::new("aaaaaaaaaaaaaaaa").expect("an id")
}

/// A journal of notes, and the path of its only segment.
async fn written(dir: &Path) -> PathBuf {
    let journal = Journal::open(dir.to_owned(), JournalLimits::default(), Clock::system());
    let journal = journal.expect("opened");
    for n in 1..=NOTES {
        journal.pod(&pod()).note(format!("note {n}")).await;
    }
    journal.sync_all().await;
    let mut segments = files::segments(&files::folder(dir, &pod())).expect("listed");
    segments.remove(0).path
}

/// Reads everything, forwards and backwards.
fn read(dir: &Path) -> [(Vec<JournalRecord>, u64); 2] {
    let head = Cursor { epoch: 1, seq: NOTES };
    let query = |place| Query { place, max_records: 1_000, infra: true, head };
    let start = Cursor { epoch: 1, seq: 0 };
    let forwards = read::page(dir, &pod(), query(start), &Mutex::new(Places::default()));
    let backwards = back::page(dir, &pod(), query(head));
    [forwards, backwards].map(|page| {
        let page = page.expect("read");
        (page.records, page.missed)
    })
}

#[tokio::test]
async fn one_flipped_bit_costs_one_record_and_hides_no_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(dir.path()).await;
    let bytes = std::fs::read(&path).expect("read");
    let [(whole, _), _] = read(dir.path());
    assert_eq!(u64::try_from(whole.len()), Ok(NOTES));
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        // The end of the last line is where a line may be unfinished.
        if bit / 8 + 1 == bytes.len() {
            continue;
        }
        std::fs::write(&path, damaged).expect("damaged");
        for (records, missed) in read(dir.path()) {
            let there = u64::try_from(records.len()).expect("few");
            assert!(there + 1 >= NOTES, "bit {bit}: {there} are there");
            assert_eq!(there + missed, NOTES, "bit {bit}: what is missing is counted");
            assert!(records.iter().all(|record| whole.contains(record)), "bit {bit}: others");
        }
    }
}

#[tokio::test]
async fn two_damaged_ends_of_lines_hide_nothing_between_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(dir.path()).await;
    let mut bytes = std::fs::read(&path).expect("read");
    let ends: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
    bytes[ends[2]] = b'x';
    bytes[ends[3]] = 0;
    std::fs::write(&path, bytes).expect("damaged");
    for (records, missed) in read(dir.path()) {
        assert_eq!((u64::try_from(records.len()), missed), (Ok(NOTES), 0));
    }
}

#[tokio::test]
async fn a_record_whose_line_lost_its_end_is_kept_by_the_next_daemon() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = written(dir.path()).await;
    let mut bytes = std::fs::read(&path).expect("read");
    // A reader has seen this record: it is not a line that was never finished.
    bytes.pop();
    std::fs::write(&path, bytes).expect("damaged");
    let limits = JournalLimits::default();
    let journal = Journal::open(dir.path().to_owned(), limits, Clock::system()).expect("opened");
    journal.pod(&pod()).note("after").await;
    journal.sync_all().await;
    let page = journal.read(&pod(), Cursor::default(), 1_000, true).await.expect("read");
    assert_eq!((u64::try_from(page.records.len()), page.missed), (Ok(NOTES + 1), 0));
    let last = page.records.last().expect("a record");
    assert!(matches!(&last.entry, JournalEntry::Note { text } if text == "after"), "{last:?}");
}

#[cfg(feature = "testing")]
mod clocks {
    use super::*;
    use crate::testing::ManualTime;

    const DAY: Duration = Duration::from_secs(86_400);

    fn segments(dir: &Path) -> usize {
        files::segments(&files::folder(dir, &pod())).expect("listed").len()
    }

    async fn journal(dir: &Path, time: &ManualTime) -> Journal {
        let limits = JournalLimits { keep: DAY * 5, ..JournalLimits::default() };
        Journal::open(dir.to_owned(), limits, time.clock()).expect("opened")
    }

    #[tokio::test]
    async fn no_jump_of_the_date_removes_a_record() {
        let dir = tempfile::tempdir().expect("a directory");
        let time = ManualTime::new(1);
        let now = time.clock().now().0;
        {
            let journal = journal(dir.path(), &time).await;
            journal.pod(&pod()).note("kept").await;
            journal.forget(&pod());
            // Ten years on, back to 1970, and there again.
            for wall in [now + 315_360_000_000, 1, now, 86_400_000, now + 1_000] {
                journal.sweep().await;
                time.set_wall_ms(wall);
                time.advance(Duration::from_secs(3_600));
                journal.sweep().await;
                assert_eq!(segments(dir.path()), 1, "the date is {wall}");
            }
        }
        // The daemon does not run while the date is set ten years on.
        time.set_wall_ms(now + 315_360_000_000);
        let journal = journal(dir.path(), &time).await;
        journal.sweep().await;
        assert_eq!(segments(dir.path()), 1);
        // What is really old goes, whatever the date says.
        time.set_wall_ms(1);
        for _ in 0..6 {
            time.advance(DAY);
            journal.sweep().await;
        }
        assert_eq!(segments(dir.path()), 0);
    }
}
