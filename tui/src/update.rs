//! What happens to the model, and what is to be done about it. Routing only:
//! keys are in `keys`, answers of the daemon in `answers`, the rest in the
//! screens themselves.

mod actions;
mod answers;
mod details;
mod keys;
mod layers;
mod mouse;

use crate::cmd::Cmd;
use crate::journal::{Direction, Search};
use crate::keymap::Action;
use crate::model::{Link, Model, Screen};
use crate::msg::{Focus, Msg};
use crate::screens::doctor;
use crate::theme::Role;
use crate::view::{journal_extent, list_rows, screen_area};
use pinacle_protocol::{PodId, Timestamp};

/// How often what pods use is asked, in milliseconds, while somebody looks.
const USAGE_MS: u64 = 2_000;

/// The same once no key was pressed for [`IDLE_MS`].
const USAGE_IDLE_MS: u64 = 15_000;

/// After how long without a key nobody seems to look, in milliseconds.
const IDLE_MS: u64 = 60_000;

/// How long a question to the engine may stay unanswered, in milliseconds.
const USAGE_LOST_MS: u64 = 60_000;

/// Takes a message in and says what is to be done.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Cmd> {
    let mut cmds = match msg {
        Msg::Key(key) => {
            model.touched = model.world.now;
            if let Some(Screen::Pod(pod)) = model.screens.last_mut() {
                pod.ask_again();
            }
            keys::on_key(model, key)
        }
        Msg::Mouse(what) => {
            model.touched = model.world.now;
            mouse::on_mouse(model, what)
        }
        Msg::Paste(text) => {
            keys::on_paste(model, &text);
            Vec::new()
        }
        Msg::Resized(columns, rows) => {
            let before = journal_extent(model.size);
            model.size = (columns, rows);
            let now = journal_extent(model.size);
            if let Some(Screen::Pod(pod)) = model.screens.last_mut() {
                pod.keep_hit(before, now);
            }
            Vec::new()
        }
        Msg::Focus(focus) => {
            model.focus = focus;
            Vec::new()
        }
        Msg::Tick(now) => on_tick(model, now),
        other => answers::on_answer(model, other),
    };
    settle(model, &mut cmds);
    cmds
}

fn on_tick(model: &mut Model, now: Timestamp) -> Vec<Cmd> {
    model.world.now = now;
    if model.toast.as_ref().is_some_and(|t| t.until <= now) {
        model.toast = None;
    }
    let mut cmds = Vec::new();
    if usage_due(model).is_some_and(|at| at <= now) {
        let pods = visible_running(model);
        model.usage_asked = Some(now);
        model.usage_waiting = true;
        cmds.push(Cmd::Usage(pods));
    }
    cmds.extend(details::tick(model));
    if let Some(editor) = model.editor_mut()
        && editor.check_at.is_some_and(|at| at <= now)
    {
        editor.check_at = None;
        editor.serial += 1;
        cmds.push(Cmd::Check(editor.serial, editor.text()));
        if editor.is_changed() {
            cmds.push(Cmd::KeepDraft(editor.draft_name(), editor.text()));
        }
    }
    cmds
}

/// Returns the running pods that are looked at.
fn visible_running(model: &Model) -> Vec<PodId> {
    if !model.screens.is_empty() || model.focus == Focus::Lost || model.world.link != Link::Live {
        return Vec::new();
    }
    model.pods.visible_running(&model.world, list_rows(model.size))
}

/// Returns when what pods use is to be asked; `None` while nobody would see it.
fn usage_due(model: &Model) -> Option<Timestamp> {
    if visible_running(model).is_empty() {
        return None;
    }
    let pause = match model.world.now.since_ms(model.touched) {
        _ if model.usage_waiting => USAGE_LOST_MS,
        0..IDLE_MS => USAGE_MS,
        _ => USAGE_IDLE_MS,
    };
    Some(model.usage_asked.map_or(model.world.now, |at| at.plus_ms(pause)))
}

