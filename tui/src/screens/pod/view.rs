//! Draws a pod and its journal.

use super::{Extent, Pod, View};
use crate::journal::Kind;
use crate::keymap::Action;
use crate::model::{Link, Model};
use crate::output::{table, time};
use crate::sanitize::plain_line;
use crate::screens::pods::state_role;
use crate::theme::{Role, Theme};
use crate::widgets::ansi::{self, Look};
use crate::widgets::status;
use crate::widgets::text::{columns, cut};
use pinacle_protocol::{OperationStatus, PodView};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Rows above the journal: the pod, its address or reason, the journal's title.
pub const ROWS_ABOVE: usize = 3;

/// Returns the rows of the journal in an area of so many.
pub fn journal_height(rows: u16) -> usize {
    usize::from(rows).saturating_sub(ROWS_ABOVE).max(1)
}

/// Draws them.
pub fn view(pod: &Pod, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let theme = model.setting.theme;
    let width = usize::from(area.width);
    let extent = Extent { columns: width, rows: journal_height(area.height) };
    let mut lines = match model.world.pod(&pod.id) {
        Some(view) => about(view, model, width),
        None => vec![
            Line::styled(
                format!("{} is gone", model.world.slug(&pod.id)),
                theme.style(Role::Warning),
            ),
            Line::styled("its journal is kept for some days", theme.style(Role::Faint)),
        ],
    };
    lines.push(title(pod, extent, theme));
    lines.extend(journal(pod, extent, theme));
    lines.truncate(usize::from(area.height));
    frame.render_widget(Paragraph::new(lines), area);
    let unseen = pod.unseen();
    if unseen > 0 && usize::from(area.height) > ROWS_ABOVE + 1 {
        let s = if unseen == 1 { "" } else { "s" };
        let follows = model.setting.keymap.told(Action::Follow, |key| format!(" - {key} follows"));
        let text = format!(" {unseen} new line{s} below{follows} ");
        let length = columns(&text).min(area.width);
        let place = Rect::new(area.right() - length, area.bottom() - 1, length, 1);
        frame.render_widget(Line::styled(text, theme.style(Role::Match)), place);
    }
}

/// The two lines about the pod itself.
fn about(pod: &PodView, model: &Model, width: usize) -> Vec<Line<'static>> {
    let (world, theme) = (&model.world, model.setting.theme);
    let lost = matches!(world.link, Link::Lost(..));
    // What nobody vouches for stands back.
    let of_now = |role| if lost { Role::Faint } else { role };
    let port = pod.port.map(|p| format!("  port {p}")).unwrap_or_default();
    let since = time::age(world.now.since_ms(pod.phase_since));
    let rest = format!(
        "  {}  {}{port}  on {}  {} old",
        plain_line(&pod.tier),
        pod.isolation.as_str(),
        pod.host,
        time::age(world.now.since_ms(pod.created_at)),
    );
    let first = Line::from(vec![
        Span::styled(pod.slug.to_string(), theme.style(Role::Accent)),
        Span::raw("  "),
        Span::styled(
            format!("{} {since}", table::state(pod, world.now)),
            theme.style(of_now(state_role(pod))),
        ),
        Span::styled(rest, theme.style(Role::Faint)),
    ]);
    let second = match (&pod.operation, &pod.reason, &pod.url) {
        (Some(operation), _, _) => {
            let spent = time::elapsed(world.now.since_ms(operation.started_at));
            let text = format!(
                "{} {} {}/{}: {} ({spent})",
                operation.kind.as_str(),
                bar(operation.done, operation.total),
                operation.done,
                operation.total,
                plain_line(&operation.step)
            );
            Line::styled(cut(&text, width), theme.style(of_now(Role::Warning)))
        }
        (None, Some(reason), _) => {
            let text = status::reason(reason, pod.hint.as_deref(), model, width);
            Line::styled(text, theme.style(of_now(state_role(pod))))
        }
        (None, None, url) => {
            let failed =
                world.operations.get(&pod.id).filter(|o| o.status == OperationStatus::Failed);
            let error = failed.and_then(|o| o.error.as_ref()).map(|e| plain_line(&e.chain()));
            let text = error.or_else(|| url.as_deref().map(plain_line)).unwrap_or_default();
            Line::raw(cut(&text, width))
        }
    };
    vec![first, second]
}

