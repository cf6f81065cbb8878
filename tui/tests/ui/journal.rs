//! The journal in memory.

use super::chance::Chance;
use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::cmd::Cmd;
use pinacle_tui::journal::{Journal, Missing, Piece, Way};
use pinacle_tui::model::{Model, Screen};
use pinacle_tui::msg::{Feed, Msg};
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
    press(&mut model, "N");
    assert!(screen(&model).contains("no further match above; n looks below"));
}

#[test]
fn a_command_of_several_lines_is_shown_as_it_was_written() {
    let mut model = opened();
    let script = "echo one\nls /nope\nexit 7";
    let story = vec![
        views::begin(1, "Install", script),
        views::output(2, 1, "one\n"),
        views::begin(3, "Other", "true"),
        views::end(4, 3, Some(0)),
        views::end(5, 1, Some(7)),
    ];
    records(&mut model, story);
    let shown = screen(&model);
    let written = "Install\n$ echo one\n  ls /nope\n  exit 7\none\n";
    assert!(shown.contains(written), "{shown}");
    assert!(shown.contains("Install (goes on)\n$ echo one ...\nExit code: 7"), "{shown}");
    press(&mut model, "[ [ [ z");
    let folded = screen(&model);
    assert!(folded.contains("$ echo one  [3 lines folded]"), "{folded}");
    assert!(!folded.contains("ls /nope"), "{folded}");
    press(&mut model, "z");
    assert!(screen(&model).contains(written), "{}", screen(&model));
    let cmds = press(&mut model, "y");
    let [Cmd::Copy(_, text)] = &cmds[..] else { panic!("{cmds:?}") };
    assert!(text.starts_with(written), "{text:?}");
}

#[test]
fn a_command_that_printed_nothing_is_not_folded() {
    let mut model = opened();
    records(&mut model, vec![views::begin(1, "Make", "mkdir a"), views::end(2, 1, Some(0))]);
    press(&mut model, "z");
    let shown = screen(&model);
    assert!(shown.contains("nothing to fold: this command printed nothing"), "{shown}");
    assert!(!shown.contains("folded]"), "{shown}");
    press(&mut model, "Z");
    assert!(!screen(&model).contains("folded]"), "{}", screen(&model));
}

#[test]
fn a_shell_that_was_left_has_not_failed() {
    let mut model = opened();
    let left = JournalEntry::End {
        command: 1,
        exit_code: None,
        duration_ms: 34_000,
        error: Some(LEFT_RUNNING.to_owned()),
        dropped_bytes: 0,
    };
    records(&mut model, vec![views::begin(1, "Shell", "bash -l"), views::record(2, left)]);
    let shown = screen(&model);
    assert!(shown.contains("$ bash -l\nleft while it ran after 34s"), "{shown}");
    assert!(!shown.contains("failed"), "{shown}");
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
    let records = [vec![views::begin(1, "Flood", "yes")], again].concat();
    let piece = Piece { records, ..Piece::default() };
    assert_eq!(journal.refill(missing, &piece, 502), None, "no line gets another number");
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
    let [Cmd::Read { missing, number, .. }] = &cmds[..] else { panic!("{cmds:?}") };
    let mut records = vec![views::begin(1, "Flood", "yes")];
    records.extend((2..20).map(|seq| views::output(seq, 1, &text)));
    let piece = Piece { records, ..Piece::default() };
    update(&mut model, Msg::Page(*number, *missing, Ok(piece)));
    assert!(screen(&model).contains("a line of some length 3"), "{}", screen(&model));
}

