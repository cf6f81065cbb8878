//! Random keys, sizes, pastes and hostile output: no panic, no broken frame,
//! and a recording shows the same frames again.

use super::chance::Chance;
use super::colours::drawn;
use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::keymap::TABLE;
use pinacle_tui::model::Model;
use pinacle_tui::msg::{Feed, Mouse, MouseKind, Msg, Source};
use pinacle_tui::recorder::{Recorder, replay};
use pinacle_tui::update::update;
use ratatui::buffer::Buffer;
use std::time::{Duration, Instant};

pub(super) const HOSTILE: [&str; 10] = [
    "\x1b[2J\x1b[H\x1b[?1049l",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x1bP+q544e\x1b\\",
    "\r\r\r\n\t\t\x08\x08\x7f",
    "\u{202e}gnp.exe\u{200b}\u{fe0f}",
    "👩‍👩‍👧‍👦 e\u{301}\u{301}\u{301} 한글 你好",
    "\x1b[38;2;1;2mx\x1b[999999999m\x1b[;;;m",
    "\x1b[",
    "│└─ borders ─┘│\x00\x01\x1f\u{9b}31m",
    "plain\nlines\n",
];

fn message(chance: &mut Chance, seq: &mut u64, model: &Model) -> Msg {
    match chance.below(14) {
        0..=5 => {
            let keys: Vec<&str> = TABLE.iter().flat_map(|row| row.keys).copied().collect();
            Msg::Key(keys[chance.below(keys.len())].parse().expect("a key"))
        }
        6 => Msg::Key(
            ["a", "y", "enter", "esc", "backspace", "7", "/"][chance.below(7)]
                .parse()
                .expect("a key"),
        ),
        7 => {
            let size = |n: usize| u16::try_from(n).expect("small");
            Msg::Resized(size(1 + chance.below(220)), size(1 + chance.below(70)))
        }
        8 => Msg::Paste(HOSTILE[chance.below(HOSTILE.len())].to_owned()),
        12 => {
            let kinds =
                [MouseKind::Click, MouseKind::Click, MouseKind::WheelUp, MouseKind::WheelDown];
            let mut at =
                |limit: u16| u16::try_from(chance.below(usize::from(limit) + 2)).expect("small");
            let (column, row) = (at(model.size.0), at(model.size.1));
            Msg::Mouse(Mouse { kind: kinds[chance.below(4)], column, row })
        }
        9 => Msg::Tick(model.world.now.plus_ms(chance.below(5_000) as u64)),
        10 => {
            let n = chance.below(6) as u64;
            let phase = PodPhase::ALL[chance.below(8)];
            let mut pod = views::pod(n, &format!("pod-{n}"), phase);
            pod.reason = Some(HOSTILE[chance.below(HOSTILE.len())].to_owned());
            let event = if chance.below(5) == 0 {
                Event::PodRemoved { id: pod.id }
            } else {
                Event::PodChanged { pod: Box::new(pod) }
            };
            Msg::Changed(Box::new(event))
        }
        _ => {
            let mut text = String::new();
            for _ in 0..chance.below(40) {
                text.push_str(HOSTILE[chance.below(HOSTILE.len())]);
            }
            *seq += 2;
            let command = *seq - chance.below(6) as u64;
            let records = vec![
                views::begin(*seq, HOSTILE[chance.below(10)], "x"),
                views::output(*seq + 1, command, &text),
            ];
            let cursor = Cursor { epoch: 1, seq: *seq + 1 };
            Msg::Journal(model.number, Feed::Records(records, cursor))
        }
    }
}

/// Checks that nothing foreign is on the screen and that boxes are whole.
pub(super) fn sane(buffer: &Buffer) {
    let bad = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
    for cell in buffer.content() {
        assert!(!cell.symbol().contains(bad), "{buffer:?}");
    }
    let area = buffer.area;
    let at = |x: u16, y: u16| buffer[(x, y)].symbol();
    for y in 0..area.height {
        // Only our own dialogs have corners like these.
        let Some(left) = (0..area.width).find(|x| at(*x, y) == "┌") else { continue };
        let right =
            (0..area.width).rfind(|x| at(*x, y) == "┐").unwrap_or_else(|| panic!("{buffer:?}"));
        let bottom = (y..area.height).find(|y| at(left, *y) == "└");
        let bottom = bottom.unwrap_or_else(|| panic!("no bottom: {buffer:?}"));
        assert_eq!(at(right, bottom), "┘", "{buffer:?}");
        for y in y + 1..bottom {
            assert_eq!((at(left, y), at(right, y)), ("│", "│"), "{buffer:?}");
        }
    }
}

