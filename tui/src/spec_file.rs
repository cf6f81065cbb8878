//! Finds and reads the `pinacle.yaml` a command means.

use crate::bounded::{self, Bounded};
use crate::failure::Failure;
use crate::session::{Environment, Session};
use pinacle_protocol::{ApiError, ErrorKind, Isolation, MAX_SPEC_BYTES, Slug};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file's name.
pub const FILE_NAME: &str = "pinacle.yaml";

/// What [`SpecFile::shown`] is of a spec that stands in.
pub const DEFAULT: &str = "the default spec";

/// The spec that stands in where a directory has none: every default.
pub const MINIMAL: &str = "version: \"1.0\"\nservices: []\n";

/// A spec file as it was read.
#[derive(Debug, Clone)]
pub struct SpecFile {
    /// As findings call it: the path as given, `-` for standard input.
    pub shown: String,
    /// Its text.
    pub text: String,
    /// The directory it belongs to; `None` for standard input.
    pub dir: Option<PathBuf>,
}

/// Whether a new pod starts with the files of the spec's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Files {
    /// It does, where the directory is a project's.
    Copied,
    /// It does not.
    Left,
}

impl SpecFile {
    /// Returns the name a pod made from it gets: the spec's own, else the directory's.
    pub fn pod_name(&self) -> Option<String> {
        name_in(&self.text).or_else(|| self.dir.as_deref().and_then(dir_name))
    }

    /// Returns the directory whose files a new pod starts with: the spec's, when
    /// that is a project's.
    ///
    /// # Errors
    ///
    /// `invalid_request` for a project whose path cannot be told to the daemon.
    pub fn project(&self, session: &Session) -> Result<Option<String>, ApiError> {
        let Some(dir) = self.dir.as_deref() else { return Ok(None) };
        let is_spec = Path::new(&self.shown).file_name().is_none_or(|name| name == FILE_NAME);
        if !is_project(&session.env, dir) || !is_spec && self.shown != DEFAULT {
            return Ok(None);
        }
        let path = dir.to_str().ok_or_else(|| {
            let text = format!("the files in {dir:?} cannot be copied into a pod");
            ApiError::new(ErrorKind::InvalidRequest, text)
                .cause("the path of the directory is not UTF-8 text")
                .hint("rename it, or make the pod without its files: --no-copy")
        })?;
        Ok(Some(path.to_owned()))
    }
}

/// Returns whether a directory is one whose files may be copied: a home directory or the root
/// is no project, and holds more secrets than anybody means to copy.
pub fn is_project(env: &Environment, dir: &Path) -> bool {
    let whole = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let dir = whole(dir);
    // A variable may be unset, and under `sudo` it is another's than the directory.
    let owner = dir.metadata().ok().map(|metadata| metadata.uid());
    let people = [Some(rustix::process::getuid().as_raw()), owner];
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let homes = people.into_iter().flatten().filter_map(|user| home_in(&users, user));
    let mut homes = homes.chain(env.get("HOME").map(PathBuf::from));
    dir.parent().is_some() && !homes.any(|home| whole(&home) == dir)
}

/// Returns a user's home directory by a file like `/etc/passwd`.
fn home_in(users: &str, user: u32) -> Option<PathBuf> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':').skip(2);
        let is_theirs = fields.next()?.parse() == Ok(user);
        let home = PathBuf::from(fields.nth(2)?);
        (is_theirs && home.is_absolute()).then_some(home)
    })
}

/// Reads what `source` names: a file, a directory with a `pinacle.yaml`, or
/// `-` for standard input.
///
/// # Errors
///
/// `not_found` when there is no such file; other kinds when it cannot be read.
pub async fn read(session: &mut Session, source: &Path) -> Result<SpecFile, Failure> {
    if source == Path::new("-") {
        let text = session.read_input().await?;
        return Ok(SpecFile { shown: "-".to_owned(), text, dir: None });
    }
    find(session, source)?.ok_or_else(|| {
        let shown = session.absolute(source).unwrap_or_else(|_| source.to_owned());
        ApiError::new(
            ErrorKind::NotFound,
            format!("there is no {FILE_NAME} in {}", shown.display()),
        )
        .hint("write one, or name another file; `pinacle-tui up` also does without")
        .into()
    })
}

