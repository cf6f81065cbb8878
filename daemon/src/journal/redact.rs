//! Cuts secrets out of text that comes in pieces.
//!
//! A piece may end inside a secret, so what could be the beginning of one is held
//! back until more comes or the stream ends; nothing else is, so a prompt without
//! a line end is seen at once.

use super::shapes::{self, Shape};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use base64::Engine as _;
use std::sync::Arc;

/// What stands in a secret's place.
pub(super) const REDACTED: &str = "[redacted]";
/// Shorter values are not looked for, in characters.
const SHORTEST: usize = 4;
/// Of longer values, this much is looked for, in bytes.
const HEAD: usize = 256;

/// Knows one pod's secrets.
///
/// A value may be as long as a spec: it is found by its head, and what follows is cut out
/// for as long as it goes on like the value. What is searched for stays short that way.
#[derive(Debug)]
pub(crate) struct Redactor {
    /// What is searched for, sorted: whole values, and the heads of long ones.
    heads: Vec<Vec<u8>>,
    /// The values that are longer than their heads, sorted.
    long: Vec<Vec<u8>>,
    finder: Option<AhoCorasick>,
}

/// A secret in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    start: usize,
    end: usize,
}

impl Default for Redactor {
    fn default() -> Self {
        Self::new(&[])
    }
}

impl Redactor {
    pub(crate) fn new(secrets: &[String]) -> Self {
        let is_worth = |secret: &&String| secret.chars().count() >= SHORTEST;
        let mut long: Vec<Vec<u8>> =
            secrets.iter().filter(is_worth).flat_map(|secret| forms(secret)).collect();
        let mut heads: Vec<Vec<u8>> =
            long.iter().map(|value| value[..value.len().min(HEAD)].to_vec()).collect();
        long.retain(|value| value.len() > HEAD);
        for values in [&mut heads, &mut long] {
            values.sort();
            values.dedup();
        }
        if heads.is_empty() {
            // Most pods have none, and an automaton for nothing is not free.
            return Self { heads, long, finder: None };
        }
        // The kind chosen for few patterns has a table of 256 states for each of their bytes.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .kind(Some(AhoCorasickKind::ContiguousNFA))
            .build(&heads);
        // The heads are far too few to overflow the automaton; should they ever, the
        // slow way below still finds them.
        Self { finder: finder.ok(), heads, long }
    }

    /// Cuts secrets out of a whole text.
    pub(crate) fn redact(self: &Arc<Self>, text: &str) -> String {
        let mut stream = StreamRedactor::new(self.clone());
        let mut clean = stream.feed(text.as_bytes()).0;
        clean.push_str(&stream.finish().0);
        clean
    }

    /// Returns the first secret, or head of one, at or after `from`.
    fn find(&self, text: &[u8], from: usize) -> Option<Found> {
        if let Some(finder) = &self.finder {
            let found = finder.find(&text[from..])?;
            return Some(Found { start: from + found.start(), end: from + found.end() });
        }
        let at = |head: &Vec<u8>| {
            let start = text[from..].windows(head.len()).position(|w| w == head)?;
            Some(Found { start: from + start, end: from + start + head.len() })
        };
        self.heads.iter().filter_map(at).min()
    }

    /// Returns the long values that begin with what was found, after their heads.
    fn follow(&self, head: &[u8]) -> Vec<Rest> {
        let first = self.long.partition_point(|value| value.as_slice() < head);
        let values = self.long[first..].iter().take_while(|value| value.starts_with(head));
        (first..).zip(values).map(|(value, _)| Rest { value, at: head.len() }).collect()
    }

    /// Returns where a tail begins that may go on to be a secret.
    fn tail(&self, text: &[u8], from: usize) -> usize {
        let first = text.len().saturating_sub(HEAD - 1).max(from);
        let begins = |start: &usize| {
            let tail = &text[*start..];
            // What begins with it comes after it in the order, before all else.
            let next = self.heads.partition_point(|head| head.as_slice() <= tail);
            self.heads.get(next).is_some_and(|head| head.starts_with(tail))
        };
        (first..text.len()).find(begins).unwrap_or(text.len())
    }
}

