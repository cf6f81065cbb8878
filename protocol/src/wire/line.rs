//! Lines with a cap: one that is too long is passed over up to its end, and the
//! connection lives on.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Splits bytes into lines and joins lines to bytes.
#[derive(Debug, Clone)]
pub struct JsonLines {
    max: usize,
    /// Bytes of the buffer that were searched for a line's end already.
    searched: usize,
    skipping: bool,
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    /// A line, without its end.
    Whole(Bytes),
    /// A line longer than the cap; its bytes were thrown away.
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
        Self { max, searched: 0, skipping: false }
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
                None if self.skipping || bytes.len() > self.max => {
                    self.skipping = true;
                    self.searched = 0;
                    bytes.advance(bytes.len());
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
    fn a_line_that_is_too_long_is_passed_over_and_the_next_one_read() {
        assert_eq!(lines(4, &["123456", "789", "0\nok\n"]), ["<too long>", "ok"]);
        assert_eq!(lines(4, &["12345\nok\n"]), ["<too long>", "ok"]);
        assert_eq!(lines(4, &["ok\n12345"]), ["ok"]);
    }
}
