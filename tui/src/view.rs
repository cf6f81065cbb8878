//! Draws one frame. Pure: a model in, cells out.

use crate::model::{Model, Screen};
use crate::screens::{details, doctor, editor, pod, pods, printed};
use crate::widgets::{layers, status};
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::Paragraph;

/// The smallest terminal that everything fits into.
const SMALLEST: (u16, u16) = (60, 12);

/// Returns the areas of the line at the top, the screen, the word, and the hints.
fn areas(area: Rect) -> [Rect; 4] {
    let one = Constraint::Length(1);
    Layout::vertical([one, Constraint::Min(1), one, one]).areas(area)
}

/// Returns them on a terminal of this size.
pub fn areas_of(size: (u16, u16)) -> [Rect; 4] {
    areas(Rect::new(0, 0, size.0, size.1))
}

/// Returns the area of the screen on a terminal of this size.
pub fn screen_area(size: (u16, u16)) -> Rect {
    areas_of(size)[1]
}

/// Returns the rows of the list on a terminal of this size.
pub fn list_rows(size: (u16, u16)) -> usize {
    usize::from(screen_area(size).height.saturating_sub(1)).max(1)
}

/// Returns the journal's extent on a terminal of this size.
pub fn journal_extent(size: (u16, u16)) -> pod::Extent {
    let area = screen_area(size);
    pod::Extent { columns: usize::from(area.width), rows: pod::journal_height(area.height) }
}

/// Draws one frame.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        let text = format!(
            "{}x{} is too small; {}x{} is needed",
            area.width, area.height, SMALLEST.0, SMALLEST.1
        );
        let lines: Vec<Line<'_>> =
            crate::widgets::text::wrap(&text, usize::from(area.width.max(1)))
                .into_iter()
                .map(Line::raw)
                .collect();
        frame.render_widget(Paragraph::new(lines), area);
        return;
    }
    let [top, body, word, hints] = areas(area);
    let columns = usize::from(area.width);
    frame.render_widget(status::top(model, columns), top);
    match model.screens.last() {
        None => pods::view(model, frame, body),
        Some(Screen::Pod(pod)) => pod::view(pod, model, frame, body),
        Some(Screen::Details(details)) => details::view(details, model, frame, body),
        Some(Screen::Printed(printed)) => printed::view(printed, model, frame, body),
        Some(Screen::Editor(editor)) => editor::view(editor, model, frame, body),
        Some(Screen::Doctor(doctor)) => doctor::view(doctor, model, frame, body),
    }
    frame.render_widget(status::word(model, columns), word);
    frame.render_widget(status::hints(model, columns), hints);
    status::long_word(model, frame, body);
    for layer in &model.layers {
        layers::view(layer, model, frame, area);
    }
}
