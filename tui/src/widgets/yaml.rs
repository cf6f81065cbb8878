//! Colours for the YAML of a spec. Looks at one line at a time and decides
//! nothing: what is right is the daemon's word.

use crate::theme::{Role, Theme};
use ratatui::style::Style;

/// Returns the stretches of a line with their styles.
pub fn spans(line: &str, theme: Theme) -> Vec<(&str, Style)> {
    let mut out = Vec::new();
    let (code, comment) = line.split_at(comment_at(line));
    let body = code.trim_start_matches([' ', '-']);
    let (lead, body) = code.split_at(code.len() - body.len());
    out.push((lead, theme.style(Role::Plain)));
    match key_end(body) {
        Some(end) => {
            out.push((&body[..end], theme.style(Role::YamlKey)));
            out.push((&body[end..], value(&body[end + 1..], theme)));
        }
        None => out.push((body, value(body, theme))),
    }
    out.push((comment, theme.style(Role::YamlComment)));
    out.retain(|(text, _)| !text.is_empty());
    out
}

fn value(text: &str, theme: Theme) -> Style {
    let word = text.trim();
    let special = matches!(word, "true" | "false" | "null" | "~" | "|" | ">" | "|-" | ">-");
    let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    let role = if special || number { Role::YamlWord } else { Role::YamlValue };
    theme.style(role)
}

/// Returns where a key's colon is.
fn key_end(body: &str) -> Option<usize> {
    let end = body.find(": ").or_else(|| body.trim_end().strip_suffix(':').map(str::len))?;
    (!body.starts_with(['"', '\'', '{', '['])).then_some(end)
}

/// Returns where the comment begins; the line's length without one.
fn comment_at(line: &str) -> usize {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') if before.is_whitespace() => return at,
            (None, '"' | '\'') if !before.is_alphanumeric() => quote = Some(c),
            (Some(q), c) if q == c => quote = None,
            _ => {}
        }
        before = c;
    }
    line.len()
}
