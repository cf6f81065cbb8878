//! Waits for an operation and shows how it goes: one block that is redrawn in
//! place on a terminal, plain lines elsewhere.

use crate::client::{Client, Frames};
use crate::failure::Failure;
use crate::output::{Console, Verbosity, time};
use crate::progress::Progress;
use crate::session::Session;
use pinacle_protocol::{
    Cursor, Event, OperationId, OperationView, PodRef, StreamFrame, StreamRequest,
};
use std::time::Duration;
use tokio::time::Instant;

/// Shortest time between two drawings of the block: ten a second is as much as
/// anybody reads, and little enough for a slow line.
const FRAME: Duration = Duration::from_millis(100);

/// Longest time between two drawings, for the seconds shown to move.
const TICK: Duration = Duration::from_secs(1);

/// How long one call waits for the end; the daemon allows 25 s.
const POLL_MS: u64 = 20_000;

/// Most records asked for at once when the end of a journal is fetched.
const PAGE: u32 = 500;

/// Waits until an operation has ended and returns it as it ended.
///
/// # Errors
///
/// The daemon's errors; the end of the run on Ctrl-C, after saying that the
/// operation goes on.
pub async fn operation(
    session: &mut Session,
    client: &Client,
    slug: &str,
    id: &OperationId,
) -> Result<OperationView, Failure> {
    let interrupt = session.interrupt.clone();
    let interrupted = interrupt.raised();
    let view = client.operation(id.clone()).await?;
    let mut watch = Watch::new(&mut session.console, client, slug, view);
    match watch.run(interrupted).await {
        Ok(()) => Ok(watch.progress.operation().clone()),
        Err(failure) => {
            watch.display.clear();
            if matches!(failure, Failure::Exit(_)) {
                let text = format!(
                    "no longer waiting; the operation goes on. `pinacle-tui op {id} --wait` waits again"
                );
                watch.display.console.remark(&text);
            }
            Err(failure)
        }
    }
}

struct Watch<'a> {
    client: &'a Client,
    progress: Progress,
    display: Display<'a>,
    events: Option<Frames>,
    journal: Option<Frames>,
    cursor: Option<Cursor>,
}

impl<'a> Watch<'a> {
    fn new(console: &'a mut Console, client: &'a Client, slug: &str, view: OperationView) -> Self {
        let progress = Progress::new(slug, view, console.paint_err());
        let display = Display::new(console);
        Self { client, progress, display, events: None, journal: None, cursor: None }
    }

    async fn run(&mut self, interrupted: impl Future<Output = ()>) -> Result<(), Failure> {
        let shows = self.display.kind != Kind::Nothing;
        if shows && !self.progress.operation().status.is_final() {
            // Both only embellish the wait, so one that cannot be had is done without.
            self.events = self.client.stream(StreamRequest::Events { after: None }).await.ok();
            self.journal = self.client.stream(self.journal_request()).await.ok();
        }
        let client = self.client;
        let id = self.progress.operation().id.clone();
        let ended = async {
            loop {
                let view = client.operation_wait(id.clone(), POLL_MS).await?;
                if view.status.is_final() {
                    return Ok::<_, Failure>(view);
                }
            }
        };
        tokio::pin!(ended);
        tokio::pin!(interrupted);
        self.display.draw(&mut self.progress);
        loop {
            let next_draw = self.display.next_draw();
            tokio::select! {
                view = &mut ended => {
                    self.progress.observe(view?);
                    break;
                }
                () = &mut interrupted => return Err(Failure::interrupted()),
                frame = next(&mut self.events) => self.on_event(frame),
                frame = next(&mut self.journal) => self.on_journal(frame),
                () = tokio::time::sleep_until(next_draw) => self.display.draw(&mut self.progress),
            }
        }
        if shows {
            self.rest_of_journal().await;
        }
        self.display.end(&mut self.progress);
        Ok(())
    }

    fn journal_request(&self) -> StreamRequest {
        StreamRequest::Journal {
            pod: PodRef(self.progress.operation().pod.to_string()),
            after: None,
            infra: false,
            follow: true,
        }
    }

    fn on_event(&mut self, frame: StreamFrame) {
        if let StreamFrame::Event(record) = frame
            && let Event::OperationChanged { operation } = record.event
            // The end is taken from `operation_wait` alone, which comes with all of it.
            && !operation.status.is_final()
        {
            self.progress.observe(*operation);
            self.display.changed(&mut self.progress);
        }
    }

