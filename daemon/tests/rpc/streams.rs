//! Events and journals, as they come.

use crate::rig::{Daemon, PATIENCE, SPEC, action, create, finished, pod_ref, soon, until};
use pinacle_daemon::journal::{CommandStart, Journal};
use pinacle_protocol::*;

const EVENTS: StreamRequest = StreamRequest::Events { after: None };

fn journal(after: Option<Cursor>, infra: bool, follow: bool) -> StreamRequest {
    StreamRequest::Journal { pod: pod_ref("blog"), after, infra, follow }
}

/// Runs a command in a pod, as far as its journal can tell.
async fn command(journal: &Journal, pod: &PodId, inside: Option<&str>, output: &str) {
    let start = CommandStart {
        line: format!("docker exec x {output}"),
        container_line: inside.map(str::to_owned),
        label: None,
    };
    let command = journal.pod(pod).begin(start).await;
    command.output(OutputStream::Stdout, output.as_bytes()).await;
    command.end(Some(0), None).await;
}

fn texts(frames: &[StreamFrame]) -> Vec<String> {
    let records = frames.iter().filter_map(|frame| match frame {
        StreamFrame::Journal { records, .. } => Some(records),
        _ => None,
    });
    let text = |record: &JournalRecord| match &record.entry {
        JournalEntry::Output { text, .. } => Some(text.clone()),
        _ => None,
    };
    records.flatten().filter_map(text).collect()
}

fn is_end(frame: &StreamFrame) -> bool {
    matches!(frame, StreamFrame::End)
}

#[tokio::test]
async fn what_a_lost_host_means_for_its_pods_is_told() {
    let mut daemon = Daemon::start().await;
    daemon.pod(SPEC).await;
    let mut reader = daemon.stream(&EVENTS).await;
    until(&mut reader, |frame| matches!(frame, StreamFrame::CaughtUp { .. })).await;
    let unknown = |frame: &StreamFrame, wanted: bool| {
        matches!(frame, StreamFrame::Event(record) if matches!(&record.event,
            Event::PodChanged { pod } if pod.unknown_since.is_some() == wanted))
    };
    daemon.engine.cut_link();
    until(&mut reader, |frame| unknown(frame, true)).await;
    daemon.engine.mend_link();
    until(&mut reader, |frame| unknown(frame, false)).await;
}

#[tokio::test]
async fn events_come_as_they_happen_and_go_on_after_a_cursor() {
    let mut daemon = Daemon::start().await;
    let mut reader = daemon.stream(&EVENTS).await;
    until(&mut reader, |frame| matches!(frame, StreamFrame::CaughtUp { .. })).await;
    let (_client, pod) = daemon.pod(SPEC).await;
    let runs = |frame: &StreamFrame| {
        matches!(frame, StreamFrame::Event(record)
        if matches!(&record.event, Event::PodChanged { pod } if pod.phase == PodPhase::Running))
    };
    let frames = until(&mut reader, runs).await;
    let cursor = |frame: &StreamFrame| match frame {
        StreamFrame::Event(record) => Some(record.cursor),
        _ => None,
    };
    let cursors: Vec<_> = frames.iter().filter_map(cursor).collect();
    assert_eq!(cursors.len(), frames.len(), "{frames:?}");
    assert!(cursors.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1));
    let mut again = daemon.stream(&StreamRequest::Events { after: Some(cursors[0]) }).await;
    let rest = until(&mut again, runs).await;
    assert!(rest == frames[1..], "behind {:?} it goes on elsewhere", cursors[0]);
    daemon.engine.remove_container(&pod);
    until(&mut reader, |frame| !runs(frame) && matches!(frame, StreamFrame::Event(_))).await;
}

#[tokio::test]
async fn a_cursor_of_another_run_is_a_gap_behind_which_nothing_is_missing() {
    let mut daemon = Daemon::start().await;
    daemon.pod(SPEC).await;
    let foreign = Cursor { epoch: 1, seq: 5 };
    let mut reader = daemon.stream(&StreamRequest::Events { after: Some(foreign) }).await;
    let Some(StreamFrame::Gap { resume, .. }) = reader.next_frame().await.unwrap() else {
        unreachable!("no gap");
    };
    let mut go_on = daemon.stream(&StreamRequest::Events { after: Some(resume) }).await;
    let caught_up = |frame: &StreamFrame| matches!(frame, StreamFrame::CaughtUp { .. });
    let behind = until(&mut reader, caught_up).await;
    assert!(!behind.is_empty());
    assert!(until(&mut go_on, caught_up).await == behind, "behind {resume:?} it goes on elsewhere");
}

