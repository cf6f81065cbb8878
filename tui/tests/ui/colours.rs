//! Colours, which text snapshots do not show: with sixteen of them, and without any.

use super::looks::mixed;
use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::model::{Model, Setting};
use pinacle_tui::msg::{Feed, Msg};
use pinacle_tui::theme::Theme;
use pinacle_tui::update::update;
use pinacle_tui::view::view;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};

pub(super) fn drawn(model: &Model) -> Buffer {
    let (columns, rows) = model.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).expect("a terminal");
    terminal.draw(|frame| view(model, frame)).expect("draws");
    terminal.backend().buffer().clone()
}

/// Returns the first cell of a text, below the line at the top.
fn cell(buffer: &Buffer, text: &str) -> Cell {
    let found = (1..buffer.area.height).find_map(|y| in_row(buffer, y, text));
    found.unwrap_or_else(|| panic!("{text:?} is not shown: {buffer:?}"))
}

/// The same in the last row that has it.
fn last(buffer: &Buffer, text: &str) -> Cell {
    let found = (1..buffer.area.height).rev().find_map(|y| in_row(buffer, y, text));
    found.unwrap_or_else(|| panic!("{text:?} is not shown: {buffer:?}"))
}

fn in_row(buffer: &Buffer, y: u16, text: &str) -> Option<Cell> {
    let row: Vec<&str> = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
    let at = row.concat().find(text)?;
    let ends = row.iter().scan(0, |end, symbol| {
        *end += symbol.len();
        Some(*end)
    });
    let x = ends.take_while(|end| *end <= at).count();
    Some(buffer[(u16::try_from(x).ok()?, y)].clone())
}

fn themed(theme: Theme, inventory: Inventory) -> Model {
    let mut model = empty();
    model.setting = Setting { theme, ..model.setting };
    update(&mut model, Msg::Inventory(Box::new(inventory)));
    model
}

/// A list, a journal with a hit, a plan: everything that has a colour.
fn screens(theme: Theme) -> [Buffer; 3] {
    let mut model = themed(theme, mixed());
    let list = drawn(&model);
    press(&mut model, "enter");
    records(&mut model, story());
    let number = model.number;
    update(&mut model, Msg::Journal(number, Feed::CaughtUp));
    press(&mut model, "/ r u l e enter");
    let journal = drawn(&model);
    resize(&mut model, (120, 40));
    press(&mut model, "esc e");
    let detail = views::detail(&model.world.pods[0], "version: \"1.0\" # ours\ntier: dev.small\n");
    update(&mut model, Msg::Detail(views::pod_id(1), Ok(Box::new(detail))));
    press(&mut model, "ctrl-t x");
    update(&mut model, Msg::Tick(NOW.plus_ms(1_000)));
    let report = ConfigReport { valid: true, diagnostics: Vec::new(), effective: None };
    update(&mut model, Msg::Checked(1, Ok(report)));
    update(&mut model, Msg::Planned(1, Ok(plan())));
    [list, journal, drawn(&model)]
}

pub(super) fn plan() -> ConfigPlan {
    ConfigPlan {
        base: Revision(1),
        changes: vec![
            ConfigChange {
                path: "tier".to_owned(),
                before: Some("dev.small".to_owned()),
                after: Some("dev.large".to_owned()),
                impact: "the limits change while it runs".to_owned(),
            },
            ConfigChange {
                path: "processes.app.startCommand".to_owned(),
                before: None,
                after: Some("pnpm dev".to_owned()),
                impact: "app is restarted".to_owned(),
            },
        ],
        restarts: vec!["app".to_owned()],
        recreates: true,
        lost: vec!["what was installed with apt".to_owned()],
        diagnostics: Vec::new(),
    }
}

#[test]
fn colours_say_the_same_as_words() {
    let [list, journal, editor] = screens(Theme::Colors);
    assert_eq!(cell(&list, "stopped").modifier, Modifier::DIM);
    assert_eq!(cell(&list, "failed").fg, Color::Red);
    assert_eq!(cell(&list, "starting").fg, Color::Yellow);
    assert_eq!(cell(&list, "running").fg, Color::Green);
    assert!(cell(&list, "running").modifier.contains(Modifier::REVERSED), "the cursor is on it");
    assert_eq!(list[(0, 2)].fg, Color::Reset, "a mark has a colour, its absence none");
    assert_eq!(cell(&journal, "Install").fg, Color::Cyan);
    assert_eq!(cell(&journal, "added").fg, Color::Indexed(2), "as the program coloured it");
    assert_eq!(cell(&journal, "packages").fg, Color::Reset);
    assert_eq!(cell(&journal, "Exit code: 2").fg, Color::Red);
    assert_eq!(last(&journal, "rule").bg, Color::Yellow, "what was searched for");
    assert_eq!(cell(&editor, "tier: dev").fg, Color::Cyan);
    assert_eq!(cell(&editor, "# ours").fg, Color::Green);
    assert_eq!(cell(&editor, "- dev.small").fg, Color::Red);
    assert_eq!(cell(&editor, "+ dev.large").fg, Color::Green);
    assert_eq!(cell(&editor, "lost:").fg, Color::Red);
}

#[test]
fn what_a_lost_daemon_said_has_no_colour_of_now() {
    let mut model = themed(Theme::Colors, mixed());
    update(&mut model, Msg::Lost("connection refused".to_owned()));
    let list = drawn(&model);
    for word in ["running", "failed", "starting"] {
        let cell = cell(&list, word);
        assert_eq!(cell.fg, Color::Reset, "{word}");
        assert!(cell.modifier.contains(Modifier::DIM), "{word}");
    }
    press(&mut model, "enter");
    assert_eq!(cell(&drawn(&model), "running").fg, Color::Reset);
}

#[test]
fn sixteen_colours_are_enough_for_what_is_ours() {
    for buffer in screens(Theme::Colors) {
        for cell in buffer.content() {
            for color in [cell.fg, cell.bg] {
                // What a program in a pod prints is in its own colours.
                assert!(!matches!(color, Color::Rgb(..) | Color::Indexed(16..)), "{cell:?}");
            }
        }
    }
}

#[test]
fn without_colours_the_meaning_is_in_words_and_attributes() {
    let buffers = screens(Theme::Plain);
    for cell in buffers.iter().flat_map(Buffer::content) {
        assert_eq!((cell.fg, cell.bg), (Color::Reset, Color::Reset), "{cell:?}");
    }
    let [list, journal, editor] = buffers;
    assert!(cell(&list, "running").modifier.contains(Modifier::REVERSED));
    assert!(cell(&list, "failed").modifier.contains(Modifier::BOLD));
    assert!(last(&journal, "rule").modifier.contains(Modifier::UNDERLINED | Modifier::REVERSED));
    cell(&editor, "- dev.small");
    cell(&editor, "+ dev.large");
}
