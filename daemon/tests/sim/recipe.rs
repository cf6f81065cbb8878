//! What happens in one run: a list of actions that follows from the seed alone, so that it
//! can be printed, replayed, and made shorter by leaving some out.

use crate::weather::Weather;
use pinacle_core::event::Action as Asked;
use pinacle_daemon::testing::Chance;

/// Something that happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// A client asks for a pod of this spec.
    Create { spec: usize, source: bool },
    /// A client asks for something to be done with a pod.
    Ask { pod: usize, what: Asked },
    /// A client changes a pod's spec.
    Reconfigure { pod: usize, spec: usize, consent: bool, stale: bool },
    /// A client repeats a request, not knowing what became of it.
    Repeat { request: usize },
    /// A client takes over a pod of another daemon.
    Adopt { pod: usize },
    /// So many milliseconds pass.
    Wait(u64),
    /// The engine begins to behave like this.
    Weather(Weather),
    /// The daemon is killed so many moments later.
    Kill { moments: u32 },
    /// The daemon is told to end, and started again.
    Terminate,
    /// The power fails: what was not synced may be lost, up to so many commits.
    PowerCut { lost: usize },
    /// The disk refuses the next commit.
    DiskFull,
    /// The database is lost.
    Wipe,
    /// The engine is away for so long.
    Away { ms: u64 },
    /// The host is started again.
    Reboot,
    /// Something is done to a pod behind the daemon's back.
    Meddle { pod: usize, how: Meddling },
    /// Another program takes the port that the next pod would get.
    TakePort { nth: u16 },
    /// Another network takes a range.
    TakeSubnet { nth: u8 },
    /// Somebody removes networks that no container is on: `docker network prune`.
    Prune,
    /// They are given back.
    GiveBack,
    /// Another daemon makes a pod.
    Stranger { n: u32 },
    /// The wall clock jumps.
    Jump { ms: i64 },
    /// The command of specs that install something fails, or works again.
    Break { works: bool },
}

/// What can be done to a pod behind the daemon's back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meddling {
    Kill,
    OutOfMemory,
    Stop,
    Pause,
    Remove,
    Rename,
    Replace,
    RemoveNetwork,
    RemoveVolumes,
    EditPort,
    EditOwner,
}

const MEDDLING: [Meddling; 11] = [
    Meddling::Kill,
    Meddling::OutOfMemory,
    Meddling::Stop,
    Meddling::Pause,
    Meddling::Remove,
    Meddling::Rename,
    Meddling::Replace,
    Meddling::RemoveNetwork,
    Meddling::RemoveVolumes,
    Meddling::EditPort,
    Meddling::EditOwner,
];

/// Specs to choose from; the second `install`s.
pub(crate) const SPECS: [&str; 7] = [
    "services: []\n",
    "services: []\ninstall: make deps\n",
    "services: []\ninstall: make deps\nhooks: {preStart: ./before, postStart: ./after}\n\
     healthChecks: [{command: test -f /tmp/ready}]\n",
    "services: []\nprocesses: [{name: app, startCommand: ./app}]\nenv: {TOKEN: hush}\n",
    "services: []\ntier: dev.large\n",
    "services: []\nbaseImage: debian:12\n",
    "services: []\nisolation: runc\n",
];
/// The command that [`Action::Break`] breaks.
pub(crate) const INSTALL: &str = "make deps";

/// Returns what happens with this seed.
pub(crate) fn recipe(seed: u64) -> Vec<Action> {
    let mut chance = Chance::new(seed);
    let length = 12 + chance.below(36);
    let mut actions = vec![create(&mut chance), Action::Wait(chance.below(3_000))];
    for _ in 0..length {
        let action = one(&mut chance);
        actions.push(action);
        if !matches!(action, Action::Wait(_)) && chance.comes(700) {
            actions.push(pause(&mut chance));
        }
    }
    actions
}

fn index(chance: &mut Chance) -> usize {
    usize::try_from(chance.below(64)).expect("small")
}

fn create(chance: &mut Chance) -> Action {
    Action::Create { spec: index(chance) % SPECS.len(), source: chance.comes(300) }
}

fn pause(chance: &mut Chance) -> Action {
    let longest = *chance.pick(&[0, 2, 30, 300, 3_000, 30_000, 300_000]);
    Action::Wait(chance.below(longest + 1))
}

fn one(chance: &mut Chance) -> Action {
    let pod = index(chance);
    match chance.below(100) {
        0..=11 => create(chance),
        12..=19 => Action::Ask { pod, what: Asked::Start },
        20..=27 => Action::Ask { pod, what: Asked::Stop },
        28..=33 => Action::Ask { pod, what: Asked::Restart },
        34..=41 => Action::Ask { pod, what: Asked::Delete },
        42..=48 => Action::Reconfigure {
            pod,
            spec: index(chance) % SPECS.len(),
            consent: chance.comes(800),
            stale: chance.comes(100),
        },
        49..=52 => Action::Repeat { request: pod },
        53 => Action::Adopt { pod },
        54..=63 => Action::Weather(*chance.pick(&Weather::ALL)),
        64..=71 => Action::Kill { moments: u32::try_from(chance.below(25)).expect("small") },
        72 => Action::Terminate,
        73..=75 => Action::PowerCut { lost: index(chance) % 12 },
        76 => Action::DiskFull,
        77 if chance.comes(300) => Action::Wipe,
        78..=80 => {
            let longest = *chance.pick(&[50, 3_000, 60_000]);
            Action::Away { ms: chance.below(longest) }
        }
        81 => Action::Reboot,
        82..=89 => Action::Meddle { pod, how: *chance.pick(&MEDDLING) },
        90 | 91 => Action::TakePort { nth: u16::try_from(chance.below(4)).expect("small") },
        92 => Action::TakeSubnet { nth: u8::try_from(chance.below(4)).expect("small") },
        93 => Action::GiveBack,
        94 => Action::Stranger { n: u32::try_from(chance.below(3)).expect("small") },
        95 => Action::Jump { ms: *chance.pick(&[-86_400_000, -5_000, 5_000, 86_400_000]) },
        98 => Action::Prune,
        96 | 97 => Action::Break { works: chance.comes(500) },
        _ => pause(chance),
    }
}
