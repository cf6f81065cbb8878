//! What a check of a host found, and how to mend it.

use crate::model::{Link, Model};
use crate::sanitize::plain_line;
use crate::theme::{Role, Theme};
use crate::widgets::text::wrap;
use pinacle_protocol::{CheckStatus, HostId, HostReport};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// The screen's state.
#[derive(Debug)]
pub struct Doctor {
    /// The host.
    pub host: HostId,
    /// Lines scrolled away.
    pub scroll: usize,
    /// Whether an answer is awaited.
    pub waiting: bool,
}

impl Doctor {
    /// Begins with a host, its findings awaited.
    pub fn new(host: HostId) -> Self {
        Self { host, scroll: 0, waiting: true }
    }

    /// Moves by lines.
    pub fn step(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by).min(1_000);
    }
}

/// Draws the findings.
pub fn view(doctor: &Doctor, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let lines = lines(doctor, model, area);
    let (rows, total) = (usize::from(area.height), lines.len() + 1);
    let top = doctor.scroll.min(hidden(doctor, model, area));
    let mut title = title(doctor, model);
    if total > rows {
        // Where there is more.
        let place = format!("  lines {}-{} of {}", top + 1, top + rows - 1, total - 1);
        title.push_span(Span::styled(place, model.setting.theme.style(Role::Faint)));
    }
    let shown = std::iter::once(title).chain(lines.into_iter().skip(top));
    frame.render_widget(Paragraph::new(shown.take(rows).collect::<Vec<_>>()), area);
}

/// Returns how many lines an area does not show at once.
pub fn hidden(doctor: &Doctor, model: &Model, area: Rect) -> usize {
    let rows = usize::from(area.height).saturating_sub(1);
    lines(doctor, model, area).len().saturating_sub(rows)
}

/// The question, and its answer once there is one.
fn title(doctor: &Doctor, model: &Model) -> Line<'static> {
    let theme = model.setting.theme;
    let question = format!("Can pods run on {}?", doctor.host);
    let mut spans = vec![Span::styled(question, theme.style(Role::Accent))];
    if let Some(Ok(report)) = model.world.report.as_ref().filter(|_| !doctor.waiting) {
        let count = |status| report.checks.iter().filter(|c| c.status == status).count();
        let (failed, warnings) = (count(CheckStatus::Failed), count(CheckStatus::Warning));
        let (text, role) = match (failed, warnings) {
            (0, 0) => ("yes".to_owned(), Role::Good),
            (0, 1) => ("yes, with a warning".to_owned(), Role::Warning),
            (0, several) => (format!("yes, with {several} warnings"), Role::Warning),
            (1, _) => ("not yet: a check failed".to_owned(), Role::Bad),
            (several, _) => (format!("not yet: {several} checks failed"), Role::Bad),
        };
        spans.push(Span::raw("  "));
        spans.push(Span::styled(text, theme.style(role)));
    }
    Line::from(spans)
}

fn lines(doctor: &Doctor, model: &Model, area: Rect) -> Vec<Line<'static>> {
    let theme = model.setting.theme;
    let columns = usize::from(area.width.saturating_sub(2)).max(10);
    let mut lines = vec![Line::raw("")];
    match &model.world.report {
        _ if doctor.waiting && matches!(model.world.link, Link::Lost(..)) => {
            let text = "the host is looked at when the daemon is there again";
            lines.push(Line::styled(text, theme.style(Role::Faint)));
        }
        _ if doctor.waiting => {
            let text = "looking ... the first time this starts containers and takes some seconds";
            lines.push(Line::styled(text, theme.style(Role::Faint)));
        }
        None => {}
        Some(Err(error)) => {
            for line in wrap(&plain_line(&error.chain()), columns) {
                lines.push(Line::styled(line, theme.style(Role::Bad)));
            }
            if let Some(hint) = &error.hint {
                lines.push(Line::raw(plain_line(hint)));
            }
        }
        Some(Ok(report)) => findings(report, theme, columns, &mut lines),
    }
    lines
}

fn findings(report: &HostReport, theme: Theme, columns: usize, lines: &mut Vec<Line<'static>>) {
    // What needs a look comes first.
    let mut checks: Vec<_> = report.checks.iter().collect();
    checks.sort_by_key(|check| std::cmp::Reverse(check.status.max(CheckStatus::Skipped)));
    for check in checks {
        let (word, role) = match check.status {
            CheckStatus::Ok => ("ok      ", Role::Good),
            CheckStatus::Skipped => ("skipped ", Role::Faint),
            CheckStatus::Warning => ("warning ", Role::Warning),
            CheckStatus::Failed => ("failed  ", Role::Bad),
        };
        lines.push(Line::from(vec![
            Span::styled(word, theme.style(role)),
            Span::styled(plain_line(&check.check), theme.style(Role::Strong)),
        ]));
        for line in wrap(&plain_line(&check.message), columns.saturating_sub(8)) {
            lines.push(Line::raw(format!("        {line}")));
        }
        let remedy = check.remedy.iter().filter(|_| check.status != CheckStatus::Ok);
        for remedy in remedy {
            let text = format!("to mend it: {}", plain_line(remedy));
            for line in wrap(&text, columns.saturating_sub(8)) {
                lines.push(Line::styled(format!("        {line}"), theme.style(Role::Key)));
            }
        }
    }
    lines.push(Line::raw(""));
    let text = match &report.gvisor_runtime {
        Some(runtime) => format!("gVisor pods run under {}", plain_line(runtime)),
        None => "no runtime for gVisor pods; only `isolation: runc` works here".to_owned(),
    };
    lines.extend(wrap(&text, columns).into_iter().map(Line::raw));
    for pod in &report.foreign {
        let text = format!(
            "pod {} belongs to another daemon; if that one is gone for good, `pinacle-tui adopt {}` takes it over",
            pod.slug.as_ref().map_or_else(|| pod.id.to_string(), ToString::to_string),
            pod.id
        );
        lines.extend(wrap(&text, columns).into_iter().map(Line::raw));
    }
}
