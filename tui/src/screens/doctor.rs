//! What a check of a host found, and how to mend it.

use crate::model::Model;
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
    let theme = model.setting.theme;
    let columns = usize::from(area.width.saturating_sub(2)).max(10);
    let title = format!("Can pods run on {}?", doctor.host);
    let mut lines = vec![Line::styled(title, theme.style(Role::Accent)), Line::raw("")];
    match &model.world.report {
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
    let hidden = lines.len().saturating_sub(usize::from(area.height));
    let shown = lines.into_iter().skip(doctor.scroll.min(hidden));
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), area);
}

fn findings(report: &HostReport, theme: Theme, columns: usize, lines: &mut Vec<Line<'static>>) {
    for check in &report.checks {
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
