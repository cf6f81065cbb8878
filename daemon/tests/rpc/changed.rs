//! Saved requests of the `stream` and `pty` modes with what follows them, and what thousands of
//! changes make of them: each is answered in form, and the daemon serves the next one.

use crate::rig::{Daemon, PATIENCE, SPEC, pod_ref, soon};
use pinacle_daemon::testing::Chance;
use pinacle_protocol::wire::PtyCodec;
use pinacle_protocol::{PtyFrameKind, PtyReply, StreamFrame};
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_util::codec::Decoder;

/// Changes made of each saved input; the sequence is the same in every run.
const CHANGES: usize = 60;

fn changed(bytes: &[u8], chance: &mut Chance) -> Vec<u8> {
    const PIECES: [&[u8]; 12] = [
        b"null",
        b"-1",
        b"[]",
        b"{}",
        b"\"",
        b"\n",
        b"\\u0000",
        b"1e999",
        b"\xff",
        b"\x05\0\0\0\x04\0\0\0\0",
        b"\x00\xff\xff\xff\xff",
        b"\x02",
    ];
    let mut made = bytes.to_vec();
    for _ in 0..=chance.index(3) {
        let at = chance.index(made.len() + 1);
        let end = (at + chance.index(8)).min(made.len());
        match chance.index(4) {
            0 => made.truncate(at),
            1 => drop(made.drain(at..end)),
            2 => {
                if let Some(byte) = made.get_mut(at) {
                    *byte = u8::try_from(chance.index(256)).unwrap();
                }
            }
            _ => made
                .splice(at..at, PIECES[chance.index(PIECES.len())].iter().copied())
                .for_each(drop),
        }
    }
    made
}

/// Sends it behind a hello and returns all that comes back.
async fn converse(daemon: &Daemon, mode: &str, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(daemon.socket()).await.unwrap();
    let hello = format!("{{\"pinacle\":1,\"mode\":\"{mode}\"}}\n");
    stream.write_all(hello.as_bytes()).await.unwrap();
    // It may have been refused before all of it was sent.
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    let ended = read.unwrap_or_else(|_| panic!("no end: {mode} {}", bytes.escape_ascii()));
    // A reset is an end as well: not all that was sent was read.
    let _ = ended;
    answer
}

fn check(mode: &str, sent: &[u8], answer: &[u8]) {
    let shown = || format!("save in tests/corpus/{mode}: {}", sent.escape_ascii());
    let mut lines = answer.split(|b| *b == b'\n');
    assert!(lines.next().is_some_and(|hello| hello.starts_with(b"{\"pinacle\":1")), "{}", shown());
    if mode == "stream" {
        for line in lines.filter(|line| !line.is_empty()) {
            let frame = serde_json::from_slice::<StreamFrame>(line);
            assert!(frame.is_ok(), "{frame:?}, {}", shown());
        }
        return;
    }
    let Some(reply) = lines.next().filter(|line| !line.is_empty()) else { return };
    let head = answer.iter().position(|b| *b == b'\n').unwrap() + reply.len() + 2;
    match serde_json::from_slice::<PtyReply>(reply) {
        Ok(PtyReply::Started) => {
            let mut frames = bytes::BytesMut::from(&answer[head.min(answer.len())..]);
            while let Some(frame) =
                PtyCodec.decode(&mut frames).unwrap_or_else(|e| panic!("{e}, {}", shown()))
            {
                assert!(frame.kind != PtyFrameKind::Stdin, "{}", shown());
            }
        }
        Ok(PtyReply::Error(_)) => {}
        other => panic!("{other:?}, {}", shown()),
    }
}

async fn all(mode: &str) {
    let mut daemon = Daemon::start().await;
    let (client, _) = daemon.pod(SPEC).await;
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(mode);
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 4, "the corpus is gone");
    let mut chance = Chance::new(0x853c_49e6_748f_ea9b);
    for file in files {
        let saved = std::fs::read(file).unwrap();
        for round in 0..=CHANGES {
            let sent = if round == 0 { saved.clone() } else { changed(&saved, &mut chance) };
            let answer = converse(&daemon, mode, &sent).await;
            check(mode, &sent, &answer);
        }
        let served = client.pod(soon(), pod_ref("blog")).await.unwrap();
        assert!(served.is_ok(), "{served:?}");
    }
}

#[tokio::test]
async fn changed_streams_are_answered_in_form() {
    all("stream").await;
}

#[tokio::test]
async fn changed_terminals_are_answered_in_form() {
    all("pty").await;
}
