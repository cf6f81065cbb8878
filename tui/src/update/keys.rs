//! Keys and pasted text.

use super::{actions, layers};
use crate::cmd::Cmd;
use crate::keymap::Key;
use crate::model::{Model, Screen};

pub(super) fn on_key(model: &mut Model, key: Key) -> Vec<Cmd> {
    if !model.layers.is_empty() {
        return layers::on_key(model, key);
    }
    let types = matches!(model.screens.last(), Some(Screen::Editor(_)));
    if types {
        if let Some(action) = model.setting.keymap.action_in_text(key) {
            return actions::run(model, action);
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
