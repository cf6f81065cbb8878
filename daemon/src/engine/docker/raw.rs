//! Starting a command with a terminal, over a connection of our own.
//!
//! A terminal's bytes come without frames, but bollard 0.21 takes a chunk that
//! begins with a byte from 0 to 2 for a frame's header and then waits for up to
//! 4 GiB: `cat` of a binary file would freeze the session. So this one call is
//! made here, down to the upgrade.

use super::error::{Touch, failure};
use super::{client::Shared, socket};
use crate::engine::ExecOutput;
use bollard::errors::Error;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use futures::stream::{BoxStream, unfold};
use pinacle_core::engine::EngineFailure;
use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// More than any engine's head of an answer.
const HEAD_LIMIT: usize = 16 * 1024;
/// More than any engine's words for an error.
const BODY_LIMIT: usize = 64 * 1024;
const READ_SIZE: usize = 32 * 1024;

type Output = BoxStream<'static, Result<ExecOutput, EngineFailure>>;
type Input = Pin<Box<dyn AsyncWrite + Send>>;

/// Starts the exec `id`, which was created with a terminal.
pub(super) async fn start(
    shared: &Shared,
    id: &str,
    doing: &str,
) -> Result<(Output, Input), EngineFailure> {
    let path = socket::find(shared.settings.socket.as_deref())?;
    let stream = socket::open(&path).await?;
    let (mut read, mut write) = stream.into_split();
    let fail = |error: &Error| failure(doing, Touch::Change, error);
    let body = r#"{"Detach":false,"Tty":true}"#;
    let request = format!(
        "POST /exec/{id}/start HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\
         Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    write.write_all(request.as_bytes()).await.map_err(|err| fail(&Error::IOError { err }))?;
    let first = upgrade(&mut read).await.map_err(|error| fail(&error))?;
    let doing = doing.to_owned();
    let output = unfold((read, first, doing), |(mut read, first, doing)| async move {
        if !first.is_empty() {
            return Some((Ok(ExecOutput::Stdout(first)), (read, Bytes::new(), doing)));
        }
        let mut buffer = BytesMut::with_capacity(READ_SIZE);
        match read.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(ExecOutput::Stdout(buffer.freeze())), (read, Bytes::new(), doing))),
            Err(err) => {
                let failure = failure(&doing, Touch::Change, &Error::IOError { err });
                Some((Err(failure), (read, Bytes::new(), doing)))
            }
        }
    });
    Ok((output.boxed(), Box::pin(write)))
}

/// Reads the head of the answer; returns what of the terminal came with it.
async fn upgrade(read: &mut (impl AsyncRead + Unpin)) -> Result<Bytes, Error> {
    let mut buffer = BytesMut::with_capacity(READ_SIZE);
    let end = loop {
        if let Some(end) = find(&buffer, b"\r\n\r\n") {
            break end + 4;
        }
        if buffer.len() > HEAD_LIMIT || read.read_buf(&mut buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    };
    let head = buffer.split_to(end);
    match status(&head) {
        // Engines before 23.0 answer 200 to a client that they take for an old one.
        Some(101 | 200) => Ok(buffer.freeze()),
        Some(status_code) => {
            let mut body = buffer.to_vec();
            let length = content_length(&head).unwrap_or(body.len()).min(BODY_LIMIT);
            while body.len() < length && read.read_buf(&mut body).await? != 0 {}
            Err(Error::DockerResponseServerError { status_code, message: message(&body) })
        }
        None => Err(io::Error::from(io::ErrorKind::InvalidData).into()),
    }
}

fn find(text: &[u8], word: &[u8]) -> Option<usize> {
    text.windows(word.len()).position(|w| w == word)
}

fn status(head: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    line.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

fn content_length(head: &[u8]) -> Option<usize> {
    std::str::from_utf8(head).ok()?.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    })
}

fn message(body: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct Refusal {
        message: String,
    }
    match serde_json::from_slice::<Refusal>(body) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_follows_the_head_belongs_to_the_terminal() {
        let mut answer: &[u8] = b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\x00\x01raw";
        assert_eq!(upgrade(&mut answer).await.expect("upgraded"), &b"\x00\x01raw"[..]);
    }

    #[tokio::test]
    async fn a_refusal_carries_the_engines_words() {
        let mut answer: &[u8] = b"HTTP/1.1 409 Conflict\r\nContent-Length: 33\r\n\r\n{\"message\":\"it is not running ok\"}";
        let error = upgrade(&mut answer).await.expect_err("refused");
        assert!(matches!(error, Error::DockerResponseServerError { status_code: 409, .. }));
    }

    #[tokio::test]
    async fn what_is_not_http_or_ends_early_is_an_error() {
        for mut answer in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 101", b""] {
            assert!(upgrade(&mut answer).await.is_err());
        }
    }
}