/// Returns when the next tick is due: when something is to be asked, or when
/// what is shown is no longer true.
pub fn next_tick(model: &Model) -> Timestamp {
    let now = model.world.now;
    let moving = model.world.pods.iter().any(|p| p.operation.is_some());
    let young = model
        .world
        .pods
        .iter()
        .any(|p| now.since_ms(p.phase_since) < 120_000 || now.since_ms(p.created_at) < 120_000);
    let lost = matches!(model.world.link, Link::Lost(..));
    let seconds = if (moving || lost || young) && model.focus == Focus::Gained { 1 } else { 30 };
    let check = model.screens.iter().find_map(|screen| match screen {
        Screen::Editor(editor) => editor.check_at,
        _ => None,
    });
    let candidates =
        [check, model.toast.as_ref().map(|t| t.until), usage_due(model), details::due(model)];
    let next = candidates.into_iter().flatten().min();
    next.unwrap_or(Timestamp(u64::MAX)).min(now.plus_ms(seconds * 1_000))
}

/// Puts everything where it can be, and asks for what is missing there.
fn settle(model: &mut Model, cmds: &mut Vec<Cmd>) {
    let (rows, size) = (list_rows(model.size), model.size);
    model.pods.settle(&model.world, rows);
    if model.world.pods.is_empty() && model.world.link == Link::Live && !model.asked_host {
        model.asked_host = true;
        cmds.push(Cmd::CheckHost { host: model.first_host(), fresh: false });
    }
    layers::settle(model);
    unscroll(model);
    match model.screens.last_mut() {
        Some(Screen::Editor(editor)) => {
            editor.settle(screen_area(size));
        }
        Some(Screen::Pod(_)) => settle_journal(model, cmds),
        _ => {}
    }
}

/// Takes back what was scrolled beyond the end, so that the way back begins at once.
fn unscroll(model: &mut Model) {
    let area = screen_area(model.size);
    // Taken off for the moment, as the rest of the model is looked at.
    let Some(mut screen) = model.screens.pop() else { return };
    match &mut screen {
        Screen::Doctor(shown) => {
            shown.scroll = shown.scroll.min(doctor::hidden(shown, model, area));
        }
        Screen::Details(shown) => {
            shown.settle(crate::screens::details::place(shown, model, area));
        }
        _ => {}
    }
    model.screens.push(screen);
}

fn settle_journal(model: &mut Model, cmds: &mut Vec<Cmd>) {
    let extent = journal_extent(model.size);
    let Some(Screen::Pod(pod)) = model.screens.last_mut() else { return };
    let mut nowhere = None;
    if let Some((from, direction)) = pod.pending {
        let found = pod.search(from, direction, extent);
        nowhere = (found == Some(Search::Nowhere)).then_some(direction);
    }
    let top = pod.top(extent);
    let (rows, last) = (extent.rows as u64, pod.journal.len().saturating_sub(1));
    let waiting = pod.pending.map(|(line, _)| line);
    // A screenful ahead, so that scrolling does not wait.
    let near = [top.saturating_sub(rows), top.saturating_add(2 * rows).min(last)];
    let shown = [top, top.saturating_add(rows).min(last)];
    for line in shown.into_iter().chain(near).chain(waiting) {
        if let Some(missing) = pod.journal.want(line) {
            let (id, number, infra) = (pod.id.clone(), pod.number, pod.infra);
            cmds.push(Cmd::Read { pod: id, number, missing, infra });
        }
    }
    if let Some(direction) = nowhere {
        found_nothing(model, direction);
    }
}

/// Says where nothing more was found, and which key looks on the other side.
fn found_nothing(model: &mut Model, direction: Direction) {
    let (here, there, other) = match direction {
        Direction::Forward => ("below", "above", Action::PreviousMatch),
        Direction::Backward => ("above", "below", Action::NextMatch),
    };
    let looks = model.setting.keymap.told(other, |key| format!("; {key} looks {there}"));
    model.say(Role::Warning, format!("no further match {here}{looks}"));
}

/// Says how a search went.
fn search(model: &mut Model, direction: Direction) {
    let extent = journal_extent(model.size);
    let Some(Screen::Pod(pod)) = model.screens.last_mut() else { return };
    if pod.pattern.is_none() {
        let begins = model.setting.keymap.told(Action::Search, |key| format!("; {key} begins"));
        model.say(Role::Warning, format!("nothing is searched for yet{begins}"));
        return;
    }
    let from = pod.search_from(direction, extent);
    if pod.search(from, direction, extent) == Some(Search::Nowhere) {
        found_nothing(model, direction);
    }
}
