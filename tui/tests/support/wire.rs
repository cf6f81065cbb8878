//! The server's end of a connection, written from the protocol's description
//! alone, so that client and test do not share a mistake.

use super::fake::Fake;
use super::{pty, stream};
use bytes::BytesMut;
use futures::StreamExt;
use pinacle_protocol::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::marker::PhantomData;
use tarpc::server::{BaseChannel, Channel};
use tarpc::{ClientMessage, Response};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::codec::{Decoder, Encoder, Framed};

/// JSON values, one a line.
pub(crate) struct JsonLines<In, Out>(PhantomData<fn(Out) -> In>);

impl<In, Out> Default for JsonLines<In, Out> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<In: DeserializeOwned, Out> Decoder for JsonLines<In, Out> {
    type Item = In;
    type Error = io::Error;

    fn decode(&mut self, bytes: &mut BytesMut) -> io::Result<Option<In>> {
        let Some(end) = bytes.iter().position(|b| *b == b'\n') else { return Ok(None) };
        Ok(Some(serde_json::from_slice(&bytes.split_to(end + 1))?))
    }
}

impl<In, Out: Serialize> Encoder<Out> for JsonLines<In, Out> {
    type Error = io::Error;

    fn encode(&mut self, item: Out, bytes: &mut BytesMut) -> io::Result<()> {
        bytes.extend_from_slice(&serde_json::to_vec(&item)?);
        bytes.extend_from_slice(b"\n");
        Ok(())
    }
}

/// Serves connections until it is told to shut down.
pub(crate) async fn serve(listener: UnixListener, fake: Fake) {
    let address = listener.local_addr().expect("an address");
    let path = address.as_pathname().expect("a path").to_owned();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.expect("a connection");
                tokio::spawn(connection(stream, fake.clone()));
            }
            () = fake.stopped.notified() => {
                std::fs::remove_file(&path).expect("the socket was there");
                return;
            }
        }
    }
}

pub(crate) async fn read_line<T: DeserializeOwned>(stream: &mut UnixStream) -> Option<T> {
    let mut line = Vec::new();
    loop {
        match stream.read_u8().await.ok()? {
            b'\n' => return Some(serde_json::from_slice(&line).expect("JSON")),
            byte => line.push(byte),
        }
    }
}

pub(crate) async fn write_line<T: Serialize>(stream: &mut UnixStream, value: &T) {
    let mut line = serde_json::to_vec(value).expect("JSON");
    line.push(b'\n');
    // The client may be gone, which is its own affair.
    stream.write_all(&line).await.unwrap_or_default();
}

async fn connection(mut stream: UnixStream, fake: Fake) {
    let Some(hello) = read_line::<ClientHello>(&mut stream).await else { return };
    let protocol = fake.state().protocol;
    if hello.pinacle != protocol {
        let error = ApiError::new(ErrorKind::VersionMismatch, "other protocol")
            .hint("pinacle-tui daemon restart");
        let refused = ServerHello::Refused { error, supported: vec![protocol] };
        write_line(&mut stream, &refused).await;
        return;
    }
    let welcome = ServerHello::Welcome {
        pinacle: protocol,
        server: "0.1.0".to_owned(),
        features: Vec::new(),
    };
    write_line(&mut stream, &welcome).await;
    match hello.mode {
        Mode::Rpc if drops(&fake) => {
            // Taken, never answered.
            let _request: Option<serde_json::Value> = read_line(&mut stream).await;
        }
        Mode::Rpc => {
            let codec: JsonLines<ClientMessage<PinacleRequest>, Response<PinacleResponse>> =
                JsonLines::default();
            let channel = BaseChannel::with_defaults(Framed::new(stream, codec));
            let requests = channel.execute(fake.serve());
            requests
                .for_each(|answer| async {
                    tokio::spawn(answer);
                })
                .await;
        }
        Mode::Stream => stream::serve(stream, fake).await,
        Mode::Pty => pty::serve(stream, fake).await,
    }
}

fn drops(fake: &Fake) -> bool {
    let mut state = fake.state();
    let drops = state.drop_next > 0;
    state.drop_next = state.drop_next.saturating_sub(1);
    drops
}
