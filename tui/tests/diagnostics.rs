//! Findings about spec files.

use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};
use pinacle_tui::output::{Paint, diagnostics};

fn finding(line: u32, column: u32, end_line: u32, end_column: u32) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        span: Span { line, column, end_line, end_column },
        path: "tier".to_owned(),
        message: "no tier is called \"huge\"".to_owned(),
        hint: Some("one of dev.small, dev.medium, dev.large, dev.xlarge".to_owned()),
    }
}

fn render(text: &str, diagnostic: Diagnostic) -> String {
    diagnostics::render("pinacle.yaml", text, &[diagnostic], Paint::Plain)
}

#[test]
fn the_line_is_shown_with_carets_below() {
    let text = "version: \"1.0\"\ntier: huge\n";
    insta::assert_snapshot!(render(text, finding(2, 7, 2, 11)));
}

#[test]
fn carets_stand_below_wide_characters_and_tabs() {
    let shown = render("名前:\thuge", finding(1, 5, 1, 9));
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[1], "1 | 名前: huge");
    assert_eq!(lines[2], "  |       ^^^^");
}

#[test]
fn a_place_beyond_the_text_does_no_harm() {
    for diagnostic in [finding(9, 1, 9, 1), finding(0, 0, 0, 0), finding(1, 99, 1, 3)] {
        let shown = render("a: b\n", diagnostic);
        assert!(shown.contains("no tier is called"), "{shown}");
    }
}

#[test]
fn a_span_of_several_lines_underlines_the_rest_of_the_first() {
    let shown = render("a: [\n  b\n]\n", finding(1, 4, 3, 2));
    assert!(shown.contains("  |    ^\n"), "{shown}");
}

#[test]
fn control_characters_of_the_file_do_not_reach_the_terminal() {
    let shown = render("a: \u{1b}[2Jx\n", finding(1, 1, 1, 2));
    assert!(!shown.contains('\u{1b}'), "{shown:?}");
}

#[test]
fn characters_that_turn_the_writing_direction_are_shown_as_strange() {
    let text = "a: \u{202e}x\u{2066}y\u{200f}z\n";
    let shown = diagnostics::render("a\u{202e}b.yaml", text, &[finding(1, 7, 1, 8)], Paint::Plain);
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("ab.yaml:1:7:"), "{shown:?}");
    assert_eq!(lines[1], "1 | a: \u{fffd}x\u{fffd}y\u{fffd}z");
    assert_eq!(lines[2], "  |       ^");
}

#[test]
fn a_very_long_line_is_cut() {
    let text = format!("a: {}", "x".repeat(5_000));
    assert!(render(&text, finding(1, 1, 1, 2)).len() < 600);
}
