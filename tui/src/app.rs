//! The full screen as a program: takes messages in, carries commands out,
//! draws when something changed.
//!
//! [`drive`] is the loop. It is generic over where it draws and where keys come
//! from, so tests run this loop and no other. What talks to the daemon or
//! touches files is in [`effects`].

pub mod effects;
mod feed;
pub mod frames;
mod front;
pub mod local;
mod reader;
mod source;
mod start;

pub use start::run;

use crate::cmd::Cmd;
use crate::keymap::Key;
use crate::model::Model;
use crate::msg::{Focus, Mouse, Msg, Pointer};
use crate::output::time;
use crate::recorder::Recorder;
use crate::update::{next_tick, update};
use crate::view::view;
use effects::Effects;
use pinacle_protocol::PodId;
use ratatui::Terminal;
use ratatui::backend::Backend;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Messages that may wait to be drawn; whoever sends waits when it is full. Few, because a
/// journal's message is up to 64 KiB of text and several times that as records: that many are
/// taken in between two frames, and more would only be memory.
pub const PENDING: usize = 16;

/// Shortest time between two frames that nobody asked for by a key.
pub const FRAME: Duration = Duration::from_millis(33);

/// The same over SSH, where a frame costs the line.
pub const FRAME_REMOTE: Duration = Duration::from_millis(100);

/// Shortest time between two frames after a key: repeated keys share one.
const FRAME_AFTER_KEY: Duration = Duration::from_millis(4);

/// How old the model's time may be when a key comes, in milliseconds.
const STALE_MS: u64 = 50;

/// What comes from the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A key.
    Key(Key),
    /// The mouse.
    Mouse(Mouse),
    /// Pasted text.
    Paste(String),
    /// Another size.
    Resized(u16, u16),
    /// Looked at or not.
    Focus(Focus),
    /// Nothing of use.
    Nothing,
}

/// The terminal, or what stands in for it.
pub trait Front {
    /// What is drawn on.
    type Backend: Backend<Error = io::Error>;

    /// Returns where to draw.
    fn terminal(&mut self) -> &mut Terminal<Self::Backend>;

    /// Returns what comes next; `None` once the terminal is gone.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    fn next(&mut self) -> impl Future<Output = Option<Input>>;

    /// Gives the terminal back to the shell until that continues us.
    ///
    /// # Errors
    ///
    /// When it cannot be had again.
    fn suspend(&mut self) -> io::Result<()>;

    /// Takes the terminal anew after somebody else stopped and continued us: who
    /// had it meanwhile has left it as he likes it.
    ///
    /// # Errors
    ///
    /// When it cannot be had.
    fn resume(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Opens a shell in a pod; returns a word about how it went.
    fn shell(&mut self, pod: &PodId) -> impl Future<Output = Result<String, String>>;

    /// Has a text edited by the user's editor; `None` when it was left as it is.
    fn edit(&mut self, text: &str) -> impl Future<Output = Result<Option<String>, String>>;

    /// Takes clicks from the terminal, or leaves them to it.
    ///
    /// # Errors
    ///
    /// When the terminal is gone.
    fn point(&mut self, pointer: Pointer) -> io::Result<()>;

    /// Puts text on the clipboard.
    ///
    /// # Errors
    ///
    /// When the terminal does not take it.
    fn copy(&mut self, text: &str) -> io::Result<()>;
}

/// What the loop stands on.
pub struct Drive<'a, F> {
    /// The terminal.
    pub front: &'a mut F,
    /// All there is to see.
    pub model: Model,
    /// Carries commands out.
    pub effects: Effects,
    /// What comes of them, and what the daemon tells.
    pub messages: mpsc::Receiver<Msg>,
    /// Keeps what happened lately.
    pub recorder: Arc<Mutex<Recorder>>,
    /// Shortest time between two frames.
    pub frame: Duration,
}

/// Why the loop goes on.
enum Wake {
    Draw,
    Input(Option<Input>),
    Msg(Msg),
    Tick,
    Continued,
    Quit,
}

/// Runs the full screen until the user leaves, a signal comes or the terminal
/// is gone. Returns the model as it was then.
///
/// # Errors
///
/// When the terminal cannot be drawn on.
pub async fn drive<F: Front>(drive: Drive<'_, F>) -> io::Result<Model> {
    let Drive { front, mut model, mut effects, mut messages, recorder, frame } = drive;
    let mut signals = Signals::listen()?;
    let mut drawn: Option<Instant> = None;
    let (mut dirty, mut urgent) = (true, true);
    loop {
        let pause = if urgent { FRAME_AFTER_KEY.min(frame) } else { frame };
        let next_frame = drawn.map_or_else(Instant::now, |at| at + pause);
        let tick = Duration::from_millis(next_tick(&model).since_ms(time::now()));
        let wake = tokio::select! {
            // Keys before anything a pod may flood us with.
            biased;
            wake = signals.next() => wake,
            () = until(next_frame), if dirty => Wake::Draw,
            input = front.next() => Wake::Input(input),
            Some(msg) = messages.recv() => Wake::Msg(msg),
            () = tokio::time::sleep(tick) => Wake::Tick,
        };
        let now = time::now();
        let msg = match wake {
            Wake::Quit | Wake::Input(None) => {
                keep_text(&mut model, &mut effects);
                return Ok(model);
            }
            Wake::Draw => {
                front.terminal().draw(|frame| view(&model, frame))?;
                drawn = Some(Instant::now());
                (dirty, urgent) = (false, false);
                continue;
            }
            Wake::Continued => {
                front.resume()?;
                Msg::Tick(now)
            }
            Wake::Tick => Msg::Tick(now),
            Wake::Msg(msg) => msg,
            Wake::Input(Some(input)) => {
                urgent = true;
                let Some(msg) = taken(input) else { continue };
                msg
            }
        };
        dirty = true;
        let mut cmds = Vec::new();
        if !matches!(msg, Msg::Tick(_)) && now.since_ms(model.world.now) > STALE_MS {
            cmds.extend(step(&mut model, &recorder, Msg::Tick(now)));
        }
        cmds.extend(step(&mut model, &recorder, msg));
        match obey(front, &mut model, &mut effects, &recorder, cmds).await? {
            Obeyed::Quit => {
                keep_text(&mut model, &mut effects);
                return Ok(model);
            }
            Obeyed::Answered => urgent = true,
            Obeyed::Begun => {}
        }
    }
}

