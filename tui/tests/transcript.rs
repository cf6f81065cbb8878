//! Journals as a terminal would have shown them.

use crate::support::views::{begin, end, output, record};
use pinacle_protocol::{JournalEntry, JournalRecord, LEFT_RUNNING};
use pinacle_tui::output::Paint;
use pinacle_tui::transcript::{Escapes, Transcript};

fn show(records: &[JournalRecord]) -> String {
    let mut transcript = Transcript::new(Paint::Plain, Escapes::Strip);
    let mut out = String::new();
    records.iter().for_each(|r| transcript.push(r, &mut out));
    transcript.finish(&mut out);
    out
}

#[test]
fn a_command_reads_like_on_a_terminal() {
    let shown = show(&[
        begin(1, "Install", "npm ci"),
        output(2, 1, "added 3 packages\n"),
        end(3, 1, Some(0)),
        begin(4, "Test", "npm test"),
        output(5, 4, "boom"),
        end(6, 4, Some(1)),
    ]);
    let expected = "Install\n$ npm ci\nadded 3 packages\n\nTest\n$ npm test\nboom\nExit code: 1 (after 1.5s)\n";
    assert_eq!(shown, expected);
}

#[test]
fn output_of_commands_that_overlap_is_kept_apart() {
    let shown = show(&[
        begin(1, "Web", "npm start"),
        begin(2, "Db", "postgres"),
        output(3, 1, "listening"),
        output(4, 2, "ready\n"),
        output(5, 1, " on 3000\n"),
        end(6, 2, Some(0)),
        end(7, 1, Some(0)),
    ]);
    insta::assert_snapshot!(shown);
}

#[test]
fn an_end_without_a_code_says_why() {
    let lost = record(
        2,
        JournalEntry::End {
            command: 1,
            exit_code: None,
            duration_ms: 100,
            error: Some("the daemon was killed".to_owned()),
            dropped_bytes: 42,
        },
    );
    let shown = show(&[begin(1, "Long", "sleep 9"), lost]);
    assert!(shown.contains("42 bytes of output were left out"), "{shown}");
    assert!(shown.contains("Exit code: unknown: the daemon was killed"), "{shown}");
}

#[test]
fn notes_gaps_and_unseen_beginnings_are_shown() {
    let mut transcript = Transcript::new(Paint::Plain, Escapes::Strip);
    let mut out = String::new();
    transcript.push(&output(5, 3, "tail"), &mut out);
    transcript.gap(Some(7), &mut out);
    transcript.push(&record(9, JournalEntry::Note { text: "pod is up".to_owned() }), &mut out);
    transcript.finish(&mut out);
    assert_eq!(
        out,
        "$ (begun before the part shown here)\ntail\n[7 records are missing here]\n-- pod is up\n"
    );
}

#[test]
fn escape_sequences_go_and_colours_stay_only_where_asked() {
    let records = [begin(1, "\u{1b}[2JClear", "x"), output(2, 1, "\u{1b}[31mred\u{1b}[2J\n")];
    assert_eq!(show(&records), "Clear\n$ x\nred\n");
    let mut transcript = Transcript::new(Paint::Color, Escapes::KeepColors);
    let mut out = String::new();
    records.iter().for_each(|r| transcript.push(r, &mut out));
    transcript.finish(&mut out);
    assert!(out.contains("\u{1b}[31mred\n\u{1b}[0m"), "{out:?}");
    assert!(!out.contains("\u{1b}[2J"), "{out:?}");
}

#[test]
fn a_command_of_several_lines_keeps_them() {
    let script = "set -e\n\tmake all\necho \u{1b}[2Jdone\n";
    let shown = show(&[
        begin(1, "Install", script),
        output(2, 1, "ok\n"),
        begin(3, "Other", "true"),
        output(4, 1, "more\n"),
    ]);
    let expected = "Install\n$ set -e\n    make all\n  echo done\nok\n\nOther\n$ true\n\n\
                    Install (goes on)\n$ set -e ...\nmore\n";
    assert_eq!(shown, expected);
}

#[test]
fn a_shell_that_was_left_has_not_failed() {
    let left = record(
        2,
        JournalEntry::End {
            command: 1,
            exit_code: None,
            duration_ms: 34_000,
            error: Some(LEFT_RUNNING.to_owned()),
            dropped_bytes: 0,
        },
    );
    let shown = show(&[begin(1, "Shell", "bash -l"), left]);
    assert_eq!(shown, "Shell\n$ bash -l\nleft while it ran (after 34s)\n");
}
