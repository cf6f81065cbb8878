//! From a command line without a command to the loop.

use super::effects::{Effects, Facts};
use super::front::Real;
use super::{Drive, FRAME, FRAME_REMOTE, PENDING, drive, local};
use crate::bounded;
use crate::failure::Failure;
use crate::kept;
use crate::keymap::{self, Keymap};
use crate::model::{Model, Setting};
use crate::msg::{Msg, Pointer};
use crate::output::{Paint, time};
use crate::recorder::Recorder;
use crate::session::Session;
use crate::theme::{Glyphs, Role, Theme};
use crate::update::update;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Shows the full screen until the user leaves it; away from a terminal, and on one
/// that only prints, the list is printed once instead.
///
/// # Errors
///
/// When the daemon cannot be reached to begin with, or there is no terminal.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    if !session.can_draw() {
        return crate::commands::ls::run(session).await;
    }
    let client = Arc::new(session.client().await?);
    let inventory = client.inventory().await?;
    let failed = |e: io::Error| Failure::local("the terminal cannot be used", &e);
    let size = crossterm::terminal::size().map_err(failed)?;
    let (setting, complaints) = setting(session);
    let mut model = Model::new(setting, size, time::now());
    if session.is_in_gnu_screen() {
        // While a program has the mouse, it keeps `esc` back until the next key.
        model.pointer = Pointer::Left;
    }
    let recorder = Arc::new(Mutex::new(Recorder::new()));
    let cursor = inventory.cursor;
    let first = Msg::Inventory(Box::new(inventory));
    recorder.lock().unwrap_or_else(PoisonError::into_inner).note(&model, &first);
    let cmds = update(&mut model, first);
    if let Some(complaint) = complaints {
        model.say(Role::Bad, complaint);
    }
    let (sender, messages) = mpsc::channel(PENDING);
    let facts = Facts {
        socket: session.paths.socket.clone(),
        state_dir: session.paths.state_dir.clone(),
        cwd: session.cwd.clone(),
        env: session.env.clone(),
    };
    let frame = if session.env.get("SSH_TTY").is_some() { FRAME_REMOTE } else { FRAME };
    kept::sweep(&facts.state_dir);
    dump_on_panic(&recorder, facts.state_dir.clone());
    let mut effects = Effects::new(facts, client.clone(), sender, Some(cursor));
    cmds.into_iter().for_each(|cmd| effects.run(cmd));
    // A key here, and in whatever the terminal is lent to somebody else's business.
    let _lent = session.interrupt.lend();
    let mut front = Real::new(session, client, model.pointer).map_err(failed)?;
    let parts = Drive { front: &mut front, model, effects, messages, recorder, frame };
    let result = drive(parts).await;
    drop(front);
    result.map(drop).map_err(failed)
}

/// Most that is read of a `keys.toml`.
const KEYS_BYTES: usize = 1 << 20;

/// Returns the user's surroundings, and what is wrong with them.
fn setting(session: &Session) -> (Setting, Option<String>) {
    let theme = match session.console.paint() {
        Paint::Color => Theme::Colors,
        Paint::Plain => Theme::Plain,
    };
    let cwd = session.cwd.as_ref().map(|dir| dir.display().to_string()).unwrap_or_default();
    let (keymap, complaint) = keys(session);
    (Setting { keymap, theme, glyphs: glyphs(session), cwd }, complaint)
}

/// Returns the keys in force, and why they are not those of the user's file.
fn keys(session: &Session) -> (Keymap, Option<String>) {
    let Some(path) = keys_file(session) else { return (Keymap::default(), None) };
    let read = bounded::read(&path, KEYS_BYTES).and_then(|read| {
        let invalid = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
        if read.bytes.len() > KEYS_BYTES {
            return Err(invalid("it is too large"));
        }
        String::from_utf8(read.bytes).map_err(|_| invalid("it is no UTF-8 text"))
    });
    let why = match read.as_deref().map(keymap::read) {
        Ok(Ok(keymap)) => return (keymap, None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (Keymap::default(), None),
        Err(error) => format!("keys.toml cannot be read: {error}"),
        Ok(Err(errors)) => {
            let more = errors.len() - 1;
            let first = errors.first().map(ToString::to_string).unwrap_or_default();
            let rest = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            format!("{first}{rest}")
        }
    };
    (Keymap::default(), Some(format!("{why}; the keys are as delivered")))
}

fn glyphs(session: &Session) -> Glyphs {
    let word = |name: &&str| session.env.get(name)?.to_str();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find_map(word);
    Glyphs::of(locale, word(&"TERM"))
}

/// Returns where keys are bound anew.
fn keys_file(session: &Session) -> Option<PathBuf> {
    let xdg = session.env.get("XDG_CONFIG_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || Some(PathBuf::from(session.env.get("HOME")?).join(".config"));
    Some(xdg.or_else(home)?.join("pinacle/keys.toml"))
}

/// Has a panic write down what led to it, after the terminal is given back.
fn dump_on_panic(recorder: &Arc<Mutex<Recorder>>, state_dir: PathBuf) {
    let recorder = Arc::downgrade(recorder);
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        report(panic);
        let Some(recorder) = recorder.upgrade() else { return };
        // Whoever panicked may hold it.
        let Ok(recorder) = recorder.try_lock() else { return };
        if let Ok(word) = local::keep_recording(&state_dir, &recorder.dump()) {
            // There is no better place to say it.
            writeln!(io::stderr(), "{word}").unwrap_or_default();
        }
    }));
}
