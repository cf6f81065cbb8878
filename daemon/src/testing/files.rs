//! Directories that tests change copies of.

use std::io;
use std::path::Path;

/// Copies a directory with all that is in it; the copy is made when it is not there.
///
/// # Errors
///
/// What could not be read or written.
pub fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_directory(&entry.path(), &target)?;
        } else {
            std::fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
