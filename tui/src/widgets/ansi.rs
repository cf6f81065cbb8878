//! Text with SGR sequences as styled cells. The text went through
//! [`crate::sanitize`] before: nothing but SGR is in it.

use crate::theme::{Role, Theme};
use crate::widgets::text::width_of;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

/// Columns between tab stops.
const TAB: usize = 8;

/// Whether long lines are broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wrap {
    /// They go on in the next row.
    #[default]
    Rows,
    /// They are cut at the edge.
    Cut,
}

/// A character or a change of style.
enum Piece<'a> {
    Char(char),
    Sgr(&'a str),
}

fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            if let Some(after) = rest.strip_prefix("\x1b[") {
                let end = after.find('m')?;
                rest = &after[end + 1..];
                return Some(Piece::Sgr(&after[..end]));
            }
            let c = rest.chars().next()?;
            rest = &rest[c.len_utf8()..];
            // A selector of a glyph's form changes its width in some terminals only.
            if !matches!(c, '\x1b' | '\u{fe0e}' | '\u{fe0f}') {
                return Some(Piece::Char(c));
            }
        }
    })
}

/// Returns the text alone.
pub fn strip(text: &str) -> String {
    let chars = pieces(text).filter_map(|p| match p {
        Piece::Char(c) => Some(c),
        Piece::Sgr(_) => None,
    });
    chars.collect()
}

/// How a line is shown.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The style it begins with.
    pub base: Style,
    /// Which colours there are.
    pub theme: Theme,
    /// Columns of a row.
    pub columns: usize,
    /// Whether it is broken.
    pub wrap: Wrap,
    /// Characters that were searched for: first, and one past the last.
    pub marks: &'a [(usize, usize)],
}

/// Returns a text as rows.
pub fn rows(text: &str, look: Look<'_>) -> Vec<Line<'static>> {
    let Look { base, theme, wrap, marks, .. } = look;
    let columns = look.columns.max(2);
    let mut rows = Vec::new();
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut run = String::new();
    let (mut plain, mut style, mut used, mut index) = (base, base, 0, 0);
    for piece in pieces(text) {
        let c = match piece {
            Piece::Sgr(parameters) => {
                if !run.is_empty() {
                    spans.push(Span::styled(std::mem::take(&mut run), style));
                }
                plain = theme.foreign(apply(plain, base, parameters));
                style = plain;
                continue;
            }
            Piece::Char(c) => c,
        };
        let marked = marks.iter().any(|(from, to)| (*from..*to).contains(&index));
        let now = if marked { plain.patch(theme.style(Role::Match)) } else { plain };
        index += 1;
        if now != style {
            if !run.is_empty() {
                spans.push(Span::styled(std::mem::take(&mut run), style));
            }
            style = now;
        }
        let width = if c == '\t' { TAB - used % TAB } else { width_of(c) };
        if used + width > columns {
            if wrap == Wrap::Cut {
                break;
            }
            spans.push(Span::styled(std::mem::take(&mut run), style));
            rows.push(Line::from(std::mem::take(&mut spans)));
            used = 0;
        }
        let width = if c == '\t' { TAB - used % TAB } else { width };
        if c == '\t' {
            run.extend(std::iter::repeat_n(' ', width));
        } else {
            run.push(c);
        }
        used += width;
    }
    if !run.is_empty() {
        spans.push(Span::styled(run, style));
    }
    rows.push(Line::from(spans));
    rows
}

fn apply(style: Style, base: Style, parameters: &str) -> Style {
    let mut style = style;
    let numbers: Vec<u16> = parameters.split([';', ':']).map(|n| n.parse().unwrap_or(0)).collect();
    let mut at = 0;
    while at < numbers.len() {
        let number = numbers[at];
        style = match number {
            0 => base,
            1 => style.add_modifier(Modifier::BOLD),
            2 => style.add_modifier(Modifier::DIM),
            3 => style.add_modifier(Modifier::ITALIC),
            4 => style.add_modifier(Modifier::UNDERLINED),
            7 => style.add_modifier(Modifier::REVERSED),
            9 => style.add_modifier(Modifier::CROSSED_OUT),
            22 => style.remove_modifier(Modifier::BOLD | Modifier::DIM),
            23 => style.remove_modifier(Modifier::ITALIC),
            24 => style.remove_modifier(Modifier::UNDERLINED),
            27 => style.remove_modifier(Modifier::REVERSED),
            29 => style.remove_modifier(Modifier::CROSSED_OUT),
            30..=37 | 90..=97 => style.fg(basic(number)),
            40..=47 | 100..=107 => style.bg(basic(number - 10)),
            39 => Style { fg: base.fg, ..style },
            49 => Style { bg: base.bg, ..style },
            38 | 48 => {
                let (color, taken) = extended(&numbers[at + 1..]);
                at += taken;
                match color {
                    Some(color) if number == 38 => style.fg(color),
                    Some(color) => style.bg(color),
                    None => style,
                }
            }
            _ => style,
        };
        at += 1;
    }
    style
}

fn basic(number: u16) -> Color {
    let index = if number >= 90 { number - 90 + 8 } else { number - 30 };
    Color::Indexed(u8::try_from(index).unwrap_or(7))
}

/// Returns the colour after 38 or 48, and how many numbers it took.
fn extended(numbers: &[u16]) -> (Option<Color>, usize) {
    let byte = |n: u16| u8::try_from(n).unwrap_or(u8::MAX);
    match numbers {
        [5, n, ..] => (Some(Color::Indexed(byte(*n))), 2),
        [2, r, g, b, ..] => (Some(Color::Rgb(byte(*r), byte(*g), byte(*b))), 4),
        _ => (None, numbers.len()),
    }
}
