//! Keys of dialogs. They are the same everywhere and cannot be bound anew.

use super::{actions, search};
use crate::cmd::Cmd;
use crate::journal::{Direction, Pattern};
use crate::keymap::Key;
use crate::model::{Model, Screen};
use crate::theme::Role;
use crate::view::journal_extent;
use crate::widgets::input::LineInput;
use crate::widgets::layers::{Confirm, Layer, Purpose};

pub(super) fn on_paste(layer: &mut Layer, text: &str) {
    match layer {
        Layer::Prompt(_, input) => input.insert(text),
        Layer::Palette(palette) => palette.input.insert(text),
        Layer::Confirm(confirm) if confirm.word.is_some() => confirm.input.insert(text),
        Layer::Confirm(_) | Layer::Help { .. } => {}
    }
}

/// Returns by how many lines a key scrolls.
fn scrolls(key: Key) -> Option<isize> {
    let page = 10;
    Some(match key.to_string().as_str() {
        "down" | "j" => 1,
        "up" | "k" => -1,
        "pagedown" | "space" => page,
        "pageup" => -page,
        "home" => isize::MIN,
        "end" => 10_000,
        _ => return None,
    })
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
        Some(Layer::Help { scroll }) => *scroll = scroll.saturating_add_signed(by).min(200),
        Some(Layer::Palette(palette)) => palette.step(by, rows),
        Some(Layer::Confirm(confirm)) => {
            confirm.scroll = confirm.scroll.saturating_add_signed(by).min(1_000);
        }
        Some(Layer::Prompt(..)) | None => {}
    }
}

pub(super) fn on_key(model: &mut Model, key: Key) -> Vec<Cmd> {
    let leaves = key.is("esc") || key.to_string() == "ctrl-c";
    let Some(layer) = model.layers.pop() else { return Vec::new() };
    match layer {
        Layer::Prompt(purpose, input) if leaves => left(model, purpose, &input),
        _ if leaves => {}
        Layer::Help { scroll } => {
            if key.typed() == Some('q') || key.typed() == Some('?') {
                return Vec::new();
            }
            let by = scrolls(key).unwrap_or(0);
            model.layers.push(Layer::Help { scroll: scroll.saturating_add_signed(by).min(200) });
        }
        Layer::Palette(palette) => return on_palette(model, palette, key),
        Layer::Prompt(purpose, input) => return on_prompt(model, purpose, input, key),
        Layer::Confirm(confirm) => return on_confirm(model, confirm, key),
    }
    Vec::new()
}

fn left(model: &mut Model, purpose: Purpose, _input: &LineInput) {
    match (purpose, model.screens.last_mut()) {
        (Purpose::Filter, None) => model.pods.filter.clear(),
        (Purpose::Search, Some(Screen::Pod(pod))) => pod.pattern = None,
        _ => {}
    }
}

fn on_palette(
    model: &mut Model,
    mut palette: crate::widgets::palette::Palette,
    key: Key,
) -> Vec<Cmd> {
    let contexts = model.contexts();
    let rows = palette.rows(&model.setting.keymap, contexts);
    let count = rows.len();
    if key.is("enter") {
        let action = rows.get(palette.selected).map(|(row, _)| row.action);
        return action.map_or_else(Vec::new, |action| actions::run(model, action));
    }
    match key.to_string().as_str() {
        "down" | "ctrl-n" | "tab" => palette.step(1, count),
        "up" | "ctrl-p" | "backtab" => palette.step(-1, count),
        _ => {
            if palette.input.key(key) {
                palette.selected = 0;
            }
        }
    }
    model.layers.push(Layer::Palette(palette));
    Vec::new()
}

fn on_prompt(model: &mut Model, purpose: Purpose, mut input: LineInput, key: Key) -> Vec<Cmd> {
    if key.is("enter") {
        return entered(model, purpose, input.text());
    }
    input.key(key);
    match (purpose, model.screens.last_mut()) {
        (Purpose::Filter, None) => input.text().clone_into(&mut model.pods.filter),
        (Purpose::Search, Some(Screen::Pod(pod))) => pod.pattern = Pattern::new(input.text()),
        _ => {}
    }
    model.layers.push(Layer::Prompt(purpose, input));
    Vec::new()
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

fn on_confirm(model: &mut Model, mut confirm: Confirm, key: Key) -> Vec<Cmd> {
    if let Some(word) = &confirm.word {
        if key.is("enter") {
            if confirm.input.text().trim() == word.as_str() {
                return actions::confirmed(model, confirm.then);
            }
            model.say(Role::Warning, "that is not the word; nothing was done");
            return Vec::new();
        }
        if !confirm.input.key(key) {
            confirm.scroll =
                confirm.scroll.saturating_add_signed(scrolls(key).unwrap_or(0)).min(1_000);
        }
    } else if matches!(key.typed(), Some('y' | 'Y')) {
        return actions::confirmed(model, confirm.then);
    } else if matches!(key.typed(), Some('n' | 'N' | 'q')) {
        return Vec::new();
    } else {
        confirm.scroll = confirm.scroll.saturating_add_signed(scrolls(key).unwrap_or(0)).min(1_000);
    }
    model.layers.push(Layer::Confirm(confirm));
    Vec::new()
}
