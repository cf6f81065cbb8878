//! The repository's files, and what each check says about them.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::lex::code_of;

/// One thing that breaks a rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Offence {
    pub(crate) path: String,
    /// Counted from 1; 0 for the file as a whole.
    pub(crate) line: usize,
    pub(crate) why: String,
}

impl fmt::Display for Offence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.why),
            line => write!(f, "{}:{line}: {}", self.path, self.why),
        }
    }
}

/// Fails with every offence on a line of its own.
pub(crate) fn accept(offences: &[Offence]) {
    let lines: Vec<String> = offences.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "{} offences:\n{}", lines.len(), lines.join("\n"));
}

/// A file, by its path from the root of the repository.
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
    /// For Rust: the text without comments and contents of literals. Else empty.
    pub(crate) code: String,
    /// For Rust: whether each line belongs to tests.
    in_tests: Vec<bool>,
}

impl File {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let (path, text) = (path.into(), text.into());
        let code = if path.ends_with(".rs") { code_of(&text) } else { String::new() };
        let in_tests = test_lines(&path, &code);
        Self { path, text, code, in_tests }
    }

    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Returns whether a line, counted from 1, belongs to tests.
    pub(crate) fn is_test_line(&self, line: usize) -> bool {
        self.in_tests.get(line - 1).copied().unwrap_or(false)
    }

    /// Returns how many lines belong to tests, and how many do not.
    pub(crate) fn split_count(&self) -> (usize, usize) {
        let tests = self.in_tests.iter().filter(|test| **test).count();
        (tests, self.in_tests.len() - tests)
    }

    /// Returns the lines of code, counted from 1.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    pub(crate) fn offence(&self, line: usize, why: impl Into<String>) -> Offence {
        Offence { path: self.path.clone(), line, why: why.into() }
    }
}

/// Whole files of tests go by their place or name; inline ones by `#[cfg(test)]`.
fn test_lines(path: &str, code: &str) -> Vec<bool> {
    let whole = path.split('/').any(|part| part == "tests" || part == "tests.rs");
    let mut lines = vec![whole; code.lines().count()];
    let mut from = 0;
    while let Some(found) = code[from..].find("#[cfg(test)]") {
        let begin = from + found;
        let end = item_end(code, begin + "#[cfg(test)]".len());
        let (first, last) = (line_of(code, begin), line_of(code, end));
        for line in &mut lines[first - 1..last] {
            *line = true;
        }
        from = end;
    }
    lines
}

/// Returns the line, counted from 1, of a place in the text.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}

/// Returns where the item that begins at `from` ends: with a semicolon, or with
/// the brace that closes its body.
pub(crate) fn item_end(code: &str, from: usize) -> usize {
    let mut depth = 0_usize;
    let mut brackets = 0_i32;
    for (at, c) in code[from..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth <= 1 => return from + at,
            '}' => depth -= 1,
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            // `[u8; 4]` in a signature ends nothing.
            ';' if depth == 0 && brackets == 0 => return from + at,
            _ => {}
        }
    }
    code.len()
}

/// Returns the root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Reads every text file of the repository, by path.
pub(crate) fn files() -> Vec<File> {
    let mut found = Vec::new();
    walk(&root(), "", &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.len() > 100, "only {} files found under {}", found.len(), root().display());
    found
}

fn walk(root: &Path, folder: &str, found: &mut Vec<File>) {
    let entries = std::fs::read_dir(root.join(folder)).expect("a folder of the repository");
    for entry in entries {
        let entry = entry.expect("an entry of the folder");
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
        // A file may be gone by now: an editor's, a compiler's.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && !is_made(&path, &name) {
            walk(root, &path, found);
        } else if kind.is_file()
            && let Ok(text) = std::fs::read_to_string(root.join(&path))
        {
            found.push(File::new(path, text));
        }
    }
}

/// Folders that tools make, and that are not committed.
fn is_made(path: &str, name: &str) -> bool {
    matches!(path, "target" | ".git" | "tests/target" | "tests/out") || name == "__pycache__"
}

#[cfg(test)]
mod tests {
    use super::File;

    #[test]
    fn inline_tests_are_told_from_the_rest() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { \"}\"; }\n}\nfn c() {}\n#[cfg(test)]\nmod more;\n";
        let file = File::new("x/src/a.rs", text);
        let tests: Vec<usize> = (1..=8).filter(|line| file.is_test_line(*line)).collect();
        assert_eq!(tests, [2, 3, 4, 5, 7, 8]);
        assert_eq!(file.split_count(), (6, 2));
    }

    #[test]
    fn files_of_tests_are_tests_as_a_whole() {
        assert_eq!(File::new("x/tests/a.rs", "fn a() {}\n").split_count(), (1, 0));
        assert_eq!(File::new("x/src/a/tests.rs", "fn a() {}\n").split_count(), (1, 0));
        assert_eq!(File::new("x/src/testing/a.rs", "fn a() {}\n").split_count(), (0, 1));
    }
}
