//! The owner id of a state directory: a file of its own, so that a lost
//! database does not make our own pods strangers.

use super::StoreError;
use super::export::write_atomically;
use crate::clock::Clock;
use pinacle_protocol::OwnerId;
use std::path::Path;

/// Returns the directory's owner id, made if there is none yet.
///
/// # Errors
///
/// [`StoreError`] when the file cannot be read or written.
pub fn load_or_create(dir: &Path, clock: &Clock) -> Result<OwnerId, StoreError> {
    let path = dir.join("owner");
    let failed = |action| {
        let path = path.clone();
        move |source| StoreError::File { action, path, source }
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            // An id that was damaged cannot be guessed; a new one would make our pods
            // strangers without a word.
            return OwnerId::new(text.trim()).map_err(|error| {
                failed("understand")(std::io::Error::new(std::io::ErrorKind::InvalidData, error))
            });
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read")(error)),
    }
    loop {
        if let Ok(owner) = OwnerId::new(clock.random_token16()) {
            write_atomically(&path, format!("{owner}\n").as_bytes()).map_err(failed("write"))?;
            return Ok(owner);
        }
    }
}