fn bar(done: u32, total: u32) -> String {
    let filled = (done.min(total) * 10).checked_div(total).unwrap_or(0) as usize;
    format!("[{}{}]", "#".repeat(filled), ".".repeat(10 - filled.min(10)))
}

fn title(pod: &Pod, extent: Extent, theme: Theme) -> Line<'static> {
    let mut text = String::from("-- journal");
    if pod.infra {
        text.push_str(" with infra");
    }
    if pod.caught_up || !pod.journal.is_empty() {
        text.push_str(&place(pod, extent));
    }
    if let Some(pattern) = &pod.pattern {
        let state = if pod.pending.is_some() { "searching" } else { "search" };
        text.push_str(&format!(", {state} \"{}\"", plain_line(pattern.text())));
    }
    let mut role = Role::Faint;
    if let Some(lost) = &pod.lost {
        text.push_str(&format!(", cut off: {}", plain_line(lost)));
        role = Role::Warning;
    } else if !pod.caught_up {
        text.push_str(", reading ...");
    }
    text.push(' ');
    let text = cut(&text, extent.columns);
    let fill = extent.columns.saturating_sub(crate::widgets::text::width(&text));
    Line::styled(format!("{text}{}", "-".repeat(fill)), theme.style(role))
}

/// Returns where in the journal the screen is.
fn place(pod: &Pod, extent: Extent) -> String {
    let journal = &pod.journal;
    let (above, below) = journal.counts();
    let top = pod.top(extent);
    match (pod.view, journal.hole()) {
        (View::Following, None) => {
            format!(", {below} line{}, following", if below == 1 { "" } else { "s" })
        }
        (View::Following, Some(_)) => {
            ", following; what is above is read when you go there".to_owned()
        }
        (View::At { .. }, None) => format!(", line {} of {below}", top + 1),
        // How many lines there are is not known before all are read.
        (View::At { .. }, Some((hole, _))) if top <= hole => {
            format!(", line {} from the beginning", top.min(above) + 1)
        }
        (View::At { .. }, Some(_)) => format!(", line {} from the end", journal.len() - top),
    }
}

fn journal(pod: &Pod, extent: Extent, theme: Theme) -> Vec<Line<'static>> {
    let mut rows = Vec::with_capacity(extent.rows);
    if pod.journal.is_empty() && pod.caught_up {
        rows.push(Line::styled("nothing was run for it yet", theme.style(Role::Faint)));
    }
    let mut next = pod.journal.shown_from(pod.top(extent));
    while let Some(number) = next {
        if rows.len() >= extent.rows || behind_hole(pod, number) {
            break;
        }
        match pod.journal.line(number) {
            Some(line) => {
                let style = style(line.kind, theme);
                let folded = line.kind == Kind::Command && pod.journal.is_folded(line.command);
                let hidden = if folded { pod.journal.hidden_lines(line.command) } else { 0 };
                let text = if hidden > 0 {
                    let s = if hidden == 1 { "" } else { "s" };
                    format!("{}  [{hidden} line{s} folded]", line.text)
                } else {
                    line.text.to_owned()
                };
                let plain = pod.pattern.as_ref().map(|p| p.places(&ansi::strip(&text)));
                let marks = plain.unwrap_or_default();
                let look = Look {
                    base: style,
                    theme,
                    columns: extent.columns,
                    wrap: pod.wrap,
                    marks: &marks,
                };
                rows.extend(ansi::rows(&text, look));
            }
            None => rows.push(Line::styled("... reading", theme.style(Role::Faint))),
        }
        next = pod.journal.shown_from(number + 1);
    }
    rows.truncate(extent.rows);
    rows
}

/// Returns whether a line is beyond what was not read, seen from the top of the screen.
fn behind_hole(pod: &Pod, line: u64) -> bool {
    let top = match pod.view {
        View::At { top, .. } => top,
        View::Following => return false,
    };
    pod.journal.hole().is_some_and(|(hole, _)| top <= hole && line > hole)
}

fn style(kind: Kind, theme: Theme) -> Style {
    theme.style(match kind {
        Kind::Heading => Role::Accent,
        Kind::Command | Kind::Script => Role::Strong,
        Kind::Done | Kind::Note => Role::Faint,
        Kind::Failed => Role::Bad,
        Kind::Gap => Role::Warning,
        Kind::Blank | Kind::Output | Kind::Continued => Role::Plain,
    })
}
