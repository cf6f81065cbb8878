//! Reads a file a user has named, whatever that is: devices without an end and
//! pipes nobody writes to are refused, and no more is kept than is of use.

use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// What was read of a file.
#[derive(Debug)]
pub struct Bounded {
    /// Its bytes; one more than the limit when there are more.
    pub bytes: Vec<u8>,
    /// How many it has.
    pub length: u64,
}

/// Reads at most one byte more than `limit` from a regular file.
///
/// # Errors
///
/// `InvalidInput` for what is no regular file; else as reading a file.
pub fn read(path: &Path, limit: usize) -> io::Result<Bounded> {
    // A pipe is opened only once somebody writes to it, unless nobody waits.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty())?);
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut bytes = Vec::new();
    file.take(most(limit)).read_to_end(&mut bytes)?;
    let length = metadata.len().max(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    Ok(Bounded { bytes, length })
}

/// Returns how much is read to see whether there is more than `limit`.
pub fn most(limit: usize) -> u64 {
    u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1)
}
