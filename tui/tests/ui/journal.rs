//! The journal in memory.

use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::cmd::Cmd;
use pinacle_tui::journal::Journal;
use pinacle_tui::model::{Model, Screen};
use pinacle_tui::msg::Msg;
use pinacle_tui::update::update;

fn opened() -> Model {
    let mut model = model(&["web"]);
    press(&mut model, "enter");
    model
}

#[test]
fn new_lines_are_counted_when_scrolled_away() {
    let mut model = opened();
    let many: String = (0..100).map(|n| format!("line {n}\n")).collect();
    records(&mut model, vec![views::begin(1, "Run", "seq"), views::output(2, 1, &many)]);
    assert!(screen(&model).contains("line 99"));
    press(&mut model, "up");
    records(&mut model, vec![views::output(3, 1, "a\nb\n")]);
    assert!(screen(&model).contains("2 new lines below"), "{}", screen(&model));
    press(&mut model, "G");
    let shown = screen(&model);
    assert!(shown.contains("following") && !shown.contains("new lines"), "{shown}");
}

#[test]
fn a_word_is_found_and_the_next_one() {
    let mut model = opened();
    let many: String = (0..200).map(|n| format!("line {n}\n")).collect();
    records(&mut model, vec![views::begin(1, "Run", "seq"), views::output(2, 1, &many)]);
    press(&mut model, "g / L i n e space 1 5 enter");
    assert!(screen(&model).contains("no further match"), "capitals count");
    press(&mut model, "/ l i n e space 1 5 enter");
    let hit = |model: &Model| match model.screens.last() {
        Some(Screen::Pod(pod)) => pod.hit,
        _ => None,
    };
    assert_eq!(hit(&model), Some(17));
    press(&mut model, "n");
    assert_eq!(hit(&model), Some(152));
    press(&mut model, "N");
    assert_eq!(hit(&model), Some(17));
}

#[test]
fn a_million_lines_stay_within_bounds_and_each_can_be_had() {
    let mut journal = Journal::new(views::pod_id(1));
    let batch = |n: u64| {
        let text: String = (0..1_000).map(|i| format!("line {}\n", n * 1_000 + i)).collect();
        views::output(n + 2, 1, &text)
    };
    journal.push(&[views::begin(1, "Flood", "yes")], Cursor { epoch: 1, seq: 1 }, 0);
    for n in 0..1_000 {
        journal.push(&[batch(n)], Cursor { epoch: 1, seq: n + 2 }, u64::MAX);
    }
    assert_eq!(journal.len(), 1_000_002);
    assert!(journal.bytes() < 16 << 20, "{} bytes", journal.bytes());
    assert_eq!(journal.line(1_000_001).expect("kept").text, "line 999999");
    assert_eq!(journal.line(502), None);
    let missing = journal.want(502).expect("let go");
    assert_eq!(journal.want(502), None, "asked for once");
    let again: Vec<JournalRecord> =
        (missing.after.seq.max(1)..missing.until).map(|seq| batch(seq - 1)).collect();
    let again = [vec![views::begin(1, "Flood", "yes")], again].concat();
    journal.refill(missing.stretch, &again);
    assert_eq!(journal.line(502).expect("here again").text, "line 500");
}

#[test]
fn what_is_not_in_memory_is_read_when_it_is_scrolled_to() {
    let mut model = opened();
    let text: String = (0..1_000).map(|i| format!("a line of some length {i}\n")).collect();
    records(&mut model, vec![views::begin(1, "Flood", "yes")]);
    for seq in 2..800 {
        records(&mut model, vec![views::output(seq, 1, &text)]);
    }
    let cmds = press(&mut model, "g");
    let [Cmd::Read { stretch, number, .. }] = &cmds[..] else { panic!("{cmds:?}") };
    let mut first = vec![views::begin(1, "Flood", "yes")];
    first.extend((2..20).map(|seq| views::output(seq, 1, &text)));
    update(&mut model, Msg::Page(*number, *stretch, Ok(first)));
    assert!(screen(&model).contains("a line of some length 3"), "{}", screen(&model));
}