    fn on_journal(&mut self, frame: StreamFrame) {
        match frame {
            StreamFrame::Journal { cursor, records } => {
                self.cursor = Some(cursor);
                let text = self.progress.records(&records);
                self.display.text(&text, &mut self.progress);
            }
            StreamFrame::Gap { resume, .. } => self.cursor = Some(resume),
            StreamFrame::CaughtUp { cursor } => self.cursor = Some(cursor),
            StreamFrame::Event(_) | StreamFrame::End | StreamFrame::Error(_) => {}
        }
    }

    /// Shows what was written between the last frame and the end.
    async fn rest_of_journal(&mut self) {
        self.journal = None;
        let pod = PodRef(self.progress.operation().pod.to_string());
        let mut cursor = self.cursor.unwrap_or_default();
        // After a removal there is no journal any more, which is no failure.
        while let Ok(page) = self.client.journal(pod.clone(), cursor, PAGE, false).await {
            let text = self.progress.records(&page.records);
            self.display.text(&text, &mut self.progress);
            if page.at_end || page.next == cursor {
                break;
            }
            cursor = page.next;
        }
    }
}

/// Returns the next frame; never, when there is no stream or it has ended.
async fn next(frames: &mut Option<Frames>) -> StreamFrame {
    if let Some(stream) = frames {
        match stream.next().await {
            Ok(Some(StreamFrame::End | StreamFrame::Error(_)) | None) | Err(_) => *frames = None,
            Ok(Some(frame)) => return frame,
        }
    }
    std::future::pending().await
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Lines,
    Nothing,
}

struct Display<'a> {
    console: &'a mut Console,
    kind: Kind,
    /// Lines of the block that stand on the terminal.
    drawn: usize,
    dirty: bool,
    last: Instant,
    at_line_start: bool,
}

impl<'a> Display<'a> {
    fn new(console: &'a mut Console) -> Self {
        let kind = if console.verbosity == Verbosity::Quiet || console.is_json() {
            Kind::Nothing
        } else if console.can_redraw() {
            Kind::Block
        } else {
            Kind::Lines
        };
        Self { console, kind, drawn: 0, dirty: true, last: Instant::now(), at_line_start: true }
    }

    fn next_draw(&self) -> Instant {
        self.last + if self.dirty { FRAME } else { TICK }
    }

    fn changed(&mut self, progress: &mut Progress) {
        self.dirty = true;
        if self.kind == Kind::Lines {
            self.draw(progress);
        }
    }

    fn text(&mut self, text: &str, progress: &mut Progress) {
        match self.kind {
            Kind::Lines if !text.is_empty() => {
                self.console.write_err(text.as_bytes());
                self.at_line_start = text.ends_with('\n');
            }
            _ => self.changed(progress),
        }
    }

    fn draw(&mut self, progress: &mut Progress) {
        self.dirty = false;
        self.last = Instant::now();
        match self.kind {
            Kind::Nothing => {}
            Kind::Lines => {
                if let Some(line) = progress.new_step() {
                    let start = if self.at_line_start { "" } else { "\n" };
                    self.at_line_start = true;
                    self.console.write_err(format!("{start}{line}\n").as_bytes());
                }
            }
            Kind::Block => {
                // One column less: a full line would wrap on some terminals.
                let width = crossterm::terminal::size().map_or(80, |(w, _)| w).max(20) - 1;
                let lines = progress.block(time::now(), usize::from(width));
                let text = format!("{}{}\n", self.erase(), lines.join("\n"));
                self.console.write_err(text.as_bytes());
                self.drawn = lines.len();
            }
        }
    }

    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}A\r\x1b[J"),
        }
    }

    fn clear(&mut self) {
        let erase = self.erase();
        self.console.write_err(erase.as_bytes());
    }

    fn end(&mut self, progress: &mut Progress) {
        let rest = progress.finish();
        match self.kind {
            Kind::Nothing => {}
            Kind::Lines => self.console.write_err(rest.as_bytes()),
            Kind::Block => {
                let failed = progress.operation().error.is_some();
                self.draw(progress);
                if failed {
                    // The last words of what failed stay on the screen.
                    self.drawn = 0;
                } else {
                    self.clear();
                }
            }
        }
    }
}
