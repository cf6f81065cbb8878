//! How badly the engine behaves, and what becomes of one call.

use pinacle_core::engine::FailureClass;
use pinacle_daemon::testing::{CallKind, Chance};
use std::time::Duration;

/// How the engine behaves for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// As it should.
    Calm,
    /// Now and then a call fails, or its answer is lost.
    Windy,
    /// Most do.
    Storm,
    /// Everything works, and takes seconds.
    Slow,
    /// Answers are lost, and what was asked for is done later.
    Late,
    /// Events are lost, late, and come twice.
    Deaf,
}

impl Weather {
    pub(crate) const ALL: [Self; 6] =
        [Self::Calm, Self::Windy, Self::Storm, Self::Slow, Self::Late, Self::Deaf];

    /// In how many of a thousand calls something goes wrong.
    fn trouble(self) -> u32 {
        match self {
            Self::Calm | Self::Slow | Self::Deaf => 0,
            Self::Windy => 120,
            Self::Storm => 550,
            Self::Late => 250,
        }
    }

    /// In how many of a thousand times an event is lost, late or doubled.
    pub(crate) fn deafness(self) -> u32 {
        match self {
            Self::Deaf => 500,
            Self::Storm => 100,
            _ => 0,
        }
    }

    fn longest(self) -> u64 {
        match self {
            Self::Calm => 20,
            Self::Windy | Self::Late | Self::Deaf => 200,
            Self::Storm => 1_000,
            Self::Slow => 15_000,
        }
    }

    fn delay(self, chance: &mut Chance) -> Duration {
        Duration::from_millis(chance.below(self.longest() + 1))
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// As the host has it.
    AsItIs,
    /// Not done, for this reason.
    Refused(FailureClass),
    /// Done, and this is answered.
    DoneBut(FailureClass),
    /// Nothing is known to the caller, and it is done so much later.
    Later(Duration),
}

/// One call's way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) before: Duration,
    pub(crate) fate: Fate,
    pub(crate) after: Duration,
}

/// What the engine may do long after everybody thought that it would not: never a removal,
/// behind which nobody can look for ever.
pub(crate) fn may_be_late(kind: CallKind) -> bool {
    matches!(
        kind,
        CallKind::CreateNetwork
            | CallKind::CreateVolumes
            | CallKind::CreateContainer
            | CallKind::StartContainer
            | CallKind::StopContainer
    )
}

impl Way {
    pub(crate) fn of(kind: CallKind, weather: Weather, chance: &mut Chance) -> Self {
        let (before, after) = (weather.delay(chance), weather.delay(chance));
        let fate = if chance.comes(weather.trouble()) {
            trouble(kind, weather, chance)
        } else {
            Fate::AsItIs
        };
        Self { before, fate, after }
    }
}

fn trouble(kind: CallKind, weather: Weather, chance: &mut Chance) -> Fate {
    let command = matches!(kind, CallKind::Run | CallKind::AwaitHealthy);
    if weather == Weather::Late && may_be_late(kind) {
        return Fate::Later(Duration::from_millis(chance.below(90_000)));
    }
    match chance.below(10) {
        0 | 1 => Fate::Refused(FailureClass::Retryable),
        2 => Fate::Refused(FailureClass::Permanent),
        3 | 4 => Fate::Refused(FailureClass::OutcomeUnknown),
        5 => Fate::DoneBut(FailureClass::Permanent),
        6 => Fate::DoneBut(FailureClass::Retryable),
        7 if command => Fate::Refused(FailureClass::CommandFailed),
        8 if may_be_late(kind) => Fate::Later(Duration::from_millis(chance.below(40_000))),
        _ => Fate::DoneBut(FailureClass::OutcomeUnknown),
    }
}