#[tokio::test]
async fn a_journal_is_read_to_its_end_or_followed() {
    let mut daemon = Daemon::start().await;
    let (client, pod) = daemon.pod(SPEC).await;
    command(&daemon.journal, &pod, Some("make"), "one").await;
    command(&daemon.journal, &pod, None, "infra").await;
    daemon.journal.sync_all().await;
    let mut reader = daemon.stream(&journal(None, false, false)).await;
    assert_eq!(texts(&until(&mut reader, is_end).await), ["one"]);
    assert_eq!(reader.next_frame().await.unwrap(), None);
    let mut reader = daemon.stream(&journal(None, true, false)).await;
    assert_eq!(texts(&until(&mut reader, is_end).await), ["one", "infra"]);

    let mut reader = daemon.stream(&journal(None, false, true)).await;
    let mut cursor = None;
    until(&mut reader, |frame| match frame {
        StreamFrame::CaughtUp { cursor: at } => {
            cursor = Some(*at);
            true
        }
        _ => false,
    })
    .await;
    command(&daemon.journal, &pod, Some("make"), "two").await;
    let mut seen = Vec::new();
    until(&mut reader, |frame| {
        seen.extend(texts(std::slice::from_ref(frame)));
        seen == ["two"]
    })
    .await;
    let mut late = daemon.stream(&journal(cursor, false, false)).await;
    assert_eq!(texts(&until(&mut late, is_end).await), ["two"]);
    // A pod that is removed ends its stream.
    let deleted = client.pod_delete(soon(), action("rm", "blog")).await.unwrap().unwrap();
    finished(&client, &deleted).await;
    until(&mut reader, is_end).await;
}

#[tokio::test]
async fn long_journals_come_in_pieces_and_whole() {
    let mut daemon = Daemon::start().await;
    let (client, pod) = daemon.pod(SPEC).await;
    let expected: Vec<String> = (0..700).map(|n| format!("line {n}\n")).collect();
    for text in &expected {
        command(&daemon.journal, &pod, Some("x"), text).await;
    }
    daemon.journal.sync_all().await;
    let mut reader = daemon.stream(&journal(None, false, false)).await;
    let frames = until(&mut reader, is_end).await;
    assert_eq!(texts(&frames), expected);
    assert!(frames.len() > 3);
    let (mut after, mut read) = (Cursor::default(), Vec::new());
    loop {
        let page =
            client.journal(soon(), pod_ref("blog"), after, 100, false).await.unwrap().unwrap();
        assert!(page.records.len() <= 100 && page.missed == 0);
        read.push(StreamFrame::Journal { cursor: page.next, records: page.records });
        after = page.next;
        if page.at_end {
            break;
        }
    }
    assert_eq!(texts(&read), expected);
    let last = Cursor { seq: u64::MAX, ..after };
    for after in [last, Cursor { epoch: u64::MAX, seq: u64::MAX }] {
        for max_records in [0, 1, u32::MAX] {
            let page = client.journal(soon(), pod_ref("blog"), after, max_records, true).await;
            assert!(page.unwrap().unwrap().records.len() <= 1_000);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_streamed_says_why() {
    let daemon = Daemon::start().await;
    let mut reader = daemon.stream(&journal(None, false, true)).await;
    let frame = reader.next_frame().await.unwrap();
    assert!(matches!(frame, Some(StreamFrame::Error(error)) if error.kind == ErrorKind::NotFound));
    assert_eq!(reader.next_frame().await.unwrap(), None);
}

#[tokio::test]
async fn a_stopping_daemon_ends_its_streams() {
    let mut daemon = Daemon::start().await;
    daemon.pod(SPEC).await;
    let mut events = daemon.stream(&EVENTS).await;
    let mut journal = daemon.stream(&journal(None, true, true)).await;
    for reader in [&mut events, &mut journal] {
        until(reader, |frame| matches!(frame, StreamFrame::CaughtUp { .. })).await;
    }
    daemon.stop.trigger();
    until(&mut events, is_end).await;
    until(&mut journal, is_end).await;
    daemon.ended().await;
}

#[tokio::test]
async fn a_reader_that_sleeps_gets_a_gap_and_holds_up_nobody() {
    let mut daemon = Daemon::start().await;
    let mut sleeper = daemon.stream(&EVENTS).await;
    until(&mut sleeper, |frame| matches!(frame, StreamFrame::CaughtUp { .. })).await;
    let (client, _) = daemon.pod(SPEC).await;
    // More events than the ring and the socket hold together.
    let busy = async {
        let mut gap = false;
        for round in 0.. {
            for verb in ["stop", "start"] {
                let asked = action(&format!("{verb}-{round}"), "blog");
                let accepted = match verb {
                    "stop" => client.pod_stop(soon(), asked).await,
                    _ => client.pod_start(soon(), asked).await,
                };
                finished(&client, &accepted.unwrap().unwrap()).await;
            }
            let head = client.inventory(soon()).await.unwrap().unwrap().cursor;
            if head.seq > 6_000 {
                gap = true;
                break;
            }
        }
        gap
    };
    assert!(tokio::time::timeout(PATIENCE, busy).await.expect("the daemon goes on"));
    until(&mut sleeper, |frame| matches!(frame, StreamFrame::Gap { .. })).await;
    let after = until(&mut sleeper, |frame| matches!(frame, StreamFrame::Event(_))).await;
    assert!(after.is_empty(), "{after:?}");
    let one_more = create("one-more", "name: Other\nisolation: runc\n");
    client.pod_create(soon(), one_more).await.unwrap().unwrap();
    until(&mut sleeper, |frame| {
        matches!(frame, StreamFrame::Event(record)
        if matches!(&record.event, Event::PodChanged { pod } if pod.slug.as_str() == "other"))
    })
    .await;
}
