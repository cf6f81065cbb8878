//! Dialogs above the screen: what they hold, and how they are drawn.

use super::input::LineInput;
use super::palette::Palette;
use super::text::{columns, cut, fit, width, wrap};
use crate::keymap::{Action, Context, Keymap};
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

impl Purpose {
    /// Returns what the keys do that end it.
    pub fn keys(self, keymap: &Keymap) -> String {
        let (accepts, closes) = match self {
            Self::Filter => ("keeps it", "shows all"),
            Self::Search => ("searches", "goes back"),
            Self::Path => ("reads it", "goes back"),
            Self::SaveAs => ("saves", "goes back"),
        };
        let key = |action| keymap.shown(action);
        let completes = match self {
            Self::Path => keymap.told(Action::Complete, |key| format!("{key} completes, ")),
            Self::Filter | Self::Search | Self::SaveAs => String::new(),
        };
        format!("{completes}{} {accepts}, {} {closes}", key(Action::Accept), key(Action::Close))
    }
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
    /// A word to be typed; yes is enough when `None`.
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

/// What is at a place of a dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hit {
    /// What does this.
    Do(Action),
    /// This row of a list.
    Row(usize),
    /// Nothing that can be clicked.
    Nothing,
}

/// A dialog as it is drawn: lines in a box as large as they need, scrolled.
struct Boxed {
    title: String,
    lines: Vec<Line<'static>>,
    scroll: usize,
    below: String,
}

impl Boxed {
    fn place(&self, area: Rect) -> Rect {
        let words = [width(&self.title), width(&self.below)];
        let widest = self.lines.iter().map(Line::width).chain(words).max().unwrap_or(0);
        let columns = u16::try_from(widest + 4).unwrap_or(u16::MAX).min(area.width);
        let rows = u16::try_from(self.lines.len() + 2).unwrap_or(u16::MAX).min(area.height);
        let x = area.x + (area.width - columns) / 2;
        Rect::new(x, area.y + (area.height - rows) / 2, columns, rows)
    }

    /// Returns how many lines a place does not show at once.
    fn hidden(&self, place: Rect) -> usize {
        self.lines.len().saturating_sub(usize::from(place.height.saturating_sub(2)))
    }

    fn draw(mut self, theme: Theme, frame: &mut Frame<'_>, area: Rect) {
        let place = self.place(area);
        let (hidden, total) = (self.hidden(place), self.lines.len());
        let top = self.scroll.min(hidden);
        let scroll = u16::try_from(top).unwrap_or(u16::MAX);
        if hidden > 0 {
            let bottom = top + total - hidden;
            self.title.push_str(&format!(", {}-{bottom} of {total}", top + 1));
        }
        let below = Line::styled(format!(" {} ", self.below), theme.style(Role::Faint));
        let block = Block::bordered()
            .title(Span::styled(format!(" {} ", self.title), theme.style(Role::Accent)))
            .title_bottom(below.right_aligned())
            .padding(ratatui::widgets::Padding::horizontal(1));
        // A column beside it as well, for letters at its edge to stay readable.
        let x = place.x.saturating_sub(1).max(area.x);
        let right = (place.right() + 1).min(area.right());
        frame.render_widget(Clear, Rect { x, width: right - x, ..place });
        frame.render_widget(Paragraph::new(self.lines).scroll((scroll, 0)).block(block), place);
    }
}

/// Returns where dialogs are drawn: the lines at the top and the bottom stay.
fn inner(area: Rect) -> Rect {
    Rect { y: area.y + 1, height: area.height.saturating_sub(2), ..area }
}

/// Returns a dialog's box; a prompt has none.
fn boxed(layer: &Layer, model: &Model, area: Rect) -> Option<Boxed> {
    let keymap = &model.setting.keymap;
    match layer {
        Layer::Prompt(..) => None,
        Layer::Help { scroll } => Some(Boxed {
            title: "Keys".to_owned(),
            lines: help(model, usize::from(area.width).saturating_sub(6)),
            scroll: *scroll,
            below: help_keys(keymap),
        }),
        Layer::Palette(palette) => Some(self::palette(palette, model, area)),
        Layer::Confirm(confirm) => Some(question(confirm, model, area)),
    }
}

fn help_keys(keymap: &Keymap) -> String {
    let close = keymap.shown(Action::Close);
    match (keymap.shown(Action::Up), keymap.shown(Action::Down)) {
        (up, down) if up.is_empty() || down.is_empty() => format!("{close} closes"),
        (up, down) => format!("{close} closes, {up} and {down} scroll"),
    }
}

