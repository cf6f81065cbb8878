//! Which screen a program in a pod is on.

use pinacle_tui::alternate::AlternateScreen;

/// Whatever the pieces, the same is told.
fn check(output: &[u8], shown: bool) {
    for piece in 1..=output.len() {
        let mut screen = AlternateScreen::default();
        output.chunks(piece).for_each(|piece| screen.see(piece));
        assert_eq!(screen.is_shown(), shown, "{:?} by {piece}", String::from_utf8_lossy(output));
    }
}

#[test]
fn a_program_is_seen_coming_and_going() {
    check(b"plain text\r\n", false);
    check(b"before\x1b[?1049hvim", true);
    check(b"\x1b[?1049h\x1b[2J\x1b[1;1Htext\x1b[?25h\x1b[?1049lafter", false);
    check(b"\x1b[?47h", true);
    check(b"\x1b[?1047h\x1b[?1047l\x1b[?1047h", true);
}

#[test]
fn it_is_seen_among_other_modes() {
    check(b"\x1b[?25;1049;2004h", true);
    check(b"\x1b[?1049h\x1b[?25;1049l", false);
    check(b"\x1b[?1049h\x1b[?25l\x1b[?1h\x1b[1049l", true);
    check(b"\x1b[1049h\x1b[?10490h\x1b[?1;2;3;4;5;6;7;8;9;10;11;12;13;14;15;16;17;18h", false);
}

#[test]
fn a_terminal_that_begins_anew_is_on_its_first_screen() {
    check(b"\x1b[?1049h\x1bc", false);
    check(b"\x1b[?1049h\x1b[?104\x1b[?1049l", false);
    check(b"\x1b[?99999999999999999999h\x1b", false);
}
