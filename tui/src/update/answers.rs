//! What the daemon answers and tells by itself.

use super::actions::{follow, propose};
use super::{details, layers};
use crate::cmd::Cmd;
use crate::journal::{Missing, Piece};
use crate::keymap::Action;
use crate::model::{Link, Model, Screen};
use crate::msg::{Feed, Msg, Source, Verb};
use crate::screens::editor::{Change, Editor, Stage, Target, line_changes};
use crate::screens::pod::{Pod, View};
use crate::theme::Role;
use crate::view::journal_extent;
use crate::widgets::input::LineInput;
use crate::widgets::layers::{Confirm, Layer, Then};
use crate::widgets::text::count;
use pinacle_protocol::{
    Accepted, ApiError, ConfigPlan, ConfigReport, ErrorKind, Event, HostReport, HostStatus,
    HostView, OperationStatus, OperationView, PodDetail, PodId,
};

pub(super) fn on_answer(model: &mut Model, msg: Msg) -> Vec<Cmd> {
    match msg {
        Msg::Inventory(inventory) => {
            let hosts = inventory.hosts.clone();
            let turned = hosts.iter().any(|host| has_turned(model, host));
            model.world.replace(*inventory);
            return if turned { look_anew(model) } else { Vec::new() };
        }
        Msg::Changed(event) => return on_changed(model, *event),
        Msg::Lost(reason) => {
            let since = match &model.world.link {
                Link::Lost(since, _) => *since,
                _ => model.world.now,
            };
            model.world.link = Link::Lost(since, reason);
            model.usage_waiting = false;
            model.asked.clear();
        }
        Msg::Usage(answer) => {
            model.usage_waiting = false;
            let usage = answer.unwrap_or_default();
            model.world.usage.extend(usage.into_iter().map(|u| (u.pod.clone(), u)));
        }
        Msg::Looked(id, answer) => details::on_looked(model, &id, answer),
        Msg::Processes(id, answer) => details::on_processes(model, &id, answer),
        Msg::Printed(id, process, answer) => details::on_printed(model, &id, &process, answer),
        Msg::Detail(id, answer) => return on_detail(model, &id, answer),
        Msg::Journal(number, feed) => {
            let extent = journal_extent(model.size);
            if let Some(pod) = model.journal_mut(number) {
                let another = on_feed(pod, feed, extent);
                if another {
                    model.say(Role::Warning, "the journal the daemon has now is another one");
                }
            }
        }
        Msg::Page(number, missing, piece) => on_page(model, number, missing, piece),
        Msg::Acted(verb, id, answer) => on_acted(model, verb, &id, answer),
        Msg::Checked(serial, report) => return on_checked(model, serial, report),
        Msg::Planned(serial, plan) => on_planned(model, serial, plan),
        Msg::Applied(answer) => return on_applied(model, answer),
        Msg::Created(answer) => return on_created(model, answer),
        Msg::Source(answer) => return on_source(model, answer),
        Msg::Completed(path, found) => layers::completed(model, &path, &found),
        Msg::HostChecked(report) => on_host_checked(model, report),
        Msg::Edited(answer) => on_edited(model, answer),
        Msg::Draft(name, text) => on_draft(model, &name, text),
        Msg::Said(Ok(text)) => model.say(Role::Good, text),
        Msg::Said(Err(text)) => model.say(Role::Bad, text),
        // The others are no answers.
        _ => {}
    }
    Vec::new()
}

fn on_changed(model: &mut Model, event: Event) -> Vec<Cmd> {
    let operation = match &event {
        Event::OperationChanged { operation } => Some((**operation).clone()),
        _ => None,
    };
    let turned = matches!(&event, Event::HostChanged { host } if has_turned(model, host));
    let mut cmds = details::changed(model, &event);
    model.world.apply(event);
    operation.iter().for_each(|operation| tell_end(model, operation));
    if turned {
        cmds.extend(look_anew(model));
    }
    cmds
}