/// Commands that overlap, lines cut anywhere, colours that go on, progress bars.
fn tangle(chance: &mut Chance, count: u64) -> Vec<JournalRecord> {
    const PARTS: [&str; 8] = [
        "a whole line\n",
        "half ",
        "\x1b[31mred ",
        "\x1b[0m\n",
        "10%\r",
        "\ttab 你好\n",
        "one\ntwo\nthree\n",
        "\n",
    ];
    let mut open = Vec::new();
    let mut records = Vec::new();
    // Now and then nobody ends a line for long.
    let rarely = 1 + chance.below(12);
    for seq in 1..=count {
        records.push(match chance.below(12) {
            0 | 1 if open.len() < 4 => {
                open.push(seq);
                views::begin(seq, &format!("label {seq}"), "command")
            }
            2 if !open.is_empty() => {
                views::end(seq, open.remove(chance.below(open.len())), Some(0))
            }
            _ if open.is_empty() => {
                views::record(seq, JournalEntry::Note { text: format!("note {seq}") })
            }
            _ => {
                let command = open[chance.below(open.len())];
                let part = if chance.below(rarely) == 0 { chance.below(8) } else { 1 };
                views::output(seq, command, PARTS[part])
            }
        });
    }
    records
}

/// Reads parts as the daemon gives them, in pages of a few records.
fn read(all: &[JournalRecord], missing: Missing, page: u64) -> Piece {
    let last = all.len() as u64;
    let (from, next) = match missing.way {
        Way::Again => (missing.after.seq, missing.until),
        Way::Onwards(reach) => {
            let next = (missing.after.seq + page).min(last);
            (missing.after.seq, if next >= reach { missing.until } else { next })
        }
        Way::Back(reach) => {
            let mut from = missing.until;
            while from >= reach && from > 0 {
                from = from.saturating_sub(page);
            }
            (from, missing.until)
        }
    };
    piece(all, from, next)
}

fn piece(all: &[JournalRecord], from: u64, next: u64) -> Piece {
    let at = |seq| Cursor { epoch: 7, seq };
    let records: Vec<_> = all.iter().filter(|r| r.seq > from && r.seq <= next).cloned().collect();
    let context = strangers(all, &records, from);
    Piece { records, context, from: at(from), next: at(next), missed: 0 }
}

/// Returns the beginnings of commands in `records` that began up to `from`.
fn strangers(all: &[JournalRecord], records: &[JournalRecord], from: u64) -> Vec<JournalRecord> {
    let said = |begun: u64| {
        records.iter().any(|r| match &r.entry {
            JournalEntry::Output { command, .. } | JournalEntry::End { command, .. } => {
                *command == begun
            }
            _ => false,
        })
    };
    let begun = |r: &&JournalRecord| r.seq <= from && matches!(r.entry, JournalEntry::Begin { .. });
    all.iter().filter(begun).filter(|r| said(r.seq)).cloned().collect()
}

fn lines(journal: &Journal) -> Vec<String> {
    let shown = |n| journal.line(n).map_or_else(|| "?".to_owned(), |l| format!("{l:?}"));
    (0..journal.len()).map(shown).collect()
}

#[test]
fn opened_at_its_end_and_read_in_any_order_a_journal_has_the_same_lines() {
    for seed in 1..600 {
        let mut chance = Chance::new(seed);
        let count = 1 + chance.below(300) as u64;
        let all = tangle(&mut chance, count);
        let mut whole = Journal::new(views::pod_id(1));
        whole.push(&all, Cursor { epoch: 7, seq: count }, 0);
        // Some of it comes while it is looked at.
        let opened = 1 + chance.below(usize::try_from(count).expect("few")) as u64;
        let from = opened.saturating_sub(1 + chance.below(40) as u64);
        let mut journal = Journal::open(views::pod_id(1), &piece(&all, from, opened));
        let (mut live, page) = (opened, 1 + chance.below(50) as u64);
        for round in 0.. {
            assert!(round < 5_000, "seed {seed} does not end");
            let at_end = journal.hole().is_none();
            if live < count && (at_end || chance.below(3) == 0) {
                live += 1;
                let record = &all[usize::try_from(live - 1).expect("few")];
                let record = std::slice::from_ref(record);
                journal.introduce(&strangers(&all, record, live - 1));
                journal.push(record, Cursor { epoch: 7, seq: live }, 0);
                continue;
            }
            let Some((top, bottom)) = journal.hole() else { break };
            let line = if chance.below(2) == 0 { top } else { bottom };
            let Some(missing) = journal.want(line) else { continue };
            journal.refill(missing, &read(&all, missing, page), line);
        }
        assert_eq!(lines(&journal), lines(&whole), "seed {seed}");
        let heads = |j: &Journal| j.heads().collect::<Vec<_>>();
        assert_eq!(heads(&journal), heads(&whole), "seed {seed}");
    }
}

