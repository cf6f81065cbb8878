//! Keys of dialogs.

use super::{actions, search};
use crate::cmd::Cmd;
use crate::journal::{Direction, Pattern};
use crate::keymap::{Action, Context, Key, Keymap};
use crate::model::{Model, Screen};
use crate::theme::Role;
use crate::view::journal_extent;
use crate::widgets::input::LineInput;
use crate::widgets::layers::{Confirm, Layer, Purpose, most};

pub(super) fn on_paste(layer: &mut Layer, text: &str) {
    match layer {
        Layer::Prompt(_, input) => input.insert(text),
        Layer::Palette(palette) => palette.input.insert(text),
        Layer::Confirm(confirm) if confirm.word.is_some() => confirm.input.insert(text),
        Layer::Confirm(_) | Layer::Help { .. } => {}
    }
}

/// Lines of a page of a dialog.
const PAGE: isize = 10;

/// Returns by how many lines a key scrolls.
fn scrolls(keymap: &Keymap, key: Key) -> isize {
    match keymap.action(&[Context::Move], key) {
        Some(Action::Down) => 1,
        Some(Action::Up) => -1,
        Some(Action::PageDown) => PAGE,
        Some(Action::PageUp) => -PAGE,
        Some(Action::Top) => isize::MIN,
        Some(Action::Bottom) => isize::MAX,
        // As in every pager.
        None if key.is("space") => PAGE,
        _ => 0,
    }
}

/// Puts what is scrolled where it can be.
pub(super) fn settle(model: &mut Model) {
    let Some(layer) = model.layers.last() else { return };
    let most = most(layer, model);
    if let Some(Layer::Help { scroll } | Layer::Confirm(Confirm { scroll, .. })) =
        model.layers.last_mut()
    {
        *scroll = (*scroll).min(most);
    }
}

/// Scrolls the dialog on top by lines.
pub(super) fn scroll(model: &mut Model, by: isize) {
    let rows = match model.layers.last() {
        Some(Layer::Palette(palette)) => {
            palette.rows(&model.setting.keymap, model.contexts()).len()
        }
        _ => 0,
    };
    match model.layers.last_mut() {
        Some(Layer::Help { scroll } | Layer::Confirm(Confirm { scroll, .. })) => {
            *scroll = scroll.saturating_add_signed(by);
        }
        Some(Layer::Palette(palette)) => palette.step(by, rows),
        Some(Layer::Prompt(..)) | None => {}
    }
}

/// Returns whether keys type into a dialog.
fn types(layer: &Layer) -> bool {
    match layer {
        Layer::Help { .. } => false,
        Layer::Confirm(confirm) => confirm.word.is_some(),
        Layer::Palette(_) | Layer::Prompt(..) => true,
    }
}

pub(super) fn on_key(model: &mut Model, key: Key) -> Vec<Cmd> {
    let keymap = &model.setting.keymap;
    let Some(layer) = model.layers.last() else { return Vec::new() };
    let action = keymap.action(&[Context::Dialog], key);
    if types(layer) {
        return match action {
            Some(Action::Complete) if let Layer::Prompt(Purpose::Path, input) = layer => {
                vec![Cmd::Complete(input.text().to_owned())]
            }
            Some(action @ (Action::Accept | Action::Close)) => act(model, action),
            _ => on_typed(model, key),
        };
    }
    let shown = matches!(layer, Layer::Help { .. });
    let closes = [Some(Action::Quit), Some(Action::Help), Some(Action::Back)];
    if shown && closes.contains(&keymap.action(&[Context::Global], key)) {
        return act(model, Action::Close);
    }
    match action {
        Some(action) => act(model, action),
        None => {
            let by = scrolls(keymap, key);
            scroll(model, by);
            Vec::new()
        }
    }
}

/// A key where text is typed.
fn on_typed(model: &mut Model, key: Key) -> Vec<Cmd> {
    let by = scrolls(&model.setting.keymap, key);
    match model.layers.last_mut() {
        Some(Layer::Palette(palette)) => {
            let by = match key.to_string().as_str() {
                "ctrl-n" | "tab" => 1,
                "ctrl-p" | "backtab" => -1,
                _ if key.typed().is_none() => by,
                _ => 0,
            };
            if by != 0 {
                scroll(model, by);
            } else if palette.input.key(key) {
                palette.selected = 0;
            }
        }
        Some(Layer::Confirm(confirm)) => {
            if !confirm.input.key(key) {
                scroll(model, by);
            }
        }
        Some(Layer::Prompt(purpose, input)) => {
            input.key(key);
            let (purpose, text) = (*purpose, input.text().to_owned());
            match (purpose, model.screens.last_mut()) {
                (Purpose::Filter, None) => model.pods.filter = text,
                (Purpose::Search, Some(Screen::Pod(pod))) => pod.pattern = Pattern::new(&text),
                _ => {}
            }
        }
        Some(Layer::Help { .. }) | None => {}
    }
    Vec::new()
}

