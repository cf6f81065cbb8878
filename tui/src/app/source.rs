//! Where a new pod begins: the spec of a directory or file that was typed, and what a path
//! that is being typed may become.

use super::effects::Facts;
use crate::msg::Source;
use crate::session;
use crate::spec_file::{self, FILE_NAME};
use pinacle_protocol::{ApiError, ErrorKind};
use std::io;
use std::path::{Path, PathBuf};

/// Names of a directory that are looked at.
const LOOKED_AT: usize = 10_000;

/// Paths that are offered.
const OFFERED: usize = 200;

/// Returns a path as it was typed: `~` is the home directory.
pub(super) fn typed(facts: &Facts, text: &str) -> Result<PathBuf, ApiError> {
    let home = facts.env.get("HOME").map(PathBuf::from);
    match (text.strip_prefix('~').map(|rest| rest.trim_start_matches('/')), home, &facts.cwd) {
        (Some(rest), Some(home), _) => Ok(home.join(rest)),
        (_, _, Some(cwd)) => Ok(cwd.join(text)),
        _ if text.starts_with('/') => Ok(PathBuf::from(text)),
        _ => Err(session::cwd_is_gone()),
    }
}

/// Reads the spec of a directory or file, beside everything else: it may be on a disk that
/// does not answer.
pub(super) async fn read(facts: &Facts, path: String) -> Result<Source, ApiError> {
    let facts = facts.clone();
    let read = tokio::task::spawn_blocking(move || source(&facts, &path));
    read.await.unwrap_or_else(|_| {
        Err(ApiError::new(ErrorKind::Internal, "reading the spec was broken off"))
    })
}

/// Returns what a path that was typed may become, looked up in the same way.
pub(super) async fn complete(facts: &Facts, path: String) -> Vec<String> {
    let facts = facts.clone();
    let found = tokio::task::spawn_blocking(move || candidates(&facts, &path));
    // A look that was broken off found nothing.
    found.await.unwrap_or_default()
}

fn source(facts: &Facts, text: &str) -> Result<Source, ApiError> {
    let path = typed(facts, text)?;
    let unreadable = |error: io::Error| {
        let kind = if error.kind() == io::ErrorKind::NotFound {
            ErrorKind::NotFound
        } else {
            ErrorKind::InvalidSpec
        };
        ApiError::new(kind, format!("{} cannot be read", path.display())).cause(error.to_string())
    };
    let path = path.canonicalize().map_err(unreadable)?;
    let is_dir = path.is_dir();
    let file = if is_dir { path.join(FILE_NAME) } else { path.clone() };
    let (found, spec) = match spec_file::read_text(&file) {
        Ok(text) => (true, text),
        Err(error) if is_dir && error.kind == ErrorKind::NotFound => {
            (false, spec_file::MINIMAL.to_owned())
        }
        Err(error) => return Err(error),
    };
    let dir = if is_dir { Some(path) } else { file.parent().map(Path::to_owned) };
    let is_spec = file.file_name().is_some_and(|name| name == FILE_NAME);
    let project = dir.clone().filter(|dir| is_spec && spec_file::is_project(&facts.env, dir));
    let as_text = |path: PathBuf| path.to_str().map(str::to_owned);
    Ok(Source {
        text: spec,
        shown: file.display().to_string(),
        default_name: dir.as_deref().and_then(spec_file::dir_name),
        source_dir: project.and_then(as_text),
        dir: dir.and_then(as_text),
        found,
    })
}

/// Directories, with a slash behind them, and specs. Hidden ones are offered once their dot
/// is typed.
fn candidates(facts: &Facts, text: &str) -> Vec<String> {
    if text == "~" {
        return vec!["~/".to_owned()];
    }
    let (base, begun) = text.split_at(text.rfind('/').map_or(0, |at| at + 1));
    let Ok(Ok(entries)) = typed(facts, base).map(std::fs::read_dir) else { return Vec::new() };
    let fits = |name: &String| {
        let hidden = name.starts_with('.') && !begun.starts_with('.');
        name.starts_with(begun) && !hidden && !name.contains(char::is_control)
    };
    let mut paths: Vec<String> = entries
        .take(LOOKED_AT)
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let name = entry.file_name().into_string().ok().filter(fits)?;
            let is_spec = name.ends_with(".yaml") || name.ends_with(".yml");
            // Where a link leads counts.
            let slash = if entry.path().is_dir() { "/" } else { "" };
            (is_spec || !slash.is_empty()).then(|| format!("{base}{name}{slash}"))
        })
        .collect();
    paths.sort();
    paths.truncate(OFFERED);
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::Environment;

    #[test]
    fn no_more_is_read_of_a_source_than_a_spec_may_have() {
        let dir = tempfile::tempdir().expect("a directory");
        let facts = Facts {
            socket: PathBuf::new(),
            state_dir: PathBuf::new(),
            cwd: Some(dir.path().to_owned()),
            env: Environment::default(),
        };
        std::fs::write(dir.path().join(FILE_NAME), "x".repeat(300_000)).expect("a file");
        for (path, words) in [
            (".", "has 300000 bytes, and a spec may have"),
            (FILE_NAME, "has 300000 bytes, and a spec may have"),
            ("/dev/zero", "it is no regular file"),
        ] {
            let error = source(&facts, path).expect_err(path);
            assert!(error.chain().contains(words), "{path}: {error:#?}");
        }
    }
    #[test]
    fn a_place_in_a_directory_that_is_gone_is_none() {
        let facts = Facts {
            socket: PathBuf::new(),
            state_dir: PathBuf::new(),
            cwd: None,
            env: [("HOME", "/home/me")].into_iter().collect(),
        };
        assert!(typed(&facts, "blog").is_err_and(|error| error.message.contains("is gone")));
        assert_eq!(typed(&facts, "~/blog"), Ok("/home/me/blog".into()));
        assert_eq!(typed(&facts, "/blog"), Ok("/blog".into()));
        assert!(candidates(&facts, "bl").is_empty());
        assert!(candidates(&facts, "/de").contains(&"/dev/".to_owned()));
    }
}
