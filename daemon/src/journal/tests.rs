//! What the journal promises: live, in order, complete or saying what is missing.

use super::*;
use pinacle_protocol::{JournalEntry, JournalRecord, OutputStream};

fn pod() -> PodId {
    PodId::new("aaaaaaaaaaaaaaaa").expect("an id")
}

fn open(dir: &std::path::Path, limits: JournalLimits) -> Journal {
    Journal::open(dir.to_owned(), limits, Clock::system()).expect("opened")
}

fn start(container_line: Option<&str>) -> CommandStart {
    CommandStart {
        line: "docker exec x".to_owned(),
        container_line: container_line.map(ToOwned::to_owned),
        label: Some("Label".to_owned()),
    }
}

async fn all(journal: &Journal, infra: bool) -> (Vec<JournalRecord>, u64) {
    let (mut records, mut missed, mut after) = (Vec::new(), 0, Cursor::default());
    loop {
        let page = journal.read(&pod(), after, 1_000, infra).await.expect("read");
        missed += page.missed;
        records.extend(page.records);
        after = page.next;
        if page.at_end {
            return (records, missed);
        }
    }
}

fn text(records: &[JournalRecord]) -> String {
    let output = records.iter().filter_map(|record| match &record.entry {
        JournalEntry::Output { text, .. } => Some(text.as_str()),
        _ => None,
    });
    output.collect()
}

#[tokio::test]
async fn a_command_reads_back_as_it_was_written_and_infra_only_on_request() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    let pod_journal = journal.pod(&pod());
    let user = pod_journal.begin(start(Some("echo hi"))).await;
    let infra = pod_journal.begin(start(None)).await;
    user.output(OutputStream::Stdout, "h\u{e4}".as_bytes()).await;
    infra.output(OutputStream::Stderr, b"noise").await;
    infra.end(Some(0), None).await;
    user.end(Some(3), None).await;
    journal.sync_all().await;
    let (records, missed) = all(&journal, false).await;
    assert_eq!((text(&records).as_str(), missed), ("h\u{e4}", 0));
    assert!(matches!(records[0].entry, JournalEntry::Begin { command: 1, .. }));
    assert!(matches!(records[2].entry, JournalEntry::End { command: 1, exit_code: Some(3), .. }));
    let (records, _) = all(&journal, true).await;
    assert_eq!(records.iter().map(|r| r.seq).collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6]);
}

#[tokio::test]
async fn a_follower_is_woken_by_output_before_the_command_ends() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    let command = journal.pod(&pod()).begin(start(Some("x"))).await;
    let mut head = journal.subscribe(&pod()).await.expect("subscribed");
    let before = *head.borrow_and_update();
    command.output(OutputStream::Stdout, b"now").await;
    head.changed().await.expect("woken");
    let page = journal.read(&pod(), before, 10, true).await.expect("read");
    assert_eq!(text(&page.records), "now");
    drop(command);
    head.wait_for(|head| head.seq >= 3).await.expect("ended");
    let (records, _) = all(&journal, true).await;
    let last = &records.last().expect("a record").entry;
    assert!(matches!(last, JournalEntry::End { exit_code: None, error: Some(_), .. }), "{last:?}");
}

