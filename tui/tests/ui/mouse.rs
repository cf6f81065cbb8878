//! The mouse: clicks do what they point at.

use super::play::*;
use crate::support::views;
use pinacle_tui::cmd::Cmd;
use pinacle_tui::model::{Model, Screen};
use pinacle_tui::msg::{Feed, Mouse, MouseKind, Msg, Pointer};
use pinacle_tui::theme::Glyphs;
use pinacle_tui::update::update;

fn mouse(model: &mut Model, kind: MouseKind, column: u16, row: u16) -> Vec<Cmd> {
    update(model, Msg::Mouse(Mouse { kind, column, row }))
}

fn click(model: &mut Model, (column, row): (u16, u16)) -> Vec<Cmd> {
    mouse(model, MouseKind::Click, column, row)
}

/// Returns where a text stands on the screen.
fn find(model: &Model, text: &str) -> (u16, u16) {
    let shown = screen(model);
    let found = shown.lines().enumerate().find_map(|(y, line)| {
        let at = line.find(text)?;
        Some((line[..at].chars().count(), y))
    });
    let (x, y) = found.unwrap_or_else(|| panic!("{text:?} is not shown:\n{shown}"));
    (u16::try_from(x).expect("small"), u16::try_from(y).expect("small"))
}

fn selected(model: &Model) -> String {
    model.pods.selected.as_ref().map(|id| model.world.slug(id)).unwrap_or_default()
}

#[test]
fn a_click_selects_and_a_second_one_opens() {
    let mut model = model(&["api", "shop", "web"]);
    let at = find(&model, "shop");
    assert!(click(&mut model, at).is_empty());
    assert_eq!(selected(&model), "shop");
    let later = model.world.now.plus_ms(1_000);
    update(&mut model, Msg::Tick(later));
    click(&mut model, at);
    assert!(model.screens.is_empty(), "too slow for a double click");
    let cmds = click(&mut model, at);
    assert!(matches!(&cmds[..], [Cmd::Follow { .. }]), "{cmds:?}");
    assert!(matches!(model.screens.last(), Some(Screen::Pod(_))));
}

#[test]
fn a_click_on_a_heading_sorts_and_beside_a_name_marks() {
    let mut model = model(&["api", "web"]);
    let at = find(&model, "NAME");
    click(&mut model, at);
    assert!(screen(&model).contains("NAME ▴"), "{}", screen(&model));
    let at = find(&model, "AGE");
    click(&mut model, at);
    assert!(screen(&model).contains("▾ AGE"), "{}", screen(&model));
    let (_, row) = find(&model, "web");
    click(&mut model, (0, row));
    assert!(screen(&model).contains("* web") && screen(&model).contains("1 marked"));
    click(&mut model, (40, 20));
    click(&mut model, (500, 500));
    assert_eq!(selected(&model), "web", "nothing is there");
}

#[test]
fn the_arrow_of_the_sorted_column_stands_apart_and_moves_no_column() {
    let mut model = with(super::looks::mixed());
    for glyphs in [Glyphs::Unicode, Glyphs::Ascii] {
        model.setting.glyphs = glyphs;
        for size in SIZES {
            resize(&mut model, size);
            let head = |model: &Model| screen(model).lines().nth(1).expect("a heading").to_owned();
            let ends: Vec<_> = COLUMNS.iter().map(|c| place(&head(&model), c)).collect();
            for _ in COLUMNS {
                for arrow in [glyphs.arrows().0, glyphs.arrows().1] {
                    let heading = head(&model);
                    let words: Vec<&str> = heading.split_whitespace().collect();
                    assert_eq!(words.iter().filter(|w| **w == arrow).count(), 1, "{heading}");
                    let places: Vec<_> = COLUMNS.iter().map(|c| place(&heading, c)).collect();
                    assert_eq!(places, ends, "{heading}");
                    press(&mut model, "backtab");
                }
                press(&mut model, "tab");
            }
        }
    }
}

