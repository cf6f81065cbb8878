//! What a click and the wheel do: what the keys do, where something is pointed at.

use super::actions;
use super::layers;
use crate::cmd::Cmd;
use crate::keymap::Action;
use crate::model::{Model, Screen};
use crate::msg::{Mouse, MouseKind};
use crate::screens::details;
use crate::screens::pods::{Row, column_at};
use crate::view::{areas_of, journal_extent, screen_area};
use crate::widgets::layers::{Hit, Layer, hit};
use crate::widgets::status;
use ratatui::layout::Rect;

/// Lines that one notch of the wheel moves by.
const NOTCH: isize = 3;

/// Longest time between the two clicks of a double one, in milliseconds.
const DOUBLE_MS: u64 = 400;

pub(super) fn on_mouse(model: &mut Model, mouse: Mouse) -> Vec<Cmd> {
    let notches = match mouse.kind {
        MouseKind::WheelUp => -NOTCH,
        MouseKind::WheelDown => NOTCH,
        MouseKind::Click => return on_click(model, mouse),
    };
    if !model.layers.is_empty() {
        layers::scroll(model, notches);
        return Vec::new();
    }
    let (extent, area) = (journal_extent(model.size), screen_area(model.size));
    match model.screens.last_mut() {
        None => model.pods.step(&model.world, notches),
        Some(Screen::Pod(pod)) => pod.step(notches, extent),
        Some(Screen::Details(details)) => details.scroll_by(notches),
        Some(Screen::Printed(printed)) => printed.step(notches),
        Some(Screen::Doctor(doctor)) => doctor.step(notches),
        Some(Screen::Editor(editor)) if editor.points_beside(area, mouse.column, mouse.row) => {
            editor.scroll_beside(area, notches);
        }
        Some(Screen::Editor(editor)) => editor.scroll(notches),
    }
    Vec::new()
}

fn on_click(model: &mut Model, mouse: Mouse) -> Vec<Cmd> {
    let now = model.world.now;
    let here = (mouse.column, mouse.row);
    let last = model.clicked.replace((mouse.column, mouse.row, now));
    let double = last.is_some_and(|(x, y, at)| (x, y) == here && now.since_ms(at) <= DOUBLE_MS);
    if double {
        // A third click begins anew.
        model.clicked = None;
    }
    if let Some(layer) = model.layers.last() {
        return match hit(layer, model, here) {
            Hit::Do(action) => layers::act(model, action),
            Hit::Row(row) => {
                if let Some(Layer::Palette(palette)) = model.layers.last_mut() {
                    palette.selected = row;
                }
                layers::act(model, Action::Accept)
            }
            Hit::Nothing => Vec::new(),
        };
    }
    let [_, body, _, hints] = areas_of(model.size);
    if mouse.row == hints.y {
        let action = status::hint_at(model, usize::from(hints.width), usize::from(mouse.column));
        return action.map_or_else(Vec::new, |action| actions::run(model, action));
    }
    if mouse.row < body.y || mouse.row >= body.bottom() {
        return Vec::new();
    }
    let row = usize::from(mouse.row - body.y);
    match model.screens.last_mut() {
        None => on_list(model, body.width, mouse.column, row, double),
        Some(Screen::Pod(_)) => on_journal(model, row),
        Some(Screen::Editor(editor)) => {
            editor.click(body, mouse.column, mouse.row);
            Vec::new()
        }
        Some(Screen::Details(_)) => on_details(model, body, row, double),
        Some(Screen::Printed(_) | Screen::Doctor(_)) => Vec::new(),
    }
}

/// The heading sorts; a row is gone to, by a double click into it.
fn on_list(model: &mut Model, width: u16, column: u16, row: usize, double: bool) -> Vec<Cmd> {
    let Some(row) = row.checked_sub(1) else {
        if let Some(column) = column_at(width, column) {
            model.pods.sort_by(column);
        }
        return Vec::new();
    };
    let rows = model.pods.rows(&model.world);
    let Some(Row::Pod(pod)) = rows.get(model.pods.top + row) else { return Vec::new() };
    let id = pod.id.clone();
    let marks = column < 2;
    model.pods.selected = Some(id);
    if marks {
        model.pods.toggle_mark();
        return Vec::new();
    }
    if double { actions::run(model, Action::Open) } else { Vec::new() }
}

fn on_details(model: &mut Model, body: Rect, row: usize, double: bool) -> Vec<Cmd> {
    let Some(Screen::Details(shown)) = model.screens.last() else { return Vec::new() };
    let Some(process) = details::process_at(shown, model, body, row) else { return Vec::new() };
    if let Some(Screen::Details(shown)) = model.screens.last_mut() {
        shown.selected = Some(process);
    }
    if double { actions::run(model, Action::Output) } else { Vec::new() }
}

/// A command is folded or unfolded by its line; the word about new lines leads to them.
fn on_journal(model: &mut Model, row: usize) -> Vec<Cmd> {
    let extent = journal_extent(model.size);
    let Some(Screen::Pod(pod)) = model.screens.last_mut() else { return Vec::new() };
    let Some(row) = row.checked_sub(crate::screens::pod::ROWS_ABOVE) else { return Vec::new() };
    if pod.unseen() > 0 && row + 1 == extent.rows {
        return actions::run(model, Action::Follow);
    }
    pod.click(row, extent);
    Vec::new()
}
