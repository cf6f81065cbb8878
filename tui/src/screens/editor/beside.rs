//! What comes of the text, beside it: the spec with every default, or what would change.

use super::{Editor, Target};
use crate::keymap::Action;
use crate::model::Model;
use crate::sanitize::plain_line;
use crate::theme::{Role, Theme};
use crate::widgets::text::{cut, width, wrap};
use crate::widgets::yaml;
use pinacle_protocol::ConfigPlan;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Returns the rows of an area: a title, and the lines that are scrolled to.
pub(super) fn view(editor: &Editor, model: &Model, area: Rect) -> Vec<Line<'static>> {
    let theme = model.setting.theme;
    let lines = lines(editor, theme, area);
    let (rows, total) = (rows(area), lines.len());
    let top = editor.beside.min(total.saturating_sub(rows));
    let mut title = match &editor.target {
        Target::New(_) => "-- with every default".to_owned(),
        Target::Pod(..) => "-- what changes".to_owned(),
    };
    if total > rows {
        title.push_str(&format!(", {}-{} of {total}", top + 1, (top + rows).min(total)));
        // Where there is more, for whoever wants it.
        let last = top + rows >= total;
        let scroll = if last { Action::PreviewUp } else { Action::PreviewDown };
        title.push_str(&model.setting.keymap.told(scroll, |key| format!(", {key} scrolls")));
    }
    let title = cut(&format!("{title} "), usize::from(area.width));
    let fill = usize::from(area.width).saturating_sub(width(&title));
    let title = Line::styled(format!("{title}{}", "-".repeat(fill)), theme.style(Role::Faint));
    std::iter::once(title).chain(lines.into_iter().skip(top).take(rows)).collect()
}

fn rows(area: Rect) -> usize {
    usize::from(area.height).saturating_sub(1)
}

/// Returns how many lines an area does not show at once.
pub(super) fn hidden(editor: &Editor, area: Rect) -> usize {
    lines(editor, Theme::Plain, area).len().saturating_sub(rows(area))
}

fn lines(editor: &Editor, theme: Theme, area: Rect) -> Vec<Line<'static>> {
    let columns = usize::from(area.width).saturating_sub(2).max(8);
    let faint = theme.style(Role::Faint);
    match (&editor.target, &editor.plan) {
        (Target::New(_), _) => {
            let effective = editor.report.as_ref().and_then(|r| r.effective.as_deref());
            let none = match &editor.report {
                None => "checking ...",
                Some(_) => "(once there are no errors)",
            };
            let line = |line: &str| {
                // What is cut is marked.
                let line = cut(line, usize::from(area.width));
                let spans = yaml::spans(&line, theme).into_iter();
                let spans = spans.map(|(text, style)| Span::styled(text.to_owned(), style));
                Line::from(spans.collect::<Vec<_>>())
            };
            effective.unwrap_or(none).lines().map(line).collect()
        }
        (_, _) if editor.counts().0 > 0 => vec![Line::styled("(once there are no errors)", faint)],
        (_, None) => vec![Line::styled("nothing yet", faint)],
        (_, Some(Err(error))) => {
            let lines = wrap(&plain_line(&error.chain()), columns).into_iter();
            lines.map(|line| Line::styled(line, theme.style(Role::Bad))).collect()
        }
        (_, Some(Ok(plan))) => {
            // Broken, not cut: two long values may differ at their ends.
            let broken = |(role, text): (Role, String)| {
                let style = theme.style(role);
                wrap(&text, columns).into_iter().map(move |line| Line::styled(line, style))
            };
            plan_lines(plan).into_iter().flat_map(broken).collect()
        }
    }
}

/// Returns a plan in lines, each with its meaning.
pub fn plan_lines(plan: &ConfigPlan) -> Vec<(Role, String)> {
    let mut lines = Vec::new();
    for change in &plan.changes {
        lines.push((
            Role::Strong,
            format!("{}: {}", plain_line(&change.path), plain_line(&change.impact)),
        ));
        let values = [(Role::Removed, "-", &change.before), (Role::Added, "+", &change.after)];
        for (role, mark, value) in values {
            for line in value.iter().flat_map(|v| v.lines()) {
                lines.push((role, format!("  {mark} {}", plain_line(line))));
            }
        }
    }
    if plan.changes.is_empty() {
        lines.push((Role::Faint, "nothing changes in effect".to_owned()));
    }
    if !plan.restarts.is_empty() {
        lines.push((Role::Warning, format!("restarts: {}", plain_line(&plan.restarts.join(", ")))));
    }
    if plan.recreates {
        lines.push((Role::Warning, "the container is made again".to_owned()));
    }
    for lost in &plan.lost {
        lines.push((Role::Bad, format!("lost: {}", plain_line(lost))));
    }
    lines
}
