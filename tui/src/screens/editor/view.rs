//! Draws the editor: the text with its findings.

use super::{Editor, Preview, Stage, Target, beside, place};
use crate::model::Model;
use crate::sanitize::plain_line;
use crate::theme::{Role, Theme};
use crate::widgets::text::{count, cut, tail, width, width_of};
use crate::widgets::yaml;
use pinacle_protocol::diagnostic::{Diagnostic, Severity};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Width from which text and preview stand side by side.
const WIDE: u16 = 110;

/// Columns before the text: a mark, the line's number.
pub(super) const GUTTER: usize = 6;

/// Returns the areas of title, text, finding, and preview.
fn areas(editor: &Editor, area: Rect) -> [Rect; 4] {
    let [title, body, finding] =
        Layout::vertical([Constraint::Length(1), Constraint::Min(1), Constraint::Length(2)])
            .areas(area);
    let (text, preview) = match editor.preview {
        Preview::Hidden => (body, Rect::ZERO),
        Preview::Shown if area.width >= WIDE => {
            // A gap, for the text not to run into what is beside it.
            let parts = Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).spacing(1);
            let [a, b] = parts.areas(body);
            (a, b)
        }
        Preview::Shown => {
            let [a, b] = Layout::vertical([Constraint::Fill(3), Constraint::Fill(2)]).areas(body);
            (a, b)
        }
    };
    [title, text, finding, preview]
}

/// Returns columns and rows of the text in an area.
pub fn text_extent(editor: &Editor, area: Rect) -> (usize, usize) {
    let [_, text, _, _] = areas(editor, area);
    (usize::from(text.width).saturating_sub(GUTTER), usize::from(text.height))
}

/// Returns the area of what comes of the text; empty while that is hidden.
pub(super) fn preview_area(editor: &Editor, area: Rect) -> Rect {
    areas(editor, area)[3]
}

/// Returns the line and character of the text at a place of the screen.
pub(super) fn place_at(editor: &Editor, area: Rect, x: u16, y: u16) -> Option<(usize, usize)> {
    let [_, text, _, _] = areas(editor, area);
    if !text.contains((x, y).into()) {
        return None;
    }
    let (top, left) = editor.scrolled;
    let row = (top + usize::from(y - text.y)).min(editor.area.lines().len().saturating_sub(1));
    let columns = usize::from(x - text.x).saturating_sub(GUTTER);
    let mut used = 0;
    let shown = editor.area.lines()[row].chars().skip(left);
    let passed = shown.take_while(|c| {
        used += width_of(*c);
        used <= columns
    });
    Some((row, left + passed.count()))
}

/// Draws it.
pub fn view(editor: &Editor, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.setting.theme;
    let [title, text, finding, preview] = areas(editor, area);
    frame.render_widget(Paragraph::new(heading(editor, model, title.width)), title);
    frame.render_widget(Paragraph::new(lines(editor, theme, text)), text);
    frame.render_widget(Paragraph::new(findings(editor, theme, finding)), finding);
    if !preview.is_empty() {
        frame.render_widget(Paragraph::new(beside::view(editor, model, preview)), preview);
    }
}

fn heading(editor: &Editor, model: &Model, columns: u16) -> Line<'static> {
    let theme = model.setting.theme;
    let (errors, warnings) = editor.counts();
    let state = match (editor.stage, &editor.report) {
        (Stage::Sending, _) => ("asking the daemon ...".to_owned(), Role::Warning),
        (Stage::Planning, _) => ("planning ...".to_owned(), Role::Warning),
        (_, None) => ("checking ...".to_owned(), Role::Faint),
        _ if errors > 0 && warnings > 0 => {
            (format!("{}, {}", count(errors, "error"), count(warnings, "warning")), Role::Bad)
        }
        _ if errors > 0 => (count(errors, "error"), Role::Bad),
        _ if warnings > 0 => (count(warnings, "warning"), Role::Warning),
        _ => ("good".to_owned(), Role::Good),
    };
    let changed = if editor.is_changed() { ", changed" } else { "" };
    // How things stand is seen however long the path is.
    let room = usize::from(columns).saturating_sub(width(changed) + 2 + width(&state.0));
    let what = match &editor.target {
        Target::Pod(id, revision) => {
            format!("Spec of {}, revision {revision}", model.world.slug(id))
        }
        Target::New(source) => {
            let begin = "New pod from ";
            let path = tail(&plain_line(&source.shown), room.saturating_sub(begin.len()));
            format!("{begin}{path}")
        }
    };
    let mut spans = vec![
        Span::styled(what, theme.style(Role::Accent)),
        Span::styled(changed, theme.style(Role::Warning)),
        Span::raw("  "),
        Span::styled(state.0, theme.style(state.1)),
    ];
    if editor.theirs.is_some() {
        let text = "  changed by somebody else meanwhile";
        spans.push(Span::styled(text, theme.style(Role::Bad)));
    }
    Line::from(spans)
}

