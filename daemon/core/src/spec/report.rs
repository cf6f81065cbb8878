//! Collects findings and keeps their spans inside the text.

use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};

/// Findings beyond this many are counted, not kept: nobody reads them, and a
/// hostile file must not make a reply of megabytes.
const MAX_FINDINGS: usize = 100;

/// The first character of the file, for findings about the file as a whole.
pub(super) const WHOLE_FILE: Span = Span { line: 1, column: 1, end_line: 1, end_column: 1 };

/// The findings about one text.
pub(super) struct Report<'t> {
    /// Each line without its break, and its length in characters.
    lines: Vec<(&'t str, u32)>,
    found: Vec<Diagnostic>,
    left_out: usize,
    /// The tree stops at a syntax error, so a missing key may stand further down.
    cut_short: bool,
    /// The file has aliases, through which a value of `env` may stand anywhere.
    has_aliases: bool,
}

impl<'t> Report<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let lines = split_lines(text).map(|line| (line, count(line))).collect();
        Self { lines, found: Vec::new(), left_out: 0, cut_short: false, has_aliases: false }
    }

    /// Adds an error; `hint` says what to write instead.
    pub(super) fn error(
        &mut self,
        span: Span,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Error, span, path, message.into(), Some(hint.into()));
    }

    /// Adds an error about something that is not there.
    pub(super) fn missing(&mut self, span: Span, path: &str, message: String, hint: String) {
        if !self.cut_short {
            self.error(span, path, message, hint);
        }
    }

    /// Adds a warning.
    pub(super) fn warning(
        &mut self,
        span: Span,
        path: &str,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) {
        self.add(Severity::Warning, span, path, message.into(), Some(hint.into()));
    }

    fn add(
        &mut self,
        severity: Severity,
        span: Span,
        path: &str,
        message: String,
        hint: Option<String>,
    ) {
        // Errors are let in past the cap of warnings, or warnings could hide
        // that the file is refused.
        let room = match severity {
            Severity::Warning => self.found.len() < MAX_FINDINGS / 2,
            Severity::Error => self.found.len() < MAX_FINDINGS,
        };
        if room {
            let span = self.clamp(span);
            self.found.push(Diagnostic { severity, span, path: path.to_owned(), message, hint });
        } else {
            self.left_out += 1;
        }
    }

    /// Returns whether nothing more is kept. What is costly to say may then be
    /// left unsaid, but must still be added, to be counted.
    pub(super) fn is_full(&self) -> bool {
        self.found.len() >= MAX_FINDINGS
    }

    /// Notes that the rest of the file could not be read.
    pub(super) fn cut_short(&mut self) {
        self.cut_short = true;
    }

    /// Notes an alias: from here on no value is quoted.
    pub(super) fn saw_alias(&mut self) {
        self.has_aliases = true;
    }

    /// Returns whether messages may contain values.
    pub(super) fn may_quote(&self) -> bool {
        !self.has_aliases
    }

    /// Returns a value in backticks, fit for a message; never call it for a value of `env`.
    pub(super) fn quoted(&self, value: &str) -> String {
        if !self.may_quote() { "the value".to_owned() } else { format!("`{}`", shown(value)) }
    }

    /// Returns line `number`, from 1, without its break.
    pub(super) fn line(&self, number: u32) -> Option<&'t str> {
        let index = usize::try_from(number).ok()?.checked_sub(1)?;
        self.lines.get(index).map(|(line, _)| *line)
    }

    /// Returns the findings by position, and a last one that counts those left out.
    pub(super) fn finish(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|d| (d.span.line, d.span.column));
        if self.left_out > 0 {
            self.found.push(Diagnostic {
                severity: Severity::Warning,
                span: WHOLE_FILE,
                path: String::new(),
                message: format!("{} more findings are not shown", self.left_out),
                hint: Some("mend those above first".to_owned()),
            });
        }
        self.found
    }

    fn clamp(&self, span: Span) -> Span {
        let (line, column) = self.clamp_point(span.line, span.column);
        let (end_line, end_column) = self.clamp_point(span.end_line, span.end_column);
        let (end_line, end_column) = (end_line, end_column).max((line, column));
        Span { line, column, end_line, end_column }
    }

    fn clamp_point(&self, line: u32, column: u32) -> (u32, u32) {
        let last = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        // A position on the line after the last is the end of the last.
        if line > last {
            let length = self.lines.last().map_or(0, |(_, length)| *length);
            return (last.max(1), length + 1);
        }
        let line = line.max(1);
        let index = usize::try_from(line - 1).unwrap_or(usize::MAX);
        let length = self.lines.get(index).map_or(0, |(_, length)| *length);
        (line, column.clamp(1, length + 1))
    }
}

/// Splits at `\n`, `\r\n` and a lone `\r`, as YAML does.
pub(super) fn split_lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.find(['\n', '\r']) else {
            rest = None;
            return Some(text);
        };
        let width = if text[at..].starts_with("\r\n") { 2 } else { 1 };
        rest = Some(&text[at + width..]);
        Some(&text[..at])
    })
}

fn count(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX - 1)
}

/// Returns the span of one character.
pub(super) fn point(line: u32, column: u32) -> Span {
    Span { line, column, end_line: line, end_column: column.saturating_add(1) }
}

/// Returns the position right after `text`, as line and column from 1.
pub(super) fn position_after(text: &str) -> (u32, u32) {
    let (lines, last) = split_lines(text).fold((0_u32, ""), |(n, _), line| (n + 1, line));
    (lines.max(1), count(last) + 1)
}

/// Returns `text` fit for a message: at most 40 characters, nothing a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut out: String = chars.by_ref().take(40).flat_map(plain_or_escaped).collect();
    if chars.next().is_some() {
        out.push('…');
    }
    out
}

fn plain_or_escaped(c: char) -> impl Iterator<Item = char> {
    let keep = c == '\'' || c == '"' || c == '\\' || !needs_escape(c);
    let escaped = (!keep).then(|| c.escape_default());
    keep.then_some(c).into_iter().chain(escaped.into_iter().flatten())
}

/// Control characters, and those that turn the direction of text.
fn needs_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
