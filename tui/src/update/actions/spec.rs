//! Actions of the spec editor.

use super::pod::is_linked;
use crate::cmd::{Cmd, Creation};
use crate::keymap::Action;
use crate::model::{Model, Screen};
use crate::screens::editor::{Editor, Preview, Stage, Target, plan_lines};
use crate::theme::Role;
use crate::view::screen_area;
use crate::widgets::input::LineInput;
use crate::widgets::layers::{Confirm, Layer, Then};

/// Asks for the spec of the pod that is meant; its answer opens the editor.
pub(super) fn edit(model: &mut Model) -> Vec<Cmd> {
    let Some(id) = model.targets().first().cloned() else { return Vec::new() };
    if !is_linked(model) || !model.is_here(&id) {
        return Vec::new();
    }
    model.wants_editor = Some(id.clone());
    vec![Cmd::Detail(id)]
}

/// Begins to bring the text into force, or to make the pod.
pub(super) fn apply(model: &mut Model) -> Vec<Cmd> {
    if !is_linked(model) {
        return Vec::new();
    }
    let Some(editor) = model.editor_mut() else { return Vec::new() };
    if editor.stage != Stage::Editing {
        return Vec::new();
    }
    if editor.counts().0 > 0 && editor.check_at.is_none() {
        editor.next_finding();
        model.say(Role::Bad, "there are errors; the cursor is on one of them");
        return Vec::new();
    }
    match editor.target.clone() {
        Target::New(source) => {
            editor.stage = Stage::Sending;
            vec![Cmd::Create(Box::new(Creation {
                text: editor.text(),
                default_name: source.default_name,
                source_dir: source.source_dir,
                dir: source.dir,
            }))]
        }
        Target::Pod(..) if !editor.is_changed() => {
            model.say(Role::Faint, "nothing is changed");
            Vec::new()
        }
        Target::Pod(id, _) => {
            editor.stage = Stage::Planning;
            editor.serial += 1;
            editor.check_at = None;
            vec![Cmd::Plan(editor.serial, id, editor.text())]
        }
    }
}

/// Shows the plan and asks; `reload` is the key that takes the daemon's spec, when there is one.
pub(in crate::update) fn propose(editor: &mut Editor, reload: &str) -> Option<Layer> {
    editor.stage = Stage::Editing;
    let plan = editor.plan.as_ref()?.as_ref().ok()?;
    let Target::Pod(_, expected) = editor.target else { return None };
    let over = plan.base != expected;
    let mut lines = plan_lines(plan);
    if over {
        let takes =
            if reload.is_empty() { String::new() } else { format!("; {reload} takes theirs") };
        let text = format!(
            "Somebody else changed the spec meanwhile: you began with revision {expected}, it is {} now. Yes puts yours in its place{takes}.",
            plan.base
        );
        lines.insert(0, (Role::Bad, text));
    }
    Some(Layer::Confirm(Confirm {
        title: "Apply these changes?".to_owned(),
        lines,
        word: None,
        input: LineInput::default(),
        scroll: 0,
        then: if over { Then::ApplyOver } else { Then::Apply },
    }))
}

/// Sends the text with the revision it was made from.
pub(super) fn send(model: &mut Model) -> Vec<Cmd> {
    let Some(editor) = model.editor_mut() else { return Vec::new() };
    let Target::Pod(pod, expected) = editor.target.clone() else { return Vec::new() };
    editor.stage = Stage::Sending;
    let loses =
        editor.plan.as_ref().and_then(|p| p.as_ref().ok()).is_some_and(|p| !p.lost.is_empty());
    vec![Cmd::Apply { pod, text: editor.text(), expected, accept_loss: loses }]
}

/// Sends the text in place of what somebody else made of the spec meanwhile.
pub(super) fn send_over(model: &mut Model) -> Vec<Cmd> {
    if let Some(editor) = model.editor_mut() {
        let base = editor.plan.as_ref().and_then(|p| p.as_ref().ok()).map(|p| p.base);
        let base = editor.theirs.as_ref().map(|t| t.0).or(base);
        if let (Target::Pod(_, expected), Some(base)) = (&mut editor.target, base) {
            *expected = base;
        }
        editor.theirs = None;
    }
    send(model)
}

/// The editor's other actions.
pub(super) fn other(model: &mut Model, action: Action) -> Vec<Cmd> {
    let area = screen_area(model.size);
    let Some(Screen::Editor(editor)) = model.screens.last_mut() else { return Vec::new() };
    let page = isize::try_from(editor.beside_rows(area)).unwrap_or(1).saturating_sub(1).max(1);
    match action {
        Action::PreviewUp => editor.scroll_beside(area, -1),
        Action::PreviewDown => editor.scroll_beside(area, 1),
        Action::PreviewPageUp => editor.scroll_beside(area, -page),
        Action::PreviewPageDown => editor.scroll_beside(area, page),
        Action::Preview => {
            editor.preview = match editor.preview {
                Preview::Shown => Preview::Hidden,
                Preview::Hidden => Preview::Shown,
            };
        }
        Action::NextFinding => editor.next_finding(),
        Action::External => return vec![Cmd::External(editor.text())],
        _ if !editor.is_changed() => return reload(model),
        _ => model.layers.push(Layer::Confirm(Confirm {
            title: "Drop your changes?".to_owned(),
            lines: vec![(
                Role::Plain,
                "The editor takes the spec as the daemon has it.".to_owned(),
            )],
            word: None,
            input: LineInput::default(),
            scroll: 0,
            then: Then::Reload,
        })),
    }
    Vec::new()
}

/// Takes the daemon's spec.
pub(super) fn reload(model: &mut Model) -> Vec<Cmd> {
    let now = model.world.now;
    let Some(editor) = model.editor_mut() else { return Vec::new() };
    let name = editor.draft_name();
    match editor.target.clone() {
        Target::New(source) => {
            editor.replace(&source.text, now);
            vec![Cmd::DropDraft(name)]
        }
        Target::Pod(id, _) => {
            model.screens.retain(|s| !matches!(s, Screen::Editor(_)));
            model.wants_editor = Some(id.clone());
            vec![Cmd::DropDraft(name), Cmd::Detail(id)]
        }
    }
}
