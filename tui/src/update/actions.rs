//! What actions do.

mod pod;
mod spec;

use super::{details, search};
use crate::cmd::Cmd;
use crate::journal::Direction;
use crate::keymap::Action;
use crate::model::{Link, Model, Screen};
use crate::msg::{Pointer, Verb};
use crate::screens::doctor::Doctor;
use crate::theme::Role;
use crate::view::{journal_extent, list_rows};
use crate::widgets::input::LineInput;
use crate::widgets::layers::{Layer, Purpose, Then};
use crate::widgets::palette::Palette;

pub(super) use pod::follow;
pub(super) use spec::propose;

/// Carries an action out.
pub(super) fn run(model: &mut Model, action: Action) -> Vec<Cmd> {
    match action {
        Action::Quit => return vec![Cmd::Quit],
        Action::Suspend => return vec![Cmd::Suspend],
        Action::Redraw => return vec![Cmd::Redraw],
        Action::Record => return vec![Cmd::Record],
        Action::StartDaemon => return start_daemon(model),
        Action::Mouse => return point(model),
        Action::Help => model.layers.push(Layer::Help { scroll: 0 }),
        Action::Palette => model.layers.push(Layer::Palette(Palette::default())),
        Action::Back => return back(model),
        Action::Doctor => {
            let host = model.first_host();
            return doctor(model, Doctor::new(host), false);
        }
        Action::Up
        | Action::Down
        | Action::PageUp
        | Action::PageDown
        | Action::Top
        | Action::Bottom => {
            step(model, action);
        }
        Action::Start | Action::Stop | Action::Restart | Action::Delete => {
            return pod::act(model, verb(action));
        }
        Action::Shell | Action::OpenUrl | Action::CopyUrl | Action::Open | Action::Details => {
            return pod::go(model, action);
        }
        Action::Output => return details::output(model),
        Action::OutputAgain => return details::output_again(model),
        Action::Edit => return spec::edit(model),
        Action::New => {
            let cwd = model.setting.cwd.clone();
            model.toast = None;
            model.layers.push(Layer::Prompt(Purpose::Path, LineInput::new(cwd)));
        }
        Action::Filter => {
            let filter = LineInput::new(model.pods.filter.clone());
            model.layers.push(Layer::Prompt(Purpose::Filter, filter));
        }
        Action::Mark | Action::MarkAll | Action::Group | Action::SortNext | Action::SortReverse => {
            arrange(model, action);
        }
        Action::Apply => return spec::apply(model),
        Action::Preview
        | Action::PreviewUp
        | Action::PreviewDown
        | Action::PreviewPageUp
        | Action::PreviewPageDown
        | Action::NextFinding
        | Action::External
        | Action::Reload => return spec::other(model, action),
        Action::Recheck | Action::NextHost => return other_host(model, action),
        Action::NextMatch => search(model, Direction::Forward),
        Action::PreviousMatch => search(model, Direction::Backward),
        _ => return pod::journal(model, action),
    }
    Vec::new()
}

fn verb(action: Action) -> Verb {
    match action {
        Action::Stop => Verb::Stop,
        Action::Restart => Verb::Restart,
        Action::Delete => Verb::Delete,
        _ => Verb::Start,
    }
}

/// Marks, groups and sorts what the list shows.
fn arrange(model: &mut Model, action: Action) {
    match action {
        Action::Mark => model.pods.mark(&model.world),
        Action::MarkAll => model.pods.mark_all(&model.world),
        Action::Group => model.pods.group(),
        Action::SortNext => model.pods.sort_next(),
        _ => model.pods.reverse(),
    }
}

/// Carries out what was asked about.
pub(super) fn confirmed(model: &mut Model, then: Then) -> Vec<Cmd> {
    match then {
        Then::Act(verb, pods) => pod::ask(model, verb, pods),
        Then::Apply => spec::send(model),
        Then::ApplyOver => spec::send_over(model),
        Then::TakeDraft(text) => {
            let now = model.world.now;
            if let Some(editor) = model.editor_mut() {
                editor.replace(&text, now);
            }
            model.say(Role::Good, "the draft is here again");
            Vec::new()
        }
        Then::Reload => spec::reload(model),
    }
}

