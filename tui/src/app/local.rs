//! Files and programs of this machine: drafts, recordings, the browser, the editor.

use super::effects::Facts;
use super::source::typed;
use crate::browser;
use crate::client::Client;
use crate::editing;
use crate::failure::Failure;
use crate::kept;
use crate::output::Paint;
use crate::session::Session;
use crate::spec_file;
use crate::transcript::{Escapes, Transcript};
use pinacle_protocol::{ApiError, PodId, PodRef, StreamFrame, StreamRequest};
use rustix::termios::{OptionalActions, tcgetattr, tcsetattr};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use tokio::signal::unix::{SignalKind, signal};

/// Writes a file that only its owner may read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    if let Some(dir) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    // Whole or not at all: a crash is what it is kept for.
    let beside = path.with_extension("part");
    let mut file =
        OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
    file.write_all(text.as_bytes())?;
    drop(file);
    fs::rename(beside, path)
}

fn draft_path(facts: &Facts, name: &str) -> PathBuf {
    kept::drafts(&facts.state_dir).join(format!("{name}.yaml"))
}

/// Keeps a draft.
pub(super) fn keep_draft(facts: &Facts, name: &str, text: &str) -> Result<(), String> {
    write_private(&draft_path(facts, name), text)
        .map_err(|e| format!("the draft cannot be kept: {e}"))
}

/// Drops a draft; one that is not there is dropped already.
pub(super) fn drop_draft(facts: &Facts, name: &str) {
    fs::remove_file(draft_path(facts, name)).unwrap_or_default();
}

/// Returns a draft.
pub(super) fn find_draft(facts: &Facts, name: &str) -> Option<String> {
    fs::read_to_string(draft_path(facts, name)).ok()
}

/// Writes a recording; returns a word that says where.
pub(super) fn keep_recording(state_dir: &Path, text: &str) -> Result<String, String> {
    let name = format!("{}.jsonl", crate::output::time::now().0);
    let path = kept::recordings(state_dir).join(name);
    match write_private(&path, text) {
        Ok(()) => Ok(format!(
            "what happened lately is in {}; `pinacle-tui replay` shows it",
            path.display()
        )),
        Err(error) => Err(format!("{} cannot be written: {error}", path.display())),
    }
}

/// Opens an address of a pod in the browser.
pub(super) async fn open(
    client: &Client,
    facts: &Facts,
    pod: &PodId,
    url: &str,
) -> Result<String, String> {
    let entrance = browser::entrance(client, PodRef(pod.to_string()), url).await;
    let entrance = entrance.map_err(|error| error.chain())?;
    if browser::open(&facts.env, &entrance).await {
        return Ok(format!("opened {url}"));
    }
    let shell =
        if entrance.seconds.is_some() { "; `pinacle-tui url` lets a browser in" } else { "" };
    Err(format!("no browser can be opened from here; the address is {url}{shell}"))
}

/// Writes a whole journal to a file.
pub(super) async fn save(
    client: &Client,
    facts: &Facts,
    pod: &PodId,
    path: &str,
    infra: bool,
) -> Result<String, String> {
    let path = typed(facts, path).map_err(|error| error.chain())?;
    let failed = |error: io::Error| format!("{} cannot be written: {error}", path.display());
    let file = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&path);
    let mut file = io::BufWriter::new(file.map_err(failed)?);
    let pod = PodRef(pod.to_string());
    let request = StreamRequest::Journal { pod, after: None, infra, follow: false };
    let mut frames = client.stream(request).await.map_err(|e| e.chain())?;
    let mut transcript = Transcript::new(Paint::Plain, Escapes::Strip);
    let (mut text, mut lines) = (String::new(), 0);
    while let Some(frame) = frames.next().await.map_err(|e| e.chain())? {
        match frame {
            StreamFrame::Journal { records, .. } => {
                records.iter().for_each(|record| transcript.push(record, &mut text));
            }
            StreamFrame::Gap { missed, .. } => transcript.gap(missed, &mut text),
            StreamFrame::Error(error) => return Err(error.chain()),
            StreamFrame::End => break,
            StreamFrame::Event(_) | StreamFrame::CaughtUp { .. } => {}
        }
        lines += text.matches('\n').count();
        file.write_all(text.as_bytes()).map_err(failed)?;
        text.clear();
    }
    transcript.finish(&mut text);
    file.write_all(text.as_bytes()).and_then(|()| file.flush()).map_err(failed)?;
    let lines = match lines {
        1 => "1 line is".to_owned(),
        lines => format!("{lines} lines are"),
    };
    Ok(format!("{lines} in {}", path.display()))
}

/// Has a text edited by the user's own editor, which ends when this program is told to: what
/// it has saved by then counts.
pub(super) async fn edit(session: &Session, text: &str) -> Result<Option<String>, String> {
    let failed = |error: io::Error| format!("signals cannot be heard: {error}");
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(failed)?;
    let mut told = false;
    let ends = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        told = true;
    };

    let name = format!("edit-{}.yaml", std::process::id());
    let path = kept::drafts(&session.paths.state_dir).join(name);
    let failed = |error: io::Error| format!("{} cannot be used: {error}", path.display());
    write_private(&path, text).map_err(failed)?;
    let settings = tcgetattr(io::stdin());
    let opened = editing::open(session, &path, ends).await;
    // One that could not say goodbye leaves the terminal as it liked it.
    if let (Err(_), Ok(settings)) = (&opened, settings) {
        tcsetattr(io::stdin(), OptionalActions::Now, &settings).unwrap_or_default();
    }
    let edited = spec_file::read_text(&path);
    // What cannot be taken may still be somebody's work.
    if edited.is_ok() || !path.exists() {
        fs::remove_file(&path).unwrap_or_default();
    }
    let lost = |error: ApiError| match error.hint {
        Some(ref hint) => format!("{}; {hint}", error.chain()),
        None => error.chain(),
    };
    match opened {
        Ok(()) => {
            let edited = edited.map_err(lost)?;
            Ok((edited != text).then_some(edited))
        }
        Err(_) if told => {
            let edited = edited.map_err(lost)?;
            Ok((edited != text).then_some(edited))
        }
        Err(Failure::Api(error)) => Err(match &error.hint {
            Some(hint) => format!("{}; {hint}", error.chain()),
            None => format!("{}; nothing was changed", error.chain()),
        }),
        Err(other) => Err(other.to_string()),
    }
}
