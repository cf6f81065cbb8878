//! The files of the repository.

use crate::code::Source;
use std::path::{Path, PathBuf};

/// Packages with sources of ours.
const PACKAGES: [&str; 4] = ["protocol", "daemon", "tui", "tests"];

/// The top of the repository.
pub(crate) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

/// Every file below a directory that belongs to the repository, as paths from its
/// top, sorted.
pub(crate) fn files(below: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![top().join(below)];
    while let Some(dir) = left.pop() {
        let entries = std::fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
        for entry in entries {
            let entry = entry.expect("a directory can be listed");
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                if !matches!(entry.file_name().to_str(), Some("target" | ".git" | "__pycache__")) {
                    left.push(path);
                }
            } else {
                let path = path.strip_prefix(top()).expect("below the top").to_owned();
                found.push(path.to_str().expect("names are UTF-8").to_owned());
            }
        }
    }
    found.sort();
    found
}

/// Reads a file of the repository.
pub(crate) fn read(path: &str) -> String {
    let bytes = std::fs::read(top().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Every Rust source.
pub(crate) fn sources() -> Vec<Source> {
    let files = PACKAGES.iter().flat_map(|package| files(package));
    let sources: Vec<Source> = files
        .filter(|path| path.ends_with(".rs"))
        .map(|path| Source::new(&path, &read(&path)))
        .collect();
    assert!(sources.len() > 50, "only {} sources were found", sources.len());
    sources
}
