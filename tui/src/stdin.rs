//! Standard input as chunks, read by a thread that can be told to stop: a read
//! left behind would eat the keys meant for whoever uses the terminal next.

use crate::output::Input;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use tokio::sync::mpsc;

/// Size of a chunk, in bytes: what a pipe holds.
const CHUNK: usize = 64 * 1024;

/// Chunks read ahead: one to be sent while the next is read.
const AHEAD: usize = 2;

/// Chunks of standard input. Dropping it stops the reading.
#[derive(Debug)]
pub struct Chunks {
    chunks: mpsc::Receiver<Vec<u8>>,
    /// Its end wakes the thread.
    _stop: Option<UnixStream>,
}

impl Chunks {
    /// Begins to read what `input` names.
    ///
    /// # Errors
    ///
    /// When no thread can be had.
    pub fn begin(input: Input) -> io::Result<Self> {
        let (sender, chunks) = mpsc::channel(AHEAD);
        match input {
            Input::Bytes(bytes) => {
                if !bytes.is_empty() {
                    // Cannot be full: nothing was sent before.
                    sender.try_send(bytes).unwrap_or_default();
                }
                Ok(Self { chunks, _stop: None })
            }
            Input::Inherit => {
                let (stop, stopped) = UnixStream::pair()?;
                std::thread::Builder::new()
                    .name("stdin".to_owned())
                    .spawn(move || read_until(&stopped, &sender))?;
                Ok(Self { chunks, _stop: Some(stop) })
            }
        }
    }

    /// Returns the next chunk; `None` at the end of the input.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn next(&mut self) -> Option<Vec<u8>> {
        self.chunks.recv().await
    }
}

fn read_until(stopped: &UnixStream, sender: &mpsc::Sender<Vec<u8>>) {
    let stdin = io::stdin();
    // Unbuffered: bytes in a buffer would hide from `poll`, and stay there.
    let Ok(handle) = stdin.as_fd().try_clone_to_owned() else { return };
    let mut file = std::fs::File::from(handle);
    loop {
        let mut fds = [PollFd::new(&stdin, PollFlags::IN), PollFd::new(stopped, PollFlags::IN)];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
            Ok(_) if !fds[1].revents().is_empty() => return,
            Ok(_) => {}
        }
        let mut chunk = vec![0; CHUNK];
        match file.read(&mut chunk) {
            Ok(0) => return,
            Ok(count) => {
                chunk.truncate(count);
                if sender.blocking_send(chunk).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
