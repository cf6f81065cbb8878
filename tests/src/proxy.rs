//! Stands between the daemon and its engine and misbehaves on request: says nothing, says
//! half of it, says something else, says it late.
//!
//! Each request gets a connection of its own, because the proxy asks the engine to close it
//! after the answer: where one answer ends is then where its bytes end.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request's head is never longer: its labels are in the body.
const LONGEST_HEAD: usize = 64 << 10;

/// What becomes of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mischief {
    /// The request does not reach the engine; the connection ends.
    Refused,
    /// The engine does it; the answer is lost.
    Lost,
    /// The engine does it; half of the answer arrives.
    Half,
    /// The engine does it; what arrives is not HTTP.
    Noise,
    /// The engine does it; what arrives is HTTP, but not what was asked for.
    Nonsense,
    /// The request does not reach the engine, which is said to have failed.
    Failed,
    /// The engine does it, and is said to have failed.
    FailedAfterwards,
    /// The answer takes this long.
    Late(Duration),
}

/// The proxy; it ends with this value.
#[derive(Debug)]
pub struct Proxy {
    socket: PathBuf,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    engine: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Once for each kind of call.
    once: Option<(Mischief, BTreeSet<String>)>,
    /// Whenever the kind of call begins like this.
    always: Vec<(String, Mischief)>,
    seen: BTreeMap<String, usize>,
    open: Vec<UnixStream>,
    listening: bool,
}

impl Proxy {
    /// Listens at `socket` and passes everything on to `engine`.
    pub fn start(socket: PathBuf, engine: &Path) -> Self {
        let shared = Shared { engine: engine.to_owned(), state: Mutex::default() };
        let proxy = Self { socket, shared: Arc::new(shared) };
        proxy.listen();
        proxy
    }

    /// Returns the socket.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// From now on the first call of each kind suffers.
    pub fn once_each(&self, mischief: Mischief) {
        self.state().once = Some((mischief, BTreeSet::new()));
    }

    /// From now on each call suffers whose kind begins like this.
    pub fn always(&self, kind: &str, mischief: Mischief) {
        self.state().always.push((kind.to_owned(), mischief));
    }

    /// From now on everything is passed on.
    pub fn behave(&self) {
        let mut state = self.state();
        state.once = None;
        state.always.clear();
    }

    /// Returns the kinds of call that suffered once.
    pub fn suffered(&self) -> BTreeSet<String> {
        self.state().once.as_ref().map(|(_, kinds)| kinds.clone()).unwrap_or_default()
    }

    /// Returns how many calls of each kind came.
    pub fn seen(&self) -> BTreeMap<String, usize> {
        self.state().seen.clone()
    }

    /// Ends every connection, and takes no more: the socket's file is gone.
    pub fn vanish(&self) {
        let mut state = self.state();
        state.listening = false;
        drop(std::fs::remove_file(&self.socket));
        for stream in state.open.drain(..) {
            // The other end may have closed it already.
            drop(stream.shutdown(Shutdown::Both));
        }
    }

    /// Has a socket again, another one than before.
    pub fn listen(&self) {
        let listener = UnixListener::bind(&self.socket).expect("the proxy's socket is bound");
        self.state().listening = true;
        let (shared, inode) = (self.shared.clone(), inode(&self.socket));
        let socket = self.socket.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A listener whose file was replaced gets no more connections but one in the queue.
                if inode_of(&socket) != Some(inode) || !lock(&shared.state).listening {
                    return;
                }
                let shared = shared.clone();
                std::thread::spawn(move || {
                    // A client that goes away in the middle is none of the proxy's business.
                    drop(shared.serve(stream));
                });
            }
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared.state)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A last connection wakes the thread that listens.
        self.state().listening = false;
        drop(UnixStream::connect(&self.socket));
        self.vanish();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn inode_of(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(path).ok().map(|file| file.ino())
}

fn inode(path: &Path) -> u64 {
    inode_of(path).expect("the socket's file is there")
}

impl Shared {
    fn serve(&self, mut client: UnixStream) -> std::io::Result<()> {
        let Some((head, rest)) = read_head(&mut client)? else { return Ok(()) };
        let kind = kind(&head);
        let mischief = self.take_note(&kind, &client);
        match mischief {
            Some(Mischief::Refused) => return client.shutdown(Shutdown::Both),
            Some(Mischief::Failed) => return client.write_all(FAILED),
            _ => {}
        }
        let mut engine = UnixStream::connect(&self.engine)?;
        lock(&self.state).open.push(engine.try_clone()?);
        engine.write_all(closing(&head).as_bytes())?;
        engine.write_all(&rest)?;
        let upwards = (client.try_clone()?, engine.try_clone()?);
        std::thread::spawn(move || {
            let (mut client, mut engine) = upwards;
            let copied = std::io::copy(&mut client, &mut engine);
            // A terminal's end of input; an engine that is gone has nothing to be told.
            drop(copied.and_then(|_| engine.shutdown(Shutdown::Write)));
        });
        // A stream of events has no end; what came of it within a moment will do.
        let endless = kind.ends_with("/events");
        let limit = Duration::from_secs(if endless { 1 } else { 20 });
        engine.set_read_timeout(mischief.map(|_| limit))?;
        answer(&mut client, &mut engine, mischief)?;
        client.shutdown(Shutdown::Both)
    }