/// Returns whether a host went or came back since it was seen last.
fn has_turned(model: &Model, host: &HostView) -> bool {
    let before = model.world.hosts.iter().find(|h| h.id == host.id).map(|h| h.status);
    host.status != HostStatus::Connecting && before.is_some_and(|before| before != host.status)
}

/// Findings about a host are of before it went or came back: they are forgotten, and asked
/// for again where somebody sees them.
fn look_anew(model: &mut Model) -> Vec<Cmd> {
    // Who waits for an answer gets one of now.
    if model.world.report.take().is_none() {
        return Vec::new();
    }
    model.asked_host = false;
    let mut cmds = Vec::new();
    for screen in &mut model.screens {
        if let Screen::Doctor(doctor) = screen
            && !doctor.waiting
        {
            doctor.waiting = true;
            model.asked_host = true;
            cmds.push(Cmd::CheckHost { host: doctor.host.clone(), fresh: false });
        }
    }
    cmds
}

fn on_host_checked(model: &mut Model, report: Result<HostReport, ApiError>) {
    model.world.report = Some(report);
    for screen in &mut model.screens {
        if let Screen::Doctor(doctor) = screen {
            doctor.waiting = false;
        }
    }
}

/// Takes in a part of a journal. What could not be had is asked for again when somebody
/// presses a key, not before: whatever is in the way may stay there.
fn on_page(model: &mut Model, number: u64, missing: Missing, piece: Result<Piece, ApiError>) {
    let Some(pod) = model.journal_mut(number) else { return };
    match piece {
        Ok(piece) => pod.refill(missing, &piece),
        Err(error) => {
            (pod.pending, pod.refused) = (None, true);
            model.complain(&error);
        }
    }
}

/// Takes in what comes of a journal; returns whether it is another one than before.
fn on_feed(pod: &mut Pod, feed: Feed, extent: crate::screens::pod::Extent) -> bool {
    pod.lost = None;
    let mut another = false;
    match feed {
        Feed::Opened(piece) => {
            another = pod.caught_up;
            pod.open(&piece);
        }
        Feed::Context(records) => pod.journal.introduce(&records),
        Feed::Records(records, cursor) => {
            let near = match pod.view {
                View::Following => u64::MAX,
                View::At { .. } => pod.top(extent),
            };
            pod.journal.push(&records, cursor, near);
        }
        Feed::Gap(missed, cursor) => pod.journal.gap(missed, cursor),
        Feed::CaughtUp => pod.caught_up = true,
        Feed::Lost(reason) => pod.lost = Some(reason),
    }
    another
}

fn on_acted(model: &mut Model, verb: Verb, id: &PodId, answer: Result<Accepted, ApiError>) {
    let slug = model.world.slug(id);
    match answer {
        Ok(Accepted { operation: None, .. }) => {
            model.say(Role::Faint, format!("{slug}: nothing to {}", verb.as_str()));
        }
        Ok(Accepted { operation: Some(operation), .. }) => {
            model.say(Role::Good, format!("{} of {slug} is under way", verb.as_str()));
            model.asked.insert(operation, slug);
            // Its end may have come before this answer.
            let seen = model.world.operations.get(id).cloned();
            seen.iter().for_each(|operation| tell_end(model, operation));
        }
        Err(error) => model.complain(&error),
    }
}

/// Says how something ended that was asked for here.
fn tell_end(model: &mut Model, operation: &OperationView) {
    if !operation.status.is_final() {
        return;
    }
    let Some(slug) = model.asked.remove(&operation.id) else { return };
    let kind = operation.kind.as_str();
    match (operation.status, &operation.error) {
        (OperationStatus::Failed, Some(error)) => {
            model.say(Role::Bad, format!("{kind} of {slug} failed: {}", error.chain()));
        }
        (OperationStatus::Failed, None) => model.say(Role::Bad, format!("{kind} of {slug} failed")),
        (OperationStatus::Cancelled, _) => {
            model.say(Role::Warning, format!("{kind} of {slug} gave way to something newer"));
        }
        _ => model.say(Role::Good, format!("{kind} of {slug} is done")),
    }
}

