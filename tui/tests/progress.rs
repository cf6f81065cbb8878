//! How operations under way are shown.

use crate::support::views::{self, begin, output};
use pinacle_protocol::*;
use pinacle_tui::output::Paint;
use pinacle_tui::progress::{Progress, TAIL, fit};

fn running() -> OperationView {
    let mut view =
        views::operation(1, &views::pod_id(1), OperationKind::Create, OperationStatus::Running);
    view.steps[0].status = StepStatus::Succeeded;
    view.steps[1].status = StepStatus::Started;
    view
}

#[test]
fn the_block_names_the_step_and_the_last_lines() {
    let mut progress = Progress::new("web", running(), Paint::Plain);
    progress.records(&[begin(1, "Install", "npm ci")]);
    for n in 0..10 {
        progress.records(&[output(2 + n, 1, &format!("line {n}\r\n\u{1b}[1A"))]);
    }
    progress.records(&[output(20, 1, "half a li")]);
    let block = progress.block(Timestamp(views::T0 + 65_000), 60);
    assert_eq!(block.len(), TAIL + 1);
    insta::assert_snapshot!(block.join("\n"));
}

#[test]
fn lines_are_cut_to_the_terminal() {
    let mut progress = Progress::new("web", running(), Paint::Plain);
    progress.records(&[output(2, 1, &"名".repeat(100))]);
    for line in progress.block(Timestamp(views::T0), 20) {
        assert!(unicode_width::UnicodeWidthStr::width(line.as_str()) <= 20, "{line}");
    }
    assert_eq!(fit("a\tb", 80), "a b");
}

#[test]
fn a_line_without_end_takes_little_memory_and_time() {
    let mut progress = Progress::new("web", running(), Paint::Plain);
    for n in 0..2_000 {
        progress.records(&[output(n + 2, 1, &"x".repeat(1_000))]);
    }
    assert!(progress.block(Timestamp(views::T0), 5_000).iter().all(|l| l.len() < 5_002));
}

#[test]
fn each_step_is_named_once() {
    let mut progress = Progress::new("web", running(), Paint::Plain);
    assert_eq!(progress.new_step().as_deref(), Some("[web] start the container"));
    assert_eq!(progress.new_step(), None);
    let mut undoing = running();
    undoing.status = OperationStatus::Undoing;
    progress.observe(undoing);
    assert!(progress.new_step().expect("a line").contains("taking back"));
}

#[test]
fn what_was_written_before_the_operation_does_not_count() {
    let mut view = running();
    view.created_at = Timestamp(views::T0 + 10);
    let mut progress = Progress::new("web", view, Paint::Plain);
    assert_eq!(progress.records(&[begin(1, "Old", "old")]), "");
    assert!(progress.records(&[begin(11, "New", "new")]).contains("$ new"));
}

#[test]
fn an_end_is_not_overtaken_by_older_news() {
    let mut progress = Progress::new("web", running(), Paint::Plain);
    let mut ended = running();
    ended.status = OperationStatus::Succeeded;
    progress.observe(ended);
    progress.observe(running());
    assert_eq!(progress.operation().status, OperationStatus::Succeeded);
}
