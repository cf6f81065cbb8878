//! The `stream` mode of the fake daemon: what it knows, then the end, or
//! silence when it is to be followed.

use super::fake::Fake;
use super::wire::{read_line, write_line};
use pinacle_protocol::*;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

pub(crate) async fn serve(mut stream: UnixStream, fake: Fake) {
    let Some(request) = read_line::<StreamRequest>(&mut stream).await else { return };
    let cursor = Cursor { epoch: 1, seq: 99 };
    let follows = match request {
        StreamRequest::Events { .. } => {
            let events = fake.state().events.clone();
            for event in events {
                write_line(&mut stream, &StreamFrame::Event(Box::new(event))).await;
            }
            write_line(&mut stream, &StreamFrame::CaughtUp { cursor }).await;
            true
        }
        StreamRequest::Journal { follow, .. } => {
            let records = fake.state().journal.clone();
            let (first, rest) = records.split_at(records.len() / 2);
            for records in [first.to_vec(), rest.to_vec()] {
                let seq = records.last().map_or(0, |r| r.seq);
                let cursor = Cursor { epoch: 1, seq };
                if !records.is_empty() {
                    write_line(&mut stream, &StreamFrame::Journal { cursor, records }).await;
                }
            }
            write_line(&mut stream, &StreamFrame::CaughtUp { cursor }).await;
            if !follow {
                write_line(&mut stream, &StreamFrame::End).await;
            }
            follow
        }
    };
    if follows {
        // Until the client leaves.
        stream.read_u8().await.unwrap_or_default();
    }
}
