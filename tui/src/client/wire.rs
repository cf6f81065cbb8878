//! TEMPORARY stand-in until the protocol package has its wire layer.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures::{SinkExt, StreamExt};
use pinacle_protocol::*;
use std::marker::PhantomData;
use std::path::Path;
use tokio::net::UnixStream;
use tokio_util::codec::{Decoder, Encoder, Framed};

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot connect")]
    Io(#[source] std::io::Error),
    #[error("refused")]
    Refused(ApiError),
}

pub struct ClientConnection(UnixStream);

pub struct JsonCodec<I, O>(PhantomData<fn(O) -> I>);
impl<I, O> Default for JsonCodec<I, O> {
    fn default() -> Self {
        Self(PhantomData)
    }
}
impl<I: serde::de::DeserializeOwned, O> Decoder for JsonCodec<I, O> {
    type Item = I;
    type Error = std::io::Error;
    fn decode(&mut self, src: &mut BytesMut) -> Result<Option<I>, std::io::Error> {
        let Some(at) = src.iter().position(|b| *b == b'\n') else { return Ok(None) };
        let line = src.split_to(at + 1);
        Ok(Some(serde_json::from_slice(&line)?))
    }
}
impl<I, O: serde::Serialize> Encoder<O> for JsonCodec<I, O> {
    type Error = std::io::Error;
    fn encode(&mut self, item: O, dst: &mut BytesMut) -> Result<(), std::io::Error> {
        dst.extend_from_slice(&serde_json::to_vec(&item)?);
        dst.put_u8(b'\n');
        Ok(())
    }
}

async fn line(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    use tokio::io::AsyncReadExt;
    let mut out = Vec::new();
    loop {
        let b = stream.read_u8().await?;
        if b == b'\n' {
            return Ok(out);
        }
        out.push(b);
    }
}

pub async fn connect(path: &Path, mode: Mode) -> Result<ClientConnection, ConnectError> {
    use tokio::io::AsyncWriteExt;
    let mut s = UnixStream::connect(path).await.map_err(ConnectError::Io)?;
    let hello = ClientHello { pinacle: PROTOCOL_VERSION, mode, client: None };
    let mut text = serde_json::to_vec(&hello).unwrap_or_default();
    text.push(b'\n');
    s.write_all(&text).await.map_err(ConnectError::Io)?;
    let l = line(&mut s).await.map_err(ConnectError::Io)?;
    match serde_json::from_slice(&l).map_err(|e| ConnectError::Io(e.into()))? {
        ServerHello::Welcome { .. } => Ok(ClientConnection(s)),
        ServerHello::Refused { error, .. } => Err(ConnectError::Refused(error)),
    }
}

impl ClientConnection {
    pub fn into_rpc(
        self,
    ) -> (PinacleClient, impl Future<Output = Result<(), impl std::error::Error>>) {
        let framed = Framed::new(
            self.0,
            JsonCodec::<tarpc::Response<PinacleResponse>, tarpc::ClientMessage<PinacleRequest>>::default(),
        );
        let n = PinacleClient::new(tarpc::client::Config::default(), framed);
        (n.client, n.dispatch)
    }
    pub async fn send<T: serde::Serialize>(&mut self, t: &T) -> std::io::Result<()> {
        use tokio::io::AsyncWriteExt;
        let mut text = serde_json::to_vec(t)?;
        text.push(b'\n');
        self.0.write_all(&text).await
    }
    pub async fn line(&mut self) -> std::io::Result<Vec<u8>> {
        line(&mut self.0).await
    }
    pub fn into_inner(self) -> UnixStream {
        self.0
    }
}

pub struct PtyCodec;
impl Decoder for PtyCodec {
    type Item = (PtyFrameKind, Bytes);
    type Error = std::io::Error;
    fn decode(&mut self, src: &mut BytesMut) -> std::io::Result<Option<Self::Item>> {
        if src.len() < 5 {
            return Ok(None);
        }
        let len = u32::from_be_bytes([src[1], src[2], src[3], src[4]]) as usize;
        if src.len() < 5 + len {
            return Ok(None);
        }
        let kind = PtyFrameKind::from_byte(src[0]).ok_or(std::io::ErrorKind::InvalidData)?;
        src.advance(5);
        Ok(Some((kind, src.split_to(len).freeze())))
    }
}
impl Encoder<(PtyFrameKind, Bytes)> for PtyCodec {
    type Error = std::io::Error;
    fn encode(&mut self, (kind, b): (PtyFrameKind, Bytes), dst: &mut BytesMut) -> std::io::Result<()> {
        dst.put_u8(kind as u8);
        dst.put_u32(u32::try_from(b.len()).unwrap_or(0));
        dst.extend_from_slice(&b);
        Ok(())
    }
}
pub type Pty = Framed<UnixStream, PtyCodec>;
#[allow(dead_code)]
fn _unused() {
    let _ = Framed::<UnixStream, PtyCodec>::next;
    let _ = Framed::<UnixStream, PtyCodec>::close;
}