fn lines(editor: &Editor, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let (top, left) = editor.scrolled;
    let columns = usize::from(area.width).saturating_sub(GUTTER);
    let at = editor.area.cursor();
    let cursor = (at.0, at.1);
    let selection = editor.area.selection_range();
    let shown = editor.area.lines().iter().enumerate().skip(top).take(usize::from(area.height));
    shown
        .map(|(row, text)| {
            let here = editor.findings().iter().filter(|d| place(d).0 == row);
            let worst = here.clone().map(|d| d.severity).max();
            let (mark, role) = match worst {
                Some(Severity::Error) => ("E", Role::Bad),
                Some(Severity::Warning) => ("W", Role::Warning),
                None => (" ", Role::Faint),
            };
            let mut spans = vec![
                Span::styled(mark, theme.style(role)),
                Span::styled(format!("{:>4} ", row + 1), theme.style(Role::Faint)),
            ];
            let marked: Vec<&Diagnostic> = here.collect();
            let cells = cells(text, theme, |column, style| {
                let wrong = marked.iter().any(|d| covers(d, row, column));
                let style = if wrong { style.add_modifier(Modifier::UNDERLINED) } else { style };
                let chosen = selection.is_some_and(|(a, b)| (a..b).contains(&(row, column)));
                if chosen || (row, column) == cursor {
                    style.add_modifier(Modifier::REVERSED)
                } else {
                    style
                }
            });
            spans.extend(part(cells, left, columns));
            Line::from(spans)
        })
        .collect()
}

fn covers(diagnostic: &Diagnostic, row: usize, column: usize) -> bool {
    let (line, from) = place(diagnostic);
    let to = if diagnostic.span.end_line > diagnostic.span.line {
        usize::MAX
    } else {
        usize::try_from(diagnostic.span.end_column).unwrap_or(1).saturating_sub(1).max(from + 1)
    };
    line == row && (from..to).contains(&column)
}

/// Returns a line's characters with their styles, and one more for a cursor at its end.
fn cells(line: &str, theme: Theme, look: impl Fn(usize, Style) -> Style) -> Vec<(char, Style)> {
    let mut cells = Vec::with_capacity(line.len() + 1);
    for (text, style) in yaml::spans(line, theme) {
        cells.extend(text.chars().map(|c| (c, style)));
    }
    cells.push((' ', Style::new()));
    cells.iter_mut().enumerate().for_each(|(at, (_, style))| *style = look(at, *style));
    cells
}

fn part(cells: Vec<(char, Style)>, left: usize, columns: usize) -> Vec<Span<'static>> {
    let mut spans: Vec<Span<'static>> = Vec::new();
    let mut used = 0;
    for (c, style) in cells.into_iter().skip(left) {
        used += width_of(c);
        if used > columns {
            break;
        }
        match spans.last_mut() {
            Some(last) if last.style == style => last.content.to_mut().push(c),
            _ => spans.push(Span::styled(c.to_string(), style)),
        }
    }
    spans
}

/// The finding on the cursor's line, else the first one.
fn findings(editor: &Editor, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let row = editor.area.cursor().0;
    let all = editor.findings();
    let shown = all.iter().find(|d| place(d).0 == row).or_else(|| all.first());
    let Some(finding) = shown else { return Vec::new() };
    let role = if finding.severity == Severity::Error { Role::Bad } else { Role::Warning };
    let columns = usize::from(area.width);
    let text = format!("line {}: {}", finding.span.line, plain_line(&finding.message));
    let mut lines = vec![Line::styled(cut(&text, columns), theme.style(role))];
    if let Some(hint) = &finding.hint {
        lines.push(Line::raw(cut(&format!("  {}", plain_line(hint)), columns)));
    }
    lines
}
