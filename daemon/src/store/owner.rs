//! The owner id of a state directory: a file of its own, so that a lost
//! database does not make our own pods strangers.

use super::StoreError;
use super::export::write_atomically;
use crate::clock::Clock;
use pinacle_protocol::OwnerId;
use std::path::Path;

/// Returns the directory's owner id: the one in its file, the one the database knows where
/// the file is missing or damaged, a new one where there is neither. `known` comes from
/// the database or its exports, which have checksums, so it is believed over the file.
///
/// # Errors
///
/// [`StoreError`] when the file cannot be read, or is damaged with nothing to mend it from.
pub fn settle(dir: &Path, known: Option<&OwnerId>, clock: &Clock) -> Result<OwnerId, StoreError> {
    let path = dir.join("owner");
    let file = |action| {
        let path = path.clone();
        move |source| StoreError::File { action, path, source }
    };
    let write = |owner: &OwnerId| write_atomically(&path, format!("{owner}\n").as_bytes());
    let found = match std::fs::read(&path) {
        Ok(bytes) => Some(OwnerId::new(String::from_utf8_lossy(&bytes).trim())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(file("read")(error)),
    };
    match (found, known) {
        (Some(Ok(owner)), None) => return Ok(owner),
        (Some(Ok(owner)), Some(known)) if owner == *known => return Ok(owner),
        (found, Some(known)) => {
            let was = if found.is_some() { "damaged" } else { "missing" };
            tracing::warn!(owner = %known, "the file owner was {was} and is restored");
            // Where it cannot be written now it is restored at a later start.
            if let Err(error) = write(known) {
                tracing::warn!(%error, "cannot write the file owner");
            }
            return Ok(known.clone());
        }
        // A new id would make our pods strangers without a word.
        (Some(Err(error)), None) => {
            return Err(StoreError::OwnerDamaged { path, source: error.into() });
        }
        (None, None) => {}
    }
    loop {
        if let Ok(owner) = OwnerId::new(clock.random_token16()) {
            write(&owner).map_err(file("write"))?;
            return Ok(owner);
        }
    }
}
