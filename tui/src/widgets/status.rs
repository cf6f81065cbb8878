//! The line at the top, and the two at the bottom.

use super::layers::Layer;
use super::text::{cut, fit, width, wrap};
use crate::keymap::{Action, Context, Hint};
use crate::model::{Link, Model, Screen};
use crate::output::time;
use crate::sanitize::plain_line;
use crate::theme::Role;
use pinacle_protocol::{HostStatus, PodPhase, PodView};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

/// Returns the line at the top: what there is, and whether it is of now.
pub fn top(model: &Model, columns: usize) -> Line<'static> {
    let (world, theme) = (&model.world, model.setting.theme);
    if let Link::Lost(since, reason) = &world.link {
        let age = time::age(world.now.since_ms(*since));
        let starts =
            model.setting.keymap.told(Action::StartDaemon, |key| format!("; {key} starts it"));
        let text = format!(
            " no link to the daemon for {age}, trying again{starts}: {}",
            plain_line(reason)
        );
        let style = theme.style(Role::Bad).patch(theme.style(Role::Selected));
        return Line::styled(fit(&text, columns), style);
    }
    let mut spans = vec![Span::styled("pinacle", theme.style(Role::Accent))];
    let mut say = |role: Role, text: String| {
        spans.push(Span::raw("  "));
        spans.push(Span::styled(text, theme.style(role)));
    };
    let count = world.pods.len();
    say(Role::Plain, format!("{count} pod{}", if count == 1 { "" } else { "s" }));
    let counted = [
        (PodPhase::Running, Role::Good),
        (PodPhase::Stopped, Role::Faint),
        (PodPhase::Failed, Role::Bad),
    ];
    for (phase, role) in counted {
        match world.count(phase) {
            0 => {}
            n => say(role, format!("{n} {}", phase.as_str())),
        }
    }
    for host in world.hosts.iter().filter(|h| h.status != HostStatus::Up) {
        let age = time::age(world.now.since_ms(host.since));
        match host.status {
            HostStatus::Down => say(Role::Bad, format!("host {} out of reach for {age}", host.id)),
            _ => say(Role::Warning, format!("reaching host {}", host.id)),
        }
    }
    if !model.pods.filter.is_empty() && model.screens.is_empty() {
        say(Role::Warning, format!("only \"{}\"", plain_line(&model.pods.filter)));
    }
    if !model.pods.marks.is_empty() {
        say(Role::Warning, format!("{} marked", model.pods.marks.len()));
    }
    Line::from(spans)
}

/// Returns the line above the hints: a word about what was done, else about
/// what the cursor is on.
pub fn word(model: &Model, columns: usize) -> Line<'static> {
    let theme = model.setting.theme;
    if let Some(Layer::Prompt(purpose, _)) = model.layers.last().filter(|_| model.toast.is_none()) {
        let text = purpose.keys(&model.setting.keymap);
        return Line::styled(cut(&text, columns), theme.style(Role::Faint));
    }
    if let Some(toast) = &model.toast {
        return Line::styled(cut(&toast.text, columns), theme.style(toast.role));
    }
    if !model.screens.is_empty() {
        return Line::raw("");
    }
    let pod = model.pods.selected.as_ref().and_then(|id| model.world.pod(id));
    let Some(pod) = pod else { return Line::raw("") };
    if pod.unknown_since.is_some() {
        let host = model.world.hosts.iter().find(|h| h.id == pod.host);
        let why =
            host.and_then(|h| h.error.as_ref()).map(|e| format!(": {}", plain_line(&e.chain())));
        let text = format!(
            "host {} is out of reach; last seen {}{}",
            pod.host,
            pod.phase.as_str(),
            why.unwrap_or_default()
        );
        return Line::styled(cut(&text, columns), theme.style(Role::Warning));
    }
    if let Some(reason) = &pod.reason {
        let text = self::reason(reason, pod.hint.as_deref(), model, columns);
        return Line::styled(text, theme.style(Role::Warning));
    }
    let step =
        pod.operation.as_ref().map(|o| format!("{}: {}", o.kind.as_str(), plain_line(&o.step)));
    let text = step.or_else(|| pod.url.as_deref().map(plain_line)).unwrap_or_default();
    Line::styled(cut(&text, columns), theme.style(Role::Faint))
}

/// Returns in one line why a pod is as it is and what to do about it. Where both do not fit,
/// the place that has room for them is named instead of half of a remedy.
pub fn reason(reason: &str, hint: Option<&str>, model: &Model, columns: usize) -> String {
    let reason = plain_line(reason);
    let Some(hint) = hint.map(plain_line) else { return cut(&reason, columns) };
    let whole = format!("{reason} - {hint}");
    if width(&whole) <= columns {
        return whole;
    }
    let details =
        model.setting.keymap.told(Action::Details, |key| format!(" - {key} shows what to do"));
    let room = columns.saturating_sub(width(&details));
    format!("{}{details}", cut(&reason, room))
}