    fn take_note(&self, kind: &str, client: &UnixStream) -> Option<Mischief> {
        let mut state = lock(&self.state);
        *state.seen.entry(kind.to_owned()).or_default() += 1;
        if let Ok(client) = client.try_clone() {
            state.open.push(client);
        }
        let always = state.always.iter().find(|(begin, _)| kind.starts_with(begin)).map(|a| a.1);
        always.or_else(|| {
            let (mischief, kinds) = state.once.as_mut()?;
            kinds.insert(kind.to_owned()).then_some(*mischief)
        })
    }
}

const FAILED: &[u8] = b"HTTP/1.1 500 Internal Server Error\r\nContent-Type: application/json\r\n\
    Connection: close\r\nContent-Length: 29\r\n\r\n{\"message\":\"it went wrong\"}\r\n";
const NONSENSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
    Connection: close\r\nContent-Length: 12\r\n\r\n{\"nonsense\":";

fn answer(
    client: &mut UnixStream,
    engine: &mut UnixStream,
    mischief: Option<Mischief>,
) -> std::io::Result<()> {
    let Some(mischief) = mischief else {
        return std::io::copy(engine, client).map(|_| ());
    };
    if let Mischief::Late(pause) = mischief {
        std::thread::sleep(pause);
        engine.set_read_timeout(None)?;
        return std::io::copy(engine, client).map(|_| ());
    }
    let mut bytes = Vec::new();
    // Only what was read counts, not how it ended.
    drop(engine.read_to_end(&mut bytes));
    match mischief {
        Mischief::Half => client.write_all(&bytes[..bytes.len() / 2]),
        Mischief::Noise => client.write_all(b"\x16\x03\x01 220 mail.example ESMTP\r\n\r\n"),
        Mischief::Nonsense => client.write_all(NONSENSE),
        Mischief::FailedAfterwards => client.write_all(FAILED),
        _ => Ok(()),
    }
}

/// Reads a request up to the end of its head; returns what came behind it, too.
fn read_head(client: &mut UnixStream) -> std::io::Result<Option<(String, Vec<u8>)>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    while bytes.len() < LONGEST_HEAD {
        let read = client.read(&mut piece)?;
        if read == 0 {
            return Ok(None);
        }
        bytes.extend_from_slice(&piece[..read]);
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Ok(Some((String::from_utf8_lossy(&bytes).into_owned(), rest)));
        }
    }
    Ok(None)
}

/// Asks for the connection's end after the answer, unless it becomes something else.
fn closing(head: &str) -> String {
    let lower = head.to_ascii_lowercase();
    if lower.contains("\r\nupgrade:") || lower.contains("\r\nconnection:") {
        return head.to_owned();
    }
    format!("{}\r\nConnection: close\r\n\r\n", head.trim_end())
}

/// Returns method and path with `*` for what names one thing: `POST /containers/*/start`.
pub fn kind(head: &str) -> String {
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let path = path.split('?').next().unwrap_or_default();
    let parts = path.split('/').filter(|part| !part.is_empty());
    let verbs =
        ["json", "create", "version", "info", "_ping", "events", "start", "stop", "archive"];
    let names = ["containers", "networks", "volumes", "images", "exec", "build", "connect"];
    let more = ["disconnect", "rename", "update", "wait", "logs", "kill", "resize", "stats"];
    let known = |part: &str| {
        let version = part.starts_with("v1.");
        !version && (verbs.contains(&part) || names.contains(&part) || more.contains(&part))
    };
    let parts: Vec<&str> = parts
        .filter(|part| !part.starts_with("v1."))
        .map(|part| if known(part) { part } else { "*" })
        .collect();
    format!("{method} /{}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::kind;

    #[test]
    fn a_call_is_known_by_what_it_does_not_to_what() {
        for (head, expected) in [
            ("GET /v1.41/containers/json?all=1 HTTP/1.1\r\n", "GET /containers/json"),
            ("POST /containers/abc/start HTTP/1.1\r\n", "POST /containers/*/start"),
            ("DELETE /networks/pinacle-pod-x HTTP/1.1\r\n", "DELETE /networks/*"),
            ("GET /_ping HTTP/1.1\r\n", "GET /_ping"),
        ] {
            assert_eq!(kind(head), expected);
        }
    }
}