fn on_detail(model: &mut Model, id: &PodId, answer: Result<Box<PodDetail>, ApiError>) -> Vec<Cmd> {
    let detail = match answer {
        Ok(detail) => detail,
        Err(error) => {
            model.wants_editor = None;
            model.complain(&error);
            return Vec::new();
        }
    };
    let now = model.world.now;
    if model.wants_editor.as_ref() == Some(id) {
        model.wants_editor = None;
        let target = Target::Pod(id.clone(), detail.pod.spec_revision);
        let editor = Editor::new(target, &detail.spec_text, now);
        let name = editor.draft_name();
        model.screens.push(Screen::Editor(Box::new(editor)));
        return vec![Cmd::FindDraft(name)];
    }
    // Asked for because the spec was changed by somebody else.
    let takes =
        model.setting.keymap.told(Action::Reload, |key| format!(", where {key} takes theirs"));
    let Some(editor) = model.editor_mut() else { return Vec::new() };
    let mut lines = vec![(
        Role::Bad,
        "The spec changed since you began. What the other one changed:".to_owned(),
    )];
    lines.extend(changed_lines(&editor.base, &detail.spec_text));
    lines.push((
        Role::Plain,
        format!("Yes puts yours in its place. No leaves you in the editor{takes}."),
    ));
    editor.theirs = Some((detail.pod.spec_revision, detail.spec_text));
    model.layers.push(confirm("Put yours in place of theirs?", lines, Then::ApplyOver));
    Vec::new()
}

fn confirm(title: &str, lines: Vec<(Role, String)>, then: Then) -> Layer {
    let (title, input) = (title.to_owned(), LineInput::default());
    Layer::Confirm(Confirm { title, lines, word: None, input, scroll: 0, then })
}

fn on_checked(model: &mut Model, serial: u64, report: Result<ConfigReport, ApiError>) -> Vec<Cmd> {
    let Some(editor) = model.editor_mut().filter(|e| e.serial == serial) else { return Vec::new() };
    // Without an answer the last findings stand; the link's state is shown anyway.
    let Ok(report) = report else { return Vec::new() };
    let plans = report.valid && editor.is_changed();
    editor.report = Some(report);
    match &editor.target {
        Target::Pod(id, _) if plans => vec![Cmd::Plan(serial, id.clone(), editor.text())],
        _ => {
            editor.plan = None;
            Vec::new()
        }
    }
}

fn on_planned(model: &mut Model, serial: u64, plan: Result<ConfigPlan, ApiError>) {
    let reload = model.setting.keymap.shown(Action::Reload);
    let Some(editor) = model.editor_mut().filter(|e| e.serial == serial) else { return };
    let asks = editor.stage == Stage::Planning;
    let failed = plan.as_ref().err().cloned();
    editor.plan = Some(plan);
    editor.plan_serial = serial;
    if !asks {
        return;
    }
    let layer = propose(editor, &reload);
    match (layer, failed) {
        (_, Some(error)) => refuse(model, &error),
        (Some(layer), None) => model.layers.push(layer),
        (None, None) => {}
    }
}

/// Shows why a text was not taken, with its findings.
fn refuse(model: &mut Model, error: &ApiError) {
    if let Some(editor) = model.editor_mut() {
        editor.stage = Stage::Editing;
        if !error.diagnostics.is_empty() {
            let diagnostics = error.diagnostics.clone();
            editor.report = Some(ConfigReport { valid: false, diagnostics, effective: None });
            editor.next_finding();
        }
    }
    model.complain(error);
}

