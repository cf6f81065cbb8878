//! Actions on pods, and on the journal of one.

use crate::cmd::Cmd;
use crate::journal::Direction;
use crate::keymap::Action;
use crate::model::{Link, Model, Screen};
use crate::msg::Verb;
use crate::screens::pod::{Copied, Pod, View};
use crate::theme::Role;
use crate::view::journal_extent;
use crate::widgets::ansi::Wrap;
use crate::widgets::input::LineInput;
use crate::widgets::layers::{Confirm, Layer, Purpose, Then};
use pinacle_protocol::{PodId, PodPhase};

/// Slugs that are listed in a question.
const LISTED: usize = 8;

/// Begins an action on the pods that are meant; asks first where it stops or destroys.
pub(super) fn act(model: &mut Model, verb: Verb) -> Vec<Cmd> {
    let pods = model.targets();
    if pods.is_empty() || !is_linked(model) {
        return Vec::new();
    }
    // The list has none that is gone, but its screen may be open.
    if pods.len() == 1 && !model.is_here(&pods[0]) {
        return Vec::new();
    }
    if verb == Verb::Start {
        return ask(model, verb, pods);
    }
    let mut slugs: Vec<String> = pods.iter().map(|id| model.world.slug(id)).collect();
    let count = slugs.len();
    let one = (count == 1).then(|| slugs[0].clone());
    slugs.truncate(LISTED);
    let more = if count > LISTED { format!(" and {} more", count - LISTED) } else { String::new() };
    let running = |id: &PodId| model.world.pod(id).is_some_and(|p| p.phase == PodPhase::Running);
    let destroys = verb == Verb::Delete;
    let word = match &one {
        Some(slug) if destroys && pods.iter().any(running) => Some(slug.clone()),
        None if destroys => Some(format!("delete {count}")),
        _ => None,
    };
    let what = match (verb, &one) {
        (Verb::Delete, Some(_)) => {
            "Everything of it is removed, with all its files. They cannot be had again."
        }
        (Verb::Delete, None) => {
            "Everything of them is removed, with all their files. They cannot be had again."
        }
        (Verb::Stop, Some(_)) => {
            "What runs in it ends; every file, its port and its address are kept."
        }
        (Verb::Stop, None) => {
            "What runs in them ends; every file, their ports and addresses are kept."
        }
        (_, Some(_)) => "What runs in it ends and is started again; every file is kept.",
        (_, None) => "What runs in them ends and is started again; every file is kept.",
    };
    let role = if destroys { Role::Bad } else { Role::Plain };
    let mut lines = vec![(role, what.to_owned())];
    if one.is_none() {
        lines.insert(0, (Role::Strong, format!("{}{more}", slugs.join(", "))));
    }
    let name = one.unwrap_or_else(|| format!("{count} pods"));
    model.layers.push(Layer::Confirm(Confirm {
        title: format!("{} {name}?", verb.as_str()),
        lines,
        word,
        input: LineInput::default(),
        scroll: 0,
        then: Then::Act(verb, pods),
    }));
    Vec::new()
}

/// Asks the daemon.
pub(super) fn ask(model: &mut Model, verb: Verb, pods: Vec<PodId>) -> Vec<Cmd> {
    if !is_linked(model) {
        return Vec::new();
    }
    let name = match pods.as_slice() {
        [one] => model.world.slug(one),
        several => format!("{} pods", several.len()),
    };
    model.say(Role::Faint, format!("{} {name} ...", verb.as_str()));
    model.pods.marks.clear();
    pods.into_iter().map(|pod| Cmd::Act(verb, pod)).collect()
}

/// Returns whether the daemon can be asked; says so when it cannot.
pub(super) fn is_linked(model: &mut Model) -> bool {
    let linked = model.world.link == Link::Live;
    if !linked {
        model.say(Role::Bad, "there is no link to the daemon: nothing was asked of it");
    }
    linked
}

