//! Says in plain words what the YAML parser could not read.

use pinacle_protocol::diagnostic::Span;
use saphyr_parser::ScanError;

use super::report::{Report, point};

/// Reports a parser error. `open` is the last bracket still open, if any.
///
/// Never quotes the line: it may belong to `env`.
pub(super) fn explain(error: &ScanError, open: Option<(Span, bool)>, report: &mut Report<'_>) {
    let line = u32::try_from(error.marker().line()).unwrap_or(u32::MAX);
    let column = u32::try_from(error.marker().col()).unwrap_or(u32::MAX).saturating_add(1);
    let info = error.info();
    if let Some(tab) = tab_in_indentation(info, line, report) {
        report.error(
            tab,
            "",
            "a tab is used for indentation",
            "indent with spaces, two for each level; most editors can convert the file",
        );
        return;
    }
    if let Some((bracket, is_map)) = open.filter(|_| is_about_brackets(info)) {
        let (opening, closing) = if is_map { ('{', '}') } else { ('[', ']') };
        report.error(
            bracket,
            "",
            format!(
                "the `{opening}` here is not closed, or an entry in it is not followed by a comma"
            ),
            format!("add `{closing}`, or write one entry a line without brackets"),
        );
        return;
    }
    let (message, hint) = in_words(info);
    let place = if info.contains("simple key") { line_without_colon(line, report) } else { None };
    report.error(place.unwrap_or(point(line, column)), "", message, hint);
}

/// Looks for a tab before the first word of the line, or of its neighbours:
/// the parser may have taken the one above for part of a value, and stops at
/// the end of the one before when it meets a tab.
fn tab_in_indentation(info: &str, line: u32, report: &Report<'_>) -> Option<Span> {
    let below = if info.contains("tab") { line.saturating_add(1) } else { line };
    (line.saturating_sub(1)..=below).find_map(|number| {
        let text = report.line(number)?;
        let indentation = &text[..text.len() - text.trim_start_matches([' ', '\t']).len()];
        let column = u32::try_from(indentation.find('\t')?).ok()?.checked_add(1)?;
        (indentation.len() < text.len()).then(|| point(number, column))
    })
}

/// Looks upwards for the line that lacks a `:`; the parser notices one key later.
fn line_without_colon(line: u32, report: &Report<'_>) -> Option<Span> {
    let (number, text) = (line.saturating_sub(20)..=line).rev().find_map(|number| {
        let text = report.line(number)?;
        let is_key = text.contains(':') || text.trim_start().starts_with('#');
        (!is_key && !text.trim().is_empty()).then_some((number, text))
    })?;
    let indentation = text.chars().take_while(|c| *c == ' ').count();
    let width = text.trim_end().chars().count();
    let column = |n: usize| u32::try_from(n).unwrap_or(u32::MAX - 1) + 1;
    Some(Span {
        line: number,
        column: column(indentation),
        end_line: number,
        end_column: column(width),
    })
}

fn is_about_brackets(info: &str) -> bool {
    info.contains("',' or")
        || info.contains("flow")
        || info.contains("illegal placement")
        || info.contains("node content")
        || info.contains("mapping values are not allowed")
}

/// The parser's messages by the words they contain, the more special ones first.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "recursion limit",
        "the file is nested too deeply",
        "a spec needs four levels; remove brackets that are not meant",
    ),
    (
        "invalid trailing content",
        "there is text after the closing quote",
        "put the whole value into one pair of quotes; inside double quotes write \\\" for a quote",
    ),
    (
        "escape",
        "this text in double quotes has an escape that YAML does not know",
        "write \\\\ for a backslash, or use single quotes",
    ),
    (
        "expected hexadecimal",
        "this text in double quotes has an escape that YAML does not know",
        "write \\\\ for a backslash, or use single quotes",
    ),
    (
        "quoted scalar",
        "the quote opened here is not closed",
        "close it before the end of the line; for long text use `|` and indent it below",
    ),
    (
        "mapping values are not allowed",
        "there is a `:` where no key can stand",
        "put a value that contains `: ` in quotes, and line a key up with its neighbours",
    ),
    (
        "illegal placement of ':'",
        "there is a `:` where no key can stand",
        "put a value that contains `: ` in quotes, and line a key up with its neighbours",
    ),
    (
        "simple key",
        "there is a line without a `:` among the keys",
        "write `key: value`, or quote the text and indent it below its key",
    ),
    (
        "expected key",
        "the indentation does not match the lines above",
        "line keys of one mapping up in the same column",
    ),
    (
        "expected '-' indicator",
        "this line is not an entry of the list above it",
        "line it up with the first key of its entry, or start an entry with `- ` under the others",
    ),
    (
        "entries are not allowed",
        "a list cannot start here",
        "put the first `- ` on a line of its own, indented below its key",
    ),
    (
        "',' or",
        "a bracket is not closed, or an entry in it is not followed by a comma",
        "close it, or write one entry a line without brackets",
    ),
    (
        "ndent",
        "the indentation does not match the lines above",
        "line keys of one mapping up in the same column",
    ),
    ("tab", "there is a tab where YAML allows only spaces", "replace the tab with spaces"),
    ("unexpected character", "a value cannot start with this character", "put the value in quotes"),
    (
        "unknown anchor",
        "this alias names no anchor above it",
        "mark a value with `&name` first; put text that starts with `*` in quotes",
    ),
    (
        "scanning an anchor",
        "a value cannot start with `&` or `*`, which mark anchors and aliases",
        "put the value in quotes",
    ),
    ("irective", "lines that start with `%` are YAML directives", "remove the line"),
    ("a tag", "a value that starts with `!` is a YAML tag", "put the value in quotes"),
    ("TAG", "lines that start with `%` are YAML directives", "remove the line"),
    ("handle", "a value that starts with `!` is a YAML tag", "put the value in quotes"),
    (
        "block scalar",
        "the text after `|` or `>` does not start where it may",
        "start the text on the next line, indented below its key",
    ),
    ("node content", "a value is missing here", "write the value, or remove its key"),
    (
        "document",
        "there is text where the document should have ended",
        "remove the `---` or `...` line",
    ),
];

fn in_words(info: &str) -> (&'static str, &'static str) {
    WORDS.iter().find(|(words, _, _)| info.contains(words)).map_or(
        ("this is not valid YAML", "check indentation, quotes and brackets of this line"),
        |(_, message, hint)| (message, hint),
    )
}
