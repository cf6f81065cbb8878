//! Cuts secrets out of text that comes in pieces.
//!
//! A piece may end inside a secret, so what could be the beginning of one is held
//! back until more comes or the stream ends; nothing else is, so a prompt without
//! a line end is seen at once.

use super::shapes::{self, Shape};
use aho_corasick::{AhoCorasick, MatchKind};
use base64::Engine as _;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What stands in a secret's place.
pub(super) const REDACTED: &str = "[redacted]";
/// Shorter values are not looked for, in characters.
const SHORTEST: usize = 4;
/// Bytes of a value that the automaton knows; the rest is compared where these are found.
/// An automaton of whole values takes a minute and hundreds of megabytes for a long one.
const KNOWN: usize = 64;

/// Knows one pod's secrets.
#[derive(Debug)]
pub(crate) struct Redactor {
    /// The longest first.
    values: Vec<Vec<u8>>,
    /// Finds where one may begin.
    finder: Option<AhoCorasick>,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Redactor {
    pub(crate) fn new(secrets: &[String]) -> Self {
        let long = |secret: &&String| secret.chars().count() >= SHORTEST;
        let mut values: Vec<Vec<u8>> =
            secrets.iter().filter(long).flat_map(|secret| forms(secret)).collect();
        values.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        values.dedup();
        if values.is_empty() {
            // Most pods have none, and an automaton for nothing is not free.
            return Self { values, finder: None };
        }
        let beginnings: BTreeSet<&[u8]> = values.iter().map(|v| &v[..v.len().min(KNOWN)]).collect();
        let finder =
            AhoCorasick::builder().match_kind(MatchKind::LeftmostLongest).build(beginnings);
        // The patterns are far too few to overflow the automaton; should they ever, the
        // slow way below still finds them.
        Self { finder: finder.ok(), values }
    }

    /// Cuts secrets out of a whole text.
    pub(crate) fn redact(self: &Arc<Self>, text: &str) -> String {
        let mut stream = StreamRedactor::new(self.clone());
        let mut clean = stream.feed(text.as_bytes()).0;
        clean.push_str(&stream.finish().0);
        clean
    }

    /// Returns the first secret at or after `from`: its range.
    fn find(&self, text: &[u8], from: usize) -> Option<(usize, usize)> {
        if let Some(finder) = &self.finder {
            let mut at = from;
            loop {
                let start = at + finder.find(&text[at..])?.start();
                let whole = self.values.iter().find(|value| text[start..].starts_with(value));
                if let Some(value) = whole {
                    return Some((start, start + value.len()));
                }
                at = start + 1;
            }
        }
        let at = |value: &Vec<u8>| {
            let start = text[from..].windows(value.len()).position(|w| w == value)?;
            Some((from + start, from + start + value.len()))
        };
        self.values.iter().filter_map(at).min()
    }

    /// Returns where a tail begins that may go on to be a secret.
    fn tail(&self, text: &[u8], from: usize) -> usize {
        let longest = self.values.first().map_or(0, Vec::len);
        let first = text.len().saturating_sub(longest.saturating_sub(1)).max(from);
        let begins = |start: &usize| {
            let tail = &text[*start..];
            self.values.iter().any(|value| value.len() > tail.len() && value.starts_with(tail))
        };
        (first..text.len()).find(begins).unwrap_or(text.len())
    }
}

/// Returns the forms a value appears in.
fn forms(value: &str) -> Vec<Vec<u8>> {
    let mut percent = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            percent.push(char::from(byte));
        } else {
            percent.push_str(&format!("%{byte:02X}"));
        }
    }
    let json = serde_json::to_string(value).unwrap_or_default();
    let json = json.trim_matches('"').to_owned();
    let shell = value.replace('\'', "'\\''");
    let base64 = base64::engine::general_purpose::STANDARD.encode(value);
    // Padding depends on what follows.
    let base64 = base64.trim_end_matches('=').to_owned();
    [value.to_owned(), percent, json, shell, base64].map(String::into_bytes).to_vec()
}

/// Text without secrets.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Text(pub(super) String);

