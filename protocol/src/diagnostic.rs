//! What is wrong with a `pinacle.yaml`, where, and what to write instead.

use serde::{Deserialize, Serialize};

/// How bad a [`Diagnostic`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The file is accepted; the author may want to know.
    Warning,
    /// The file is refused until this is mended.
    Error,
}

/// A stretch of the file, both ends 1-based and counted in characters, so
/// that an editor can put its cursor there. The end is exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First line, from 1.
    pub line: u32,
    /// First column, from 1.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// One past the last column.
    pub end_column: u32,
}

/// One finding about a spec file. Never quotes an `env` value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Whether the file can be used all the same.
    pub severity: Severity,
    /// Where; the first character of the file when the file as a whole is meant.
    pub span: Span,
    /// The key the finding is about, as a path (`processes[1].startCommand`);
    /// empty for the file as a whole.
    pub path: String,
    /// What is wrong: lower case, no full stop.
    pub message: String,
    /// What to write instead, when that can be said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
