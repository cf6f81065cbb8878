//! Calls and answers as lines, from the client's side.

use super::MAX_LINE;
use super::line::{JsonLines, Line, LineError};
use crate::{PinacleRequest, PinacleResponse};
use futures::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tarpc::{ClientMessage, Response};
use tokio::net::UnixStream;
use tokio_util::codec::Framed;

/// The transport of one connection. A call too long for a line and an answer that
/// makes no sense fail that call; the others go on.
#[derive(Debug)]
pub(super) struct Replies {
    lines: Framed<UnixStream, JsonLines>,
    /// Answers made here. At most one for each call under way.
    own: VecDeque<Response<PinacleResponse>>,
}

impl Replies {
    pub(super) fn new(lines: Framed<UnixStream, JsonLines>) -> Self {
        Self { lines, own: VecDeque::new() }
    }
}

/// The library's number for invalid input.
const INVALID: u32 = 12;

/// Returns an answer that fails a call.
fn failed(id: u64, detail: &str) -> Option<Response<PinacleResponse>> {
    let error = json!({ "kind": INVALID, "detail": detail });
    serde_json::from_value(json!({ "request_id": id, "message": { "Err": error } })).ok()
}

/// Reads an answer; `None` when it is to nobody here.
fn read(line: &[u8]) -> Option<Response<PinacleResponse>> {
    let error = match serde_json::from_slice(line) {
        Ok(answer) => return Some(answer),
        Err(error) => error,
    };
    let value: Value = serde_json::from_slice(line).ok()?;
    let id = value.get("request_id")?.as_u64()?;
    failed(id, &format!("the answer makes no sense: {error}"))
}

impl Stream for Replies {
    type Item = Result<Response<PinacleResponse>, LineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(answer) = self.own.pop_front() {
                return Poll::Ready(Some(Ok(answer)));
            }
            match ready!(self.lines.poll_next_unpin(cx)).transpose()? {
                None => return Poll::Ready(None),
                // Whose it was is lost with it; going on would leave that caller waiting.
                Some(Line::TooLong) => {
                    let error = LineError::TooLong { bytes: MAX_LINE + 1, max: MAX_LINE };
                    return Poll::Ready(Some(Err(error)));
                }
                Some(Line::Whole(line)) => {
                    if let Some(answer) = read(&line) {
                        return Poll::Ready(Some(Ok(answer)));
                    }
                }
            }
        }
    }
}

impl Sink<ClientMessage<PinacleRequest>> for Replies {
    type Error = LineError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_ready_unpin(cx)
    }

    fn start_send(
        mut self: Pin<&mut Self>,
        message: ClientMessage<PinacleRequest>,
    ) -> Result<(), LineError> {
        let text = serde_json::to_string(&message).map_err(std::io::Error::other)?;
        match (self.lines.start_send_unpin(text), message) {
            (Err(error @ LineError::TooLong { .. }), ClientMessage::Request(request)) => {
                // The library polls for answers after each message it has sent.
                self.own.extend(failed(request.id, &error.to_string()));
                Ok(())
            }
            (sent, _) => sent,
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_close_unpin(cx)
    }
}
