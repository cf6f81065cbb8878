//! What is shown beside the text of a new pod is scrolled with keys and the wheel.

use super::play::*;
use crate::support::views;
use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};
use pinacle_protocol::{ConfigChange, ConfigPlan, ConfigReport};
use pinacle_tui::model::Model;
use pinacle_tui::msg::{Mouse, MouseKind, Msg, Source};
use pinacle_tui::update::update;

/// A new pod whose effective spec has so many lines.
fn new_pod(lines: usize) -> Model {
    let mut model = model(&[]);
    let source = Source {
        text: "version: \"1.0\"\n".to_owned(),
        shown: "/home/me/blog/pinacle.yaml".to_owned(),
        default_name: None,
        source_dir: None,
        dir: None,
        found: true,
    };
    update(&mut model, Msg::Source(Ok(source)));
    effective(&mut model, lines);
    model
}

fn effective(model: &mut Model, lines: usize) {
    let later = model.world.now.plus_ms(1_000);
    update(model, Msg::Tick(later));
    let text: String = (1..=lines).map(|n| format!("key{n}: value\n")).collect();
    let report = ConfigReport { valid: true, diagnostics: Vec::new(), effective: Some(text) };
    for serial in 1..5 {
        update(model, Msg::Checked(serial, Ok(report.clone())));
    }
}

#[test]
fn it_is_scrolled_by_lines_and_pages_and_says_where_it_is() {
    let mut model = new_pod(100);
    let steps = [
        ("", "1-6 of 100, alt-down scrolls", "key1:"),
        ("alt-down alt-down", "3-8 of 100", "key3:"),
        ("alt-up", "2-7 of 100", "key7:"),
        ("alt-pagedown", "7-12 of 100", "key12:"),
        ("alt-pageup alt-pageup", "1-6 of 100", "key1:"),
        ("down x", "1-6 of 100", "key1:"),
    ];
    for (keys, place, line) in steps {
        press(&mut model, keys);
        let shown = screen(&model);
        assert!(shown.contains(place) && shown.contains(line), "{keys}: {place}\n{shown}");
    }
    press(&mut model, &"alt-pagedown ".repeat(30));
    let shown = screen(&model);
    assert!(
        shown.contains("95-100 of 100, alt-up scrolls") && shown.contains("key100:"),
        "{shown}"
    );
    // Not scrolled past its end: the first step back is seen.
    press(&mut model, "alt-up");
    assert!(screen(&model).contains("94-99 of 100"), "{}", screen(&model));
}

#[test]
fn the_wheel_scrolls_what_it_points_at() {
    let mut model = new_pod(100);
    resize(&mut model, (120, 40));
    let wheel = |model: &mut Model, kind, column| {
        update(model, Msg::Mouse(Mouse { kind, column, row: 10 }));
        screen(model)
    };
    let shown = wheel(&mut model, MouseKind::WheelDown, 100);
    assert!(shown.contains("4-36 of 100") && shown.contains("key36:"), "{shown}");
    let shown = wheel(&mut model, MouseKind::WheelDown, 5);
    assert!(shown.contains("4-36 of 100"), "the text was pointed at: {shown}");
    let shown = wheel(&mut model, MouseKind::WheelUp, 119);
    assert!(shown.contains("1-33 of 100"), "{shown}");
}

#[test]
fn it_stays_in_place_when_sizes_and_the_spec_change() {
    let mut model = new_pod(100);
    press(&mut model, &"alt-pagedown ".repeat(30));
    for size in [(120, 40), (60, 12), (200, 60), (80, 24)] {
        resize(&mut model, size);
        let shown = screen(&model);
        assert!(shown.contains("of 100"), "{shown}");
    }
    effective(&mut model, 3);
    let shown = screen(&model);
    assert!(shown.contains("-- with every default --") && shown.contains("key1:"), "{shown}");
    // Hidden, its keys do nothing; shown again, it is where it was.
    effective(&mut model, 100);
    press(&mut model, "alt-down ctrl-t alt-down ctrl-t");
    assert!(screen(&model).contains("2-7 of 100"), "{}", screen(&model));
}

#[test]
fn a_plan_shows_where_two_long_values_differ_and_nothing_of_a_wrong_text() {
    let mut model = model(&["web"]);
    press(&mut model, "e");
    let detail = views::detail(&model.world.pods[0], "version: \"1.0\"\n");
    update(&mut model, Msg::Detail(views::pod_id(1), Ok(Box::new(detail))));
    press(&mut model, "x ctrl-t");
    effective(&mut model, 1);
    let script = "echo a word and another one, ".repeat(5);
    let change = ConfigChange {
        path: "install".to_owned(),
        before: Some(format!("{script}before")),
        after: Some(format!("{script}after")),
        impact: "it runs again".to_owned(),
    };
    let plan = ConfigPlan { changes: vec![change], ..super::colours::plan() };
    for serial in 1..5 {
        update(&mut model, Msg::Planned(serial, Ok(plan.clone())));
    }
    resize(&mut model, (80, 50));
    let shown = screen(&model);
    assert!(shown.contains("before\n") && shown.contains("after\n"), "{shown}");
    press(&mut model, "x");
    let later = model.world.now.plus_ms(1_000);
    update(&mut model, Msg::Tick(later));
    let wrong = Diagnostic {
        severity: Severity::Error,
        span: Span { line: 1, column: 1, end_line: 1, end_column: 2 },
        path: String::new(),
        message: "there is no such key".to_owned(),
        hint: None,
    };
    let report = ConfigReport { valid: false, diagnostics: vec![wrong], effective: None };
    for serial in 1..6 {
        update(&mut model, Msg::Checked(serial, Ok(report.clone())));
    }
    let shown = screen(&model);
    assert!(shown.contains("(once there are no errors)"), "{shown}");
    assert!(!shown.contains("it runs again"), "{shown}");
}

#[test]
fn text_and_preview_keep_apart_and_what_is_cut_is_marked() {
    let mut model = new_pod(3);
    resize(&mut model, (120, 40));
    press(&mut model, &"w ".repeat(200));
    let long = format!("name: {}\n", "n".repeat(100));
    let report = ConfigReport { valid: true, diagnostics: Vec::new(), effective: Some(long) };
    let later = model.world.now.plus_ms(1_000);
    update(&mut model, Msg::Tick(later));
    for serial in 1..9 {
        update(&mut model, Msg::Checked(serial, Ok(report.clone())));
    }
    let shown = screen(&model);
    assert!(!shown.contains("w--") && shown.contains(" -- with every default"), "{shown}");
    assert!(shown.contains("nn…"), "{shown}");
}

#[test]
fn of_a_draft_a_readable_part_is_shown() {
    let mut model = new_pod(3);
    let draft: String = (0..60_000).map(|n| format!("key{n}: value\n")).collect();
    update(&mut model, Msg::Draft("new".to_owned(), Some(draft)));
    let shown = screen(&model);
    assert!(shown.contains("Take up your draft?") && shown.contains("+ key0: value"), "{shown}");
    press(&mut model, "G");
    let shown = screen(&model);
    assert!(shown.contains("and 59801 more lines"), "{shown}");
    assert!(shown.contains("offered again, until you change something else"), "{shown}");
}
