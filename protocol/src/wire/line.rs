//! Lines with a cap: one that is too long is passed over up to its end, and the
//! connection lives on.

use bytes::{BufMut, Bytes, BytesMut};
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio_util::codec::{Decoder, Encoder};

/// Bytes of an unfinished line that every connection may hold: ordinary requests.
const FREE: usize = 64 * 1024;
/// Bytes of longer unfinished lines that all connections of a process may hold together:
/// some of the longest at once, and a thousand that wait for ever cost no more.
const ALL_UNFINISHED: usize = 64 << 20;

/// What is held of [`ALL_UNFINISHED`].
static UNFINISHED: AtomicUsize = AtomicUsize::new(0);

/// A connection's part of [`ALL_UNFINISHED`]; given back when dropped.
#[derive(Debug, Default)]
struct Share(usize);

impl Share {
    /// Makes it what an unfinished line of so many bytes needs; `false` when that is more
    /// than is left.
    fn set(&mut self, held: usize) -> bool {
        let wanted = held.saturating_sub(FREE);
        let Some(more) = wanted.checked_sub(self.0) else {
            UNFINISHED.fetch_sub(self.0 - wanted, Ordering::Relaxed);
            self.0 = wanted;
            return true;
        };
        let grown = |all: usize| all.checked_add(more).filter(|all| *all <= ALL_UNFINISHED);
        let taken = UNFINISHED.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_ok();
        if taken {
            self.0 = wanted;
        }
        taken
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        UNFINISHED.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Splits bytes into lines and joins lines to bytes.
#[derive(Debug)]
pub struct JsonLines {
    max: usize,
    /// Bytes of the buffer that were searched for a line's end already.
    searched: usize,
    skipping: bool,
    share: Share,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Whole(Bytes),
    /// A line longer than the cap, or than what all connections may hold together of lines
    /// that are not finished; its bytes were thrown away.
    TooLong,
}

/// A line cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The stream failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// What is to be written has more bytes than a line may have.
    #[error("a message of {bytes} bytes is larger than the {max} a line may have")]
    TooLong {
        /// Its size.
        bytes: usize,
        /// The cap.
        max: usize,
    },
}

impl JsonLines {
    /// Makes a codec for lines of at most `max` bytes.
    pub fn new(max: usize) -> Self {
        Self { max, searched: 0, skipping: false, share: Share::default() }
    }
}

impl Decoder for JsonLines {
    type Item = Line;
    type Error = LineError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Line>, LineError> {
        loop {
            let end = memchr::memchr(b'\n', &bytes[self.searched..]);
            match end.map(|at| at + self.searched) {
                Some(at) => {
                    self.searched = 0;
                    self.share.set(0);
                    let mut line = bytes.split_to(at + 1).freeze();
                    line.truncate(at);
                    if std::mem::take(&mut self.skipping) || line.len() > self.max {
                        return Ok(Some(Line::TooLong));
                    }
                    if line.last() == Some(&b'\r') {
                        line.truncate(line.len() - 1);
                    }
                    if line.iter().all(u8::is_ascii_whitespace) {
                        continue;
                    }
                    return Ok(Some(Line::Whole(line)));
                }
                None if self.skipping || bytes.len() > self.max || !self.share.set(bytes.len()) => {
                    self.skipping = true;
                    self.searched = 0;
                    // A new buffer: the old one keeps its size.
                    *bytes = BytesMut::new();
                    self.share.set(0);
                    return Ok(None);
                }
                None => {
                    self.searched = bytes.len();
                    return Ok(None);
                }
            }
        }
    }

    /// A last line without an end counts; half of a line that was too long does not.
    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Line>, LineError> {
        if let Some(line) = self.decode(bytes)? {
            return Ok(Some(line));
        }
        let rest = bytes.split().freeze();
        self.searched = 0;
        let empty = self.skipping || rest.iter().all(u8::is_ascii_whitespace);
        Ok((!empty).then_some(Line::Whole(rest)))
    }
}

impl Encoder<String> for JsonLines {
    type Error = LineError;

    fn encode(&mut self, line: String, bytes: &mut BytesMut) -> Result<(), LineError> {
        if line.len() > self.max {
            return Err(LineError::TooLong { bytes: line.len(), max: self.max });
        }
        bytes.reserve(line.len() + 1);
        bytes.put_slice(line.as_bytes());
        bytes.put_u8(b'\n');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(max: usize, chunks: &[&str]) -> Vec<String> {
        let mut codec = JsonLines::new(max);
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        let show = |line| match line {
            Line::Whole(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Line::TooLong => "<too long>".to_owned(),
        };
        for chunk in chunks {
            buffer.extend_from_slice(chunk.as_bytes());
            while let Some(line) = codec.decode(&mut buffer).expect("no stream, no failure") {
                found.push(show(line));
            }
        }
        found.extend(codec.decode_eof(&mut buffer).expect("no failure").map(show));
        found
    }

    #[test]
    fn lines_come_out_whole_however_they_come_in() {
        assert_eq!(lines(10, &["a", "b\r\n\n", "  \ncd\ne"]), ["ab", "cd", "e"]);
    }

    #[test]
    fn a_thousand_unfinished_lines_hold_no_more_than_their_share() {
        const MAX: usize = 8 << 20;
        let mut all: Vec<_> = (0..1_000).map(|_| (JsonLines::new(MAX), BytesMut::new())).collect();
        let chunk = vec![b'x'; 64 * 1024];
        for _ in 0..3 {
            for (codec, buffer) in &mut all {
                buffer.extend_from_slice(&chunk);
                assert_eq!(codec.decode(buffer).expect("no failure"), None);
            }
        }
        let held: usize = all.iter().map(|(_, buffer)| buffer.len()).sum();
        assert!(held <= ALL_UNFINISHED + 1_000 * FREE, "{held} bytes");
        // Those that went over it are told so, and go on.
        let mut too_long = 0;
        for (codec, buffer) in &mut all {
            buffer.extend_from_slice(b"\nok\n");
            match codec.decode(buffer).expect("no failure") {
                Some(Line::TooLong) => too_long += 1,
                other => assert!(matches!(other, Some(Line::Whole(_))), "{other:?}"),
            }
            let next = codec.decode(buffer).expect("no failure");
            assert_eq!(next, Some(Line::Whole(Bytes::from_static(b"ok"))));
        }
        assert!(too_long > 0);
        drop(all);
        assert_eq!(UNFINISHED.load(Ordering::Relaxed), 0, "everything is given back");
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_one_read() {
        assert_eq!(lines(4, &["123456", "789", "0\nok\n"]), ["<too long>", "ok"]);
        assert_eq!(lines(4, &["12345\nok\n"]), ["<too long>", "ok"]);
        assert_eq!(lines(4, &["ok\n12345"]), ["ok"]);
    }
}
