//! Whatever happens, and in whatever order: what must always hold does, and
//! once nothing is in the way every pod is as it was wanted.

mod model;

use model::play::Choice;
use model::world::{World, small_settings};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

fn run(choices: &[Choice]) -> Result<(), TestCaseError> {
    let mut world = World::new(&["local", "far"], small_settings);
    let mut play = || {
        for choice in choices {
            world.play(*choice)?;
        }
        world.come_to_rest()
    };
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(&mut play));
    let result = result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("panicked: {}", text.unwrap_or_default()))
    });
    if std::env::var_os("STATS").is_some() {
        for line in world.log.iter().filter(|l| l.contains("succeeded [") || l.contains("failed [") || l.contains("cancelled [") || l.contains("undoing")|| l.contains("reply")|| l.contains("note:") ||l.starts_with('#')) { eprintln!("STAT {line}"); }
    }
    result.map_err(|wrong| {
        let start = world.log.len().saturating_sub(400);
        let log = world.log[start..].join("\n");
        TestCaseError::fail(format!("{wrong}\n{choices:?}\n{log}\n{wrong}"))
    })
}

#[test]
fn replay() {
    let Ok(text) = std::env::var("REPLAY") else { return };
    let numbers: Vec<u16> =
        text.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect();
    let choices: Vec<Choice> =
        numbers.chunks_exact(2).map(|c| (u8::try_from(c[0]).expect("a kind"), c[1])).collect();
    let mut world = World::new(&["local", "far"], small_settings);
    let mut result = Ok(());
    for choice in choices { result = world.play(choice); if result.is_err() { break; } }
    if result.is_ok() { result = world.come_to_rest(); }
    println!("{}\n{result:?}", world.log.join("\n"));
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        max_shrink_iters: 600,
        ..ProptestConfig::default()
    })]

    /// The choices in the report of a failure, given to `run`, play it again.
    #[test]
    fn everything_comes_to_rest_as_wanted(
        choices in prop::collection::vec((any::<u8>(), any::<u16>()), 1..160)
    ) {
        run(&choices)?;
    }
}
