//! The hello, from the daemon's side.

use super::line::{JsonLines, Line, LineError};
use super::{HELLO_LIMIT, MAX_HELLO, MAX_LINE};
use crate::{ApiError, ClientHello, ErrorKind, PROTOCOL_VERSION, ServerHello};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
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
    /// A hello of our version that asks for nothing known.
    #[error("the hello has no known mode")]
    UnknownMode,
    /// A protocol version this build does not speak.
    #[error("the client speaks protocol version {0}")]
    Version(u64),
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
    match version {
        Some(version) if version == u64::from(PROTOCOL_VERSION) => {}
        Some(other) => return refuse(&mut lines, AcceptError::Version(other)).await,
        None => return refuse(&mut lines, AcceptError::Malformed).await,
    }
    let Ok(hello) = serde_json::from_value::<ClientHello>(value) else {
        return refuse(&mut lines, AcceptError::UnknownMode).await;
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
    const EXAMPLE: &str = "begin with {\"pinacle\":1,\"mode\":\"rpc\"} and a line end";
    let invalid = |message: String| ApiError::new(ErrorKind::InvalidRequest, message).hint(EXAMPLE);
    let error = match &why {
        AcceptError::Version(client) => version_mismatch(*client),
        AcceptError::UnknownMode => invalid("`mode` must be rpc, stream or pty".to_owned()),
        AcceptError::TimedOut => invalid(why.to_string()),
        _ => invalid("the first line must be a hello".to_owned()),
    };
    refuse_with(lines, error).await?;
    Err(why)
}

fn version_mismatch(client: u64) -> ApiError {
    let message = format!(
        "the client speaks protocol version {client}, the daemon version {PROTOCOL_VERSION}"
    );
    let hint = format!(
        "bring both to one version, {PROTOCOL_VERSION} or {client}, then run \
         `pinacle-tui daemon restart`; running pods are not touched"
    );
    ApiError::new(ErrorKind::VersionMismatch, message).hint(hint)
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
