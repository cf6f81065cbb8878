//! The `pty` mode of the fake daemon. The first word of the command says what
//! it does: `cat` echoes, `exit N` ends, `both` writes to both streams, `hang`
//! waits for ever, `flood` says a lot, `refuse` is refused, `drop` loses the link.

use super::fake::Fake;
use super::wire::{read_line, write_line};
use pinacle_protocol::*;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

async fn frame(stream: &mut UnixStream, kind: PtyFrameKind, payload: &[u8]) -> io::Result<()> {
    let length = u32::try_from(payload.len()).expect("short");
    let mut bytes = vec![kind as u8];
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    stream.write_all(&bytes).await
}

async fn receive(stream: &mut UnixStream) -> io::Result<(PtyFrameKind, Vec<u8>)> {
    let kind = PtyFrameKind::from_byte(stream.read_u8().await?).expect("a kind");
    let length = usize::try_from(stream.read_u32().await?).expect("fits");
    assert!(length <= MAX_PTY_FRAME, "{length}");
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    Ok((kind, payload))
}

pub(crate) async fn serve(mut stream: UnixStream, fake: Fake) {
    let Some(request) = read_line::<PtyRequest>(&mut stream).await else { return };
    fake.state().pty.push(request.clone());
    let words: Vec<&str> = request.command.iter().map(String::as_str).collect();
    if words.first() == Some(&"refuse") {
        let error = ApiError::new(ErrorKind::WrongPhase, "the pod does not run");
        write_line(&mut stream, &PtyReply::Error(error)).await;
        return;
    }
    write_line(&mut stream, &PtyReply::Started).await;
    // A client that leaves ends its session.
    session(&mut stream, &words, request.tty, &fake).await.unwrap_or_default();
}

async fn session(
    stream: &mut UnixStream,
    words: &[&str],
    tty: bool,
    fake: &Fake,
) -> io::Result<()> {
    if matches!(words, [] | ["cat"]) && tty {
        frame(stream, PtyFrameKind::Stdout, b"fake shell\r\n").await?;
    }
    let code: i32 = match words {
        ["cat"] | [] if tty || !words.is_empty() => {
            loop {
                match receive(stream).await? {
                    (PtyFrameKind::Stdin, bytes) => {
                        frame(stream, PtyFrameKind::Stdout, &bytes).await?;
                    }
                    (PtyFrameKind::StdinEnd, _) => break,
                    _ => {}
                }
            }
            0
        }
        ["exit", code, ..] => code.parse().expect("a number"),
        [] => 0,
        ["both"] => {
            frame(stream, PtyFrameKind::Stdout, b"out\n").await?;
            frame(stream, PtyFrameKind::Stderr, b"err\n").await?;
            0
        }
        ["flood"] => {
            for _ in 0..1_000 {
                frame(stream, PtyFrameKind::Stdout, &[b'x'; 4096]).await?;
            }
            0
        }
        ["error"] => {
            let error = ApiError::new(ErrorKind::HostUnreachable, "the host is gone");
            let json = serde_json::to_vec(&error).expect("JSON");
            return frame(stream, PtyFrameKind::Error, &json).await;
        }
        ["drop"] => return Ok(()),
        _ => loop {
            if let (PtyFrameKind::Resize, size) = receive(stream).await? {
                let number = |at: usize| u16::from_be_bytes([size[at], size[at + 1]]);
                fake.state().sizes.push(TerminalSize { columns: number(0), rows: number(2) });
            }
        },
    };
    frame(stream, PtyFrameKind::Exit, &code.to_be_bytes()).await
}
