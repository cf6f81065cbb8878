//! Whoever reads our standard output, and whether somebody still does: a command that has
//! nothing to write would not hear of it otherwise.

use rustix::event::{PollFd, PollFlags, poll};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use tokio::sync::oneshot;

/// The other end of standard output, watched until this is dropped.
#[derive(Debug)]
pub struct Reader {
    left: Option<oneshot::Receiver<()>>,
    /// Its end wakes the thread.
    _stop: Option<UnixStream>,
}

impl Reader {
    /// Watches who reads this process's standard output.
    pub(super) fn of_process() -> Self {
        // Where no thread can be had, the next write tells.
        Self::watch().unwrap_or_else(|_| Self::patient())
    }

    fn watch() -> io::Result<Self> {
        let (stop, stopped) = UnixStream::pair()?;
        let (tell, left) = oneshot::channel();
        std::thread::Builder::new().name("reader".to_owned()).spawn(move || {
            if has_left(&stopped) {
                // Nobody may want to know any more.
                tell.send(()).unwrap_or_default();
            }
        })?;
        Ok(Self { left: Some(left), _stop: Some(stop) })
    }

    /// Returns a reader that never leaves.
    pub(super) fn patient() -> Self {
        Self { left: None, _stop: None }
    }

    /// Waits until nobody reads any more. To be asked once at a time, and not again after that.
    ///
    /// # Cancel safety
    ///
    /// Nothing is lost.
    pub async fn gone(&mut self) {
        let has_left = match &mut self.left {
            Some(left) => left.await.is_ok(),
            None => false,
        };
        if !has_left {
            self.left = None;
            std::future::pending::<()>().await;
        }
    }
}

/// Waits until standard output has no reader, or `stopped` ends; returns which it was.
fn has_left(stopped: &UnixStream) -> bool {
    let stdout = io::stdout();
    let stdout = stdout.as_fd();
    loop {
        // Errors and ends are told unasked; that there is room is not what is waited for.
        let mut fds = [
            PollFd::from_borrowed_fd(stdout, PollFlags::empty()),
            PollFd::new(stopped, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(_) => return false,
            Ok(_) if !fds[1].revents().is_empty() => return false,
            Ok(_) => return fds[0].revents().intersects(PollFlags::ERR | PollFlags::HUP),
        }
    }
}