/// Does to the dialog on top what one of its keys does, or a click.
pub(super) fn act(model: &mut Model, action: Action) -> Vec<Cmd> {
    let Some(layer) = model.layers.pop() else { return Vec::new() };
    match (layer, action) {
        (Layer::Prompt(purpose, _), Action::Close) => left(model, purpose),
        (_, Action::Close) => {}
        (Layer::Prompt(purpose, input), Action::Accept) => {
            return entered(model, purpose, input.text());
        }
        (Layer::Palette(palette), Action::Accept) => {
            let rows = palette.rows(&model.setting.keymap, model.contexts());
            let action = rows.get(palette.selected).map(|(row, _)| row.action);
            return action.map_or_else(Vec::new, |action| actions::run(model, action));
        }
        (Layer::Confirm(confirm), action) => match (&confirm.word, action) {
            (Some(word), Action::Accept) => {
                if confirm.input.text().trim() == word.as_str() {
                    return actions::confirmed(model, confirm.then);
                }
                model.say(Role::Warning, "that is not the word; nothing was done");
            }
            (None, Action::Yes) => return actions::confirmed(model, confirm.then),
            (None, Action::No) => {}
            _ => model.layers.push(Layer::Confirm(confirm)),
        },
        (layer, _) => model.layers.push(layer),
    }
    Vec::new()
}

/// Takes in what a path may become, unless it was typed on meanwhile.
pub(super) fn completed(model: &mut Model, path: &str, found: &[String]) {
    let Some(Layer::Prompt(Purpose::Path, input)) = model.layers.last_mut() else { return };
    if input.text() != path {
        return;
    }
    let Some(first) = found.first() else {
        return model.say(Role::Warning, "no directory or spec begins so");
    };
    let same = |c: &(usize, char)| found.iter().all(|f| f[c.0..].starts_with(c.1));
    let common: String = first.char_indices().take_while(same).map(|(_, c)| c).collect();
    if common.len() > path.len() {
        *input = LineInput::new(common.as_str());
    }
    model.toast = None;
    if found.len() > 1 {
        let names = found.iter().map(|f| f[path.rfind('/').map_or(0, |at| at + 1)..].to_owned());
        model.say(Role::Faint, names.collect::<Vec<_>>().join("  "));
    }
}

fn left(model: &mut Model, purpose: Purpose) {
    match (purpose, model.screens.last_mut()) {
        (Purpose::Filter, None) => model.pods.filter.clear(),
        (Purpose::Search, Some(Screen::Pod(pod))) => pod.pattern = None,
        _ => {}
    }
}

fn entered(model: &mut Model, purpose: Purpose, text: &str) -> Vec<Cmd> {
    match purpose {
        Purpose::Filter => text.clone_into(&mut model.pods.filter),
        Purpose::Search => {
            let extent = journal_extent(model.size);
            if let Some(Screen::Pod(pod)) = model.screens.last_mut() {
                pod.pattern = Pattern::new(text);
                // From the end what was printed last is wanted, from elsewhere what comes next.
                let direction = match pod.view {
                    crate::screens::pod::View::Following => Direction::Backward,
                    crate::screens::pod::View::At { .. } => Direction::Forward,
                };
                pod.hit = match direction {
                    Direction::Backward => Some(pod.journal.len()),
                    Direction::Forward => pod.top(extent).checked_sub(1),
                };
                if pod.pattern.is_some() {
                    search(model, direction);
                }
            }
        }
        Purpose::Path if text.trim().is_empty() => {}
        Purpose::Path => {
            model.say(Role::Faint, format!("reading {text} ..."));
            return vec![Cmd::Source(text.trim().to_owned())];
        }
        Purpose::SaveAs => {
            if let Some(Screen::Pod(pod)) = model.screens.last() {
                let (pod, infra) = (pod.id.clone(), pod.infra);
                return vec![Cmd::Save { pod, path: text.trim().to_owned(), infra }];
            }
        }
    }
    Vec::new()
}