/// Reads what `source` names, or nothing when it is a directory without a spec.
///
/// # Errors
///
/// `not_found` when `source` itself is not there.
pub fn find(session: &Session, source: &Path) -> Result<Option<SpecFile>, Failure> {
    let path = session.absolute(source)?;
    let metadata = path.metadata().map_err(|e| unreadable(&path, &e))?;
    let (file, shown) = if metadata.is_dir() {
        let shown = if source == Path::new(".") {
            PathBuf::from(FILE_NAME)
        } else {
            source.join(FILE_NAME)
        };
        (path.join(FILE_NAME), shown)
    } else {
        (path, source.to_owned())
    };
    match read_text(&file) {
        Ok(text) => {
            let dir = file.canonicalize().unwrap_or(file).parent().map(Path::to_owned);
            Ok(Some(SpecFile { shown: shown.display().to_string(), text, dir }))
        }
        Err(error) if metadata.is_dir() && error.kind == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Reads the text of a spec file.
///
/// # Errors
///
/// `not_found`; `invalid_spec` when it is larger than a spec may be or no text;
/// `invalid_request` when it is no regular file.
pub fn read_text(file: &Path) -> Result<String, ApiError> {
    match bounded::read(file, MAX_SPEC_BYTES) {
        Ok(read) => text_of(file, read),
        Err(error) => Err(unreadable(file, &error)),
    }
}

/// Returns a file's bytes as text. What is too large or no text is said here: it
/// would not fit, or not survive, the way to the daemon.
fn text_of(file: &Path, read: Bounded) -> Result<String, ApiError> {
    let refused =
        |message: String, hint: &str| ApiError::new(ErrorKind::InvalidSpec, message).hint(hint);
    let Bounded { bytes, length } = read;
    if bytes.len() > MAX_SPEC_BYTES {
        let message =
            format!("{} has {length} bytes, and a spec may have {MAX_SPEC_BYTES}", file.display());
        return Err(refused(message, "see that it is the right file; data belongs elsewhere"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let (whole, rest) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
        let line = 1 + whole.iter().filter(|byte| **byte == b'\n').count();
        let message = format!(
            "{}:{line}: byte 0x{:02x} is no UTF-8 text",
            file.display(),
            rest.first().copied().unwrap_or_default()
        );
        refused(message, "see that it is the right file, and save it as UTF-8")
    })
}

/// Returns the nearest directory with a spec, from `cwd` upwards.
pub fn nearest(cwd: &Path) -> Option<PathBuf> {
    cwd.ancestors().find(|dir| dir.join(FILE_NAME).is_file()).map(Path::to_owned)
}

/// Returns a directory's own name.
pub fn dir_name(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    dir.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Returns the value of a top-level `name`. Reads lines, not YAML: good enough
/// to guess which pod is meant, and the daemon has the last word.
pub fn name_in(text: &str) -> Option<String> {
    top_level(text, "name")
}

/// Returns the isolation a spec asks for, read the same way.
pub fn isolation_in(text: &str) -> Isolation {
    match top_level(text, "isolation").as_deref() {
        Some("runc") => Isolation::Runc,
        _ => Isolation::Gvisor,
    }
}

fn top_level(text: &str, key: &str) -> Option<String> {
    let after = |line: &'_ str| -> Option<String> {
        line.strip_prefix(key)?.strip_prefix(':').map(str::to_owned)
    };
    let value = text.lines().find_map(after)?;
    let value = value.trim();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value[1..].split(quote).next().unwrap_or_default(),
        _ => value.split(" #").next().unwrap_or_default().trim(),
    };
    (!value.is_empty()).then(|| value.to_owned())
}

/// Returns the slug a name gives: lower case, everything else a dash.
pub fn slug_of(name: &str) -> Option<Slug> {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            text.push(c.to_ascii_lowercase());
        } else if !text.is_empty() && !text.ends_with('-') {
            text.push('-');
        }
    }
    text.truncate(40);
    Slug::new(text.trim_end_matches('-')).ok()
}

fn unreadable(path: &Path, error: &io::Error) -> ApiError {
    let kind = match error.kind() {
        io::ErrorKind::NotFound => ErrorKind::NotFound,
        io::ErrorKind::InvalidData => ErrorKind::InvalidSpec,
        io::ErrorKind::InvalidInput => ErrorKind::InvalidRequest,
        _ => ErrorKind::Internal,
    };
    let refused =
        ApiError::new(kind, format!("{} cannot be read", path.display())).cause(error.to_string());
    match kind {
        ErrorKind::InvalidRequest => refused.hint("name a file, or `-` for standard input"),
        _ => refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_directory_is_found_whatever_the_environment_says() {
        let users = "root:x:0:0:root:/root:/bin/bash\nodd line\nme:x:1000:1000::/home/me:/bin/sh\n\
                     none:x:1001:1001:::/bin/sh\n";
        assert_eq!(home_in(users, 0), Some("/root".into()));
        assert_eq!(home_in(users, 1000), Some("/home/me".into()));
        assert_eq!(home_in(users, 1001), None);
        assert_eq!(home_in(users, 7), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_home_directory_of_the_user_is_no_project() {
        let users = std::fs::read_to_string("/etc/passwd").expect("users");
        let user = rustix::process::getuid().as_raw();
        let home = home_in(&users, user).expect("this user has a home directory");
        let elsewhere: Environment = [("HOME", "/elsewhere")].into_iter().collect();
        for env in [Environment::default(), elsewhere] {
            assert!(!is_project(&env, &home), "{}", home.display());
            assert!(!is_project(&env, Path::new("/")));
            assert!(is_project(&env, &home.join("project")));
        }
        let env: Environment = [("HOME", "/elsewhere")].into_iter().collect();
        assert!(!is_project(&env, Path::new("/elsewhere")));
    }
}