/// One stream's state.
pub(super) struct StreamRedactor {
    redactor: Arc<Redactor>,
    /// Not decided yet.
    held: Vec<u8>,
    /// The bytes of a character that is not whole yet.
    partial: Vec<u8>,
    /// Inside a private key, all is left out.
    in_key: bool,
}

impl StreamRedactor {
    pub(super) fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, held: Vec::new(), partial: Vec::new(), in_key: false }
    }

    /// Takes a piece and returns what can be shown of all pieces so far.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Text {
        self.held.extend_from_slice(bytes);
        let clean = self.take(false);
        self.decode(clean, false)
    }

    /// Returns the rest: the stream has ended.
    pub(super) fn finish(&mut self) -> Text {
        let clean = self.take(true);
        self.decode(clean, true)
    }

    /// Takes what is decided off `held`.
    fn take(&mut self, at_end: bool) -> Vec<u8> {
        let text = std::mem::take(&mut self.held);
        let mut clean = Vec::with_capacity(text.len());
        let mut at = 0;
        while at < text.len() {
            if self.in_key {
                match shapes::key_end(&text, at) {
                    Some(end) => {
                        at = end;
                        self.in_key = false;
                        continue;
                    }
                    None => {
                        // Enough to see an end that is cut in two.
                        let keep =
                            if at_end { text.len() } else { shapes::key_end_tail(&text, at) };
                        self.held = text[keep..].to_vec();
                        return clean;
                    }
                }
            }
            let known = self.redactor.find(&text, at);
            let shape = shapes::find(&text, at, at_end);
            let shape_start = shape.as_ref().map_or(usize::MAX, Shape::start);
            match (known, shape) {
                (Some((start, end)), _) if start <= shape_start => {
                    clean.extend_from_slice(&text[at..start]);
                    clean.extend_from_slice(REDACTED.as_bytes());
                    at = end;
                }
                (_, Some(Shape::Token { start, end })) => {
                    clean.extend_from_slice(&text[at..start]);
                    clean.extend_from_slice(REDACTED.as_bytes());
                    at = end;
                }
                (_, Some(Shape::Key { start, body })) => {
                    clean.extend_from_slice(&text[at..start]);
                    clean.extend_from_slice(REDACTED.as_bytes());
                    at = body;
                    self.in_key = true;
                }
                (_, Some(Shape::Undecided { start })) => {
                    let hold = start.min(self.redactor.tail(&text, at));
                    clean.extend_from_slice(&text[at..hold]);
                    self.held = text[hold..].to_vec();
                    return clean;
                }
                (_, None) => {
                    let hold = if at_end { text.len() } else { self.redactor.tail(&text, at) };
                    clean.extend_from_slice(&text[at..hold]);
                    self.held = text[hold..].to_vec();
                    return clean;
                }
            }
        }
        clean
    }

    /// Turns bytes into text; a character cut in two waits for its rest.
    fn decode(&mut self, bytes: Vec<u8>, at_end: bool) -> Text {
        let mut all = std::mem::take(&mut self.partial);
        all.extend(bytes);
        if !at_end {
            let whole = whole_characters(&all);
            self.partial = all.split_off(whole);
        }
        match String::from_utf8(all) {
            Ok(text) => Text(text),
            Err(error) => Text(String::from_utf8_lossy(error.as_bytes()).into_owned()),
        }
    }
}

