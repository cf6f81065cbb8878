//! Saved outputs that programs, or people who meant no good, have printed: whatever they are and
//! however they are cut, and whatever thousands of changes make of them, what comes out is text.

use crate::ui::chance::Chance;
use pinacle_tui::sanitize::{Keep, Sanitizer};
use std::path::Path;

/// Changes made of each saved output; the sequence is the same in every run.
const CHANGES: u64 = 400;

fn clean(keep: Keep, bytes: &[u8], size: usize) -> String {
    let (mut sanitizer, mut out) = (Sanitizer::new(keep), String::new());
    bytes.chunks(size).for_each(|chunk| sanitizer.push(chunk, &mut out));
    sanitizer.finish(&mut out);
    out
}

/// Returns what in a text would do more than show something.
fn harm(keep: Keep, text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        let tail = &rest[at..];
        let body = tail.strip_prefix("\u{1b}[").unwrap_or("x");
        let end = body.find(|c: char| !matches!(c, '0'..='9' | ';' | ':'));
        match end {
            Some(end) if body[end..].starts_with('m') && keep != Keep::Nothing => {
                rest = &body[end + 1..];
            }
            _ => {
                return Some(format!(
                    "a sequence: {:?}",
                    tail.chars().take(20).collect::<String>()
                ));
            }
        }
    }
    let is_harmful = |c: &char| match c {
        '\n' | '\t' | '\u{1b}' => false,
        '\r' => keep != Keep::SgrAndReturns,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        c => c.is_control(),
    };
    text.chars().find(is_harmful).map(|c| format!("the character {c:?}"))
}

fn check(name: &str, bytes: &[u8]) {
    for keep in [Keep::Sgr, Keep::SgrAndReturns, Keep::Nothing] {
        let whole = clean(keep, bytes, bytes.len().max(1));
        let shown = bytes.escape_ascii();
        assert_eq!(
            harm(keep, &whole),
            None,
            "{name}, {keep:?}: save in tests/corpus/output: {shown}"
        );
        for size in [1, 2, 3, 7] {
            assert!(
                clean(keep, bytes, size) == whole,
                "{name}, {keep:?}, in pieces of {size}: {shown}"
            );
        }
        // What is clean stays as it is; a kept carriage return may by now stand before a line feed.
        if keep != Keep::SgrAndReturns {
            let again = clean(keep, whole.as_bytes(), 5);
            assert!(again == whole, "{name}, {keep:?}, twice: {shown}");
        }
    }
}

#[test]
fn saved_outputs_and_what_changes_make_of_them_are_only_text() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/output");
    let mut names: Vec<_> =
        std::fs::read_dir(dir).expect("the corpus").map(|e| e.expect("an entry").path()).collect();
    names.sort();
    assert!(names.len() > 15, "the corpus is gone");
    let saved: Vec<Vec<u8>> =
        names.iter().map(|path| std::fs::read(path).expect("it can be read")).collect();
    let mut chance = Chance::new(1);
    let mut below = |end| chance.below(end);
    for (path, bytes) in names.iter().zip(&saved) {
        let name = path.display().to_string();
        check(&name, bytes);
        for _ in 0..CHANGES {
            let mut made = bytes.clone();
            for _ in 0..=below(3) {
                let at = below(made.len() + 1);
                let end = (at + below(9)).min(made.len());
                match below(5) {
                    0 => made.truncate(at),
                    1 => drop(made.drain(at..end)),
                    2 => made.insert(at, u8::try_from(below(256)).expect("a byte")),
                    3 => made
                        .splice(
                            at..at,
                            [[0x1b, b'['], [0x1b, b']'], [0xc2, 0x9b], [0x1b, b'\\']][below(4)],
                        )
                        .for_each(drop),
                    _ => {
                        let other = &saved[below(saved.len())];
                        let from = below(other.len() + 1);
                        let piece = other[from..(from + below(40)).min(other.len())].to_vec();
                        made.splice(at..at, piece).for_each(drop);
                    }
                }
            }
            check(&name, &made);
        }
    }
}