/// A journal of many lines, opened at its end; what is asked for is answered until nothing is.
struct Long {
    model: Model,
    all: Vec<JournalRecord>,
    reads: usize,
}

impl Long {
    fn new(count: u64) -> Self {
        let mut all = vec![views::begin(1, "Flood", "seq")];
        all.extend((2..=count).map(|n| views::output(n, 1, &format!("line {n}\n"))));
        let mut model = opened();
        let number = model.number;
        let end = piece(&all, count - 200, count);
        update(&mut model, Msg::Journal(number, Feed::Opened(end)));
        update(&mut model, Msg::Journal(number, Feed::CaughtUp));
        Self { model, all, reads: 0 }
    }

    fn press(&mut self, keys: &str) -> String {
        for key in keys.split_whitespace() {
            let mut cmds = press(&mut self.model, key);
            while let Some(cmd) = cmds.pop() {
                if let Cmd::Read { number, missing, .. } = cmd {
                    self.reads += 1;
                    assert!(self.reads < 100, "nothing comes of {missing:?}");
                    let piece = read(&self.all, missing, 1_000);
                    cmds.extend(update(&mut self.model, Msg::Page(number, missing, Ok(piece))));
                }
            }
        }
        screen(&self.model)
    }
}

#[test]
fn a_long_journal_opens_at_its_end_and_its_first_line_is_a_key_away() {
    let mut long = Long::new(100_000);
    let shown = screen(&long.model);
    assert!(shown.contains("line 100000") && shown.contains("following"), "{shown}");
    let shown = long.press("g");
    assert!(shown.contains("$ seq") && shown.contains("line 1 from the beginning"), "{shown}");
    assert_eq!(long.reads, 1, "what is between is not read");
    let shown = long.press("pagedown pagedown");
    assert!(shown.contains("line 42"), "{shown}");
    let shown = long.press("G pageup");
    assert!(shown.contains("line 99980"), "{shown}");
    assert_eq!(long.reads, 1);
    let shown = long.press(&"pageup ".repeat(20));
    assert!(shown.contains("line 99640"), "{shown}");
    assert!(long.reads < 5, "{}", long.reads);
}

#[test]
fn a_search_goes_through_what_was_not_read() {
    let mut long = Long::new(30_000);
    let shown = long.press("/ l i n e space 2 9 7 7 7 enter");
    assert!(shown.contains("line 29777"), "{shown}");
    let shown = long.press("/ l i n e space 1 2 3 4 5 enter");
    assert!(shown.contains("no further match"), "forward from there is none: {shown}");
    let shown = long.press("G / l i n e space 1 2 3 4 5 enter");
    assert!(shown.contains("line 12345"), "{shown}");
    assert!(long.reads > 10, "{}", long.reads);
    let shown = long.press("/ c o m m a n d l e s s enter");
    assert!(shown.contains("no further match"), "{shown}");
}

#[test]
fn another_journal_in_its_place_begins_anew() {
    let mut long = Long::new(1_000);
    long.press("pageup");
    let number = long.model.number;
    let records = vec![views::begin(1, "New", "make"), views::output(2, 1, "fresh\n")];
    let next = Cursor { epoch: 8, seq: 2 };
    let end = Piece { records, next, from: Cursor { epoch: 8, seq: 0 }, ..Piece::default() };
    update(&mut long.model, Msg::Journal(number, Feed::Opened(end)));
    let shown = screen(&long.model);
    assert!(shown.contains("fresh") && !shown.contains("line 9"), "{shown}");
    assert!(shown.contains("another one"), "it is said: {shown}");
}

#[test]
fn what_cannot_be_read_is_said_and_asked_for_again_by_a_key() {
    let mut long = Long::new(5_000);
    let cmds = press(&mut long.model, "g");
    let [Cmd::Read { number, missing, .. }] = &cmds[..] else { panic!("{cmds:?}") };
    let error = ApiError::new(ErrorKind::Storage, "the disk failed");
    let cmds = update(&mut long.model, Msg::Page(*number, *missing, Err(error)));
    assert!(cmds.is_empty(), "not asked for again at once: {cmds:?}");
    assert!(screen(&long.model).contains("the disk failed"));
    let shown = long.press("down");
    assert!(shown.contains("line 3"), "{shown}");
}

