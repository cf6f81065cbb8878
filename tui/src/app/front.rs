//! The real terminal: keys from it, frames to it, and lending it away.

use super::frames::Frames;
use super::{Front, Input, local};
use crate::attach::{self, Detach, Stdin};
use crate::client::Client;
use crate::failure::Failure;
use crate::keymap::Key;
use crate::msg::{Focus, Mouse, MouseKind, Pointer};
use crate::session::Session;
use crate::terminal::{self, FullScreen, Painter};
use crossterm::event::{Event, EventStream, MouseButton, MouseEvent, MouseEventKind};
use futures::StreamExt;
use pinacle_protocol::{PodId, PodRef, PtyRequest};
use ratatui::Terminal;
use std::io;
use std::sync::Arc;
use tokio::sync::Notify;

/// The terminal of this process.
pub(super) struct Real<'a> {
    session: &'a mut Session,
    client: Arc<Client>,
    terminal: Terminal<Frames<Painter>>,
    held: Option<(FullScreen, EventStream)>,
    gone: Arc<Notify>,
    /// Whether we stopped by ourselves, and were not yet told that we go on.
    suspended: bool,
    pointer: Pointer,
}

/// Presses and the wheel, told of in a form without limits. Movement is not asked for: it
/// would wake us at each step.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1000l";

fn mouse(event: MouseEvent) -> Option<Mouse> {
    let kind = match event.kind {
        MouseEventKind::Down(MouseButton::Left) => MouseKind::Click,
        MouseEventKind::ScrollUp => MouseKind::WheelUp,
        MouseEventKind::ScrollDown => MouseKind::WheelDown,
        _ => return None,
    };
    Some(Mouse { kind, column: event.column, row: event.row })
}

impl<'a> Real<'a> {
    /// Takes the terminal.
    pub(super) fn new(
        session: &'a mut Session,
        client: Arc<Client>,
        pointer: Pointer,
    ) -> io::Result<Self> {
        let terminal = Terminal::new(Frames::new(Painter::new()))?;
        let gone = terminal::when_gone()?;
        let (held, suspended) = (None, false);
        let mut front = Self { session, client, terminal, held, gone, suspended, pointer };
        front.take()?;
        Ok(front)
    }

    fn take(&mut self) -> io::Result<()> {
        let screen = FullScreen::enter()?;
        self.held = Some((screen, EventStream::new()));
        self.terminal.backend_mut().forget();
        self.point(self.pointer)?;
        self.terminal.clear()
    }

    /// Gives the terminal away. The reader of keys goes first: it would eat
    /// those of whoever comes next.
    pub(super) fn give(&mut self) {
        if let Some((screen, keys)) = self.held.take() {
            drop(keys);
            drop(screen);
        }
    }

    fn again<T>(&mut self, outcome: Result<T, String>) -> Result<T, String> {
        match self.take() {
            Ok(()) => outcome,
            Err(error) => Err(format!("the terminal cannot be used: {error}")),
        }
    }
}

impl Front for Real<'_> {
    type Backend = Frames<Painter>;

    fn terminal(&mut self) -> &mut Terminal<Self::Backend> {
        &mut self.terminal
    }

    async fn next(&mut self) -> Option<Input> {
        let (_, keys) = self.held.as_mut()?;
        let event = tokio::select! {
            event = keys.next() => event?,
            () = self.gone.notified() => return None,
        };
        Some(match event {
            Ok(Event::Key(key)) => Key::of_event(&key).map_or(Input::Nothing, Input::Key),
            Ok(Event::Paste(text)) => Input::Paste(text),
            Ok(Event::Resize(columns, rows)) => Input::Resized(columns, rows),
            Ok(Event::FocusGained) => Input::Focus(Focus::Gained),
            Ok(Event::FocusLost) => Input::Focus(Focus::Lost),
            Ok(Event::Mouse(event)) => mouse(event).map_or(Input::Nothing, Input::Mouse),
            Err(_) => return None,
        })
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.give();
        self.suspended = true;
        let here = rustix::process::getpid();
        // Returns when the shell continues us.
        rustix::process::kill_process(here, rustix::process::Signal::TSTP)?;
        self.take()
    }

    fn resume(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.suspended) {
            return Ok(());
        }
        self.give();
        self.take()
    }

    async fn shell(&mut self, pod: &PodId) -> Result<String, String> {
        self.give();
        let request = PtyRequest {
            pod: PodRef(pod.to_string()),
            command: Vec::new(),
            tty: true,
            size: attach::terminal_size(self.session),
            env: attach::with_terminal_kind(self.session, Vec::new(), true),
            working_dir: None,
            user: None,
        };
        self.session.console.input = crate::output::Input::Inherit;
        self.session.console.remark("ctrl-p ctrl-q comes back and leaves the shell's work running");
        let client = self.client.clone();
        let ended =
            attach::run(self.session, &client, request, Stdin::Passed, Detach::ByKeys).await;
        let word = match ended {
            Ok(()) => Ok("back from the shell".to_owned()),
            Err(Failure::Exit(code)) => Ok(format!("the shell ended with code {code}")),
            Err(Failure::Api(error)) => Err(error.chain()),
            Err(_) => Err("the shell cannot be shown".to_owned()),
        };
        self.again(word)
    }

    async fn edit(&mut self, text: &str) -> Result<Option<String>, String> {
        self.give();
        let edited = local::edit(self.session, text).await;
        self.again(edited)
    }

    fn point(&mut self, pointer: Pointer) -> io::Result<()> {
        self.pointer = pointer;
        let bytes = match pointer {
            Pointer::Taken => MOUSE_ON,
            Pointer::Left => MOUSE_OFF,
        };
        self.terminal.backend_mut().write_raw(bytes)
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        use base64::Engine;
        let encoded = base64::engine::general_purpose::STANDARD.encode(text);
        let sequence = format!("\x1b]52;c;{encoded}\x07").into_bytes();
        let sequence = match self.session.is_in_gnu_screen() {
            true => terminal::through_gnu_screen(&sequence),
            false => sequence,
        };
        self.terminal.backend_mut().write_raw(&sequence)
    }
}

impl Drop for Real<'_> {
    fn drop(&mut self) {
        self.give();
    }
}
