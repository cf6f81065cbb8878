//! What a pod prints cannot move anything but its own lines.

use super::{open, text};
use crate::daemon;
use pinacle_tests::terminal::Heard;
use pinacle_tests::terminal::keys::{CTRL_S, ENTER, HOME};

/// Titles, clipboard, cursor movement, other screens, resets, questions, control
/// characters of both sets, broken UTF-8, wide characters, progress, tabs.
const OUTPUT: &[u8] = b"before-it\n\
    \x1b]0;owned\x07\x1b]2;owned\x1b\\\x1b]52;c;aGFja2Vk\x07\x1b]8;;http://evil\x07link\x1b]8;;\x07\n\
    \x1b[2J\x1b[H\x1b[10;40Hmoved-away\x1b[1A\x1b[5D\x1b[s\x1b[u\n\
    \x1b[?1049h\x1b[?1000h\x1b[?1006h\x1b[?2004l\x1b[?25h\x1b[3;5r\x1b[8;5;5t\x1b[6n\x1b[c\x1b[?2026h\n\
    \x1b[41;33mcoloured\x1b[0m \x07bell \x08\x08\x08back \x0b\x0c\x0e\x0f shifted\n\
    \x9b2J\x9d0;owned\x9c\x90+q544e\x9c\xc2\x9b2Jc1\n\
    \xff\xfe broken \xc3( \xe2\x82 utf8 \xf0\x9f\x98\xffend\n\
    wide \xe4\xbd\xa0\xe5\xa5\xbd \xed\x95\x9c\xea\xb8\x80 e\xcc\x81 \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb \xe2\x80\xae\xd7\xa9\xd7\x9c wide-end\n\
    10%\r50%\r100% loaded\n\
    a\tb\ttabbed\n\
    \x1bP1$r0m\x1b\\\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\\x1b(0qqq\x1b(B\x1b#8\x1bc\x1b7\x1b8 reset\n\
    unfinished \x1b]0;never ends\nafter-it\n";

/// What no frame of ours has in it.
const UNHEARD_OF: [(&str, &[u8]); 10] = [
    ("a command to the window", b"\x1b]"),
    ("a device control string", b"\x1bP"),
    ("a reset", b"\x1bc"),
    ("a character set", b"\x1b("),
    ("a bell", b"\x07"),
    ("a question", b"\x1b[6n"),
    ("another question", b"\x1b[c"),
    ("a region", b"\x1b[3;5r"),
    ("a shift", b"\x0e"),
    ("a byte of no character", b"\xff"),
];

#[test]
fn what_a_pod_prints_moves_nothing_on_the_screen() {
    let daemon = daemon();
    let dir = daemon.project("hostile", "isolation: runc\ninstall: cat output\n");
    std::fs::write(dir.join("output"), OUTPUT).expect("written");
    daemon.ok(&["create", text(&dir), "--quiet"]);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press(ENTER);
    terminal.shows("after-it");
    terminal.resize(80, 40);
    terminal.press(HOME);
    terminal.shows("before-it");
    for row in [(80, 40), (100, 50), (61, 40)] {
        terminal.resize(row.0, row.1);
        terminal.until("all in its place", |screen| {
            let lines: Vec<&str> = screen.lines().collect();
            let is_line = |text: &str| lines.iter().any(|line| line.trim_end() == text);
            lines.first().is_some_and(|l| l.starts_with("pinacle  1 pod"))
                && lines.get(1).is_some_and(|l| l.starts_with("hostile  running"))
                && lines.get(3).is_some_and(|l| l.starts_with("-- journal"))
                && lines.len() == usize::from(row.1)
                && lines.last().is_some_and(|l| l.starts_with("f follow"))
                && is_line("before-it")
                && is_line("100% loaded")
                && is_line("after-it")
                && is_line("moved-away")
        });
    }
    let contents = terminal.contents();
    assert!(contents.contains("wide 你好 한글"), "{contents}");
    assert!(!contents.contains("50%"), "{contents}");
    assert_eq!(terminal.colour("coloured"), vt100::Color::Idx(3));
    assert_eq!(terminal.colour("moved-away"), vt100::Color::Default);

    // Nothing of it reached the terminal in any other way.
    assert_eq!(terminal.heard(), Heard::default());
    let bytes = terminal.bytes_from(0);
    for (what, part) in UNHEARD_OF {
        assert!(!bytes.windows(part.len()).any(|w| w == part), "{what} was written");
    }
    assert_eq!(count(&bytes, b"\x1b[?1049h"), 1, "one other screen: our own");
    assert!(count(&bytes, b"\x1b[?2004l") == 0, "pasted text is still marked");

    // Nor does it in what is saved.
    terminal.press(CTRL_S);
    terminal.shows("save the journal as: hostile.log");
    terminal.press(ENTER);
    terminal.shows("lines are in");
    let saved = std::fs::read(daemon.dir().join("hostile.log")).expect("saved");
    let harmless = |b: &u8| *b >= 0x20 && *b != 0x7f || matches!(b, b'\n' | b'\t');
    assert!(saved.iter().all(harmless), "{}", String::from_utf8_lossy(&saved));
    terminal.press("q");
    terminal.ends(0);
}

fn count(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).filter(|w| *w == part).count()
}
