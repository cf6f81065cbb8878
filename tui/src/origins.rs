//! Remembers from which directory a pod was made, so that two projects in
//! directories of the same name are not taken for each other.
//!
//! One small file for each pod, named by its id, in the state directory.
//! Losing them costs a question, so every error here is a *not known*.

use pinacle_protocol::PodId;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// The remembered directories of one state directory.
#[derive(Debug, Clone)]
pub struct Origins(PathBuf);

impl Origins {
    /// Returns those of a state directory.
    pub fn new(state_dir: &Path) -> Self {
        Self(state_dir.join("origins"))
    }

    /// Remembers where a pod was made from.
    pub fn remember(&self, pod: &PodId, dir: &Path) {
        let Ok(dir) = dir.canonicalize() else { return };
        let write = || {
            std::fs::create_dir_all(&self.0)?;
            std::fs::write(self.0.join(pod.as_str()), dir.as_os_str().as_bytes())
        };
        // See the module's doc: not known is an answer.
        write().unwrap_or_default();
    }

    /// Returns where a pod was made from, when that is known.
    pub fn of(&self, pod: &PodId) -> Option<PathBuf> {
        let bytes = std::fs::read(self.0.join(pod.as_str())).ok()?;
        Some(PathBuf::from(std::ffi::OsString::from_vec(bytes)))
    }

    /// Forgets a pod that is gone.
    pub fn forget(&self, pod: &PodId) {
        // As above.
        std::fs::remove_file(self.0.join(pod.as_str())).unwrap_or_default();
    }
}
