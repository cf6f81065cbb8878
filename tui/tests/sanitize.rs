//! What reaches a terminal of what a pod prints.

use pinacle_tui::sanitize::{Keep, Sanitizer, plain_line};
use proptest::prelude::*;

const ESC: char = '\u{1b}';

fn clean(keep: Keep, bytes: &[u8]) -> String {
    let mut sanitizer = Sanitizer::new(keep);
    let mut out = String::new();
    sanitizer.push(bytes, &mut out);
    sanitizer.finish(&mut out);
    out
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    assert_eq!(clean(Keep::Sgr, bytes), expected);
    for cut in 0..=bytes.len() {
        let mut sanitizer = Sanitizer::new(Keep::Sgr);
        let mut out = String::new();
        sanitizer.push(&bytes[..cut], &mut out);
        sanitizer.push(&bytes[cut..], &mut out);
        sanitizer.finish(&mut out);
        assert_eq!(out, expected, "cut at {cut}");
    }
}

#[test]
fn plain_text_is_left_alone() {
    check("naïve\ttext 名前 🦀\n".as_bytes(), "naïve\ttext 名前 🦀\n");
}

#[test]
fn colours_stay_and_are_put_back_at_the_end() {
    check(b"\x1b[1;31mred\x1b[0m", "\x1b[1;31mred\x1b[0m");
    check(b"\x1b[38:2:1:2:3mred", "\x1b[38:2:1:2:3mred\x1b[0m");
    assert_eq!(clean(Keep::Nothing, b"\x1b[31mred\x1b[m"), "red");
}

#[test]
fn cursor_and_modes_are_taken_out() {
    check(b"a\x1b[2J\x1b[H\x1b[?1049h\x1b[>4;2m\x1b[6n\x1b[1 qb", "ab");
    check(b"a\x1bcb\x1b(Bc\x1b7d\x1b#8e", "abcde");
}

#[test]
fn strings_are_taken_out_however_they_end() {
    check(b"a\x1b]0;title\x07b", "ab");
    check(b"a\x1b]52;c;c2VjcmV0\x1b\\b", "ab");
    check(b"a\x1bPq#0;2\n#1\x1b\\b", "ab");
    check(b"a\x1b_G;payload\x1b\\b\x1b^pm\x1b\\c\x1bXsos\x1b\\d", "abcd");
    check("a\u{9d}0;t\u{9c}b\u{9b}2Jc\u{90}x\u{9c}d".as_bytes(), "abcd");
}

#[test]
fn an_unclosed_string_does_not_swallow_the_rest() {
    check(b"a\x1b]0;title\nb", "a\nb");
    let mut bytes = b"a\x1bP".to_vec();
    bytes.extend(vec![b'x'; 70_000]);
    bytes.extend(b"end");
    assert!(clean(Keep::Sgr, &bytes).ends_with("end"));
    check(b"a\x1b[31\x18b", "ab");
}

#[test]
fn controls_and_direction_marks_are_taken_out() {
    check(b"a\x00b\x08c\x07d\x7fe\x0ef", "abcdef");
    check("a\u{202e}b\u{2066}c\u{85}d".as_bytes(), "abcd");
}

#[test]
fn a_return_ends_the_line_once() {
    check(b"a\r\nb\rc\r\rd", "a\nb\nc\nd");
}

#[test]
fn bytes_that_are_not_utf8_are_marked() {
    check(b"a\xffb\xc3", "a\u{fffd}b\u{fffd}");
    check(b"\x9b2J", "\u{fffd}2J");
    check(b"a\x1b[3\xff1mb", "a\u{fffd}1mb");
}

#[test]
fn a_message_is_one_line() {
    assert_eq!(plain_line("a\nb\tc\x1b[31md\n"), "a b cd");
}

proptest! {
    #[test]
    fn nothing_but_text_and_colours_comes_out(bytes in arbitrary_output()) {
        let out = clean(Keep::Sgr, &bytes);
        let mut rest = out.as_str();
        while let Some(at) = rest.find('\u{1b}') {
            let tail = rest[at..].strip_prefix("\u{1b}[").expect("a CSI");
            let end = tail.find(|c: char| !matches!(c, '0'..='9' | ';' | ':')).expect("an end");
            prop_assert_eq!(&tail[end..=end], "m");
            rest = &tail[end..];
        }
        let is_bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t' | ESC);
        prop_assert!(!out.chars().any(is_bad), "{:?}", out);
        let nothing = clean(Keep::Nothing, &bytes);
        prop_assert!(!nothing.contains(ESC), "{:?}", nothing);
    }

    #[test]
    fn cutting_into_chunks_changes_nothing(bytes in arbitrary_output(), size in 1_usize..7) {
        let mut sanitizer = Sanitizer::new(Keep::Sgr);
        let mut out = String::new();
        for chunk in bytes.chunks(size) {
            sanitizer.push(chunk, &mut out);
        }
        sanitizer.finish(&mut out);
        prop_assert_eq!(out, clean(Keep::Sgr, &bytes));
    }
}

/// Bytes in which escape sequences, and pieces of them, are common.
fn arbitrary_output() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..4),
        prop::sample::select(vec![
            &b"\x1b["[..],
            b"\x1b]",
            b"\x1bP",
            b"\x1b\\",
            b"m",
            b"31",
            b";",
            b"\r",
            b"\n",
            b"\xc2",
            b"\x9b",
            b"\x07",
            b"text",
            b"?",
            b" ",
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}
