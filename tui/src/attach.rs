//! Passes bytes between this terminal, or these pipes, and a command in a pod.
//! Nothing is looked at on the way but the two keys that detach, and which screen the
//! command is on.

use crate::alternate::AlternateScreen;
use crate::client::{Client, PtyReader, PtyWriter, SessionFrame};
use crate::failure::Failure;
use crate::output::Input;
use crate::session::Session;
use crate::stdin::Chunks;
use crate::terminal::RawMode;
use pinacle_protocol::{ApiError, ErrorKind, PtyRequest, TerminalSize};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Ctrl-P.
const DETACH_FIRST: u8 = 0x10;

/// Ctrl-Q.
const DETACH_SECOND: u8 = 0x11;

/// What the command gets as standard input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stdin {
    /// Ours.
    Passed,
    /// Its end at once.
    Closed,
}

/// Whether Ctrl-P Ctrl-Q leaves the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detach {
    /// It does, on a terminal.
    ByKeys,
    /// All keys are the command's.
    Never,
}

/// Runs a command in a pod until it ends.
///
/// # Errors
///
/// [`Failure::Exit`] with its exit code when that is not zero, or after a
/// signal to us; the daemon's errors.
pub async fn run(
    session: &mut Session,
    client: &Client,
    request: PtyRequest,
    stdin: Stdin,
    detach: Detach,
) -> Result<(), Failure> {
    let tty = request.tty;
    let (mut reader, writer) = client.pty(request).await?;
    let lost = |e: &io::Error| Failure::local("the terminal cannot be used", e);
    let raw = (tty && session.console.terminals.stdin)
        .then(RawMode::enter)
        .transpose()
        .map_err(|e| lost(&e))?;
    let input = match stdin {
        Stdin::Closed => Input::Bytes(Vec::new()),
        Stdin::Passed => std::mem::replace(&mut session.console.input, Input::Bytes(Vec::new())),
    };
    let keys = if raw.is_some() { detach } else { Detach::Never };
    let leaving = Arc::new(AtomicBool::new(false));
    let source = Source {
        leaving: leaving.clone(),
        chunks: Chunks::begin(input).map_err(|e| lost(&e))?,
        keys: DetachKeys::new(keys),
        resized: if tty { signal(SignalKind::window_change()).ok() } else { None },
        tty,
    };
    // Not in the task that writes our output: when both directions are full,
    // one has to go on for the other to.
    let mut sending = tokio::task::JoinSet::new();
    sending.spawn(send(source, writer));
    let mut screen = AlternateScreen::default();
    let end = match receive(session, &mut reader, &mut sending, &mut screen).await {
        // The daemon closes the connection as it was told to.
        Err(Failure::Api(_)) if leaving.load(Ordering::SeqCst) => Ok(End::Detached),
        end => end,
    };
    // Ends the reading of standard input before the terminal is given back.
    sending.shutdown().await;
    match (raw, &end) {
        (Some(raw), Ok(End::Exited(_))) => drop(raw),
        (Some(raw), _) => raw.leave_and_reset(&screen),
        (None, _) => {}
    }
    match end? {
        End::Exited(0) => Ok(()),
        End::Exited(code) => Err(Failure::Exit(code)),
        End::Detached => {
            session.console.remark("\ndetached; what runs in the pod goes on");
            Ok(())
        }
        End::Signal(number) => Err(Failure::Exit(128 + number)),
    }
}

/// Returns the size of the terminal, when there is one.
pub fn terminal_size(session: &Session) -> Option<TerminalSize> {
    let terminals = session.console.terminals;
    if !terminals.stdout && !terminals.stdin {
        return None;
    }
    let (columns, rows) = crossterm::terminal::size().ok()?;
    Some(TerminalSize { columns, rows })
}

/// Adds what the command must know of the terminal, unless it was given.
pub fn with_terminal_kind(
    session: &Session,
    mut env: Vec<(String, String)>,
    tty: bool,
) -> Vec<(String, String)> {
    for name in ["TERM", "COLORTERM"].into_iter().filter(|_| tty) {
        let here = session.env.get(name).and_then(|v| v.to_str());
        if let Some(value) = here.filter(|_| !env.iter().any(|(key, _)| key == name)) {
            env.push((name.to_owned(), value.to_owned()));
        }
    }
    env
}

