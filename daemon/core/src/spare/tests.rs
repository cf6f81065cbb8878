//! How many there are, which a pod gets, and what becomes of those nobody can use.

use super::*;
use crate::host::facts;
use crate::settings::{Settings, SubnetPool};
use pinacle_protocol::{HostStatus, OwnerId, Timestamp};
use std::net::Ipv4Addr;

const NOW: Now = Now { wall: Timestamp(0), mono_ms: 1_000_000 };

fn settings(prefix: u8) -> Settings {
    let mut settings = Settings::new(OwnerId::new("0wn3r00000000000").expect("an owner"), 1);
    settings.pool = SubnetPool::new(Ipv4Addr::new(10, 249, 0, 0), prefix).expect("a pool");
    settings
}

fn subnet(third: u8) -> Subnet {
    Subnet { network: Ipv4Addr::new(10, 249, third, 0) }
}

/// A host with so many pods and these spares, all of them ready.
fn state(prefix: u8, pods: u8, spares: impl Iterator<Item = u8>) -> State {
    let mut state = State::load(settings(prefix), [HostId::local()], Vec::new(), NOW);
    let host = state.hosts.get_mut(&HostId::local()).expect("the host");
    host.set_status(HostStatus::Up, None, Timestamp(0));
    host.observed = true;
    (0..pods).for_each(|third| host.used_subnets.insert(subnet(third)));
    for third in spares {
        let record = SpareRecord {
            id: PodId::new(format!("spare{third:0>11}")).expect("an id"),
            host: HostId::local(),
            owner: OwnerId::new("0wn3r00000000000").expect("an owner"),
            subnet: Some(subnet(third)),
        };
        host.used_subnets.insert(subnet(third));
        host.spares.all.insert(record.id.clone(), Spare::new(record, Standing::Ready));
    }
    state
}

fn host(state: &mut State) -> &mut Host {
    state.hosts.get_mut(&HostId::local()).expect("the host")
}

fn wanted(prefix: u8, pods: u8) -> usize {
    let mut state = state(prefix, pods, 0..0);
    host(&mut state).wanted_spares(&settings(prefix))
}

#[test]
fn a_pool_that_is_nearly_used_up_is_left_to_the_pods() {
    assert_eq!([wanted(16, 0), wanted(16, 1), wanted(16, 224)], [0, 8, 8]);
    assert_eq!([wanted(16, 225), wanted(16, 252), wanted(16, 253)], [7, 1, 0]);
    assert_eq!([wanted(22, 1), wanted(20, 1)], [0, 3]);
    let mut state = state(20, 1, 0..0);
    host(&mut state).spares.routed = 12;
    assert_eq!(host(&mut state).wanted_spares(&settings(20)), 0);
}

#[test]
fn the_last_ranges_are_a_pods_whatever_they_were_kept_for() {
    let mut state = state(22, 1, 1..4);
    host(&mut state).give_up_spares(&settings(22));
    let one = state.next_spare(NOW, &HostId::local()).expect("one of them");
    assert_eq!(one.subnet, Some(subnet(1)));
    // With others left, one that is given up is no more taken.
    let free = subnet(2);
    let id = PodId::new(format!("spare{:0>11}", 2)).expect("an id");
    host(&mut state).spares.all.remove(&id);
    host(&mut state).used_subnets.remove(free);
    assert_eq!(state.next_spare(NOW, &HostId::local()), None);
}

#[test]
fn one_that_the_pool_or_the_host_has_no_room_for_is_given_up() {
    let mut state = state(16, 1, 1..9);
    let mut other = settings(16);
    other.pool = SubnetPool::new(Ipv4Addr::new(10, 249, 4, 0), 22).expect("a pool");
    let given_up = |state: &mut State| {
        let all = host(state).spares.all.values();
        all.filter(|spare| spare.standing == Standing::Unwanted).count()
    };
    let routes = vec![(Ipv4Addr::new(10, 249, 2, 0), 23)];
    host(&mut state).facts = Some(facts(routes));
    let next = state.next_spare(NOW, &HostId::local()).and_then(|spare| spare.subnet);
    assert_eq!(next, Some(subnet(1)));
    host(&mut state).give_up_spares(&settings(16));
    assert_eq!(given_up(&mut state), 2, "those the host routes");
    host(&mut state).give_up_spares(&other);
    assert!(given_up(&mut state) >= 5, "and those outside of the pool");
}

#[test]
fn pauses_grow_where_every_range_turns_out_to_be_in_use() {
    let mut state = state(16, 1, 0..0);
    let (mut now, mut pauses) = (NOW, Vec::new());
    for _ in 0..400 {
        now.mono_ms = state.next_deadline().map_or(now.mono_ms, |at| at.max(now.mono_ms));
        let effects = state.handle(now, crate::event::Event::Tick);
        for effect in effects {
            let Effect::CallAhead { ticket, call, .. } = effect else { continue };
            let made = matches!(call, EngineCall::CreateNetwork(_));
            if made {
                pauses.push(now.mono_ms);
            }
            let error = pinacle_protocol::ApiError::new(
                pinacle_protocol::ErrorKind::Engine,
                "pool overlaps",
            );
            let failure = EngineFailure { class: FailureClass::SubnetTaken, error };
            let result = if made { Err(failure) } else { Ok(EngineOutcome::Done) };
            let again = state.handle(now, crate::event::Event::CallEnded { ticket, result });
            for effect in again {
                let Effect::CallAhead { ticket, .. } = effect else { continue };
                let result = Ok(EngineOutcome::Done);
                let _ = state.handle(now, crate::event::Event::CallEnded { ticket, result });
            }
        }
    }
    let between: Vec<u64> = pauses.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(between.is_sorted(), "{between:?}");
    assert_eq!(between.last(), Some(&300_000), "{between:?}");
}