/// Waits for a moment; not at all for one that has passed, where a timer would take up to a
/// millisecond, which is as long as all else between a line and the screen.
async fn until(at: Instant) {
    if at > Instant::now() {
        tokio::time::sleep_until(at).await;
    }
}

/// What came of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obeyed {
    /// They are carried out beside the loop.
    Begun,
    /// Some were answered at once: there is something to be seen.
    Answered,
    /// The user leaves.
    Quit,
}

/// Carries commands out, and those that come of their answers.
async fn obey<F: Front>(
    front: &mut F,
    model: &mut Model,
    effects: &mut Effects,
    recorder: &Arc<Mutex<Recorder>>,
    cmds: Vec<Cmd>,
) -> io::Result<Obeyed> {
    let mut obeyed = Obeyed::Begun;
    let mut cmds = std::collections::VecDeque::from(cmds);
    while let Some(cmd) = cmds.pop_front() {
        if cmd == Cmd::Quit {
            return Ok(Obeyed::Quit);
        }
        if let Some(msg) = perform(front, effects, recorder, cmd).await? {
            obeyed = Obeyed::Answered;
            cmds.extend(step(model, recorder, msg));
        }
    }
    Ok(obeyed)
}

/// Signals that concern the full screen.
struct Signals {
    terminate: Signal,
    hangup: Signal,
    continued: Signal,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        let continued = SignalKind::from_raw(rustix::process::Signal::CONT.as_raw());
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            continued: signal(continued)?,
        })
    }

    async fn next(&mut self) -> Wake {
        tokio::select! {
            _ = self.terminate.recv() => Wake::Quit,
            _ = self.hangup.recv() => Wake::Quit,
            _ = self.continued.recv() => Wake::Continued,
        }
    }
}

/// Keeps what is being typed: nobody was asked whether it may go.
fn keep_text(model: &mut Model, effects: &mut Effects) {
    if let Some(editor) = model.editor_mut().filter(|editor| editor.is_changed()) {
        effects.run(Cmd::KeepDraft(editor.draft_name(), editor.text()));
    }
}

/// Returns what an input means to the model.
fn taken(input: Input) -> Option<Msg> {
    Some(match input {
        Input::Key(key) => Msg::Key(key),
        Input::Mouse(mouse) => Msg::Mouse(mouse),
        Input::Paste(text) => Msg::Paste(text),
        Input::Resized(columns, rows) => Msg::Resized(columns, rows),
        Input::Focus(focus) => Msg::Focus(focus),
        Input::Nothing => return None,
    })
}

fn step(model: &mut Model, recorder: &Arc<Mutex<Recorder>>, msg: Msg) -> Vec<Cmd> {
    recorder.lock().unwrap_or_else(PoisonError::into_inner).note(model, &msg);
    update(model, msg)
}

/// Carries a command out. What needs the terminal is waited for, the rest goes
/// on beside the loop.
async fn perform<F: Front>(
    front: &mut F,
    effects: &mut Effects,
    recorder: &Arc<Mutex<Recorder>>,
    cmd: Cmd,
) -> io::Result<Option<Msg>> {
    let gone = |error: io::Error| Err(format!("the terminal does not take it: {error}"));
    Ok(match cmd {
        Cmd::Suspend => {
            front.suspend()?;
            None
        }
        Cmd::Point(pointer) => {
            front.point(pointer)?;
            None
        }
        Cmd::Redraw => {
            front.terminal().clear()?;
            None
        }
        Cmd::Shell(pod) => Some(Msg::Said(front.shell(&pod).await)),
        Cmd::External(text) => Some(Msg::Edited(front.edit(&text).await)),
        Cmd::Copy(what, text) => {
            let copied = front
                .copy(&text)
                .map(|()| format!("{what} is on the clipboard, where the terminal allows it"));
            Some(Msg::Said(copied.or_else(gone)))
        }
        Cmd::Record => {
            let text = recorder.lock().unwrap_or_else(PoisonError::into_inner).dump();
            Some(Msg::Said(local::keep_recording(&effects.facts.state_dir, &text)))
        }
        cmd => {
            effects.run(cmd);
            None
        }
    })
}