/// How a session ends.
#[derive(Debug)]
enum End {
    Exited(u8),
    Detached,
    Signal(u8),
}

async fn receive(
    session: &mut Session,
    reader: &mut PtyReader,
    sending: &mut tokio::task::JoinSet<Sent>,
    screen: &mut AlternateScreen,
) -> Result<End, Failure> {
    let interrupt = session.interrupt.clone();
    let interrupted = interrupt.raised();
    tokio::pin!(interrupted);
    let mut terminate = signal(SignalKind::terminate()).ok();
    let mut hangup = signal(SignalKind::hangup()).ok();
    loop {
        tokio::select! {
            frame = reader.next() => match frame? {
                SessionFrame::Stdout(bytes) => {
                    screen.see(&bytes);
                    session.console.write(&bytes)?;
                }
                SessionFrame::Stderr(bytes) => session.console.write_err(&bytes),
                SessionFrame::Exit(code) => {
                    // Codes beyond a byte are cut by every Unix shell as well.
                    return Ok(End::Exited(code.to_le_bytes()[0]));
                }
                SessionFrame::Error(error) => return Err(error.into()),
                SessionFrame::Closed => {
                    let text = "the daemon closed the session without an exit code";
                    return Err(ApiError::new(ErrorKind::DaemonUnreachable, text)
                        .hint("the command may still run in the pod")
                        .into());
                }
            },
            Some(sent) = sending.join_next() => if let Ok(Sent::Detached) = sent {
                return Ok(End::Detached);
            },
            () = arrived(&mut terminate) => return Ok(End::Signal(15)),
            () = arrived(&mut hangup) => return Ok(End::Signal(1)),
            () = &mut interrupted => return Ok(End::Signal(2)),
        }
    }
}

async fn arrived(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// What the sending side takes from.
struct Source {
    /// Set once the user pressed the keys that detach.
    leaving: Arc<AtomicBool>,
    chunks: Chunks,
    keys: DetachKeys,
    resized: Option<Signal>,
    tty: bool,
}

/// How the sending side ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    /// The input is at its end, or the session is.
    All,
    /// The user pressed the keys that detach.
    Detached,
}

async fn send(mut source: Source, mut writer: PtyWriter) -> Sent {
    loop {
        tokio::select! {
            chunk = source.chunks.next() => {
                let Some(chunk) = chunk else { break };
                let (bytes, detached) = source.keys.filter(&chunk);
                if !bytes.is_empty() && writer.stdin(bytes).await.is_err() {
                    // Why is told by the receiving side.
                    return Sent::All;
                }
                if detached {
                    source.leaving.store(true, Ordering::SeqCst);
                    // A session that has ended need not be told.
                    writer.detach().await.unwrap_or_default();
                    return Sent::Detached;
                }
            }
            () = arrived(&mut source.resized) => resize(&mut writer).await,
        }
    }
    if writer.end_stdin().await.is_err() || !source.tty {
        // Kept until the session ends: closing it would end that.
        return hold(writer).await;
    }
    loop {
        arrived(&mut source.resized).await;
        resize(&mut writer).await;
    }
}

async fn hold(_writer: PtyWriter) -> Sent {
    std::future::pending().await
}

async fn resize(writer: &mut PtyWriter) {
    if let Ok((columns, rows)) = crossterm::terminal::size() {
        // A session that has ended is told by the receiving side.
        writer.resize(TerminalSize { columns, rows }).await.unwrap_or_default();
    }
}

/// Looks for Ctrl-P Ctrl-Q. The first is passed on at once: held back, it
/// would make the shell's history one key late.
#[derive(Debug)]
pub struct DetachKeys {
    detach: Detach,
    first_seen: bool,
}

impl DetachKeys {
    /// Begins with nothing seen.
    pub fn new(detach: Detach) -> Self {
        Self { detach, first_seen: false }
    }

    /// Returns what of a chunk is to be passed on, and whether the keys were pressed.
    pub fn filter<'a>(&mut self, chunk: &'a [u8]) -> (&'a [u8], bool) {
        if self.detach == Detach::Never {
            return (chunk, false);
        }
        for (index, byte) in chunk.iter().enumerate() {
            if self.first_seen && *byte == DETACH_SECOND {
                return (&chunk[..index], true);
            }
            self.first_seen = *byte == DETACH_FIRST;
        }
        (chunk, false)
    }
}
