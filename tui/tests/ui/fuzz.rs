//! Random keys, sizes, pastes and hostile output: no panic, no broken frame,
//! and a recording shows the same frames again.

use super::chance::Chance;
use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::keymap::TABLE;
use pinacle_tui::model::{Model, Screen};
use pinacle_tui::msg::{Msg, Source};
use pinacle_tui::recorder::{Recorder, replay};
use pinacle_tui::update::update;
use std::time::{Duration, Instant};

const HOSTILE: [&str; 10] = [
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
    match chance.below(12) {
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
            Msg::Journal(model.number, pinacle_tui::msg::Feed::Records(records, cursor))
        }
    }
}

fn sane(shown: &str, model: &Model) {
    assert_eq!(shown.lines().count(), usize::from(model.size.1));
    let bad = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
    assert!(!shown.contains(bad), "{shown:?}");
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
        for _ in 0..300 {
            let msg = message(&mut chance, &mut seq, &model);
            recorder.note(&model, &msg);
            let cmds = update(&mut model, msg);
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
                recorder.note(&model, &answer);
                update(&mut model, answer);
            }
            sane(&screen(&model), &model);
        }
        // Typed text is masked, so only what was never edited is the same.
        if !matches!(model.screens.last(), Some(Screen::Editor(_)))
            && !recorder.dump().contains("Paste")
        {
            let again = replay(&recorder.dump(), |_| {}).expect("a recording");
            assert_eq!(again.lines().count(), screen(&model).lines().count());
        }
    }
}

#[test]
fn a_recording_shows_the_same_and_holds_no_secret() {
    let mut live = model(&["api", "web"]);
    live.setting = pinacle_tui::model::Setting {
        theme: pinacle_tui::theme::Theme::Plain,
        ..Default::default()
    };
    let mut recorder = Recorder::new();
    let mut feed = |live: &mut Model, msg: Msg| {
        recorder.note(live, &msg);
        update(live, msg);
    };
    for key in ["down", "enter", "Z"] {
        feed(&mut live, Msg::Key(key.parse().expect("a key")));
    }
    let number = live.number;
    let records = pinacle_tui::msg::Feed::Records(story(), Cursor { epoch: 1, seq: 6 });
    feed(&mut live, Msg::Journal(number, records));
    let before = screen(&live);
    feed(&mut live, Msg::Key("e".parse().expect("a key")));
    let detail = views::detail(&live.world.pods[1], "env:\n  TOKEN: hunter2\n");
    feed(&mut live, Msg::Detail(views::pod_id(2), Ok(Box::new(detail))));
    feed(&mut live, Msg::Paste("hunter2".to_owned()));
    let dump = recorder.dump();
    assert!(!dump.contains("hunter2"), "{dump}");
    let mut frames = Vec::new();
    replay(&dump, |frame| frames.push(frame.to_owned())).expect("a recording");
    let after_e = frames.last().expect("frames");
    assert_eq!(after_e.lines().nth(6), before.lines().nth(6));
    assert_eq!(*after_e, before);
}
