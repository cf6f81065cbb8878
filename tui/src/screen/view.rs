//! Draws the list. Pure: a model in, cells out.

use super::model::{Link, Model};
use crate::output::{Style as Meaning, table, time};
use crate::sanitize::plain_line;
use pinacle_protocol::PodView;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::Line;
use ratatui::widgets::{Paragraph, Row, Table, TableState};

/// Draws one frame.
pub fn view(model: &Model, frame: &mut Frame<'_>) {
    let [list, reason, keys] =
        Layout::vertical([Constraint::Min(1), Constraint::Length(1), Constraint::Length(1)])
            .areas(frame.area());
    let widths = [
        Constraint::Fill(2),
        Constraint::Length(18),
        Constraint::Length(9),
        Constraint::Length(6),
        Constraint::Length(5),
    ];
    let rows = model.pods.iter().map(|pod| row(model, pod));
    let heading = Row::new(["NAME", "STATE", "ISOLATION", "PORT", "AGE"])
        .style(Style::new().add_modifier(Modifier::BOLD));
    let table = Table::new(rows, widths)
        .header(heading)
        .row_highlight_style(Style::new().add_modifier(Modifier::REVERSED));
    let mut state = TableState::new().with_selected(model.row());
    frame.render_stateful_widget(table, list, &mut state);
    frame.render_widget(Paragraph::new(below(model)), reason);
    frame.render_widget(Paragraph::new("j/k move   q quit"), keys);
}

fn row<'a>(model: &Model, pod: &'a PodView) -> Row<'a> {
    let style = match table::state_style(pod) {
        Some(Meaning::Good) => Style::new().fg(Color::Green),
        Some(Meaning::Warning) => Style::new().fg(Color::Yellow),
        Some(Meaning::Bad) => Style::new().fg(Color::Red),
        Some(Meaning::Faint) => Style::new().add_modifier(Modifier::DIM),
        Some(Meaning::Strong) | None => Style::new(),
    };
    Row::new([
        Line::raw(pod.slug.as_str()),
        Line::styled(table::state(pod, model.now), style),
        Line::raw(pod.isolation.as_str()),
        Line::raw(pod.port.map_or_else(|| "-".to_owned(), |p| p.to_string())),
        Line::raw(time::age(model.now.since_ms(pod.created_at))),
    ])
}

fn below(model: &Model) -> Line<'static> {
    if let Link::Lost(reason) = &model.link {
        let text = format!("no link to the daemon, trying again: {}", plain_line(reason));
        return Line::styled(text, Style::new().fg(Color::Red));
    }
    if model.pods.is_empty() {
        return Line::raw("no pods yet; `pinacle-tui up` in a project's directory makes one");
    }
    let pod = model.row().and_then(|row| model.pods.get(row));
    let text = pod.and_then(|p| p.reason.as_deref().or(p.url.as_deref())).unwrap_or_default();
    Line::raw(plain_line(text))
}
