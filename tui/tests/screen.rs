//! The full screen, without a terminal.

use crate::support::views;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use pinacle_protocol::*;
use pinacle_tui::screen::{Cmd, Model, Msg, update, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;

const NOW: Timestamp = Timestamp(views::T0 + 3_600_000);

fn model(slugs: &[&str]) -> Model {
    let pods = (1..).zip(slugs).map(|(n, s)| views::pod(n, s, PodPhase::Running)).collect();
    let inventory =
        Inventory { revision: Revision(1), cursor: Cursor::default(), pods, hosts: Vec::new() };
    Model::new(inventory, NOW)
}

fn key(code: KeyCode) -> Msg {
    Msg::Key(KeyEvent::new(code, KeyModifiers::NONE))
}

fn draw(model: &Model, width: u16, height: u16) -> String {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
    terminal.draw(|frame| view(model, frame)).expect("draws");
    terminal.backend().to_string()
}

#[test]
fn the_list_fits_a_small_terminal() {
    insta::assert_snapshot!(draw(&model(&["api", "web"]), 80, 8));
    draw(&model(&["api", "web"]), 1, 1);
    draw(&model(&[]), 80, 24);
}

#[test]
fn events_change_the_list_and_the_cursor_stays_on_its_pod() {
    let mut model = model(&["b", "d"]);
    update(&mut model, key(KeyCode::Down));
    let other = views::pod(7, "c", PodPhase::Failed);
    let event = Event::PodChanged { pod: Box::new(other.clone()) };
    update(&mut model, Msg::Changed(Box::new(event)));
    assert_eq!(model.row(), Some(2));
    update(&mut model, key(KeyCode::Up));
    assert_eq!(model.selected, Some(other.id.clone()));
    update(&mut model, Msg::Changed(Box::new(Event::PodRemoved { id: other.id })));
    assert_eq!(model.row(), Some(1));
}

#[test]
fn a_lost_link_is_shown_until_the_list_is_read_anew() {
    let mut model = model(&["web"]);
    update(&mut model, Msg::Lost("gone".to_owned()));
    assert!(draw(&model, 80, 5).contains("no link to the daemon, trying again: gone"));
    let inventory = Inventory {
        revision: Revision(2),
        cursor: Cursor::default(),
        pods: Vec::new(),
        hosts: Vec::new(),
    };
    update(&mut model, Msg::Inventory(Box::new(inventory)));
    assert!(draw(&model, 80, 5).contains("no pods yet"));
    assert_eq!(model.row(), None);
}

#[test]
fn q_leaves() {
    assert_eq!(update(&mut model(&[]), key(KeyCode::Char('q'))), [Cmd::Quit]);
}