/// Returns how many bytes are not the beginning of an unfinished character.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.iter().rev().take(3).position(|byte| byte & 0xc0 == 0xc0);
    let Some(back) = tail else { return bytes.len() };
    let start = bytes.len() - 1 - back;
    let needed = match bytes[start] {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    if bytes.len() - start < needed { start } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(secrets: &[&str], chunks: &[&[u8]]) -> String {
        let secrets: Vec<String> = secrets.iter().map(ToString::to_string).collect();
        let mut stream = StreamRedactor::new(Arc::new(Redactor::new(&secrets)));
        let mut text: String = chunks.iter().map(|chunk| stream.feed(chunk).0).collect();
        text.push_str(&stream.finish().0);
        text
    }

    #[test]
    fn a_secret_in_any_form_is_cut_out() {
        assert_eq!(run(&["hunter22"], &[b"pw=hun", b"ter22!\n"]), "pw=[redacted]!\n");
        assert_eq!(run(&["p@ss word"], &[b"p%40ss%20word"]), REDACTED);
        assert_eq!(run(&["hunter22"], &[b"aHVudGVyMjI="]), "[redacted]=");
        assert_eq!(run(&["abc"], &[b"abc"]), "abc", "too short to look for");
    }

    #[test]
    fn known_shapes_are_cut_out_without_being_told() {
        let token = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
        assert_eq!(run(&[], &[format!("x {token} y").as_bytes()]), "x [redacted] y");
        assert_eq!(run(&[], &[&token.as_bytes()[..9], &token.as_bytes()[9..]]), REDACTED);
        assert_eq!(run(&[], &[b"a task-force of risk-takers"]), "a task-force of risk-takers");
        let key = "a\n-----BEGIN OPENSSH PRIVATE KEY-----\nabc\ndef\n-----END OPENSSH PRIVATE KEY-----\nb";
        for cut in 0..key.len() {
            let (head, tail) = key.as_bytes().split_at(cut);
            assert_eq!(run(&[], &[head, tail]), "a\n[redacted]\nb", "cut at {cut}");
        }
    }

    #[test]
    fn a_prompt_is_seen_at_once_and_bad_bytes_are_replaced() {
        let mut stream = StreamRedactor::new(Arc::new(Redactor::new(&["secret".to_owned()])));
        assert_eq!(stream.feed(b"Name: ").0, "Name: ");
        assert_eq!(run(&[], &[&[0xe4, 0xb8], &[0xad, 0xff]]), "中\u{fffd}");
    }

    #[test]
    fn a_secret_of_a_hundred_kilobytes_is_cut_out() {
        let secret: String = (0..25_000).map(|n| format!("{:04x}", n * 7 % 65_536)).collect();
        let text = format!("before {secret} after {} end", &secret[..50_000]);
        let chunks: Vec<&[u8]> = text.as_bytes().chunks(32 * 1024).collect();
        let left = &secret[..50_000];
        assert_eq!(run(&[&secret], &chunks), format!("before [redacted] after {left} end"));
    }

    proptest! {
        #[test]
        fn no_secret_survives_any_chunking(
            secret in "[a-zA-Z0-9/+]{4,24}",
            before in "[a-z \n]{0,20}",
            after in "[a-z \n]{0,20}",
            cuts in proptest::collection::vec(0usize..80, 0..6),
        ) {
            let whole = format!("{before}{secret}{after}{secret}");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(whole.len())).collect();
            cuts.extend([0, whole.len()]);
            cuts.sort_unstable();
            let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &whole.as_bytes()[w[0]..w[1]]).collect();
            prop_assert!(!run(&[&secret], &chunks).contains(&secret));
        }

        #[test]
        fn long_secrets_that_begin_alike_are_cut_out(
            same in "[a-b]{60,70}",
            ends in proptest::collection::vec("[a-b]{0,12}", 1..4),
            before in "[a-b]{0,80}",
            cut in 0usize..400,
        ) {
            let secrets: Vec<String> = ends.iter().map(|end| format!("{same}{end}")).collect();
            let text = format!("{before}{}-", secrets.join("-"));
            let (head, tail) = text.as_bytes().split_at(cut.min(text.len()));
            let refs: Vec<&str> = secrets.iter().map(String::as_str).collect();
            let shown = run(&refs, &[head, tail]);
            prop_assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{}", shown);
        }

        #[test]
        fn text_without_secrets_is_unchanged(text in "[ -,.-~äöü中\n]{0,200}", cut in 0usize..200) {
            prop_assume!(!text.contains("earer") && !text.contains("://") && !text.contains("AKIA"));
            let cut = cut.min(text.len());
            let (head, tail) = text.as_bytes().split_at(cut);
            prop_assert_eq!(run(&["not-in-there"], &[head, tail]), text);
        }
    }
}