/// Lines of a word that is too long for one, at the most.
const LONGEST: usize = 8;

/// Draws a word about what was done that is too long for its line: all of it, up
/// from there, over the end of the screen.
pub fn long_word(model: &Model, frame: &mut Frame<'_>, body: Rect) {
    let typing = matches!(model.layers.last(), Some(Layer::Prompt(..)));
    let Some(toast) = model.toast.as_ref().filter(|_| !typing) else { return };
    let columns = usize::from(body.width);
    if width(&toast.text) <= columns {
        return;
    }
    let most = LONGEST.min(usize::from(body.height / 2) + 1);
    let lines = wrap(&toast.text, columns).into_iter().take(most);
    let style = model.setting.theme.style(toast.role);
    let lines: Vec<Line<'_>> = lines.map(|line| Line::styled(line, style)).collect();
    let height = u16::try_from(lines.len()).unwrap_or(1);
    let place = Rect::new(body.x, (body.bottom() + 1).saturating_sub(height), body.width, height);
    frame.render_widget(Clear, place);
    frame.render_widget(Paragraph::new(lines), place);
}

/// Returns the hints that are shown: as many as fit, quit and help always.
fn shown(model: &Model, columns: usize) -> Vec<Hint> {
    let keymap = &model.setting.keymap;
    let contexts = model.contexts();
    let (global, own) = contexts.split_last().unwrap_or((&Context::Global, &[]));
    let mut always = keymap.hints(&[*global]);
    let hint = |key: String, word, action| Hint { key, word, action };
    if matches!(model.screens.last(), Some(Screen::Editor(_))) {
        // Letters are text there.
        let of = |word, action| hint(keymap.shown_in_text(action), word, action);
        always = vec![of("help", Action::Help), of("back", Action::Back)];
    } else if !model.screens.is_empty() {
        always.insert(0, hint(keymap.shown(Action::Back), "back", Action::Back));
    }
    always.retain(|hint| !hint.key.is_empty());
    let mut room = columns.saturating_sub(always.iter().map(length).sum());
    let mut shown = Vec::new();
    for hint in keymap.hints(own).into_iter().filter(|hint| is_useful(model, hint.action)) {
        if length(&hint) > room {
            break;
        }
        room -= length(&hint);
        shown.push(hint);
    }
    shown.extend(always);
    shown
}

/// Returns whether an action would do something where we are, as far as can be told.
fn is_useful(model: &Model, action: Action) -> bool {
    // Without a pod there is but one thing to do on the list.
    if model.screens.is_empty() && model.world.pods.is_empty() {
        return action == Action::New;
    }
    let targets = model.targets();
    let any = |fits: &dyn Fn(&PodView) -> bool| {
        targets.iter().filter_map(|id| model.world.pod(id)).any(fits)
    };
    match (model.screens.last(), action) {
        (Some(Screen::Details(_)), Action::Details) => false,
        (Some(Screen::Details(details)), Action::Output) => details.row().is_some(),
        (Some(Screen::Doctor(_)), Action::NextHost) => model.world.hosts.len() > 1,
        (_, Action::Start) => any(&|pod| matches!(pod.phase, PodPhase::Stopped | PodPhase::Failed)),
        (_, Action::Stop | Action::Restart) => any(&|pod| pod.phase != PodPhase::Stopped),
        (_, Action::Shell) => any(&|pod| pod.phase == PodPhase::Running),
        (_, Action::OpenUrl) => any(&|pod| pod.url.is_some()),
        (None, Action::Open | Action::Mark) | (_, Action::Edit | Action::Delete) => any(&|_| true),
        (_, Action::Details) => any(&|_| true),
        _ => true,
    }
}

/// Returns the columns of a hint with the gap behind it.
fn length(hint: &Hint) -> usize {
    width(&hint.key) + width(hint.word) + 3
}

/// Returns the line of hints.
pub fn hints(model: &Model, columns: usize) -> Line<'static> {
    if !model.layers.is_empty() {
        // The keys are the dialog's, which names its own.
        return Line::raw("");
    }
    let theme = model.setting.theme;
    let mut spans = Vec::new();
    for Hint { key, word, .. } in shown(model, columns) {
        spans.push(Span::styled(key, theme.style(Role::Key)));
        spans.push(Span::raw(format!(" {word}  ")));
    }
    Line::from(spans)
}

/// Returns what the hint at a column does.
pub fn hint_at(model: &Model, columns: usize, at: usize) -> Option<Action> {
    let mut from = 0;
    for hint in shown(model, columns) {
        let to = from + length(&hint);
        if (from..to).contains(&at) {
            return Some(hint.action);
        }
        from = to;
    }
    None
}
