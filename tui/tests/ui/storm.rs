//! The loop that people use under random keys, clicks, sizes, pastes and hostile output:
//! no panic, no broken box, no growth.
//!
//! `PINACLE_STORM_SEED` plays one seed, `PINACLE_STORM_SECONDS` goes on for longer.

use super::chance::Chance;
use super::fuzz::{HOSTILE, sane};
use super::stage::{Hands, play};
use crate::support::{World, views};
use pinacle_protocol::PodPhase;
use pinacle_tui::app::Input;
use pinacle_tui::keymap::{Action, TABLE};
use pinacle_tui::model::Screen;
use pinacle_tui::msg::{Mouse, MouseKind};
use std::time::{Duration, Instant};

fn world(chance: &mut Chance) -> World {
    let world = World::new();
    world.write("pinacle.yaml", "version: \"1.0\"\nname: blog\n");
    world.fake.add("api", PodPhase::Stopped);
    world.fake.add("web", PodPhase::Running);
    let mut journal = Vec::new();
    for n in 0..(50 + chance.below(400) as u64) {
        let mut text = String::new();
        (0..chance.below(20)).for_each(|_| text.push_str(HOSTILE[chance.below(HOSTILE.len())]));
        let (seq, label) = (n * 2 + 1, HOSTILE[chance.below(HOSTILE.len())]);
        journal.push(views::begin(seq, label, HOSTILE[chance.below(HOSTILE.len())]));
        journal.push(views::output(seq + 1, seq.saturating_sub(chance.below(3) as u64), &text));
    }
    world.fake.state().journal = journal;
    world
}

fn input(chance: &mut Chance, size: &mut (u16, u16)) -> Input {
    let mut below = |limit: u16| u16::try_from(chance.below(usize::from(limit))).expect("small");
    match below(20) {
        0 => {
            *size = (1 + below(220), 1 + below(70));
            Input::Resized(size.0, size.1)
        }
        1 => Input::Paste(HOSTILE[usize::from(below(10))].to_owned()),
        2..=5 => {
            let kind = match below(4) {
                0 => MouseKind::WheelUp,
                1 => MouseKind::WheelDown,
                _ => MouseKind::Click,
            };
            Input::Mouse(Mouse { kind, column: below(size.0 + 1), row: below(size.1 + 1) })
        }
        6 | 7 => {
            let keys = ["a", "y", "n", "enter", "esc", "backspace", "7", "/", "up", "tab"];
            Input::Key(keys[usize::from(below(10))].parse().expect("a key"))
        }
        _ => {
            let rows = TABLE.iter().filter(|row| row.action != Action::Quit);
            let keys: Vec<&str> = rows.flat_map(|row| row.keys).copied().collect();
            Input::Key(keys[chance.below(keys.len())].parse().expect("a key"))
        }
    }
}

/// Waits until a frame of this size is drawn and checks that all in it is whole.
async fn settled(hands: &Hands, size: (u16, u16)) {
    let cells = || hands.cells.lock().expect("not poisoned").clone();
    let drawn = || hands.is_over() || (cells().area.width, cells().area.height) == size;
    crate::support::eventually("the size is drawn", drawn).await;
    sane(&cells());
}

fn resident() -> usize {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0) * 4096
}

#[tokio::test]
async fn nothing_that_comes_breaks_the_loop() {
    let set = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let only = set("PINACLE_STORM_SEED");
    let seconds = set("PINACLE_STORM_SECONDS").unwrap_or(8);
    let began = Instant::now();
    let mut early = 0;
    for seed in only.unwrap_or(1)..=only.unwrap_or(u64::MAX) {
        // The last one told is the one that failed.
        println!("PINACLE_STORM_SEED={seed}");
        let mut chance = Chance::new(seed);
        let world = world(&mut chance);
        let (model, ()) = play(&world, (80, 24), async |hands| {
            let mut size = (80, 24);
            for n in 0..400 {
                // The palette leads to every action, to leaving as well.
                if hands.is_over() {
                    return;
                }
                if hands.keys.send(input(&mut chance, &mut size)).await.is_err() {
                    return;
                }
                if n % 40 == 39 {
                    settled(&hands, size).await;
                }
            }
        })
        .await;
        for screen in &model.screens {
            if let Screen::Pod(pod) = screen {
                assert!(pod.journal.bytes() < 16 << 20);
            }
        }
        assert!(model.layers.len() < 3 && model.screens.len() < 5, "they pile up");
        if seed == only.unwrap_or(1) + 2 {
            early = resident();
        }
        if began.elapsed() > Duration::from_secs(seconds) {
            break;
        }
    }
    assert!(early == 0 || resident() < early + (48 << 20), "{early} grew to {}", resident());
}