/// Returns how far a dialog can be scrolled on a terminal of the model's size.
pub fn most(layer: &Layer, model: &Model) -> usize {
    let area = inner(Rect::new(0, 0, model.size.0, model.size.1));
    boxed(layer, model, area).map_or(0, |boxed| boxed.hidden(boxed.place(area)))
}

/// Draws a dialog over an area.
pub fn view(layer: &Layer, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.setting.theme;
    if let Layer::Prompt(purpose, input) = layer {
        prompt(*purpose, input, theme, frame, area);
    }
    if let Some(boxed) = boxed(layer, model, inner(area)) {
        boxed.draw(theme, frame, inner(area));
    }
}

/// Returns what is at a place of the dialog on top.
pub fn hit(layer: &Layer, model: &Model, (x, y): (u16, u16)) -> Hit {
    let area = inner(Rect::new(0, 0, model.size.0, model.size.1));
    let Some(boxed) = boxed(layer, model, area) else { return Hit::Nothing };
    let place = boxed.place(area);
    match layer {
        // A question is only ever answered by its words.
        Layer::Confirm(confirm) if confirm.word.is_none() && y + 1 == place.bottom() => {
            let from = place.right().saturating_sub(2 + columns(&boxed.below));
            let yes = columns(&yes(&model.setting.keymap));
            match x.checked_sub(from) {
                Some(at) if at < yes => Hit::Do(Action::Yes),
                Some(at) if at > yes && at <= columns(&boxed.below) => Hit::Do(Action::No),
                _ => Hit::Nothing,
            }
        }
        Layer::Confirm(_) | Layer::Prompt(..) => Hit::Nothing,
        Layer::Help { .. } | Layer::Palette(_) if !place.contains((x, y).into()) => {
            Hit::Do(Action::Close)
        }
        Layer::Help { .. } => Hit::Nothing,
        Layer::Palette(palette) => {
            let rows = palette.rows(&model.setting.keymap, model.contexts()).len();
            let row =
                usize::from(y - place.y).checked_sub(2).map(|row| row + first_row(palette, area));
            row.filter(|row| *row < rows && y + 1 < place.bottom()).map_or(Hit::Nothing, Hit::Row)
        }
    }
}

fn yes(keymap: &Keymap) -> String {
    format!("{} yes,", keymap.shown(Action::Yes))
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
        if context == Context::Editor {
            for (key, text) in model.setting.keymap.text_keys() {
                lines.push(Line::from(vec![
                    Span::styled(format!("{} ", fit(key, 18)), theme.style(Role::Key)),
                    Span::raw(text),
                ]));
            }
        }
    }
    lines
}

/// Returns the rows of the palette that fit.
fn palette_rows(area: Rect) -> usize {
    usize::from(area.height).saturating_sub(6).max(1)
}

fn first_row(palette: &Palette, area: Rect) -> usize {
    (palette.selected + 1).saturating_sub(palette_rows(area))
}

fn palette(palette: &Palette, model: &Model, area: Rect) -> Boxed {
    let theme = model.setting.theme;
    let columns = usize::from(area.width).saturating_sub(8).min(90);
    let rows = palette.rows(&model.setting.keymap, model.contexts());
    let mut lines = vec![typed("> ", &palette.input, theme)];
    let shown = rows.iter().enumerate().skip(first_row(palette, area)).take(palette_rows(area));
    for (at, (row, keys)) in shown {
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
    let key = |action| model.setting.keymap.shown(action);
    let below = format!("{} does it, {} closes", key(Action::Accept), key(Action::Close));
    Boxed { title: "What to do".to_owned(), lines, scroll: 0, below }
}

fn question(confirm: &Confirm, model: &Model, area: Rect) -> Boxed {
    let (theme, keymap) = (model.setting.theme, &model.setting.keymap);
    let columns = usize::from(area.width).saturating_sub(6).min(90);
    let mut lines = Vec::new();
    for (role, text) in &confirm.lines {
        for line in wrap(text, columns) {
            lines.push(Line::styled(line, theme.style(*role)));
        }
    }
    let below = match &confirm.word {
        None => format!("{} {} no", yes(keymap), keymap.shown(Action::No)),
        Some(word) => {
            lines.push(Line::raw(""));
            let enter = keymap.shown(Action::Accept);
            let label = format!("type {} and {enter}: ", cut(word, 40));
            lines.push(typed(&label, &confirm.input, theme));
            format!("{} goes back", keymap.shown(Action::Close))
        }
    };
    Boxed { title: confirm.title.clone(), lines, scroll: confirm.scroll, below }
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
