//! Draws all about a pod.

use super::{Details, Place};
use crate::model::{Link, Model};
use crate::output::{table, time};
use crate::sanitize::plain_line;
use crate::screens::pods::state_role;
use crate::theme::{Role, Theme};
use crate::widgets::text::{columns, count, fit, wrap};
use pinacle_protocol::{
    ApiError, OperationStatus, PodDetail, PodPhase, PodView, ProcessState, ProcessView, Timestamp,
};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Columns of the names of what is told.
const NAMES: usize = 11;

/// Operations that are told of.
const OPERATIONS: usize = 6;

/// Lines as they are made.
struct Sheet {
    lines: Vec<Line<'static>>,
    theme: Theme,
    columns: usize,
}

impl Sheet {
    fn heading(&mut self, text: &str) {
        if !self.lines.is_empty() {
            self.lines.push(Line::raw(""));
        }
        self.lines.push(Line::styled(text.to_owned(), self.theme.style(Role::Accent)));
    }

    fn say(&mut self, role: Role, text: &str) {
        for line in wrap(text, self.columns.saturating_sub(2)) {
            self.lines.push(Line::styled(format!("  {line}"), self.theme.style(role)));
        }
    }

    fn tell(&mut self, name: &str, role: Role, text: &str) {
        let room = self.columns.saturating_sub(NAMES + 3);
        for (at, line) in wrap(text, room).into_iter().enumerate() {
            let name = if at == 0 { name } else { "" };
            self.lines.push(Line::from(vec![
                Span::styled(format!("  {} ", fit(name, NAMES)), self.theme.style(Role::Faint)),
                Span::styled(line, self.theme.style(role)),
            ]));
        }
    }

    fn failure(&mut self, error: &ApiError) {
        self.say(Role::Bad, &plain_line(&error.chain()));
        if let Some(hint) = &error.hint {
            self.say(Role::Plain, &plain_line(hint));
        }
    }
}

/// All that can be scrolled to, and which of it is shown.
struct Drawn {
    lines: Vec<Line<'static>>,
    place: Place,
}

/// Draws it.
pub fn view(details: &Details, model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let drawn = drawn(details, model, area);
    let more = drawn.lines.len().saturating_sub(drawn.place.above + usize::from(area.height));
    let shown = drawn.lines.into_iter().skip(drawn.place.above);
    frame.render_widget(Paragraph::new(shown.collect::<Vec<_>>()), area);
    if more > 0 {
        let text = format!(" {} more below ", count(more, "line"));
        let length = columns(&text).min(area.width);
        let place = Rect::new(area.right() - length, area.bottom() - 1, length, 1);
        frame.render_widget(Line::styled(text, model.setting.theme.style(Role::Match)), place);
    }
}

/// Returns what of it is shown in an area.
pub fn place(details: &Details, model: &Model, area: Rect) -> Place {
    drawn(details, model, area).place
}

/// Returns the process in a row of the screen.
pub fn process_at(details: &Details, model: &Model, area: Rect, row: usize) -> Option<String> {
    let Place { above, first, .. } = place(details, model, area);
    let at = (above + row).checked_sub(first).filter(|_| first > 0)?;
    details.known().get(at).map(|process| process.name.clone())
}

fn drawn(details: &Details, model: &Model, area: Rect) -> Drawn {
    let theme = model.setting.theme;
    let columns = usize::from(area.width);
    let mut sheet = Sheet { lines: Vec::new(), theme, columns };
    match model.world.pod(&details.id) {
        Some(pod) => about(&mut sheet, pod, model.world.now),
        None => {
            let text = format!("{} is gone", model.world.slug(&details.id));
            sheet.say(Role::Warning, &text);
        }
    }
    let detail = match &details.detail {
        None => {
            sheet.say(Role::Faint, awaited(model, "reading ..."));
            None
        }
        Some(Err(error)) => {
            sheet.failure(error);
            None
        }
        Some(Ok(detail)) => {
            tabs(&mut sheet, detail);
            Some(detail)
        }
    };
    let first = processes(&mut sheet, details, model);
    if let Some(detail) = detail {
        operations(&mut sheet, detail, model.world.now);
        on_host(&mut sheet, detail);
    }
    let rows = usize::from(area.height);
    let hidden = sheet.lines.len().saturating_sub(rows);
    // The cursor is seen, unless somebody scrolled on from it.
    let cursor = first + details.row().unwrap_or(0);
    let above = details.scroll.unwrap_or((cursor + 1).saturating_sub(rows)).min(hidden);
    Drawn { lines: sheet.lines, place: Place { above, rows, first } }
}

/// Returns what is said while an answer is awaited.
fn awaited<'a>(model: &Model, asking: &'a str) -> &'a str {
    match model.world.link {
        Link::Lost(..) => "not known before the daemon is there again",
        Link::Loading | Link::Live => asking,
    }
}

