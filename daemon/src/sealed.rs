//! Lines that show whether they are whole: JSON, a tab, eight digits of a checksum.
//!
//! JSON writes a tab inside a string as an escape, so the last tab is the divider, and
//! `cut -f1` gives the plain JSON back. What an older build wrote without a
//! checksum is told apart and left to the caller.

/// Bytes behind the JSON: the tab and the digits.
const SEAL: usize = 9;
const DIVIDER: u8 = b'\t';

/// What a line turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line<'a> {
    /// Its checksum is right: the JSON.
    Whole(&'a [u8]),
    /// It has no checksum: perhaps JSON of an older build.
    Plain(&'a [u8]),
    /// Its checksum is wrong.
    Damaged,
}

/// Puts the checksum behind what was added to `bytes` since `start`.
pub(crate) fn seal(bytes: &mut Vec<u8>, start: usize) {
    let digits = digits(bytes.get(start..).unwrap_or_default());
    bytes.push(DIVIDER);
    bytes.extend_from_slice(digits.as_bytes());
}

fn digits(json: &[u8]) -> String {
    format!("{:08x}", crc32fast::hash(json))
}

/// Looks at a line, given without its end.
pub(crate) fn open(line: &[u8]) -> Line<'_> {
    let Some(at) = line.len().checked_sub(SEAL).filter(|at| line[*at] == DIVIDER) else {
        return Line::Plain(line);
    };
    let (json, found) = (&line[..at], &line[at + 1..]);
    if found == digits(json).as_bytes() { Line::Whole(json) } else { Line::Damaged }
}

/// Finds the whole lines in a damaged stretch of bytes: those whose own bytes are right
/// though the end of the line before them, or their own, is not. `begin` is what
/// each line begins with and what stands nowhere else in one.
pub(crate) fn salvage<'a>(bytes: &'a [u8], begin: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    beginnings(bytes, begin).filter_map(|start| {
        let rest = &bytes[start..];
        let divider = rest.iter().position(|byte| *byte == DIVIDER)?;
        match open(rest.get(..divider + SEAL)?) {
            Line::Whole(json) => Some(json),
            Line::Plain(_) | Line::Damaged => None,
        }
    })
}

/// Returns where lines begin in a damaged stretch.
pub(crate) fn beginnings<'a>(bytes: &'a [u8], begin: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    bytes
        .windows(begin.len())
        .enumerate()
        .filter_map(move |(at, window)| (window == begin).then_some(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(json: &str) -> Vec<u8> {
        let mut bytes = json.as_bytes().to_vec();
        seal(&mut bytes, 0);
        bytes
    }

    #[test]
    fn every_flipped_bit_is_seen() {
        let line = sealed("{\"seq\":12,\"text\":\"hello\"}");
        assert_eq!(open(&line), Line::Whole(b"{\"seq\":12,\"text\":\"hello\"}"));
        for bit in 0..line.len() * 8 {
            let mut damaged = line.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            match open(&damaged) {
                Line::Whole(_) => panic!("bit {bit} was not seen"),
                // The divider itself: what stands there is no JSON any more.
                Line::Plain(text) => {
                    let read = serde_json::from_slice::<serde_json::Value>(text);
                    assert!(read.is_err(), "bit {bit}");
                }
                Line::Damaged => {}
            }
        }
    }

    #[test]
    fn whole_lines_between_damaged_ones_are_found() {
        let mut bytes = Vec::new();
        for n in 0..4 {
            bytes.extend(sealed(&format!("{{\"seq\":{n}}}")));
            bytes.push(b'\n');
        }
        let ends: Vec<_> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
        for end in &ends[..3] {
            bytes[*end] = b'?';
        }
        let found: Vec<_> = salvage(&bytes, b"{\"seq\":").collect();
        assert_eq!(found.len(), 4, "{}", String::from_utf8_lossy(&bytes));
        bytes[ends[0] + 8] ^= 1;
        assert_eq!(salvage(&bytes, b"{\"seq\":").count(), 3);
    }
}