const COLUMNS: [&str; 7] = ["NAME", "STATE", "TIER", "CPU", "MEMORY", "PORT", "AGE"];

fn place(heading: &str, word: &str) -> usize {
    let at = heading.find(word).unwrap_or_else(|| panic!("{word} is whole: {heading}"));
    heading[..at].chars().count()
}

#[test]
fn hints_and_dialogs_are_clicked() {
    let mut model = model(&["api", "web"]);
    resize(&mut model, (200, 24));
    let at = find(&model, "stop");
    click(&mut model, at);
    assert!(screen(&model).contains("stop api?"), "{}", screen(&model));
    let (x, y) = find(&model, "n no");
    click(&mut model, (x, y));
    assert!(model.layers.is_empty());
    press(&mut model, "x");
    click(&mut model, (0, 0));
    assert_eq!(model.layers.len(), 1, "a question stays until it is answered");
    let at = find(&model, "y yes");
    let cmds = click(&mut model, at);
    assert!(matches!(&cmds[..], [Cmd::Act(..)]), "{cmds:?}");
    press(&mut model, ": d o c");
    let at = find(&model, "check that pods");
    let cmds = click(&mut model, at);
    assert!(matches!(&cmds[..], [Cmd::CheckHost { .. }]), "{cmds:?}");
    press(&mut model, "?");
    mouse(&mut model, MouseKind::WheelDown, 5, 5);
    assert!(!screen(&model).contains("show the pod and follow"), "scrolled");
    click(&mut model, (0, 23));
    assert!(model.layers.is_empty(), "beside the help");
}

#[test]
fn a_journal_is_scrolled_folded_and_followed_again() {
    let mut model = model(&["web"]);
    press(&mut model, "enter");
    let many: String = (0..100).map(|n| format!("line {n}\n")).collect();
    records(&mut model, vec![views::begin(1, "Run", "seq"), views::output(2, 1, &many)]);
    let number = model.number;
    update(&mut model, Msg::Journal(number, Feed::CaughtUp));
    mouse(&mut model, MouseKind::WheelUp, 1, 10);
    records(&mut model, vec![views::output(3, 1, "more\n")]);
    let at = find(&model, "1 new line below");
    click(&mut model, at);
    assert!(screen(&model).contains("following") && screen(&model).contains("more"));
    press(&mut model, "g");
    let at = find(&model, "$ seq");
    click(&mut model, at);
    assert!(screen(&model).contains("[101 lines folded]"), "{}", screen(&model));
}

#[test]
fn in_the_editor_it_puts_the_cursor() {
    let mut model = model(&["web"]);
    press(&mut model, "e");
    let detail = views::detail(&model.world.pods[0], "version: \"1.0\"\nenv:\n  A: 你好 x\n");
    update(&mut model, Msg::Detail(views::pod_id(1), Ok(Box::new(detail))));
    let (x, y) = find(&model, "你");
    click(&mut model, (x, y));
    press(&mut model, "z");
    assert!(screen(&model).contains("A: z你"), "{}", screen(&model));
    let (x, y) = find(&model, "env:");
    click(&mut model, (x + 30, y));
    press(&mut model, "q");
    assert!(screen(&model).contains("env:q"), "behind the end is the end");
}

#[test]
fn the_mouse_can_be_left_to_the_terminal() {
    let mut model = model(&["web"]);
    assert_eq!(press(&mut model, "f9"), [Cmd::Point(Pointer::Left)]);
    assert_eq!(press(&mut model, "f9"), [Cmd::Point(Pointer::Taken)]);
    let keymap = pinacle_tui::keymap::read("mouse = false\n[pods]\nnew = \"f7\"\n").expect("good");
    assert_eq!(keymap.pointer, Pointer::Left);
    assert!(pinacle_tui::keymap::read("mouse = 3\n").is_err());
}
