//! Binary frames of the `pty` mode.

use crate::{MAX_PTY_FRAME, PtyFrameKind, TerminalSize};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio_util::codec::{Decoder, Encoder};

/// Bytes before a payload: kind and length.
const HEAD: usize = 5;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PtyFrame {
    /// What it carries.
    pub kind: PtyFrameKind,
    /// At most [`MAX_PTY_FRAME`] bytes.
    pub payload: Bytes,
}

impl PtyFrame {
    /// Makes a frame of bytes.
    pub fn new(kind: PtyFrameKind, payload: impl Into<Bytes>) -> Self {
        Self { kind, payload: payload.into() }
    }

    /// Makes a frame for a terminal's new size.
    pub fn resize(size: TerminalSize) -> Self {
        let mut payload = BytesMut::with_capacity(4);
        payload.put_u16(size.columns);
        payload.put_u16(size.rows);
        Self::new(PtyFrameKind::Resize, payload)
    }

    /// Returns the size in a [`PtyFrameKind::Resize`] frame.
    pub fn size(&self) -> Option<TerminalSize> {
        let mut payload = self.payload.clone();
        let fits = self.kind == PtyFrameKind::Resize && payload.len() == 4;
        fits.then(|| TerminalSize { columns: payload.get_u16(), rows: payload.get_u16() })
    }

    /// Makes the last frame of a command that ended.
    pub fn exit(code: i32) -> Self {
        Self::new(PtyFrameKind::Exit, code.to_be_bytes().to_vec())
    }

    /// Returns the code in a [`PtyFrameKind::Exit`] frame.
    pub fn exit_code(&self) -> Option<i32> {
        let bytes: [u8; 4] = self.payload.as_ref().try_into().ok()?;
        (self.kind == PtyFrameKind::Exit).then(|| i32::from_be_bytes(bytes))
    }
}

/// The stream of frames makes no sense, or ended inside one.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The stream failed.
    #[error("the connection failed")]
    Io(#[from] std::io::Error),
    /// The first byte of a frame says nothing known.
    #[error("a frame of unknown kind {0}")]
    UnknownKind(u8),
    /// A frame has more bytes than it may.
    #[error("a frame of {0} bytes is larger than the {MAX_PTY_FRAME} it may have")]
    TooLong(usize),
}

/// Splits bytes into frames and back.
#[derive(Debug, Clone, Copy, Default)]
pub struct PtyCodec;

impl Decoder for PtyCodec {
    type Item = PtyFrame;
    type Error = FrameError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<PtyFrame>, FrameError> {
        let Some(head) = bytes.get(..HEAD) else { return Ok(None) };
        let kind = PtyFrameKind::from_byte(head[0]).ok_or(FrameError::UnknownKind(head[0]))?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > MAX_PTY_FRAME {
            return Err(FrameError::TooLong(length));
        }
        if bytes.len() < HEAD + length {
            bytes.reserve(HEAD + length - bytes.len());
            return Ok(None);
        }
        bytes.advance(HEAD);
        Ok(Some(PtyFrame { kind, payload: bytes.split_to(length).freeze() }))
    }
}

impl Encoder<PtyFrame> for PtyCodec {
    type Error = FrameError;

    fn encode(&mut self, frame: PtyFrame, bytes: &mut BytesMut) -> Result<(), FrameError> {
        let length = frame.payload.len();
        let fits = u32::try_from(length).ok().filter(|_| length <= MAX_PTY_FRAME);
        let Some(short) = fits else { return Err(FrameError::TooLong(length)) };
        bytes.reserve(HEAD + length);
        bytes.put_u8(frame.kind as u8);
        bytes.put_u32(short);
        bytes.put(frame.payload);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_wire_in_any_pieces() {
        let frames = [
            PtyFrame::new(PtyFrameKind::Stdin, "hello"),
            PtyFrame::resize(TerminalSize { columns: 160, rows: 50 }),
            PtyFrame::new(PtyFrameKind::StdinEnd, ""),
            PtyFrame::exit(-7),
        ];
        let mut wire = BytesMut::new();
        for frame in frames.clone() {
            PtyCodec.encode(frame, &mut wire).expect("encoded");
        }
        let mut buffer = BytesMut::new();
        let mut read = Vec::new();
        for byte in wire {
            buffer.put_u8(byte);
            read.extend(PtyCodec.decode(&mut buffer).expect("decoded"));
        }
        assert_eq!(read, frames);
        assert_eq!(read[1].size(), Some(TerminalSize { columns: 160, rows: 50 }));
        assert_eq!(read[3].exit_code(), Some(-7));
    }

    #[test]
    fn nonsense_is_an_error_and_never_a_large_buffer() {
        let mut wire = BytesMut::from(&[9, 0, 0, 0, 0][..]);
        assert!(matches!(PtyCodec.decode(&mut wire), Err(FrameError::UnknownKind(9))));
        let mut wire = BytesMut::from(&[0, 255, 255, 255, 255][..]);
        assert!(matches!(PtyCodec.decode(&mut wire), Err(FrameError::TooLong(_))));
    }
}