#[test]
fn what_is_copied_is_capped_and_that_is_said() {
    let mut model = opened();
    let text = "a line of output\n".repeat(100);
    records(&mut model, vec![views::begin(1, "Run", "make"), views::output(2, 1, &text)]);
    let cmds = press(&mut model, "y");
    let [Cmd::Copy(what, copied)] = &cmds[..] else { panic!("{cmds:?}") };
    assert_eq!((what.as_str(), copied.lines().count()), ("the command and its output", 102));
    for seq in 3..60 {
        records(&mut model, vec![views::output(seq, 1, &text)]);
    }
    let cmds = press(&mut model, "y");
    let [Cmd::Copy(what, copied)] = &cmds[..] else { panic!("{cmds:?}") };
    assert!(what.contains("the beginning") && copied.len() <= 74_000, "{what} {}", copied.len());
}

#[test]
fn what_a_terminal_shows_in_other_widths_stays_in_its_columns() {
    let mut model = opened();
    // Joined, combined, wide, with a selector of form, invisible, tabbed, and moved about.
    let text = "a\u{301}|👩\u{200d}👩|❤\u{fe0f}|한|\t|\u{200b}|\x1b[3Cx\x08y\x07|end\n".repeat(3);
    records(&mut model, vec![views::begin(1, "Run", "x"), views::output(2, 1, &text)]);
    for columns in [60, 61, 80] {
        resize(&mut model, (columns, 24));
        let shown = screen(&model);
        assert!(shown.matches("|end").count() == 3, "{shown}");
        assert!(shown.contains("xy|end"), "{shown}");
    }
}

#[test]
fn what_was_found_stays_on_the_screen_when_its_size_changes() {
    let long = "words that take more than a row of a narrow terminal ".repeat(4);
    let line = |n: u64| match n {
        61 => "needle\n".to_owned(),
        n if n % 3 == 0 => format!("{n} {long}\n"),
        n => format!("{n}\n"),
    };
    let text: String = (1..=120).map(line).collect();
    for scroll in ["", "down down", "up up up up up up up up up"] {
        let mut model = opened();
        resize(&mut model, (160, 50));
        records(&mut model, vec![views::begin(1, "Run", "make"), views::output(2, 1, &text)]);
        press(&mut model, "g / n e e d l e enter");
        press(&mut model, scroll);
        let sizes = [(160, 50), (60, 12), (200, 60), (61, 13), (80, 24), (60, 12), (120, 40)];
        for size in sizes {
            resize(&mut model, size);
            let shown = screen(&model);
            assert!(shown.lines().any(|l| l == "needle"), "{scroll:?} {size:?}\n{shown}");
        }
    }
}

#[test]
fn what_was_scrolled_away_from_is_not_brought_back_by_another_size() {
    let mut model = opened();
    let text: String = (1..=200).map(|n| format!("line {n}\n")).collect();
    records(&mut model, vec![views::begin(1, "Run", "make"), views::output(2, 1, &text)]);
    press(&mut model, "g / l i n e space 5 0 enter g");
    resize(&mut model, (60, 12));
    assert!(screen(&model).contains("line 1\n"), "{}", screen(&model));
    press(&mut model, "G");
    resize(&mut model, (80, 24));
    assert!(screen(&model).contains("line 200\n"), "{}", screen(&model));
}

#[test]
fn what_is_found_between_long_lines_is_seen_at_once() {
    let mut model = opened();
    resize(&mut model, (60, 12));
    let long = "words ".repeat(60);
    let text = format!("{}needle\n{}", format!("{long}\n").repeat(9), "after\n".repeat(40));
    records(&mut model, vec![views::begin(1, "Run", "make"), views::output(2, 1, &text)]);
    press(&mut model, "g / n e e d l e enter");
    assert!(screen(&model).lines().any(|l| l == "needle"), "{}", screen(&model));
}
