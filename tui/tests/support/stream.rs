//! The `stream` mode of the fake daemon: what it knows, then the end, or
//! silence when it is to be followed.

use super::fake::Fake;
use super::wire::{read_line, write_line};
use pinacle_protocol::*;
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;

pub(crate) async fn serve(mut stream: UnixStream, fake: Fake) {
    let Some(request) = read_line::<StreamRequest>(&mut stream).await else { return };
    fake.state().streams.push(request.clone());
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
        StreamRequest::Journal { follow, after, .. } => {
            let after = after.map_or(0, |c| c.seq);
            let mut records = fake.state().journal.clone();
            records.retain(|r| r.seq > after);
            let (first, rest) = records.split_at(records.len() / 2);
            for records in [first.to_vec(), rest.to_vec()] {
                let seq = records.last().map_or(0, |r| r.seq);
                let cursor = Cursor { epoch: 1, seq };
                if !records.is_empty() {
                    write_line(&mut stream, &StreamFrame::Journal { cursor, records }).await;
                    if cuts(&fake) {
                        return;
                    }
                }
            }
            let last = fake.state().journal.last().map_or(0, |r| r.seq);
            let cursor = Cursor { epoch: 1, seq: last.max(after) };
            write_line(&mut stream, &StreamFrame::CaughtUp { cursor }).await;
            if !follow {
                write_line(&mut stream, &StreamFrame::End).await;
            }
            follow
        }
    };
    if follows {
        // Until the client leaves, or the daemon ends.
        tokio::select! {
            _ = stream.read_u8() => {}
            () = fake.ends.notified() => write_line(&mut stream, &StreamFrame::End).await,
        }
    }
}

fn cuts(fake: &Fake) -> bool {
    let mut state = fake.state();
    let cuts = state.cut_streams > 0;
    state.cut_streams = state.cut_streams.saturating_sub(1);
    cuts
}
