//! The full screen: the list of pods, kept up to date.
//!
//! Elm-shaped: [`Model`] is all there is to see, [`update`] the only thing that
//! changes it, [`fn@view`] draws it and nothing else. This file holds the loop
//! around them; away from a terminal the list is printed once instead.

mod feed;
mod model;
mod view;

pub use model::{Cmd, Link, Model, Msg, update};
pub use view::view;

use crate::failure::Failure;
use crate::output::time;
use crate::session::Session;
use crate::terminal::FullScreen;
use crossterm::event::{Event, EventStream};
use futures::StreamExt;
use ratatui::Terminal;
use ratatui::backend::{Backend, CrosstermBackend};
use std::io::{self, BufWriter};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// Messages that may wait to be drawn; the daemon's side waits when it is full.
const PENDING: usize = 64;

/// Shortest time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// Bytes of one frame that are collected before they are written: one write
/// for a whole screen of cells with colours.
const FRAME_BYTES: usize = 64 * 1024;

/// Shows the list until the user leaves it.
///
/// # Errors
///
/// When the daemon cannot be reached to begin with, or there is no terminal.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    let terminals = session.console.terminals;
    if !terminals.stdin || !terminals.stdout || session.console.is_json() {
        return crate::commands::ls::run(session).await;
    }
    let client = session.client().await?;
    let inventory = client.inventory().await?;
    let (sender, receiver) = mpsc::channel(PENDING);
    let mut feeding = tokio::task::JoinSet::new();
    let cursor = inventory.cursor;
    feeding.spawn(feed::follow(session.paths.socket.clone(), cursor, sender));
    let failed = |e: io::Error| Failure::local("the terminal cannot be used", &e);
    let screen = FullScreen::enter().map_err(failed)?;
    let backend = CrosstermBackend::new(BufWriter::with_capacity(FRAME_BYTES, io::stdout()));
    let mut terminal = Terminal::new(backend).map_err(failed)?;
    let model = Model::new(inventory, time::now());
    let result = main_loop(&mut terminal, model, receiver, EventStream::new()).await;
    drop(screen);
    feeding.shutdown().await;
    result.map_err(failed)
}

async fn main_loop<B: Backend<Error = io::Error>>(
    terminal: &mut Terminal<B>,
    mut model: Model,
    mut messages: mpsc::Receiver<Msg>,
    mut keys: EventStream,
) -> io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut drawn: Option<tokio::time::Instant> = None;
    let mut dirty = true;
    loop {
        let next_frame = drawn.map_or_else(tokio::time::Instant::now, |at| at + FRAME);
        let msg = tokio::select! {
            () = tokio::time::sleep_until(next_frame), if dirty => {
                terminal.draw(|frame| view(&model, frame))?;
                drawn = Some(tokio::time::Instant::now());
                dirty = false;
                continue;
            }
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) => Msg::Key(key),
                Some(Ok(Event::Resize(..))) => Msg::Resized,
                Some(Ok(_)) => continue,
                // The terminal is gone.
                Some(Err(_)) | None => return Ok(()),
            },
            Some(msg) = messages.recv() => msg,
            // Ages are shown in minutes at most, once they are worth a glance.
            () = tokio::time::sleep(model.tick()) => Msg::Tick(time::now()),
            _ = terminate.recv() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        };
        dirty = true;
        if update(&mut model, msg).contains(&Cmd::Quit) {
            return Ok(());
        }
    }
}
