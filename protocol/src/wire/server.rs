//! The daemon's end.

use super::line::{JsonLines, Line, LineError};
use super::{HELLO_LIMIT, MAX_DEADLINE, MAX_HELLO, MAX_IN_FLIGHT, MAX_LINE, script};
use crate::{
    ApiError, ClientHello, ErrorKind, Mode, PROTOCOL_VERSION, PinacleRequest, PinacleResponse,
    ServerHello,
};
use bytes::Bytes;
use futures::{Sink, SinkExt, Stream, StreamExt};
use serde_json::{Value, json};
use std::collections::{HashSet, VecDeque};
use std::pin::Pin;
use std::task::{Context, Poll};
use tarpc::{ClientMessage, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::Framed;

/// A client that said a proper hello, with whatever it has sent since.
#[derive(Debug)]
pub struct Accepted<T> {
    /// What it said.
    pub hello: ClientHello,
    /// The stream behind the hello; holds what was read ahead.
    pub lines: Framed<T, JsonLines>,
}

/// No proper hello came. The client was told why, as far as it listens.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// Nothing, or not a whole line, within the time for it.
    #[error("no hello within {HELLO_LIMIT:?}")]
    TimedOut,
    /// The client went away.
    #[error("the client closed the connection before its hello")]
    Closed,
    /// The first line is something else.
    #[error("the first line is no hello")]
    Malformed,
    /// A protocol version this build does not speak.
    #[error("the client speaks protocol version {0}")]
    Version(u32),
    /// The stream failed.
    #[error("the connection failed")]
    Stream(#[from] LineError),
}

/// Reads a client's hello and answers it.
///
/// # Errors
///
/// [`AcceptError`]; the connection is then of no further use.
///
/// # Cancel safety
///
/// Not cancel safe: drop the connection with the future.
pub async fn accept<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
    server_version: &str,
    features: Vec<String>,
) -> Result<Accepted<T>, AcceptError> {
    let mut lines = Framed::new(stream, JsonLines::new(MAX_HELLO));
    let first = match tokio::time::timeout(HELLO_LIMIT, lines.next()).await {
        Err(_) => return refuse(&mut lines, AcceptError::TimedOut).await,
        Ok(None) => return Err(AcceptError::Closed),
        Ok(Some(Err(error))) => return Err(error.into()),
        Ok(Some(Ok(Line::TooLong))) => return refuse(&mut lines, AcceptError::Malformed).await,
        Ok(Some(Ok(Line::Whole(line)))) => line,
    };
    let value: Value = serde_json::from_slice(&first).unwrap_or_default();
    let version = value.get("pinacle").and_then(Value::as_u64);
    match version.map(|version| u32::try_from(version).unwrap_or(u32::MAX)) {
        Some(PROTOCOL_VERSION) => {}
        Some(other) => return refuse(&mut lines, AcceptError::Version(other)).await,
        None => return refuse(&mut lines, AcceptError::Malformed).await,
    }
    let Ok(hello) = serde_json::from_value::<ClientHello>(value) else {
        return refuse(&mut lines, AcceptError::Malformed).await;
    };
    let welcome = ServerHello::Welcome {
        pinacle: PROTOCOL_VERSION,
        server: server_version.to_owned(),
        features,
    };
    send(&mut lines, &welcome).await?;
    let lines = lines.map_codec(|_| JsonLines::new(MAX_LINE));
    Ok(Accepted { hello, lines })
}

async fn refuse<T: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Framed<T, JsonLines>,
    why: AcceptError,
) -> Result<Accepted<T>, AcceptError> {
    let error = match why {
        AcceptError::Version(version) => {
            let message = format!(
                "client and daemon do not speak the same protocol: the client version {version}, \
                 the daemon version {PROTOCOL_VERSION}"
            );
            ApiError::new(ErrorKind::VersionMismatch, message)
                .hint("install the same version of both, then `pinacle-tui daemon restart`")
        }
        _ => ApiError::new(ErrorKind::InvalidRequest, "the first line must be a hello")
            .hint("begin with {\"pinacle\":1,\"mode\":\"rpc\"} and a line end"),
    };
    refuse_with(lines, error).await?;
    Err(why)
}

/// Tells a client that it is not served, and why.
///
/// # Errors
///
/// The stream failed.
pub async fn refuse_with<T: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Framed<T, JsonLines>,
    error: ApiError,
) -> Result<(), LineError> {
    send(lines, &ServerHello::Refused { error, supported: vec![PROTOCOL_VERSION] }).await
}

async fn send<T: AsyncRead + AsyncWrite + Unpin>(
    lines: &mut Framed<T, JsonLines>,
    hello: &ServerHello,
) -> Result<(), LineError> {
    // These types always serialise.
    let text = serde_json::to_string(hello).unwrap_or_default();
    tokio::time::timeout(HELLO_LIMIT, lines.send(text)).await.unwrap_or(Ok(()))
}

/// Returns whether a mode's connection carries calls.
pub fn is_rpc(hello: &ClientHello) -> bool {
    hello.mode == Mode::Rpc
}

/// Calls and answers as lines. A line that cannot be understood is answered with an
/// error, and an answer too long for a line is replaced by one; the connection lives.
#[derive(Debug)]
pub struct RpcTransport<T> {
    lines: Framed<T, JsonLines>,
    /// Answers of ours to lines that never became calls.
    refusals: VecDeque<String>,
    /// Calls under way that came in the plain form.
    plain: HashSet<u64>,
}