fn on_applied(model: &mut Model, answer: Result<Accepted, ApiError>) -> Vec<Cmd> {
    let Some(editor) = model.editor_mut() else { return Vec::new() };
    let name = editor.draft_name();
    match answer {
        Ok(accepted) => {
            model.screens.retain(|s| !matches!(s, Screen::Editor(_)));
            model.say(Role::Good, "accepted; what is done is shown here");
            let mut cmds = vec![Cmd::DropDraft(name)];
            if !matches!(model.screens.last(), Some(Screen::Pod(pod)) if pod.id == accepted.pod) {
                cmds.extend(follow(model, accepted.pod));
            }
            cmds
        }
        Err(error) if error.kind == ErrorKind::Conflict => {
            editor.stage = Stage::Editing;
            match &editor.target {
                Target::Pod(id, _) => vec![Cmd::Detail(id.clone())],
                Target::New(_) => Vec::new(),
            }
        }
        Err(error) => {
            refuse(model, &error);
            Vec::new()
        }
    }
}

fn on_created(model: &mut Model, answer: Result<Accepted, ApiError>) -> Vec<Cmd> {
    match answer {
        Ok(accepted) => {
            model.screens.retain(|s| !matches!(s, Screen::Editor(_)));
            model.pods.selected = Some(accepted.pod.clone());
            model.say(Role::Good, "accepted; the pod is being made");
            let mut cmds = vec![Cmd::DropDraft("new".to_owned())];
            cmds.extend(follow(model, accepted.pod));
            cmds
        }
        Err(error) => {
            refuse(model, &error);
            Vec::new()
        }
    }
}

fn on_source(model: &mut Model, answer: Result<Source, ApiError>) -> Vec<Cmd> {
    let source = match answer {
        Ok(source) => source,
        Err(error) => {
            model.complain(&error);
            return Vec::new();
        }
    };
    model.toast = None;
    if !source.found {
        let makes =
            model.setting.keymap.told(Action::Apply, |key| format!("; {key} makes the pod"));
        let text = format!("there is no pinacle.yaml: this is the smallest one{makes}");
        model.say(Role::Faint, text);
    }
    let (text, now) = (source.text.clone(), model.world.now);
    let editor = Editor::new(Target::New(Box::new(source)), &text, now);
    let name = editor.draft_name();
    model.screens.retain(|s| !matches!(s, Screen::Editor(_)));
    model.screens.push(Screen::Editor(Box::new(editor)));
    vec![Cmd::FindDraft(name)]
}

fn on_edited(model: &mut Model, answer: Result<Option<String>, String>) {
    let now = model.world.now;
    match answer {
        Ok(Some(text)) => {
            if let Some(editor) = model.editor_mut() {
                editor.replace(&text, now);
            }
        }
        Ok(None) => {}
        Err(text) => model.say(Role::Bad, text),
    }
}

fn on_draft(model: &mut Model, name: &str, text: Option<String>) {
    let Some(text) = text else { return };
    let Some(editor) = model.editor_mut().filter(|e| e.draft_name() == name) else { return };
    if text.trim_end() == editor.text().trim_end() {
        return;
    }
    let mut lines = vec![(Role::Plain, "Changes were kept that were never applied:".to_owned())];
    lines.extend(changed_lines(&editor.text(), &text));
    let no = "Without them they are offered again, until you change something else.";
    lines.push((Role::Faint, no.to_owned()));
    model.layers.push(confirm("Take up your draft?", lines, Then::TakeDraft(text)));
}

/// Lines of a comparison that are shown: nobody reads more in a question.
const COMPARED: usize = 200;

/// Returns what differs between two texts, a line for each.
fn changed_lines(before: &str, after: &str) -> Vec<(Role, String)> {
    let changes = line_changes(before, after).into_iter().filter_map(|change| match change {
        Change::Same(_) => None,
        Change::Removed(line) => Some((Role::Removed, format!("  - {line}"))),
        Change::Added(line) => Some((Role::Added, format!("  + {line}"))),
    });
    let mut lines: Vec<(Role, String)> = changes.collect();
    if lines.len() > COMPARED {
        let more = lines.split_off(COMPARED).len();
        lines.push((Role::Faint, format!("  and {}", count(more, "more line"))));
    }
    lines
}
