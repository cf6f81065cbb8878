//! The list of pods.

use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::output::{Paint, table, time};

const NOW: Timestamp = Timestamp(views::T0 + 3 * 3_600_000);

#[test]
fn the_list_lines_up_and_says_what_is_amiss() {
    let mut starting = views::pod(1, "api", PodPhase::Starting);
    starting.operation = Some(OperationSummary {
        id: views::operation_id(1),
        kind: OperationKind::Start,
        step: "run the install command".to_owned(),
        done: 2,
        total: 5,
        started_at: NOW,
    });
    let mut failed = views::pod(2, "a-much-longer-name", PodPhase::Failed);
    failed.reason = Some("the image\n\u{1b}[31mcannot be pulled".to_owned());
    failed.hint = Some("name another".to_owned());
    failed.port = None;
    failed.url = None;
    failed.isolation = Isolation::Runc;
    let mut lost = views::pod(3, "lost", PodPhase::Running);
    lost.unknown_since = Some(NOW.plus_ms(0));
    let pods = [starting, failed, lost, views::pod(4, "web", PodPhase::Running)];
    insta::assert_snapshot!(table::pods(&pods, NOW, Paint::Plain));
    let painted = table::pods(&pods, NOW, Paint::Color);
    let plain = pinacle_tui::sanitize::plain_line(&painted);
    let expected = pinacle_tui::sanitize::plain_line(&table::pods(&pods, NOW, Paint::Plain));
    assert_eq!(plain, expected, "colours change no column");
}

#[test]
fn an_empty_list_says_what_to_do() {
    assert!(table::pods(&[], NOW, Paint::Plain).contains("pinacle-tui up"));
}

#[test]
fn spans_are_short_words() {
    for (ms, word) in [
        (0, "0s"),
        (119_999, "119s"),
        (120_000, "2m"),
        (7_199_999, "119m"),
        (7_200_000, "2h"),
        (172_800_000, "2d"),
    ] {
        assert_eq!(time::age(ms), word);
    }
    for (ms, word) in [(450, "0.4s"), (12_000, "12s"), (185_000, "3m 05s"), (7_260_000, "2h 01m")] {
        assert_eq!(time::elapsed(ms), word);
    }
}

#[test]
fn moments_are_written_in_utc() {
    for (seconds, text) in [
        (0, "1970-01-01T00:00:00Z"),
        (951_782_399, "2000-02-28T23:59:59Z"),
        (951_782_400, "2000-02-29T00:00:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (4_107_542_400, "2100-03-01T00:00:00Z"),
    ] {
        assert_eq!(time::rfc3339(Timestamp(seconds * 1000)), text);
    }
}