/// Small pieces are given from memory and large ones from the files, in one stream.
#[tokio::test]
async fn what_a_follower_is_given_is_what_the_files_hold() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    let mut head = journal.subscribe(&pod()).await.expect("subscribed");
    let writer = journal.clone();
    let mut writing = tokio::task::JoinSet::new();
    writing.spawn(async move {
        for round in 0..40 {
            let line = (round % 2 == 0).then_some("x");
            let command = writer.pod(&pod()).begin(start(line)).await;
            for size in [3, 40_000, 1, 70_000, 200] {
                command.output(OutputStream::Stdout, &vec![b'a' + round % 26; size]).await;
            }
            command.end(Some(0), None).await;
        }
        writer.sync_all().await;
    });
    let (mut followed, mut after) = (Vec::new(), Cursor::default());
    let mut written = false;
    loop {
        written |= writing.try_join_next().is_some();
        let to = *head.borrow_and_update();
        let page = journal.read(&pod(), after, 500, false).await.expect("read");
        assert_eq!(page.missed, 0);
        followed.extend(page.records);
        after = page.next;
        if written && after == to && page.at_end {
            break;
        }
        if page.at_end {
            let _ = tokio::time::timeout(Duration::from_millis(20), head.changed()).await;
        }
    }
    drop((head, journal));
    let (stored, missed) = all(&open(dir.path(), JournalLimits::default()), false).await;
    assert_eq!(missed, 0);
    assert_eq!(followed, stored);
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_an_open_command_ended_by_the_next_daemon() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let journal = open(dir.path(), JournalLimits::default());
        let command = journal.pod(&pod()).begin(start(Some("x"))).await;
        command.output(OutputStream::Stdout, b"seen").await;
        journal.sync_all().await;
        // As if the process were killed: no destructor runs.
        std::mem::forget(command);
    }
    let segment = files::segments(&files::folder(dir.path(), &pod())).expect("listed").remove(0);
    let mut bytes = std::fs::read(&segment.path).expect("read");
    bytes.extend(b"{\"seq\":3,\"time\":1,\"type\":\"outp");
    std::fs::write(&segment.path, bytes).expect("torn");
    let journal = open(dir.path(), JournalLimits::default());
    let (records, missed) = all(&journal, false).await;
    // The writer may have ended the command by now.
    assert_eq!(records.iter().map(|r| r.seq).take(2).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(missed, 0);
    journal.pod(&pod()).note("after").await;
    journal.sync_all().await;
    let (records, _) = all(&journal, false).await;
    assert!(matches!(&records[2].entry, JournalEntry::End { command: 1, exit_code: None, .. }));
    assert_eq!(records[3].seq, 4);
}

#[tokio::test]
async fn damage_in_the_middle_is_counted_and_the_rest_is_read() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    for n in 0..5 {
        journal.pod(&pod()).note(format!("note {n}")).await;
    }
    journal.sync_all().await;
    let segment = files::segments(&files::folder(dir.path(), &pod())).expect("listed").remove(0);
    let lines = std::fs::read_to_string(&segment.path).expect("read");
    std::fs::write(&segment.path, lines.replace("note 2", "note\u{0}2")).expect("damaged");
    let (records, missed) = all(&journal, false).await;
    assert_eq!((records.len(), missed), (4, 1));
}

#[tokio::test]
async fn caps_bound_a_command_and_a_pod_and_readers_are_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let limits = JournalLimits {
        per_command: 40_000,
        per_pod: 60_000,
        segment: 10_000,
        ..JournalLimits::default()
    };
    let journal = open(dir.path(), limits);
    for _ in 0..5 {
        let command = journal.pod(&pod()).begin(start(Some("yes"))).await;
        for _ in 0..100 {
            command.output(OutputStream::Stdout, &[b'y'; 1_000]).await;
        }
        command.end(Some(0), None).await;
    }
    journal.sync_all().await;
    let (records, missed) = all(&journal, false).await;
    let JournalEntry::End { dropped_bytes, .. } = records.last().expect("a record").entry else {
        panic!("{:?}", records.last());
    };
    assert_eq!(dropped_bytes, 60_000);
    assert!(missed > 0, "the oldest segments are gone, and it is said");
    let size: u64 = files::segments(&files::folder(dir.path(), &pod()))
        .expect("listed")
        .iter()
        .map(|segment| std::fs::metadata(&segment.path).expect("a file").len())
        .sum();
    assert!(size < 2 * limits.per_pod, "{size}");
}

#[tokio::test]
async fn a_hundred_thousand_lines_come_back_in_order_page_by_page() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    let command = journal.pod(&pod()).begin(start(Some("seq"))).await;
    let lines: String = (0..100_000).map(|n| format!("line {n}\n")).collect();
    for chunk in lines.as_bytes().chunks(7_000) {
        command.output(OutputStream::Stdout, chunk).await;
    }
    command.end(Some(0), None).await;
    journal.sync_all().await;
    let (records, missed) = all(&journal, false).await;
    assert_eq!(missed, 0);
    assert!(text(&records) == lines, "every line, in order");
}

#[tokio::test]
async fn no_secret_is_stored_in_lines_or_output() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    journal.set_secrets(&pod(), vec!["tr0ub4dor".to_owned()]);
    let command = journal.pod(&pod()).begin(start(Some("login --pw tr0ub4dor"))).await;
    command.output(OutputStream::Stdout, b"using tr0ub").await;
    command.output(OutputStream::Stdout, b"4dor, ok").await;
    command.end(Some(1), Some("tr0ub4dor refused".to_owned())).await;
    journal.sync_all().await;
    let (records, _) = all(&journal, true).await;
    assert!(!serde_json::to_string(&records).expect("JSON").contains("tr0ub4dor"));
    assert_eq!(text(&records), "using [redacted], ok");
}

