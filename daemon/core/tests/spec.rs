//! What `pinacle.yaml` files are accepted, how others are refused, and that
//! specs survive being written, compared and stored.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

#[path = "spec/accepted.rs"]
mod accepted;
#[path = "spec/changes.rs"]
mod changes;
#[path = "spec/corpus.rs"]
mod corpus;
#[path = "spec/properties.rs"]
mod properties;
#[path = "spec/refused.rs"]
mod refused;

use pinacle_core::spec::{Parsed, PodSpec, parse};
use pinacle_protocol::diagnostic::{Diagnostic, Severity};

/// Renders findings one a line: `error 3:5-3:9 path: message [hint]`.
fn render(diagnostics: &[Diagnostic]) -> String {
    let mut out = String::new();
    for d in diagnostics {
        let severity = match d.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let s = d.span;
        let hint = d.hint.as_deref().unwrap_or("none");
        out += &format!(
            "{severity} {}:{}-{}:{} {}: {} [{hint}]\n",
            s.line, s.column, s.end_line, s.end_column, d.path, d.message
        );
    }
    out
}

/// Checks the findings of a file, hints included.
#[track_caller]
fn check(input: &str, expected: &str) {
    let parsed = parse(input.as_bytes());
    let lines: Vec<&str> = expected.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let rendered = render(&parsed.diagnostics);
    assert_eq!(rendered.lines().collect::<Vec<_>>(), lines, "\n{rendered}\nfor:\n{input}");
    assert_consistent(&parsed);
}

/// Reads a file that has no findings at all.
#[track_caller]
fn accepted(input: &str) -> PodSpec {
    let parsed = parse(input.as_bytes());
    assert!(parsed.diagnostics.is_empty(), "{}\nfor:\n{input}", render(&parsed.diagnostics));
    parsed.spec.expect("no findings")
}

/// Reads a file that has only warnings.
#[track_caller]
fn tolerated(input: &str) -> PodSpec {
    let parsed = parse(input.as_bytes());
    let rendered = render(&parsed.diagnostics);
    assert!(!parsed.diagnostics.is_empty(), "no findings for:\n{input}");
    parsed.spec.unwrap_or_else(|| panic!("{rendered}\nfor:\n{input}"))
}

/// Whatever the input: a spec exactly without errors, and every error with a remedy.
#[track_caller]
fn assert_consistent(parsed: &Parsed) {
    let refused = parsed.diagnostics.iter().any(|d| d.severity == Severity::Error);
    assert_eq!(parsed.spec.is_none(), refused);
    assert!(parsed.diagnostics.len() <= 101);
    for d in &parsed.diagnostics {
        assert!(d.hint.is_some(), "{d:?}");
        assert!(!d.message.ends_with('.') && !d.message.is_empty(), "{d:?}");
        assert!((d.span.line, d.span.column) <= (d.span.end_line, d.span.end_column), "{d:?}");
    }
}