#[test]
fn nothing_breaks_the_screen_and_a_recording_shows_it_again() {
    let began = Instant::now();
    let mut seed = 0x9e37_79b9_7f4a_7c15;
    while began.elapsed() < Duration::from_secs(4) {
        seed += 0x1234_5678_9abc;
        let mut chance = Chance::new(seed);
        let mut model = model(&["pod-1", "pod-2"]);
        let mut recorder = Recorder::new();
        let mut seq = 10;
        // Frames up to the first text of a person or a pod's file.
        let (mut frames, mut plain) = (Vec::new(), true);
        for _ in 0..300 {
            let msg = message(&mut chance, &mut seq, &model);
            recorder.note(&model, &msg);
            plain &= !matches!(msg, Msg::Paste(_));
            let cmds = update(&mut model, msg);
            if plain {
                frames.push(screen(&model));
            }
            // Answers that open screens.
            for cmd in cmds {
                let answer = match cmd {
                    pinacle_tui::cmd::Cmd::Detail(id) => {
                        let pod = views::pod(1, "pod-1", PodPhase::Running);
                        Msg::Detail(
                            id,
                            Ok(Box::new(views::detail(&pod, "version: \"1.0\"\nname: x\n"))),
                        )
                    }
                    pinacle_tui::cmd::Cmd::Source(_) => Msg::Source(Ok(Source {
                        text: "version: \"1.0\"\n".to_owned(),
                        shown: "x".to_owned(),
                        default_name: None,
                        source_dir: None,
                        dir: None,
                        found: true,
                    })),
                    _ => continue,
                };
                plain = false;
                recorder.note(&model, &answer);
                update(&mut model, answer);
            }
            sane(&drawn(&model));
        }
        // What is typed and pasted is masked: the same is shown until then.
        let mut frames = frames.iter();
        let mut at = 0;
        replay(&recorder.dump(), |_, model| {
            let Some(expected) = frames.next() else { return };
            assert_eq!(screen(model), *expected, "seed {seed}, message {at}");
            at += 1;
        })
        .expect("a recording");
    }
}

fn recorded(recorder: &mut Recorder, live: &mut Model, msg: Msg) {
    recorder.note(live, &msg);
    update(live, msg);
}

/// On the journal of the second of two pods, as recorded from the beginning.
fn on_a_journal() -> (Model, Recorder) {
    let mut live = model(&["api", "web"]);
    live.setting = pinacle_tui::model::Setting {
        theme: pinacle_tui::theme::Theme::Plain,
        ..Default::default()
    };
    let mut recorder = Recorder::new();
    for key in ["down", "enter", "Z"] {
        recorded(&mut recorder, &mut live, Msg::Key(key.parse().expect("a key")));
    }
    (live, recorder)
}

#[test]
fn a_recording_shows_the_same_and_holds_no_secret() {
    let (mut live, mut recorder) = on_a_journal();
    let mut feed = |live: &mut Model, msg: Msg| recorded(&mut recorder, live, msg);
    let number = live.number;
    let records = Feed::Records(story(), Cursor { epoch: 1, seq: 6 });
    feed(&mut live, Msg::Journal(number, records));
    let before = screen(&live);
    feed(&mut live, Msg::Key("e".parse().expect("a key")));
    let detail = views::detail(&live.world.pods[1], "env:\n  TOKEN: hunter2\n");
    feed(&mut live, Msg::Detail(views::pod_id(2), Ok(Box::new(detail))));
    feed(&mut live, Msg::Paste("hunter2".to_owned()));
    let dump = recorder.dump();
    assert!(!dump.contains("hunter2"), "{dump}");
    let mut frames = Vec::new();
    let each = |key: Option<pinacle_tui::keymap::Key>, model: &Model| {
        if key.is_some() {
            frames.push(screen(model));
        }
    };
    replay(&dump, each).expect("a recording");
    assert_eq!(*frames.last().expect("frames"), before, "the key that asked for the editor");
}

#[test]
fn a_recording_stays_small_and_keeps_keys_while_a_pod_floods() {
    const FLOOD: u64 = 400;
    let (mut live, mut recorder) = on_a_journal();
    let mut feed = |live: &mut Model, msg: Msg| recorded(&mut recorder, live, msg);
    let number = live.number;
    let journal = |feed| Msg::Journal(number, feed);
    let story = story();
    let begun = Cursor { epoch: 1, seq: 6 };
    feed(&mut live, journal(Feed::Records(story.clone(), begun)));
    let output = story.iter().find(|r| matches!(r.entry, JournalEntry::Output { .. }));
    let output = output.expect("output").clone();
    for n in 1..=FLOOD {
        let seq = begun.seq + n;
        let mut record = JournalRecord { seq, ..output.clone() };
        if let JournalEntry::Output { text, .. } = &mut record.entry {
            *text = format!("line {n} of many\n").repeat(60 * 1024 / 16);
        }
        feed(&mut live, journal(Feed::Records(vec![record], Cursor { seq, ..begun })));
        let later = Timestamp(live.world.now.0 + 100);
        feed(&mut live, Msg::Tick(later));
        if n == FLOOD / 2 {
            feed(&mut live, Msg::Key("?".parse().expect("a key")));
            feed(&mut live, Msg::Key("esc".parse().expect("a key")));
        }
    }
    let dump = recorder.dump();
    assert!(dump.len() < 4 * 1024 * 1024, "{} bytes", dump.len());
    let mut keys = 0;
    let last = replay(&dump, |key, _| keys += usize::from(key.is_some())).expect("a recording");
    assert_eq!(keys, 5, "none is lost");
    let rows = |text: &str| text.lines().filter(|l| l.contains("of many")).count();
    assert!(rows(&last) > 10, "{last}");
    // All but what counts lines is the same: the oldest were cut.
    assert_eq!(rows(&last), rows(&screen(&live)));
    let gaps = dump.lines().filter(|l| l.contains("\"Gap\"")).count();
    assert!((1..=2).contains(&gaps), "one before the keys and one after: {gaps}");
}
