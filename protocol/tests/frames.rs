//! Frames of the `pty` mode, whatever the bytes and however they are cut.

use bytes::BytesMut;
use pinacle_protocol::wire::{FrameError, PtyCodec, PtyFrame};
use pinacle_protocol::{MAX_PTY_FRAME, PtyFrameKind};
use proptest::collection::vec;
use proptest::prelude::*;
use tokio_util::codec::{Decoder, Encoder};

fn frame() -> impl Strategy<Value = PtyFrame> {
    let kind = (0..=6_u8).prop_map(|byte| PtyFrameKind::from_byte(byte).expect("a kind"));
    (kind, vec(any::<u8>(), 0..300)).prop_map(|(kind, payload)| PtyFrame::new(kind, payload))
}

/// Gives the codec the bytes in pieces; returns the frames, or why there are no more.
fn decode(bytes: &[u8], piece: usize) -> (Vec<PtyFrame>, Option<FrameError>) {
    let (mut buffer, mut frames) = (BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match PtyCodec.decode(&mut buffer) {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
        assert!(buffer.capacity() <= 4 * MAX_PTY_FRAME, "{} bytes held", buffer.capacity());
    }
    (frames, None)
}

proptest! {
    #[test]
    fn what_is_sent_arrives_in_any_pieces(frames in vec(frame(), 0..20), piece in 1..700_usize) {
        let mut bytes = BytesMut::new();
        for frame in &frames {
            PtyCodec.encode(frame.clone(), &mut bytes).expect("it fits");
        }
        let (read, error) = decode(&bytes, piece);
        prop_assert!(error.is_none(), "{error:?}");
        prop_assert_eq!(read, frames);
    }

    #[test]
    fn any_bytes_are_frames_or_an_error(bytes in vec(any::<u8>(), 0..2_000), piece in 1..700_usize) {
        let (frames, error) = decode(&bytes, piece);
        for frame in frames {
            prop_assert!(frame.size().is_none() || frame.kind == PtyFrameKind::Resize);
            prop_assert!(frame.exit_code().is_none() || frame.kind == PtyFrameKind::Exit);
        }
        let expected = matches!(error, None | Some(FrameError::UnknownKind(7..) | FrameError::TooLong(_)));
        prop_assert!(expected, "{error:?}");
    }
}

#[test]
fn the_largest_frame_passes_and_a_larger_one_does_not() {
    let mut bytes = BytesMut::new();
    let largest = PtyFrame::new(PtyFrameKind::Stdout, vec![7; MAX_PTY_FRAME]);
    PtyCodec.encode(largest.clone(), &mut bytes).expect("it fits");
    assert!(matches!(decode(&bytes, 10_000), (frames, None) if frames == [largest]));
    let larger = PtyFrame::new(PtyFrameKind::Stdout, vec![7; MAX_PTY_FRAME + 1]);
    let refused = PtyCodec.encode(larger, &mut BytesMut::new());
    assert!(matches!(refused, Err(FrameError::TooLong(length)) if length == MAX_PTY_FRAME + 1));
}
