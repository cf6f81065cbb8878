//! Dialogs above the screen: what they hold, and how they are drawn.

use super::input::LineInput;
use super::palette::Palette;
use super::text::{cut, fit, width, wrap};
use crate::keymap::Context;
use crate::model::Model;
use crate::msg::Verb;
use crate::theme::{Role, Theme};
use pinacle_protocol::PodId;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

/// What a typed line is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To filter the list.
    Filter,
    /// To search the journal.
    Search,
    /// To make a pod from a directory or file.
    Path,
    /// To save the journal.
    SaveAs,
}

/// What is done once it was confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Then {
    /// An action on pods.
    Act(Verb, Vec<PodId>),
    /// The text is applied.
    Apply,
    /// The text is applied over somebody else's.
    ApplyOver,
    /// A draft is taken up again.
    TakeDraft(String),
    /// The changes are dropped.
    Reload,
}

/// A question.
#[derive(Debug, Clone)]
pub struct Confirm {
    /// Its heading.
    pub title: String,
    /// What there is to know.
    pub lines: Vec<(Role, String)>,
    /// A word to be typed; `y` is enough when `None`.
    pub word: Option<String>,
    /// What was typed.
    pub input: LineInput,
    /// Lines scrolled away.
    pub scroll: usize,
    /// What then.
    pub then: Then,
}

/// A dialog.
#[derive(Debug, Clone)]
pub enum Layer {
    /// Every key.
    Help {
        /// Lines scrolled away.
        scroll: usize,
    },
    /// Actions by name.
    Palette(Palette),
    /// A line to be typed.
    Prompt(Purpose, LineInput),
    /// A question.
    Confirm(Confirm),
}

/// Draws a dialog over an area.
pub fn view(layer: &Layer, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.setting.theme;
    match layer {
        Layer::Prompt(purpose, input) => prompt(*purpose, input, theme, frame, area),
        Layer::Help { scroll } => {
            let lines = help(model, usize::from(area.width).saturating_sub(6));
            boxed("Keys", lines, *scroll, "esc closes, up and down scroll", theme, frame, area);
        }
        Layer::Palette(palette) => self::palette(palette, model, frame, area),
        Layer::Confirm(confirm) => question(confirm, theme, frame, area),
    }
}

/// Draws lines in a box as large as they need, scrolled.
fn boxed(
    title: &str,
    lines: Vec<Line<'static>>,
    scroll: usize,
    below: &str,
    theme: Theme,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let widest =
        lines.iter().map(Line::width).chain([width(title), width(below)]).max().unwrap_or(0);
    let columns = u16::try_from(widest + 4).unwrap_or(u16::MAX).min(area.width);
    let rows = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let place = Rect::new(
        area.x + (area.width - columns) / 2,
        area.y + (area.height - rows) / 2,
        columns,
        rows,
    );
    let hidden = lines.len().saturating_sub(usize::from(rows.saturating_sub(2)));
    let scroll = u16::try_from(scroll.min(hidden)).unwrap_or(u16::MAX);
    let block = Block::bordered()
        .title(Span::styled(format!(" {title} "), theme.style(Role::Accent)))
        .title_bottom(Line::styled(format!(" {below} "), theme.style(Role::Faint)).right_aligned())
        .padding(ratatui::widgets::Padding::horizontal(1));
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines).scroll((scroll, 0)).block(block), place);
}

fn help(model: &Model, columns: usize) -> Vec<Line<'static>> {
    let theme = model.setting.theme;
    let here = model.contexts();
    let others = Context::ALL.into_iter().filter(|c| !here.contains(c));
    let mut lines = Vec::new();
    for context in here.iter().copied().chain(others) {
        if !lines.is_empty() {
            lines.push(Line::raw(""));
        }
        lines.push(Line::styled(context.title(), theme.style(Role::Accent)));
        for (row, keys) in model.setting.keymap.rows().filter(|(row, _)| row.context == context) {
            let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
            for (at, text) in wrap(row.help, columns.saturating_sub(20)).into_iter().enumerate() {
                let shown = if at == 0 { keys.join(" ") } else { String::new() };
                lines.push(Line::from(vec![
                    Span::styled(format!("{} ", fit(&shown, 18)), theme.style(Role::Key)),
                    Span::raw(text),
                ]));
            }
        }
    }
    lines
}

fn palette(palette: &Palette, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.setting.theme;
    let columns = usize::from(area.width).saturating_sub(8).min(90);
    let rows = palette.rows(&model.setting.keymap, model.contexts());
    let shown = usize::from(area.height).saturating_sub(6).max(1);
    let first = (palette.selected + 1).saturating_sub(shown);
    let mut lines = vec![typed("> ", &palette.input, theme)];
    for (at, (row, keys)) in rows.iter().enumerate().skip(first).take(shown) {
        let key = keys.first().map(ToString::to_string).unwrap_or_default();
        let text =
            format!("{} {} {}", fit(&row.name.replace('_', " "), 17), fit(&key, 10), row.help);
        let style = if at == palette.selected {
            theme.style(Role::Selected)
        } else {
            theme.style(Role::Plain)
        };
        lines.push(Line::styled(fit(&text, columns), style));
    }
    if rows.is_empty() {
        lines.push(Line::styled(fit("nothing of that name", columns), theme.style(Role::Faint)));
    }
    boxed("What to do", lines, 0, "enter does it, esc closes", theme, frame, area);
}

fn question(confirm: &Confirm, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let columns = usize::from(area.width).saturating_sub(6).min(90);
    let mut lines = Vec::new();
    for (role, text) in &confirm.lines {
        for line in wrap(text, columns) {
            lines.push(Line::styled(line, theme.style(*role)));
        }
    }
    let below = match &confirm.word {
        None => "y yes, n no".to_owned(),
        Some(word) => {
            lines.push(Line::raw(""));
            lines.push(typed(
                &format!("type {} and enter: ", cut(word, 40)),
                &confirm.input,
                theme,
            ));
            "esc goes back".to_owned()
        }
    };
    boxed(&confirm.title, lines, confirm.scroll, &below, theme, frame, area);
}

fn prompt(purpose: Purpose, input: &LineInput, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
    let label = match purpose {
        Purpose::Filter => "show only: ",
        Purpose::Search => "search: ",
        Purpose::Path => "new pod from directory or file: ",
        Purpose::SaveAs => "save the journal as: ",
    };
    let place = Rect::new(area.x, area.bottom().saturating_sub(1), area.width, 1);
    let visible = usize::from(area.width).saturating_sub(width(label) + 2);
    let (before, _) = input.parts();
    let skip = width(before).saturating_sub(visible.saturating_sub(1));
    let mut line = typed(label, input, theme);
    if skip > 0 {
        let shown: String = before.chars().skip(skip).collect();
        let tail = LineInput::new(shown);
        line = typed(label, &tail, theme);
    }
    frame.render_widget(Clear, place);
    frame.render_widget(line, place);
}

fn typed(label: &str, input: &LineInput, theme: Theme) -> Line<'static> {
    let (before, after) = input.parts();
    let mut rest = after.chars();
    let at = rest.next().unwrap_or(' ');
    Line::from(vec![
        Span::styled(label.to_owned(), theme.style(Role::Key)),
        Span::raw(before.to_owned()),
        Span::styled(at.to_string(), theme.style(Role::Selected)),
        Span::raw(rest.collect::<String>()),
    ])
}
