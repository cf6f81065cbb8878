//! Every key bound anew: whatever the screen names is what was bound.

use super::{looks, states};
use pinacle_tui::keymap::{Action, Context, Key, Keymap, TABLE, read};
use pinacle_tui::model::{Model, Screen};
use pinacle_tui::widgets::layers::Layer;
use std::cell::Cell;
use std::collections::BTreeSet;

thread_local! {
    static ON: Cell<bool> = const { Cell::new(false) };
}

/// Returns whether the screens of this thread are shown with every key bound anew.
pub(super) fn is_on() -> bool {
    ON.get()
}

/// Returns the keys in force on this thread.
pub(super) fn keymap() -> Keymap {
    if is_on() { read(&anew()).expect("a good file") } else { Keymap::default() }
}

/// A file with another key for each row, none of which is anywhere in the table.
fn anew() -> String {
    let held = ["alt", "shift", "alt-shift", "ctrl-alt", "ctrl-alt-shift", "ctrl-shift"];
    let mut keys = held.iter().flat_map(|held| (1..=12).map(move |n| format!("{held}-f{n}")));
    let mut text = String::new();
    for context in Context::ALL {
        text.push_str(&format!("[{}]\n", context.name()));
        for row in TABLE.iter().filter(|row| row.context == context) {
            let key = keys.next().expect("there are more keys than rows");
            text.push_str(&format!("{} = \"{key}\"\n", row.name));
        }
    }
    text
}

/// Returns the key that does what this one does in the table.
pub(super) fn translated(model: &Model, key: Key) -> Key {
    let typing = match model.layers.last() {
        Some(Layer::Palette(_) | Layer::Prompt(..)) => true,
        Some(Layer::Confirm(confirm)) => confirm.word.is_some(),
        Some(Layer::Help { .. }) => false,
        None => matches!(model.screens.last(), Some(Screen::Editor(_))),
    };
    if !is_on() || typing && key.typed().is_some() {
        return key;
    }
    let contexts: &[Context] =
        if model.layers.is_empty() { model.contexts() } else { &[Context::Dialog, Context::Move] };
    let new = |action: Action| model.setting.keymap.shown(action).parse().expect("a key");
    Keymap::default().action(contexts, key).map_or(key, new)
}

/// Fails when a key of the table is named. What is also a word is looked for by its sentence.
pub(super) fn names_no_old_key(name: &str, shown: &str) {
    let words = ["a", "up", "down", "end"];
    let old: BTreeSet<&str> = TABLE.iter().flat_map(|row| row.keys).copied().collect();
    // Of an address under a dialog one letter may be seen.
    for line in shown.lines().map(|line| line.replace("url: h ", "url: ")) {
        let named = line.split_whitespace().find(|word| {
            let bare = word.trim_matches(|c: char| ",.;()│┌┐└┘─\"".contains(c));
            [*word, bare].iter().any(|word| old.contains(word) && !words.contains(word))
        });
        let sentence = line.contains("up and down");
        assert!(named.is_none() && !sentence, "{name} names {named:?}: {line}\n{shown}");
    }
}

#[test]
fn no_screen_names_a_key_that_was_bound_to_another() {
    ON.set(true);
    let screens: &[fn()] = &[
        looks::loading,
        looks::nothing_there,
        looks::list,
        looks::lost_link,
        looks::host_out_of_reach,
        looks::a_thousand_pods,
        looks::journal,
        looks::editor,
        looks::new_pod,
        looks::doctor_help_palette_and_question,
        states::the_list_could_not_be_read_to_begin_with,
        states::filtered_to_some_and_to_none,
        states::several_are_marked_and_stopped,
        states::a_journal_is_read_is_empty_and_is_cut_off,
        states::a_journal_with_infrastructure_and_gaps,
        states::a_journal_is_searched_and_scrolled,
        states::a_creation_is_followed,
        states::details_are_awaited_shown_and_refused,
        states::a_host_could_not_be_checked,
        states::the_editor_without_findings_with_a_warning_and_without_a_daemon,
        states::a_plan_is_shown_and_asked_about,
        states::somebody_else_changed_the_spec,
        states::a_draft_is_offered_and_a_path_asked_for,
        states::a_running_pod_is_deleted_by_its_name_and_a_journal_saved,
    ];
    screens.iter().for_each(|shows| shows());
}

#[test]
fn what_has_no_key_is_not_said_to_have_one() {
    let mut model = super::play::model(&["api"]);
    let text = "[global]\nback = [\"alt-b\"]\n[journal]\nsearch = []\nfollow = []\n";
    model.setting.keymap = read(text).expect("good");
    super::play::press(&mut model, "enter n");
    let shown = super::play::screen(&model);
    assert!(shown.contains("nothing is searched for yet\n"), "{shown}");
    assert!(shown.contains("alt-b back") && !shown.contains(" follow "), "{shown}");
}

#[test]
fn nobody_is_locked_into_a_question_or_the_editor() {
    let wrong = [
        ("[dialog]\nclose = []\n", "close in [dialog] needs a key"),
        ("[dialog]\nyes = []\n", "yes in [dialog] needs a key"),
        ("[dialog]\naccept = \"x\"\n", "x types text, so accept in [dialog] cannot have it"),
        ("[global]\nback = \"b\"\nquit = \"Q\"\n", "nothing else leaves the editor"),
    ];
    for (text, why) in wrong {
        let errors = read(text).expect_err("refused");
        assert!(errors.iter().any(|e| e.to_string().contains(why)), "{errors:?}");
    }
    // The key to leave with is a way back in the editor.
    let keymap = read("[global]\nback = \"b\"\n").expect("good");
    assert_eq!(keymap.shown_in_text(Action::Back), "ctrl-c");
}

#[test]
fn a_question_is_answered_by_the_keys_that_are_bound_to_it() {
    let mut model = super::play::model(&["api"]);
    model.setting.keymap =
        read("[dialog]\nyes = \"j\"\nno = \"k\"\n[move]\nup = \"up\"\ndown = \"down\"\n")
            .expect("good");
    super::play::press(&mut model, "x");
    let shown = super::play::screen(&model);
    assert!(shown.contains("j yes, k no"), "{shown}");
    assert!(super::play::press(&mut model, "y").is_empty() && model.layers.len() == 1);
    super::play::press(&mut model, "k");
    assert!(model.layers.is_empty());
    let cmds = super::play::press(&mut model, "x j");
    assert!(matches!(&cmds[..], [pinacle_tui::cmd::Cmd::Act(..)]), "{cmds:?}");
}