impl<T: AsyncRead + AsyncWrite> RpcTransport<T> {
    /// Takes over an accepted connection.
    pub fn new(lines: Framed<T, JsonLines>) -> Self {
        Self { lines, refusals: VecDeque::new(), plain: HashSet::new() }
    }

    fn understand(&mut self, line: &Bytes) -> Option<ClientMessage<PinacleRequest>> {
        let (message, id, plain) = match parse(line) {
            Ok(parsed) => parsed,
            Err(refusal) => {
                self.refusals.push_back(refusal);
                return None;
            }
        };
        if let Some(id) = id.filter(|_| plain) {
            // Ids of calls that were broken off stay behind; a client that gives each
            // call a new one and breaks off all of them starts over here.
            if self.plain.len() > 16 * MAX_IN_FLIGHT {
                self.plain.clear();
            }
            self.plain.insert(id);
        }
        Some(message)
    }

    fn answer(&mut self, response: Response<PinacleResponse>) -> String {
        let id = response.request_id;
        let plain = self.plain.remove(&id);
        let mut value = serde_json::to_value(&response).unwrap_or_default();
        if plain {
            value = script::to_answer(id, value["message"].take());
        }
        let text = value.to_string();
        if text.len() <= MAX_LINE {
            return text;
        }
        let message = format!("the answer has {} bytes, more than a line may have", text.len());
        let error = ApiError::new(ErrorKind::InvalidRequest, message).hint("ask for less at once");
        refusal(Some(id), plain, &error)
    }
}

type Parsed = (ClientMessage<PinacleRequest>, Option<u64>, bool);

/// Reads one line as a call; the error is the line to answer it with.
fn parse(line: &[u8]) -> Result<Parsed, String> {
    let invalid = |message: String| ApiError::new(ErrorKind::InvalidRequest, message);
    let value: Value = serde_json::from_slice(line)
        .map_err(|error| refusal(None, true, &invalid(format!("not a line of JSON: {error}"))))?;
    let plain = value.get("call").is_some();
    let id = value.get("id").or_else(|| value.get("Request")?.get("id")).and_then(Value::as_u64);
    let refused = |error: ApiError| refusal(id, plain, &error);
    let mut value = match value {
        Value::Object(call) if plain => script::to_request(call).map_err(refused)?,
        other => other,
    };
    if let Some(request) = value.get_mut("Request").and_then(Value::as_object_mut) {
        complete_context(request);
    }
    let message = serde_json::from_value(value).map_err(|error| {
        refused(invalid(format!("not a call: {error}")).hint("protocol/README.md lists the calls"))
    })?;
    Ok((message, id, plain))
}

/// Fills in what scripts leave out and clamps what could harm.
fn complete_context(request: &mut serde_json::Map<String, Value>) {
    let context = request.entry("context").or_insert_with(|| json!({}));
    let Some(context) = context.as_object_mut() else { return };
    let trace = || serde_json::to_value(tarpc::trace::Context::default()).unwrap_or_default();
    context.entry("trace_context").or_insert_with(trace);
    let max = MAX_DEADLINE.as_secs();
    if let Some(deadline) = context.get_mut("deadline").and_then(Value::as_object_mut)
        && deadline.get("secs").and_then(Value::as_f64).is_some_and(|secs| secs >= max as f64)
    {
        deadline.insert("secs".to_owned(), json!(max));
        deadline.insert("nanos".to_owned(), json!(0));
    }
}

/// Returns the line that answers a call which never was one.
fn refusal(id: Option<u64>, plain: bool, error: &ApiError) -> String {
    if plain {
        return json!({ "id": id, "error": error }).to_string();
    }
    // `kind` 12 is the library's number for an invalid input.
    let detail = error.chain();
    json!({ "request_id": id.unwrap_or(0), "message": { "Err": { "kind": 12, "detail": detail } } })
        .to_string()
}

impl<T: AsyncRead + AsyncWrite + Unpin> Stream for RpcTransport<T> {
    type Item = Result<ClientMessage<PinacleRequest>, LineError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            // A client that sends nonsense and reads nothing is not read from further.
            while !self.refusals.is_empty() {
                std::task::ready!(self.lines.poll_ready_unpin(cx))?;
                if let Some(refusal) = self.refusals.pop_front() {
                    self.lines.start_send_unpin(refusal)?;
                }
                if self.lines.poll_flush_unpin(cx)?.is_pending() && !self.refusals.is_empty() {
                    return Poll::Pending;
                }
            }
            let line = match std::task::ready!(self.lines.poll_next_unpin(cx)) {
                None => return Poll::Ready(None),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                Some(Ok(line)) => line,
            };
            match line {
                Line::Whole(line) => {
                    if let Some(message) = self.understand(&line) {
                        return Poll::Ready(Some(Ok(message)));
                    }
                }
                Line::TooLong => {
                    let message = format!("a line may have {MAX_LINE} bytes at the most");
                    let error = ApiError::new(ErrorKind::InvalidRequest, message);
                    self.refusals.push_back(refusal(None, true, &error));
                }
            }
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Sink<Response<PinacleResponse>> for RpcTransport<T> {
    type Error = LineError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_ready_unpin(cx)
    }

    fn start_send(
        mut self: Pin<&mut Self>,
        response: Response<PinacleResponse>,
    ) -> Result<(), LineError> {
        let line = self.answer(response);
        self.lines.start_send_unpin(line)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_flush_unpin(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), LineError>> {
        self.lines.poll_close_unpin(cx)
    }
}
