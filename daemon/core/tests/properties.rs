//! Whatever happens, and in whatever order: what must always hold does, and
//! once nothing is in the way every pod is as it was wanted.

mod model;

use model::play::Choice;
use model::world::{World, small_settings};
use pinacle_protocol::HostId;
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
    result.map_err(|wrong| {
        let start = world.log.len().saturating_sub(400);
        let log = world.log[start..].join("\n");
        TestCaseError::fail(format!("{wrong}\n{choices:?}\n{log}\n{wrong}"))
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 512,
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

/// Once two hosts were looked at in turn for ever, each look so soon after the other that
/// the world never seemed at rest.
#[test]
fn looks_at_two_hosts_in_turn_are_no_unrest() {
    let mut world = World::new(&["local", "far"], small_settings);
    let local = HostId::local();
    world.announce(&local).unwrap();
    world.go_on_with_host_look(0, false).unwrap();
    world.mono_ms += 300_000;
    world.come_to_rest().unwrap();
}
