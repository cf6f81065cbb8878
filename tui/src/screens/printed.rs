//! What a process of a pod printed lately.

use crate::model::Model;
use crate::sanitize::{Keep, Sanitizer, plain_line};
use crate::theme::Role;
use crate::widgets::ansi::{self, Look, Wrap};
use crate::widgets::text::{cut, wrap};
use pinacle_protocol::{ApiError, PodId};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// Lines that are asked for.
pub const LINES: u32 = 1_000;

/// The screen's state.
#[derive(Debug)]
pub struct Printed {
    /// The pod.
    pub id: PodId,
    /// The process.
    pub process: String,
    /// Its lines, harmless; `None` while they are awaited.
    pub lines: Option<Result<Vec<String>, ApiError>>,
    /// Lines scrolled up from the end.
    pub up: usize,
}

impl Printed {
    /// Begins with nothing known.
    pub fn new(id: PodId, process: String) -> Self {
        Self { id, process, lines: None, up: 0 }
    }

    /// Takes the text in.
    pub fn take(&mut self, answer: Result<String, ApiError>) {
        self.lines = Some(answer.map(|text| {
            let mut safe = String::with_capacity(text.len());
            let mut sanitizer = Sanitizer::new(Keep::Sgr);
            sanitizer.push(text.as_bytes(), &mut safe);
            sanitizer.finish(&mut safe);
            safe.lines().map(str::to_owned).collect()
        }));
    }

    /// Moves by lines.
    pub fn step(&mut self, by: isize) {
        let most = self.lines.as_ref().and_then(|l| l.as_ref().ok()).map_or(0, Vec::len);
        self.up = self.up.saturating_add_signed(by.saturating_neg()).min(most.saturating_sub(1));
    }
}

/// Draws it.
pub fn view(printed: &Printed, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.setting.theme;
    let columns = usize::from(area.width);
    let title = format!(
        "{} of {}: its last lines",
        plain_line(&printed.process),
        model.world.slug(&printed.id)
    );
    let mut rows = vec![Line::styled(cut(&title, columns), theme.style(Role::Accent))];
    let room = usize::from(area.height).saturating_sub(1);
    match &printed.lines {
        None => rows.push(Line::styled("asking the pod ...", theme.style(Role::Faint))),
        Some(Err(error)) => {
            let text = wrap(&plain_line(&error.chain()), columns);
            rows.extend(text.into_iter().map(|l| Line::styled(l, theme.style(Role::Bad))));
        }
        Some(Ok(lines)) if lines.is_empty() => {
            rows.push(Line::styled("it printed nothing", theme.style(Role::Faint)));
        }
        Some(Ok(lines)) => {
            let look = Look { base: Style::new(), theme, columns, wrap: Wrap::Rows, marks: &[] };
            let end = lines.len().saturating_sub(printed.up);
            let mut shown: Vec<Line<'static>> = Vec::new();
            for line in lines[..end].iter().rev() {
                let mut broken = ansi::rows(line, look);
                broken.append(&mut shown);
                shown = broken;
                if shown.len() >= room {
                    break;
                }
            }
            rows.extend(shown.split_off(shown.len().saturating_sub(room)));
        }
    }
    frame.render_widget(Paragraph::new(rows), area);
}
