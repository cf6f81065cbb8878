//! What every group of figures stands on.

use std::path::PathBuf;

/// The programs that are measured.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) daemon: PathBuf,
    pub(crate) client: PathBuf,
}

/// How thoroughly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// For the record.
    Full,
    /// For a look, with `QUICK=1`.
    Quick,
}

impl Scale {
    pub(crate) fn pick<T>(self, full: T, quick: T) -> T {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// Returns a runtime as large as the daemon's own.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    Ok(builder.worker_threads(2).enable_all().build()?)
}

/// Tells what goes on.
#[expect(clippy::print_stderr, reason = "for whoever waits")]
pub(crate) fn say(what: &str) {
    eprintln!("   {what}");
}
