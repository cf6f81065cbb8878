//! Secrets that are known by their looks: tokens of common services, private
//! keys, passwords in addresses.

/// Beginnings of tokens, and how many characters of a token must follow.
const TOKENS: [(&[u8], usize); 12] = [
    (b"ghp_", 20),
    (b"gho_", 20),
    (b"ghs_", 20),
    (b"ghu_", 20),
    (b"github_pat_", 20),
    (b"glpat-", 16),
    (b"sk-", 20),
    (b"xoxb-", 10),
    (b"xoxp-", 10),
    (b"AKIA", 16),
    (b"Bearer ", 8),
    (b"npm_", 30),
];
/// Longest token that is waited for, in bytes.
const LONGEST: usize = 4_096;
const KEY_BEGIN: &[u8] = b"-----BEGIN ";
const KEY_NAME: &[u8] = b"PRIVATE KEY-----";
const KEY_END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
/// Longest first line of a private key, in bytes.
const KEY_LINE: usize = 64;

/// Something found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A token, from its first to behind its last byte.
    Token { start: usize, end: usize },
    /// A private key's first line, and where its body begins.
    Key { start: usize, body: usize },
    /// What begins here may become one of them.
    Undecided { start: usize },
}

impl Shape {
    pub(super) fn start(&self) -> usize {
        match self {
            Self::Token { start, .. } | Self::Key { start, .. } | Self::Undecided { start } => {
                *start
            }
        }
    }
}

/// Returns the first shape at or after `from`.
pub(super) fn find(text: &[u8], from: usize, at_end: bool) -> Option<Shape> {
    (from..text.len()).find_map(|start| at(text, start, at_end))
}

fn at(text: &[u8], start: usize, at_end: bool) -> Option<Shape> {
    // A quick look first: nearly every byte begins nothing.
    if !matches!(text[start], b'g' | b's' | b'x' | b'A' | b'B' | b'n' | b'-') {
        return None;
    }
    let rest = &text[start..];
    if text[start] == b'-' {
        return key(rest, start, at_end);
    }
    let inside_word = start > 0 && is_word(text[start - 1]);
    if inside_word {
        return None;
    }
    let undecided = || (!at_end).then_some(Shape::Undecided { start });
    for (begin, shortest) in TOKENS {
        if rest.len() < begin.len() {
            if begin.starts_with(rest) {
                return undecided();
            }
            continue;
        }
        if !rest.starts_with(begin) {
            continue;
        }
        let length = rest[begin.len()..].iter().take_while(|byte| is_token(**byte)).count();
        let end = start + begin.len() + length;
        if end == text.len() && !at_end && length < LONGEST {
            return undecided();
        }
        return (length >= shortest).then_some(Shape::Token { start, end });
    }
    None
}

fn key(rest: &[u8], start: usize, at_end: bool) -> Option<Shape> {
    let undecided = || (!at_end).then_some(Shape::Undecided { start });
    if rest.len() < KEY_BEGIN.len() {
        return if KEY_BEGIN.starts_with(rest) { undecided() } else { None };
    }
    if !rest.starts_with(KEY_BEGIN) {
        return None;
    }
    let line = &rest[..rest.len().min(KEY_LINE)];
    if let Some(at) = line.windows(KEY_NAME.len()).position(|window| window == KEY_NAME) {
        return Some(Shape::Key { start, body: start + at + KEY_NAME.len() });
    }
    let unfinished = rest.len() < KEY_LINE && !line.contains(&b'\n');
    if unfinished { undecided() } else { None }
}

/// Returns the place behind the last line of a key whose body is at `from`.
pub(super) fn key_end(text: &[u8], from: usize) -> Option<usize> {
    let body = &text[from..];
    let begin = body.windows(KEY_END.len()).position(|window| window == KEY_END)?;
    let behind = begin + KEY_END.len();
    let dashes = body[behind..].windows(DASHES.len()).position(|window| window == DASHES)?;
    Some(from + behind + dashes + DASHES.len())
}

/// Returns from where a key's body must be kept so that its end is seen when it comes.
pub(super) fn key_end_tail(text: &[u8], from: usize) -> usize {
    let body = &text[from..];
    let begin = body.windows(KEY_END.len()).position(|window| window == KEY_END);
    match begin {
        Some(begin) if body.len() - begin < LONGEST => from + begin,
        _ => text.len().saturating_sub(KEY_END.len() - 1).max(from),
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_-./+=~".contains(&byte)
}