/// Takes clicks from the terminal, or leaves them to it.
fn point(model: &mut Model) -> Vec<Cmd> {
    let (pointer, text) = match model.pointer {
        Pointer::Taken => (Pointer::Left, "the mouse is the terminal's now: it selects text"),
        Pointer::Left => (Pointer::Taken, "the mouse is taken again: clicks do what they point at"),
    };
    model.pointer = pointer;
    model.say(Role::Faint, text);
    vec![Cmd::Point(pointer)]
}

/// Goes back by one: a screen, marks, the filter.
fn back(model: &mut Model) -> Vec<Cmd> {
    match model.screens.pop() {
        Some(Screen::Editor(editor)) => {
            let mut cmds = Vec::new();
            if editor.is_changed() {
                cmds.push(Cmd::KeepDraft(editor.draft_name(), editor.text()));
                model.say(
                    Role::Warning,
                    "your changes are kept as a draft; the editor offers it again",
                );
            }
            return cmds;
        }
        Some(Screen::Pod(_)) => return vec![Cmd::Unfollow],
        Some(Screen::Doctor(_) | Screen::Details(_) | Screen::Printed(_)) => {}
        None if model.toast.is_some() => model.toast = None,
        None if !model.pods.marks.is_empty() => model.pods.marks.clear(),
        None => model.pods.filter.clear(),
    }
    Vec::new()
}

fn step(model: &mut Model, action: Action) {
    let page = isize::try_from(match model.screens.last() {
        Some(Screen::Pod(_)) => journal_extent(model.size).rows,
        _ => list_rows(model.size),
    })
    .unwrap_or(1);
    let page = (page - 1).max(1);
    const ALL: isize = isize::MAX / 2;
    let by = match action {
        Action::Up => -1,
        Action::Down => 1,
        Action::PageUp => -page,
        Action::PageDown => page,
        Action::Top => -ALL,
        _ => ALL,
    };
    let extent = journal_extent(model.size);
    match model.screens.last_mut() {
        None => model.pods.step(&model.world, by),
        Some(Screen::Pod(pod)) => match action {
            Action::Top => pod.go(0, extent),
            Action::Bottom => pod.view = crate::screens::pod::View::Following,
            _ => pod.step(by, extent),
        },
        Some(Screen::Doctor(doctor)) => doctor.step(by),
        Some(Screen::Details(details)) => details.step(by),
        Some(Screen::Printed(printed)) => printed.step(by),
        Some(Screen::Editor(_)) => {}
    }
}

fn doctor(model: &mut Model, doctor: Doctor, fresh: bool) -> Vec<Cmd> {
    let host = doctor.host.clone();
    if matches!(model.screens.last(), Some(Screen::Doctor(_))) {
        model.screens.pop();
    }
    model.screens.push(Screen::Doctor(doctor));
    vec![Cmd::CheckHost { host, fresh }]
}

fn other_host(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Some(Screen::Doctor(shown)) = model.screens.last() else { return Vec::new() };
    let host = shown.host.clone();
    if action == Action::Recheck {
        return doctor(model, Doctor::new(host), true);
    }
    let hosts = &model.world.hosts;
    let at = hosts.iter().position(|h| h.id == host).map_or(0, |at| at + 1);
    let next = hosts.get(at).or_else(|| hosts.first()).map(|h| h.id.clone());
    next.map_or_else(Vec::new, |host| doctor(model, Doctor::new(host), false))
}

/// Asks for a daemon where none answers; whoever has a service manager need not.
fn start_daemon(model: &mut Model) -> Vec<Cmd> {
    if !matches!(model.world.link, Link::Lost(..)) {
        model.say(Role::Faint, "the daemon is there");
        return Vec::new();
    }
    model.say(Role::Faint, "starting the daemon ...");
    vec![Cmd::StartDaemon]
}
