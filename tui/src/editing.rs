//! The user's own editor on a file.

use crate::failure::Failure;
use crate::session::Session;
use pinacle_protocol::{ApiError, ErrorKind};
use rustix::process::{Pid, Signal, kill_process};
use std::io;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;
use tokio::process::Child;

/// What to do without a terminal.
const HINT: &str = "take the spec with `pinacle-tui config show POD > FILE` and bring it back with \
                    `pinacle-tui config apply POD --file FILE --yes`; or set EDITOR to a program \
                    that changes the file it is given by itself";

/// How long an editor that is told to end may take for its last words.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Editors that nobody can use without a terminal: most set `EDITOR` to one of these once and
/// for all, so one that is named need not be meant for a script.
const ON_TERMINAL: [&str; 15] = [
    "ex", "helix", "hx", "jed", "joe", "kak", "mcedit", "micro", "nano", "ne", "nvim", "pico",
    "vi", "view", "vim",
];

/// Has a file edited and waits until that is over. Ctrl-C is the editor's meanwhile. Once
/// `ends` is, the editor is told to end as well, and made to when it does not.
///
/// # Errors
///
/// `invalid_request` when there is no editor, or no terminal for it; `cancelled` when it says that it failed or
/// had to end.
pub async fn open(
    session: &Session,
    file: &Path,
    ends: impl Future<Output = ()>,
) -> Result<(), Failure> {
    let command = session.env.get("VISUAL").or_else(|| session.env.get("EDITOR"));
    let words = match command {
        Some(command) => split_words(&command.to_string_lossy()),
        None => ["nano", "vi"]
            .iter()
            .find(|name| session.env.find_program(name).is_some())
            .map(|name| vec![(*name).to_owned()])
            .unwrap_or_default(),
    };
    let program = words.first().and_then(|name| session.env.find_program(name));
    let Some(program) = program else {
        let text = "there is no editor".to_owned();
        let text = words.first().map_or(text, |name| format!("the editor {name:?} is not found"));
        return Err(ApiError::new(ErrorKind::InvalidRequest, text)
            .hint("set EDITOR to one that is installed")
            .into());
    };
    let terminals = session.console.terminals;
    if !(terminals.stdin && terminals.stdout) && is_on_terminal(&program) {
        let text = format!("the editor {} needs a terminal, and there is none", program.display());
        return Err(ApiError::new(ErrorKind::InvalidRequest, text).hint(HINT).into());
    }
    let mut child = session.child(&program);
    child.args(&words[1..]).arg(file);
    let lent = session.interrupt.lend();
    let failed =
        |e: io::Error| Failure::local(format!("{} cannot be started", program.display()), &e);
    let mut child = child.spawn().map_err(failed)?;
    let status = tokio::select! {
        status = child.wait() => status.map_err(failed)?,
        () = ends => end(&mut child).await.map_err(failed)?,
    };
    drop(lent);
    if status.success() {
        return Ok(());
    }
    let text = format!("the editor {} ended with {status}", program.display());
    Err(ApiError::new(ErrorKind::Cancelled, text).into())
}

/// Returns whether a program, or what it is a link to, draws on the terminal.
fn is_on_terminal(program: &Path) -> bool {
    let is_one = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // Debian's `vim.basic` and the like.
        ON_TERMINAL.contains(&name) || name.starts_with("vim.")
    };
    is_one(program) || program.canonicalize().is_ok_and(|path| is_one(&path))
}

/// Ends an editor with all that it runs: a wrapper may not hand the signal on.
async fn end(child: &mut Child) -> io::Result<ExitStatus> {
    let editor = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    let family = editor.map(family).unwrap_or_default();
    let tell = |signal| {
        for pid in &family {
            // One that has ended already need not be told.
            kill_process(*pid, signal).unwrap_or_default();
        }
    };
    tell(Signal::TERM);
    if let Ok(status) = tokio::time::timeout(LAST_WORDS, child.wait()).await {
        return status;
    }
    tell(Signal::KILL);
    child.wait().await
}

/// Returns a process and those that descend from it, as far as the system tells.
fn family(first: Pid) -> Vec<Pid> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // The name stands in parentheses and may hold any character.
        let Some((before, after)) = stat.rsplit_once(')') else { continue };
        let pid = before.split(' ').next().and_then(|word| word.parse().ok());
        let parent = after.split(' ').nth(2).and_then(|word| word.parse().ok());
        let process = |id: Option<i32>| id.and_then(Pid::from_raw);
        parents.extend(process(pid).zip(process(parent)));
    }
    let mut family = vec![first];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    family
}

/// Splits an editor's command line: words between blanks, quotes around words
/// that hold blanks, a backslash before a character meant as it is.
pub fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().extend(chars.next());
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