/// A long value under way: which, and how much of it has come.
#[derive(Debug, Clone, Copy)]
struct Rest {
    value: usize,
    at: usize,
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
    /// Long values that what comes may still be the rest of.
    rests: Vec<Rest>,
}

impl StreamRedactor {
    pub(super) fn new(redactor: Arc<Redactor>) -> Self {
        Self { redactor, held: Vec::new(), partial: Vec::new(), in_key: false, rests: Vec::new() }
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
            if !self.rests.is_empty() {
                at = self.pass(&text, at);
                continue;
            }
            if self.in_key {
                let Some(end) = self.end_of_key(&text, at, at_end) else { return clean };
                at = end;
                continue;
            }
            let known = self.redactor.find(&text, at);
            let shape = shapes::find(&text, at, at_end);
            let shape_start = shape.as_ref().map_or(usize::MAX, Shape::start);
            match (known, shape) {
                (Some(Found { start, end }), _) if start <= shape_start => {
                    clean.extend_from_slice(&text[at..start]);
                    clean.extend_from_slice(REDACTED.as_bytes());
                    self.rests = self.redactor.follow(&text[start..end]);
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

    /// Returns where the private key ends that the text is inside of; `None`, with what may
    /// be the beginning of its end held back, when it does not yet.
    fn end_of_key(&mut self, text: &[u8], at: usize, at_end: bool) -> Option<usize> {
        let end = shapes::key_end(text, at);
        self.in_key = end.is_none();
        if end.is_none() {
            // Enough to see an end that is cut in two.
            let keep = if at_end { text.len() } else { shapes::key_end_tail(text, at) };
            self.held = text[keep..].to_vec();
        }
        end
    }

    /// Passes over what goes on like a long value whose head was found; returns where it
    /// no longer does, or the end of the text.
    fn pass(&mut self, text: &[u8], from: usize) -> usize {
        let mut at = from;
        while at < text.len() {
            let byte = text[at];
            let long = &self.redactor.long;
            self.rests.retain_mut(|rest| {
                let goes_on = long[rest.value].get(rest.at) == Some(&byte);
                rest.at += 1;
                goes_on
            });
            if self.rests.is_empty() {
                return at;
            }
            at += 1;
        }
        at
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
    fn a_value_as_long_as_a_spec_costs_no_more_than_a_short_one() {
        let piece = |seed: u32| {
            (0..100_000_u32).map(move |i| {
                let mixed = (i ^ seed).wrapping_mul(2_654_435_761) >> 16;
                char::from(b'!' + (mixed % 90) as u8)
            })
        };
        let (one, other): (String, String) = (piece(1).collect(), piece(7).collect());
        // The same head, another rest.
        let twin = format!("{}{}", &one[..5_000], &other[..5_000]);
        let redactor = Redactor::new(&[one.clone(), other.clone(), twin.clone()]);
        let finder = redactor.finder.as_ref().expect("there is something to find");
        assert!(finder.memory_usage() < 1 << 20, "{} bytes", finder.memory_usage());
        for value in [&one, &other, &twin] {
            let text = format!("a {value} b");
            for size in [1_000, 7_777, text.len()] {
                let chunks: Vec<&[u8]> = text.as_bytes().chunks(size).collect();
                assert_eq!(run(&[&one, &other, &twin], &chunks), "a [redacted] b");
            }
        }
        // What only begins like it loses that beginning and nothing else.
        let begun = format!("a {}\nb", &one[..HEAD + 50]);
        assert_eq!(run(&[&one], &[begun.as_bytes()]), "a [redacted]\nb");
        let short = format!("a {}\nb", &one[..HEAD - 1]);
        assert_eq!(run(&[&one], &[short.as_bytes()]), short);
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
        fn text_without_secrets_is_unchanged(text in "[ -,.-~äöü中\n]{0,200}", cut in 0usize..200) {
            prop_assume!(!text.contains("earer") && !text.contains("://") && !text.contains("AKIA"));
            let cut = cut.min(text.len());
            let (head, tail) = text.as_bytes().split_at(cut);
            prop_assert_eq!(run(&["not-in-there"], &[head, tail]), text);
        }
    }
}
