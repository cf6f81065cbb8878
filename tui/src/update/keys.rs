//! Keys and pasted text.

use super::{actions, layers};
use crate::cmd::Cmd;
use crate::keymap::{Action, Context, Key};
use crate::model::{Model, Screen};

pub(super) fn on_key(model: &mut Model, key: Key) -> Vec<Cmd> {
    if !model.layers.is_empty() {
        return layers::on_key(model, key);
    }
    let types = matches!(model.screens.last(), Some(Screen::Editor(_)));
    if types {
        let action = model.setting.keymap.action(&[Context::Editor], key);
        let global = || {
            let action = model.setting.keymap.action(&[Context::Global], key);
            action.filter(|_| key.typed().is_none() && !key.ctrl || key.to_string() == "ctrl-z")
        };
        if let Some(action) = action.or_else(global) {
            return actions::run(model, action);
        }
        // Where text is typed, this is no way to lose it.
        if model.setting.keymap.action(&[Context::Global], key) == Some(Action::Quit) && key.ctrl {
            return actions::run(model, Action::Back);
        }
        let now = model.world.now;
        if let Some(Screen::Editor(editor)) = model.screens.last_mut() {
            editor.key(key, now);
        }
        return Vec::new();
    }
    match model.setting.keymap.action(model.contexts(), key) {
        Some(action) => actions::run(model, action),
        None => Vec::new(),
    }
}

pub(super) fn on_paste(model: &mut Model, text: &str) {
    if let Some(layer) = model.layers.last_mut() {
        layers::on_paste(layer, text);
        return;
    }
    let now = model.world.now;
    if let Some(Screen::Editor(editor)) = model.screens.last_mut() {
        editor.paste(text, now);
    }
}
