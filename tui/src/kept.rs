//! What the client leaves in the state directory for later: drafts of specs,
//! texts that were not applied, recordings. Each has an end: it goes with its
//! pod, and after a month in any case.

use crate::output::time;
use pinacle_protocol::PodId;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// How long something is kept, in milliseconds: 30 days.
const KEPT_MS: u128 = 30 * 24 * 60 * 60 * 1_000;

/// Where texts of `config edit` are that were not applied.
pub fn edits(state_dir: &Path) -> PathBuf {
    state_dir.join("edits")
}

/// Where drafts of the full screen's editor are.
pub fn drafts(state_dir: &Path) -> PathBuf {
    state_dir.join("drafts")
}

/// Where recordings are.
pub fn recordings(state_dir: &Path) -> PathBuf {
    state_dir.join("recordings")
}

/// Removes what was kept long enough. What cannot be removed stays.
pub fn sweep(state_dir: &Path) {
    let now = u128::from(time::now().0);
    for dir in [edits(state_dir), drafts(state_dir), recordings(state_dir)] {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let changed = entry.metadata().and_then(|m| m.modified()).ok();
            let changed = changed.and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            if changed.is_some_and(|at| at.as_millis() + KEPT_MS < now) {
                fs::remove_file(entry.path()).unwrap_or_default();
            }
        }
    }
}

/// Removes what was kept for a pod that is gone.
pub fn forget(state_dir: &Path, pod: &PodId, slug: &str) {
    fs::remove_file(drafts(state_dir).join(format!("{pod}.yaml"))).unwrap_or_default();
    for entry in fs::read_dir(edits(state_dir)).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let unique = name.to_str().and_then(|n| n.strip_suffix(".yaml")?.rsplit_once('-'));
        if unique.is_some_and(|(of, _)| of == slug) {
            fs::remove_file(entry.path()).unwrap_or_default();
        }
    }
}
