//! A stream that goes on when the daemon restarts: after the last frame that was seen,
//! with a word about it, as long as somebody may still bring the daemon back, and ends when
//! nobody reads what is printed of it.

use crate::client::{Client, Frames};
use crate::failure::Failure;
use crate::output::reader::Reader;
use crate::session::Session;
use pinacle_protocol::{ApiError, Cursor, ErrorKind, StreamFrame, StreamRequest};
use std::time::Duration;

/// How many seconds a daemon may be gone: a restart takes some, an upgrade hardly a minute.
const LIMIT: u32 = 60;

/// How often in a second it is looked for.
const LOOKS: u32 = 5;

/// Follows a stream for somebody.
pub struct Follower {
    reader: Reader,
    followed: Followed,
}

/// What is followed.
struct Followed {
    request: StreamRequest,
    frames: Option<Frames>,
    /// How often a daemon that is gone, as was said, was looked for.
    gone: Option<u32>,
}

impl Follower {
    /// Begins to follow.
    ///
    /// # Errors
    ///
    /// The daemon's.
    pub async fn open(
        session: &Session,
        client: &Client,
        request: StreamRequest,
    ) -> Result<Self, Failure> {
        let reader = session.console.reader();
        let frames = client.stream_once(request.clone()).await?;
        Ok(Self { reader, followed: Followed { request, frames: Some(frames), gone: None } })
    }

    /// Returns the next frame; `None` once the pod is gone.
    ///
    /// # Errors
    ///
    /// `daemon_unreachable` when the daemon ended and did not come back in time;
    /// [`Failure::OutputClosed`] once nobody reads our output.
    pub async fn next(
        &mut self,
        session: &mut Session,
        client: &Client,
    ) -> Result<Option<StreamFrame>, Failure> {
        tokio::select! {
            frame = self.followed.next(session, client) => frame,
            () = self.reader.gone() => Err(Failure::OutputClosed),
        }
    }
}

impl Followed {
    async fn next(
        &mut self,
        session: &mut Session,
        client: &Client,
    ) -> Result<Option<StreamFrame>, Failure> {
        loop {
            let lost = match self.attempt(client).await {
                Ok(Some(StreamFrame::End) | None) => {
                    if self.is_whole(session).await? {
                        return Ok(None);
                    }
                    ApiError::new(ErrorKind::DaemonUnreachable, "the daemon ended")
                }
                // It came back without the pod.
                Ok(Some(StreamFrame::Error(error)))
                    if self.gone.is_some() && error.kind == ErrorKind::NotFound =>
                {
                    return Ok(None);
                }
                Ok(Some(frame)) => {
                    self.note(&frame);
                    if self.gone.take().is_some() {
                        session.console.remark("the daemon is back; going on");
                    }
                    return Ok(Some(frame));
                }
                Err(error) if error.kind == ErrorKind::DaemonUnreachable => error,
                Err(error) => return Err(error.into()),
            };
            self.frames = None;
            self.wait(session, lost).await?;
        }
    }

    async fn attempt(&mut self, client: &Client) -> Result<Option<StreamFrame>, ApiError> {
        if self.frames.is_none() {
            self.frames = Some(client.stream_once(self.request.clone()).await?);
        }
        match &mut self.frames {
            Some(frames) => frames.next().await,
            None => Ok(None),
        }
    }

    /// Returns whether nothing more can come: a daemon that ends says the same of a journal
    /// as one whose pod is gone.
    async fn is_whole(&self, session: &Session) -> Result<bool, Failure> {
        let StreamRequest::Journal { pod, .. } = &self.request else { return Ok(false) };
        // Not over an older connection, which would be made anew for some seconds first.
        let Ok(client) = Client::connect(&session.paths.socket).await else { return Ok(false) };
        match client.pod(pod.clone()).await {
            Err(error) if error.kind == ErrorKind::NotFound => Ok(true),
            Err(error) if error.kind == ErrorKind::DaemonUnreachable => Ok(false),
            Err(error) => Err(error.into()),
            Ok(_) => Ok(false),
        }
    }

    /// Says that the daemon is gone, once, and waits a moment.
    async fn wait(&mut self, session: &mut Session, lost: ApiError) -> Result<(), Failure> {
        if self.gone.is_none() {
            session.console.warn(&format!("{}; waiting for it to come back", lost.chain()));
        }
        let looks = self.gone.get_or_insert(0);
        *looks += 1;
        if *looks > LIMIT * LOOKS {
            let text = format!("the daemon ended and did not come back within {LIMIT} s");
            return Err(ApiError::new(ErrorKind::DaemonUnreachable, text)
                .cause(lost.chain())
                .hint("start it with `pinacle-tui daemon start`")
                .into());
        }
        tokio::time::sleep(Duration::from_secs(1) / LOOKS).await;
        Ok(())
    }

    fn note(&mut self, frame: &StreamFrame) {
        let seen: Cursor = match frame {
            StreamFrame::Event(record) => record.cursor,
            StreamFrame::Journal { cursor, .. } | StreamFrame::CaughtUp { cursor } => *cursor,
            StreamFrame::Gap { resume, .. } => *resume,
            StreamFrame::End | StreamFrame::Error(_) => return,
        };
        match &mut self.request {
            StreamRequest::Events { after } | StreamRequest::Journal { after, .. } => {
                *after = Some(seen);
            }
        }
    }
}
