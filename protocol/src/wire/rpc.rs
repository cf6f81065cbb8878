//! Calls and answers as lines, between a connection and the RPC library's server.
//!
//! The library gives up a connection for one message it cannot read, keeps silent
//! about a call that ran out of time, and drops a call whose id is in use. Here every
//! call gets exactly one answer, unless its caller cancels it: calls are numbered
//! anew on their way in, and the table of those under way knows whom to answer.

use super::call::{self, Caller, Incoming, Refused};
use super::line::{JsonLines, Line, LineError};
use super::{MAX_IN_FLIGHT, MAX_LINE};
use crate::{ApiError, ErrorKind, PinacleRequest, PinacleResponse};
use futures::future::BoxFuture;
use futures::{FutureExt, Sink, SinkExt, Stream, StreamExt};
use std::collections::{BTreeMap, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tarpc::{ClientMessage, Request, Response, trace};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep};
use tokio_util::codec::Framed;

/// A line that cannot be understood is answered with an error, and an answer too long
/// for a line is replaced by one; the connection lives. Calls above
/// [`MAX_IN_FLIGHT`] are refused as `busy`, and one that ran out of time is answered so.
///
/// The stream ends once the client has closed its side, or the end given with
/// [`RpcTransport::until`] has come, and every call is answered.
pub struct RpcTransport<T> {
    lines: Framed<T, JsonLines>,
    /// Lines that are not the library's answers: refusals, calls out of time. At most
    /// one for each call under way and one more.
    queued: VecDeque<String>,
    calls: BTreeMap<u64, Pending>,
    /// The number the next call gets.
    next: u64,
    /// Goes off at the earliest deadline of a call under way.
    timer: Option<Pin<Box<Sleep>>>,
    input_ended: bool,
    /// Ends the input before the client does.
    end: Option<BoxFuture<'static, ()>>,
    /// Woken when the last call is answered after the end of the input.
    waiting: Option<Waker>,
}

#[derive(Debug)]
struct Pending {
    caller: Caller,
    timeout: Duration,
    deadline: Instant,
}

impl<T: AsyncRead + AsyncWrite> RpcTransport<T> {
    /// Takes over an accepted connection.
    pub fn new(lines: Framed<T, JsonLines>) -> Self {
        Self {
            lines,
            queued: VecDeque::new(),
            calls: BTreeMap::new(),
            next: 1,
            timer: None,
            input_ended: false,
            end: None,
            waiting: None,
        }
    }

    /// Has the transport take no more calls once `end` has come; those under way are
    /// still answered.
    #[must_use]
    pub fn until(mut self, end: impl Future<Output = ()> + Send + 'static) -> Self {
        self.end = Some(end.boxed());
        self
    }

    /// Returns what the library is told about a line, if anything.
    fn understand(&mut self, line: &[u8]) -> Option<ClientMessage<PinacleRequest>> {
        match call::parse(line) {
            Ok(Incoming::Call(call)) => self.begin(*call),
            Ok(Incoming::Cancel { id }) => self.cancel(id),
            Err(Refused { caller, error }) => {
                self.queued.push_back(caller.refusal(&error));
                None
            }
        }
    }

    fn begin(&mut self, call: call::Call) -> Option<ClientMessage<PinacleRequest>> {
        if self.calls.len() >= MAX_IN_FLIGHT {
            let message = format!("{MAX_IN_FLIGHT} calls of this connection are under way already");
            let error = ApiError::new(ErrorKind::Busy, message)
                .hint("wait for an answer, or open another connection");
            self.queued.push_back(call.caller.refusal(&error));
            return None;
        }
        let id = self.next;
        self.next += 1;
        let call::Call { caller, timeout, context, request } = call;
        let deadline = Instant::now() + timeout;
        self.calls.insert(id, Pending { caller, timeout, deadline });
        Some(ClientMessage::Request(Request { context, id, message: request }))
    }

    fn cancel(&mut self, id: u64) -> Option<ClientMessage<PinacleRequest>> {
        let caller = Caller::Library(id);
        let number = *self.calls.iter().find(|(_, call)| call.caller == caller)?.0;
        self.calls.remove(&number);
        let trace_context = trace::Context::default();
        Some(ClientMessage::Cancel { trace_context, request_id: number })
    }

    /// Answers the calls that ran out of time, and has the task woken at the next.
    fn expire(&mut self, cx: &mut Context<'_>) {
        while let Some((number, deadline)) = self.earliest() {
            let timer =
                self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            if timer.deadline() != deadline {
                timer.as_mut().reset(deadline);
            }
            if timer.as_mut().poll(cx).is_pending() {
                return;
            }
            if let Some(call) = self.calls.remove(&number) {
                let message = format!("the call was not answered within {:?}", call.timeout);
                let error = ApiError::new(ErrorKind::Cancelled, message)
                    .hint("a change that was asked for may still be made; give the call more time");
                self.queued.push_back(call.caller.refusal(&error));
            }
        }
    }

    fn earliest(&self) -> Option<(u64, Instant)> {
        let deadlines = self.calls.iter().map(|(number, call)| (*number, call.deadline));
        deadlines.min_by_key(|(_, deadline)| *deadline)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> RpcTransport<T> {
    /// Hands the queued lines on, as far as there is room: a client that sends
    /// nonsense and reads nothing is not read from further.
    fn poll_queued(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        while !self.queued.is_empty() {
            ready!(self.lines.poll_ready_unpin(cx))?;
            if let Some(line) = self.queued.pop_front() {
                self.lines.start_send_unpin(line)?;
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn too_long_line() -> ApiError {
    let message = format!("a line may have {MAX_LINE} bytes at the most");
    ApiError::new(ErrorKind::InvalidRequest, message)
}

fn too_long_answer(bytes: usize) -> ApiError {
    let message = format!("the answer has {bytes} bytes, more than the {MAX_LINE} of a line");
    ApiError::new(ErrorKind::InvalidRequest, message).hint("ask for less at once")
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for RpcTransport<T> {
    type Item = Result<ClientMessage<PinacleRequest>, LineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            this.expire(cx);
            ready!(this.poll_queued(cx))?;
            if this.end.as_mut().is_some_and(|end| end.poll_unpin(cx).is_ready()) {
                this.end = None;
                this.input_ended = true;
            }
            if this.input_ended {
                if this.calls.is_empty() {
                    return Poll::Ready(None);
                }
                this.waiting = Some(cx.waker().clone());
                return Poll::Pending;
            }
            match ready!(this.lines.poll_next_unpin(cx)).transpose()? {
                None => this.input_ended = true,
                Some(Line::TooLong) => {
                    this.queued.push_back(Caller::unknown().refusal(&too_long_line()));
                }
                Some(Line::Whole(line)) => {
                    if let Some(message) = this.understand(&line) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Response<PinacleResponse>> for RpcTransport<T> {
    type Error = LineError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        ready!(self.poll_queued(cx))?;
        self.lines.poll_ready_unpin(cx)
    }

    fn start_send(
        mut self: Pin<&mut Self>,
        response: Response<PinacleResponse>,
    ) -> Result<(), LineError> {
        // A call that was cancelled, or answered because it ran out of time, is gone.
        let Some(call) = self.calls.remove(&response.request_id) else { return Ok(()) };
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
        let mut line = call.caller.answer(response);
        if line.len() > MAX_LINE {
            line = call.caller.refusal(&too_long_answer(line.len()));
        }
        self.lines.start_send_unpin(line)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        ready!(self.poll_queued(cx))?;
        self.lines.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        ready!(self.poll_queued(cx))?;
        self.lines.poll_close_unpin(cx)
    }
}
