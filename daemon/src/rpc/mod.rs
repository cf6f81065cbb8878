//! The socket's server side: connections, the hello, and what each mode does.
//!
//! One task for each connection; a panic in one ends that one. Handlers hand
//! requests to the driver and read what is published: none changes anything itself.

mod inside;
mod listen;
mod pty;
mod resolve;
mod service;
mod stream;

pub use listen::{ListenError, listen};

use crate::backend::Backend;
use futures::StreamExt;
use pinacle_protocol::wire::{self, MAX_IN_FLIGHT, RpcTransport};
use pinacle_protocol::{ApiError, ErrorKind, Mode, Pinacle};
use std::sync::Arc;
use std::time::Duration;
use tarpc::server::{BaseChannel, Channel};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::codec::Framed;

/// Connections at once: far more than people and scripts open, and few enough that
/// their buffers stay small.
const MAX_CONNECTIONS: usize = 1_000;
/// Refused clients that are waited for at once.
const MAX_REFUSED: usize = 16;
/// How long connections may go on after the order to stop.
const LINGER: Duration = Duration::from_secs(1);
/// Pause after the kernel refused a connection for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Serves clients until the backend's switch is thrown.
pub async fn serve(listener: UnixListener, backend: Backend) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let door = Arc::new(Semaphore::new(MAX_REFUSED));
    let mut connections = JoinSet::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    backend.clock.sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            },
            Some(ended) = connections.join_next(), if !connections.is_empty() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task panicked; please report this");
                }
                continue;
            }
            () = backend.stop.triggered() => break,
        };
        if let Err(error) = check_peer(&stream) {
            connections.spawn(refuse(stream, error, door.clone()));
            continue;
        }
        match room.clone().try_acquire_owned() {
            Ok(permit) => {
                let backend = backend.clone();
                connections.spawn(async move {
                    connection(stream, backend).await;
                    drop(permit);
                });
            }
            Err(_) => {
                let message = format!("{MAX_CONNECTIONS} connections are open already");
                let error =
                    ApiError::new(ErrorKind::Busy, message).hint("close some, or try again");
                connections.spawn(refuse(stream, error, door.clone()));
            }
        }
    }
    drop(listener);
    let ended = async { while connections.join_next().await.is_some() {} };
    // What has not ended by then ends with the set.
    let _ = tokio::time::timeout(LINGER, ended).await;
}

/// The socket is for its owner and for root, whatever its file's mode says.
fn check_peer(stream: &UnixStream) -> Result<(), ApiError> {
    let us = rustix::process::geteuid().as_raw();
    match stream.peer_cred() {
        Ok(peer) if peer.uid() == us || peer.uid() == 0 => Ok(()),
        Ok(peer) => {
            let message = format!("this daemon serves user {us}, not user {}", peer.uid());
            Err(ApiError::new(ErrorKind::InvalidRequest, message)
                .hint("start a daemon of your own"))
        }
        Err(error) => Err(ApiError::from_error(ErrorKind::Internal, &error)),
    }
}

/// Says why, then waits for what the client was about to say: one that finds the connection
/// closed while it writes its hello may never read the answer.
async fn refuse(stream: UnixStream, error: ApiError, door: Arc<Semaphore>) {
    let mut lines = Framed::new(stream, wire::JsonLines::new(wire::MAX_HELLO));
    // The client may have gone away; there is nobody else to tell.
    let _ = wire::server::refuse_with(&mut lines, error).await;
    // With more of them at the door than that, they are let go at once.
    if let Ok(_place) = door.try_acquire() {
        let _ = tokio::time::timeout(wire::HELLO_LIMIT, lines.next()).await;
    }
}

async fn connection(stream: UnixStream, backend: Backend) {
    let accepted = match wire::accept(stream, &backend.info.version, Vec::new()).await {
        Ok(accepted) => accepted,
        Err(error) => {
            tracing::debug!(%error, "no hello");
            return;
        }
    };
    tracing::debug!(mode = ?accepted.hello.mode, client = ?accepted.hello.client, "client");
    match accepted.hello.mode {
        Mode::Rpc => calls(RpcTransport::new(accepted.lines), backend).await,
        Mode::Stream => stream::serve(accepted.lines, backend).await,
        Mode::Pty => pty::serve(accepted.lines, backend).await,
    }
}

async fn calls(transport: RpcTransport<UnixStream>, backend: Backend) {
    let config = tarpc::server::Config { pending_response_buffer: MAX_IN_FLIGHT };
    let stop = backend.stop.clone();
    let transport = transport.until(async move { stop.triggered().await });
    let handler = service::Handler::new(backend.clone());
    // The transport refuses calls above its limit. A limit here would leave
    // cancellations and deadlines unseen while all places are taken.
    let calls = BaseChannel::new(config, transport).execute(handler.serve());
    let calls = calls.for_each_concurrent(None, |call| call);
    tokio::pin!(calls);
    tokio::select! {
        () = &mut calls => return,
        () = backend.stop.triggered() => {}
    }
    // Answers that are on their way still get out.
    let _ = tokio::time::timeout(LINGER / 2, calls).await;
}