fn about(sheet: &mut Sheet, pod: &PodView, now: Timestamp) {
    let theme = sheet.theme;
    sheet.lines.push(Line::from(vec![
        Span::styled(pod.slug.to_string(), theme.style(Role::Accent)),
        Span::raw("  "),
        Span::styled(
            format!("{} {}", table::state(pod, now), time::age(now.since_ms(pod.phase_since))),
            theme.style(state_role(pod)),
        ),
    ]));
    if let Some(reason) = &pod.reason {
        sheet.tell("why", state_role(pod), &plain_line(reason));
        if let Some(hint) = &pod.hint {
            sheet.tell("", Role::Plain, &plain_line(hint));
        }
    }
    if pod.name != pod.slug.as_str() {
        sheet.tell("name", Role::Plain, &plain_line(&pod.name));
    }
    let port = pod.port.map(|p| format!(", port {p}")).unwrap_or_default();
    let size =
        format!("{}, {}{port}, on {}", plain_line(&pod.tier), pod.isolation.as_str(), pod.host);
    sheet.tell("kind", Role::Plain, &size);
    let made = format!(
        "{} ago; spec revision {}",
        time::age(now.since_ms(pod.created_at)),
        pod.spec_revision
    );
    sheet.tell("made", Role::Plain, &made);
}

fn tabs(sheet: &mut Sheet, detail: &PodDetail) {
    if let Some(url) = detail.pod.url.as_deref().filter(|_| detail.tabs.is_empty()) {
        sheet.tell("address", Role::Plain, &plain_line(url));
    }
    for (at, tab) in detail.tabs.iter().enumerate() {
        let name = if at == 0 { "addresses" } else { "" };
        let text = format!("{}  {}", plain_line(&tab.name), plain_line(&tab.url));
        sheet.tell(name, Role::Plain, &text);
    }
}

/// Says what the supervisor keeps; returns the line of the first process.
fn processes(sheet: &mut Sheet, details: &Details, model: &Model) -> usize {
    let running = model.world.pod(&details.id).is_some_and(|p| p.phase == PodPhase::Running);
    sheet.heading("Processes");
    match &details.processes {
        _ if !running => sheet.say(Role::Faint, "none: the pod does not run"),
        None => sheet.say(Role::Faint, awaited(model, "asking the pod's supervisor ...")),
        Some(Err(error)) => sheet.failure(error),
        Some(Ok(known)) if known.is_empty() => {
            sheet.say(Role::Faint, "none: the spec has no processes and no services");
        }
        Some(Ok(known)) => {
            let width = known.iter().map(|p| p.name.len()).max().unwrap_or(0).clamp(4, 30);
            let head = format!("  {} STATE       SINCE  RESTARTS  PID", fit("NAME", width));
            sheet.lines.push(Line::styled(head, sheet.theme.style(Role::Strong)));
            let first = sheet.lines.len();
            for (at, process) in known.iter().enumerate() {
                let line = process_line(process, width, model.world.now, sheet.theme);
                let selected = details.row() == Some(at);
                let line = if selected {
                    line.patch_style(sheet.theme.style(Role::Selected))
                } else {
                    line
                };
                sheet.lines.push(line);
            }
            return first;
        }
    }
    0
}

fn process_line(
    process: &ProcessView,
    width: usize,
    now: Timestamp,
    theme: Theme,
) -> Line<'static> {
    let role = match process.state {
        ProcessState::Running => Role::Good,
        ProcessState::Starting | ProcessState::Restarting => Role::Warning,
        ProcessState::Failed => Role::Bad,
        ProcessState::Stopped => Role::Faint,
    };
    let pid = process.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string());
    let since = time::age(now.since_ms(process.since));
    let restarts = if process.restarts > 0 { Role::Warning } else { Role::Plain };
    Line::from(vec![
        Span::raw(format!("  {} ", fit(&plain_line(&process.name), width))),
        Span::styled(fit(process.state.as_str(), 12), theme.style(role)),
        Span::raw(format!("{since:>5}  ")),
        Span::styled(format!("{:>8}  ", process.restarts), theme.style(restarts)),
        Span::raw(format!("{pid:<7}")),
    ])
}

fn operations(sheet: &mut Sheet, detail: &PodDetail, now: Timestamp) {
    if detail.operations.is_empty() {
        return;
    }
    sheet.heading("What was done");
    for operation in detail.operations.iter().take(OPERATIONS) {
        let (word, role) = match operation.status {
            OperationStatus::Succeeded => ("done", Role::Good),
            OperationStatus::Failed => ("failed", Role::Bad),
            OperationStatus::Cancelled => ("given up", Role::Faint),
            OperationStatus::Undoing => ("being undone", Role::Warning),
            OperationStatus::Queued | OperationStatus::Running => ("under way", Role::Warning),
        };
        let spent = operation.ended_at.map(|end| end.since_ms(operation.created_at));
        let spent = spent.map(|ms| format!(" in {}", time::elapsed(ms))).unwrap_or_default();
        let ago = time::age(now.since_ms(operation.created_at));
        let why = operation.error.as_ref().map(|e| format!(": {}", plain_line(&e.chain())));
        let text = format!("{ago} ago, {}{spent}{}", word, why.unwrap_or_default());
        sheet.tell(operation.kind.as_str(), role, &text);
    }
}

fn on_host(sheet: &mut Sheet, detail: &PodDetail) {
    let objects = &detail.objects;
    sheet.heading("On the host");
    let mut tell = |name, text: &str| sheet.tell(name, Role::Plain, &plain_line(text));
    tell("container", &objects.container);
    let subnet = objects.subnet.as_ref().map(|s| format!(", {s}")).unwrap_or_default();
    tell("network", &format!("{}{subnet}, bridge {}", objects.network, objects.bridge));
    for (at, volume) in objects.volumes.iter().enumerate() {
        tell(if at == 0 { "volumes" } else { "" }, volume);
    }
    tell("image", objects.image.as_deref().unwrap_or("none yet"));
}