/// Actions that lead somewhere.
pub(super) fn go(model: &mut Model, action: Action) -> Vec<Cmd> {
    let one = match model.screens.last() {
        Some(Screen::Pod(pod)) => Some(pod.id.clone()),
        Some(Screen::Details(details)) => Some(details.id.clone()),
        _ => model.pods.selected.clone(),
    };
    let Some(id) = one.filter(|id| model.is_here(id)) else { return Vec::new() };
    let Some(pod) = model.world.pod(&id) else { return Vec::new() };
    let (phase, url, slug) = (pod.phase, pod.url.clone(), pod.slug.clone());
    match action {
        Action::Open => follow(model, id),
        Action::Details => super::super::details::open(model, id),
        Action::Shell if phase != PodPhase::Running => {
            model.say(
                Role::Warning,
                format!("{slug} is {}; a shell needs it running", phase.as_str()),
            );
            Vec::new()
        }
        Action::Shell if !is_linked(model) => Vec::new(),
        Action::Shell => vec![Cmd::Shell(id)],
        _ => match url {
            None => {
                model.say(Role::Warning, format!("{slug} has no address yet"));
                Vec::new()
            }
            Some(url) if action == Action::OpenUrl => vec![Cmd::OpenUrl(id, url)],
            Some(url) => vec![Cmd::Copy("the address".to_owned(), url)],
        },
    }
}

/// Shows a pod's screen and follows its journal.
pub(in crate::update) fn follow(model: &mut Model, id: PodId) -> Vec<Cmd> {
    model.screens.retain(|s| !matches!(s, Screen::Pod(_)));
    let number = model.next_number();
    model.screens.push(Screen::Pod(Box::new(Pod::new(id.clone(), number))));
    vec![Cmd::Follow { pod: id, number, infra: false }]
}

/// Actions on a journal.
pub(super) fn journal(model: &mut Model, action: Action) -> Vec<Cmd> {
    let extent = journal_extent(model.size);
    // Only what is followed anew is told apart from what was.
    let number = if action == Action::Infra { model.next_number() } else { model.number };
    let slug = model.targets().first().map(|id| model.world.slug(id)).unwrap_or_default();
    let saves = model.setting.keymap.told(Action::Save, |key| format!(" ({key} saves all)"));
    let Some(Screen::Pod(pod)) = model.screens.last_mut() else { return Vec::new() };
    match action {
        Action::Follow => pod.toggle_follow(extent),
        Action::Infra => {
            pod.infra = !pod.infra;
            pod.restart(number);
            return vec![Cmd::Follow { pod: pod.id.clone(), number, infra: pod.infra }];
        }
        Action::Fold => {
            let folds = pod.fold(extent);
            if !folds {
                model.say(Role::Faint, "nothing to fold: this command printed nothing");
            }
        }
        Action::FoldAll => pod.fold_all(extent),
        Action::NextCommand => pod.command(Direction::Forward, extent),
        Action::PreviousCommand => pod.command(Direction::Backward, extent),
        Action::Wrap => {
            pod.wrap = match pod.wrap {
                Wrap::Rows => Wrap::Cut,
                Wrap::Cut => Wrap::Rows,
            };
        }
        Action::Search => {
            if pod.view == View::Following {
                pod.hit = None;
            }
            model.layers.push(Layer::Prompt(Purpose::Search, LineInput::default()));
        }
        Action::Copy => {
            let copied = pod.copy(extent).map(|(text, copied)| match copied {
                Copied::Whole => Cmd::Copy("the command and its output".to_owned(), text),
                Copied::Begun => {
                    let what = format!("the beginning of it, as much as terminals take{saves},");
                    Cmd::Copy(what, text)
                }
            });
            return copied.into_iter().collect();
        }
        Action::Save => {
            let path = format!("{slug}.log");
            model.layers.push(Layer::Prompt(Purpose::SaveAs, LineInput::new(path)));
        }
        _ => {}
    }
    Vec::new()
}
