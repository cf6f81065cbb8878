//! Plays recipes, makes those that fail shorter, and tells of them.

use crate::recipe::{Action, recipe};
use crate::world::World;
use std::fmt::Write;
use std::panic::AssertUnwindSafe;
use std::sync::Once;

/// How a run went.
pub(crate) struct Outcome {
    pub(crate) wrong: Option<String>,
    pub(crate) log: Vec<String>,
}

thread_local! {
    /// The last panic on this thread; tasks that panic would be taken for lost calls.
    static PANIC: std::cell::RefCell<Option<String>> = const { std::cell::RefCell::new(None) };
}

static HOOK: Once = Once::new();

fn note_panics() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANIC.with(|panic| panic.borrow_mut().get_or_insert_with(|| info.to_string()).len());
            before(info);
        }));
    });
}

/// Plays a recipe.
pub(crate) fn play(seed: u64, actions: &[Action]) -> Outcome {
    note_panics();
    PANIC.with(|panic| panic.borrow_mut().take());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let mut log = Vec::new();
    let played = std::panic::catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let mut world = World::new(seed);
            let wrong = play_all(&mut world, actions).await;
            log = world.host.take_log();
            wrong
        })
    }));
    let panicked = PANIC.with(|panic| panic.borrow_mut().take());
    let wrong = match played {
        Ok(wrong) => panicked.or(wrong),
        Err(_) => panicked.or_else(|| Some("it panicked".to_owned())),
    };
    Outcome { wrong, log }
}

async fn play_all(world: &mut World, actions: &[Action]) -> Option<String> {
    world.start();
    for action in actions {
        world.play(*action).await;
        if let Some(wrong) = world.wrong.lock().expect("no panic").first() {
            return Some(wrong.clone());
        }
    }
    let foreign = world.foreign();
    world.come_to_rest().await;
    if let Some(wrong) = world.wrong.lock().expect("no panic").first() {
        return Some(wrong.clone());
    }
    if let Err(wrong) = world.check_at_rest().await {
        return Some(wrong);
    }
    (world.foreign() != foreign).then(|| "another daemon's things were touched".to_owned())
}

/// Plays seeds and fails at the first that goes wrong, with its shortest recipe.
pub(crate) fn run_seeds(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let whole = recipe(seed);
        if play(seed, &whole).wrong.is_none() {
            continue;
        }
        let some = |kept: &[usize]| kept.iter().map(|at| whole[*at]).collect::<Vec<_>>();
        let kept = shrink(whole.len(), |kept| play(seed, &some(kept)).wrong.is_some());
        let outcome = play(seed, &some(&kept));
        panic!("{}", tell(seed, &kept, &outcome));
    }
}

/// Plays seeds to the end and tells of each that goes wrong in a line.
pub(crate) fn survey(seeds: std::ops::Range<u64>) {
    let mut failed = 0;
    for seed in seeds {
        if let Some(wrong) = play(seed, &recipe(seed)).wrong {
            failed += 1;
            println!("seed {seed}: {wrong}");
        }
    }
    assert_eq!(failed, 0, "seeds went wrong");
}

/// Leaves out what can be left out, in ever smaller pieces, while it still fails.
pub(crate) fn shrink(length: usize, fails: impl Fn(&[usize]) -> bool) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..length).collect();
    let mut piece = length.div_ceil(2);
    while piece > 0 {
        let mut at = 0;
        while at < kept.len() {
            let mut without = kept.clone();
            without.drain(at..(at + piece).min(kept.len()));
            if fails(&without) {
                kept = without;
            } else {
                at += piece;
            }
        }
        piece /= 2;
    }
    kept
}

/// Tells of a failure, and how to see it again.
pub(crate) fn tell(seed: u64, kept: &[usize], outcome: &Outcome) -> String {
    let whole = recipe(seed);
    let places: Vec<String> = kept.iter().map(ToString::to_string).collect();
    let wrong = outcome.wrong.as_deref().unwrap_or("it does not fail when played again");
    let mut text = format!("seed {seed}: {wrong}\n");
    for at in kept {
        let _ = writeln!(text, "  {at:>3} {:?}", whole[*at]);
    }
    let _ = writeln!(text, "{}", outcome.log.join("\n"));
    let _ = write!(
        text,
        "seed {seed}: {wrong}\nagain: SIM_SEEDS={seed} SIM_KEEP={} cargo nextest run \
         -p pinacle-daemon --all-features --test sim by_hand --no-capture",
        places.join(",")
    );
    text
}