#[tokio::test]
async fn old_segments_are_swept_and_a_forgotten_pods_folder_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    let limits = JournalLimits { keep: Duration::ZERO, ..JournalLimits::default() };
    let journal = open(dir.path(), limits);
    journal.pod(&pod()).note("x").await;
    journal.sweep().await;
    assert!(files::folder(dir.path(), &pod()).exists(), "in use");
    journal.forget(&pod());
    // The age of a file is told in whole milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    journal.sweep().await;
    assert!(!files::folder(dir.path(), &pod()).exists());
}

/// Reads everything backwards.
async fn all_back(journal: &Journal, infra: bool, max: u32) -> (Vec<JournalRecord>, u64) {
    let (mut pages, mut missed, mut until) = (Vec::new(), 0, Cursor::default());
    loop {
        let page = journal.read_until(&pod(), until, max, infra).await.expect("read");
        assert!(until.epoch == 0 || page.next == until, "{until:?} {:?}", page.next);
        missed += page.missed;
        until = page.from;
        pages.push(page.records);
        if until.seq == 0 {
            return (pages.into_iter().rev().flatten().collect(), missed);
        }
    }
}

#[tokio::test]
async fn backwards_it_reads_the_same_whatever_is_torn_damaged_hidden_or_gone() {
    let dir = tempfile::tempdir().expect("a directory");
    let limits = JournalLimits { segment: 200_000, per_pod: 1_500_000, ..JournalLimits::default() };
    let journal = open(dir.path(), limits);
    let pod_journal = journal.pod(&pod());
    let (user, infra) =
        (pod_journal.begin(start(Some("a"))).await, pod_journal.begin(start(None)).await);
    for n in 0..3_000_usize {
        let from = if n % 3 == 0 { &infra } else { &user };
        let text = format!("{n} {}\n", "\u{1b}".repeat(if n % 500 == 0 { 20_000 } else { n % 90 }));
        from.output(OutputStream::Stdout, text.as_bytes()).await;
    }
    journal.sync_all().await;
    let segments = files::segments(&files::folder(dir.path(), &pod())).expect("listed");
    assert!(segments.len() > 3 && segments[0].first > 1, "{segments:?}");
    let middle = &segments[1].path;
    let lines = std::fs::read_to_string(middle).expect("read");
    let damaged: Vec<&str> = lines
        .lines()
        .enumerate()
        .map(|(n, line)| match n {
            5 => "{\"s",
            6 => "\u{fffd}\u{fffd}",
            _ => line,
        })
        .collect();
    std::fs::write(middle, damaged.join("\n") + "\n").expect("damaged");
    for infra in [false, true] {
        let forward = all(&journal, infra).await;
        assert!(forward.1 > 2, "some are gone, two are damaged");
        for max in [1_000, 7] {
            assert!(all_back(&journal, infra, max).await == forward, "{infra} {max}");
        }
    }
}

#[tokio::test]
async fn any_place_is_found_and_an_unknown_one_is_the_end() {
    let dir = tempfile::tempdir().expect("a directory");
    let journal = open(dir.path(), JournalLimits::default());
    for n in 0..2_000 {
        journal.pod(&pod()).note(format!("note {n} {}", "x".repeat(n % 300))).await;
    }
    journal.sync_all().await;
    let head = *journal.subscribe(&pod()).await.expect("subscribed").borrow();
    for seq in [1, 2, 3, 500, 777, 1_999, 2_000] {
        let place = Cursor { seq, ..head };
        let back = journal.read_until(&pod(), place, 1, true).await.expect("read");
        assert_eq!((back.records[0].seq, back.from.seq), (seq, seq - 1));
        // Read without having been there before.
        let page = journal.read(&pod(), Cursor { seq: seq - 1, ..head }, 1, true).await;
        assert_eq!(page.expect("read").records[0].seq, seq);
    }
    for unknown in [Cursor::default(), Cursor { epoch: head.epoch + 1, seq: 3 }] {
        let page = journal.read_until(&pod(), unknown, 5, true).await.expect("read");
        assert_eq!((page.next, page.records.len(), page.at_end), (head, 5, true));
    }
    let nothing = journal.read_until(&pod(), Cursor { seq: 0, ..head }, 5, true).await;
    let nothing = nothing.expect("read");
    assert_eq!((nothing.records.len(), nothing.missed, nothing.at_end), (0, 0, false));
}
