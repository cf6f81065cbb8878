//! Findings about a spec file, each with the line it is about.

use super::{Paint, Style};
use crate::sanitize::{plain_line, turns_direction};
use pinacle_protocol::diagnostic::{Diagnostic, Severity};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest stretch of a source line that is shown, in columns.
const SHOWN_COLUMNS: usize = 120;

/// Returns all findings about `text`, which was read from `file`, by position.
pub fn render(file: &str, text: &str, diagnostics: &[Diagnostic], paint: Paint) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut out = String::new();
    for diagnostic in diagnostics {
        out.push_str(&render_one(file, &lines, diagnostic, paint));
    }
    out
}

fn render_one(file: &str, lines: &[&str], diagnostic: &Diagnostic, paint: Paint) -> String {
    let (word, style) = match diagnostic.severity {
        Severity::Error => ("error", Style::Bad),
        Severity::Warning => ("warning", Style::Warning),
    };
    let span = diagnostic.span;
    let place = format!("{}:{}:{}:", plain_line(file), span.line, span.column);
    let mut out = format!(
        "{} {} {}\n",
        paint.paint(Style::Strong, &place),
        paint.paint(style, &format!("{word}:")),
        plain_line(&diagnostic.message),
    );
    let index = usize::try_from(span.line).unwrap_or(usize::MAX).checked_sub(1);
    if let Some(line) = index.and_then(|i| lines.get(i)) {
        let number = span.line.to_string();
        let gutter = " ".repeat(number.len());
        let (shown, caret) = source(line, diagnostic);
        out.push_str(&format!("{} {shown}\n", paint.paint(Style::Faint, &format!("{number} |"))));
        out.push_str(&format!(
            "{} {}\n",
            paint.paint(Style::Faint, &format!("{gutter} |")),
            paint.paint(style, &caret)
        ));
    }
    if let Some(hint) = &diagnostic.hint {
        out.push_str(&format!("  {} {}\n", paint.paint(Style::Strong, "hint:"), plain_line(hint)));
    }
    out
}

/// The line made safe to print, and the carets below the columns meant.
fn source(line: &str, diagnostic: &Diagnostic) -> (String, String) {
    let span = diagnostic.span;
    let from = usize::try_from(span.column).unwrap_or(1).max(1) - 1;
    let to = if span.end_line > span.line {
        usize::MAX
    } else {
        usize::try_from(span.end_column).unwrap_or(1).max(1) - 1
    };
    let mut shown = String::new();
    let (mut before, mut under) = (0, 0);
    for (index, c) in line.chars().enumerate() {
        if shown.width() >= SHOWN_COLUMNS {
            shown.push('…');
            break;
        }
        let c = if c == '\t' { ' ' } else { c };
        let c = if c.is_control() || turns_direction(c) { '\u{fffd}' } else { c };
        let width = c.width().unwrap_or(0);
        shown.push(c);
        if index < from {
            before += width;
        } else if index < to {
            under += width;
        }
    }
    (shown, format!("{}{}", " ".repeat(before), "^".repeat(under.max(1))))
}
