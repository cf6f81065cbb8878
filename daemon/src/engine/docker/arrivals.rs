//! Pods on their way to their first answer, and who lets them go first.
//!
//! Once a pod answers it can be reached; to copy files into it and to configure it costs
//! the host's processors a good part again of what its way there did. When several are on
//! their way at once, what follows the first answer of one waits until those that were on
//! theirs before have had it, too: all of them can be reached earlier, and none is ready
//! later than the last one would be anyway.

use pinacle_core::engine::EngineCall;
use pinacle_protocol::PodId;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;

/// How long others go first: what keeps a pod longer from its first answer may keep it for
/// minutes.
const PATIENCE: Duration = Duration::from_secs(2);
/// What comes later than this after an answer, in milliseconds, does not follow from it.
const SOON_MS: u64 = 1_000;

/// All of them.
pub(super) struct Arrivals(watch::Sender<Pods>);

#[derive(Debug, Default)]
struct Pods {
    /// On their way, from the first call for it to the answer.
    coming: BTreeSet<PodId>,
    /// Have answered at this moment, and nothing was done in them since.
    arrived: BTreeMap<PodId, u64>,
}

impl Default for Arrivals {
    fn default() -> Self {
        Self(watch::Sender::new(Pods::default()))
    }
}

impl Arrivals {
    /// Takes note of a call for a pod, once those that go first have gone.
    pub(super) async fn turn(&self, now_ms: u64, pod: &PodId, call: &EngineCall) -> Turn<'_> {
        let leg = Leg::of(call);
        let mut first = BTreeSet::new();
        self.0.send_modify(|pods| {
            pods.arrived.retain(|_, at| now_ms.saturating_sub(*at) < SOON_MS);
            let arrived = pods.arrived.remove(pod).is_some();
            if leg == Leg::Elsewhere {
                pods.coming.remove(pod);
            } else {
                pods.coming.insert(pod.clone());
            }
            if arrived && leg == Leg::Elsewhere {
                first.clone_from(&pods.coming);
            }
        });
        let turn = Turn { arrivals: self, pod: pod.clone(), leg, well_at: None };
        if !first.is_empty() {
            let mut seen = self.0.subscribe();
            let over = seen.wait_for(|pods| pods.coming.is_disjoint(&first));
            // Late or not: from here on all go on beside each other.
            let _ = tokio::time::timeout(PATIENCE, over).await;
        }
        turn
    }
}

/// Where on its way a call takes a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leg {
    /// Nearer to its first answer.
    Nearer,
    /// To its first answer.
    There,
    /// Not there: it has answered, or is not to.
    Elsewhere,
}

impl Leg {
    fn of(call: &EngineCall) -> Self {
        match call {
            // Nobody waits for a pod that nobody has asked for.
            EngineCall::CreateNetwork(plan) if plan.is_spare() => Self::Elsewhere,
            EngineCall::CreateNetwork(_)
            | EngineCall::CreateVolumes { .. }
            | EngineCall::CreateContainer(_)
            | EngineCall::StartContainer { .. } => Self::Nearer,
            EngineCall::AwaitReady { .. } => Self::There,
            _ => Self::Elsewhere,
        }
    }
}

/// A call under way. One that is dropped has not gone well: its pod keeps nobody waiting.
pub(super) struct Turn<'a> {
    arrivals: &'a Arrivals,
    pod: PodId,
    leg: Leg,
    /// When it had gone well.
    well_at: Option<u64>,
}

impl Turn<'_> {
    /// Ends the call, which had gone well at this moment, or not.
    pub(super) fn end(mut self, well_at: Option<u64>) {
        self.well_at = well_at;
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if self.leg == Leg::Elsewhere || (self.leg == Leg::Nearer && self.well_at.is_some()) {
            return;
        }
        self.arrivals.0.send_modify(|pods| {
            pods.coming.remove(&self.pod);
            if let Some(at) = self.well_at {
                pods.arrived.insert(self.pod.clone(), at);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use pinacle_protocol::HostPort;
    use std::net::{IpAddr, Ipv4Addr};
    use tokio::time::Instant;

    fn id(text: &str) -> PodId {
        PodId::new(format!("{text:a<16}")).expect("an id")
    }

    fn start() -> EngineCall {
        EngineCall::StartContainer { name: String::new() }
    }

    fn answer() -> EngineCall {
        let publish = IpAddr::V4(Ipv4Addr::LOCALHOST);
        EngineCall::AwaitReady {
            name: String::new(),
            publish,
            port: HostPort(30_000),
            timeout_ms: 1,
        }
    }

    fn inside() -> EngineCall {
        EngineCall::AwaitHealthy { name: String::new(), service: String::new(), timeout_ms: 1 }
    }

    async fn turn<'a>(arrivals: &'a Arrivals, pod: &PodId, call: &EngineCall) -> Turn<'a> {
        arrivals.turn(0, pod, call).await
    }

    /// Carries a call out whose turn it is.
    fn done(arrivals: &Arrivals, pod: &PodId, call: &EngineCall) {
        turn(arrivals, pod, call).now_or_never().expect("its turn").end(Some(0));
    }

    fn waits(turn: &mut (impl Future + Unpin)) -> bool {
        turn.now_or_never().is_none()
    }

    #[tokio::test(start_paused = true)]
    async fn a_pod_alone_waits_for_nobody() {
        let (arrivals, a) = (Arrivals::default(), id("a"));
        for call in [start(), answer(), inside(), inside()] {
            done(&arrivals, &a, &call);
        }
        assert!(arrivals.0.borrow().coming.is_empty() && arrivals.0.borrow().arrived.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_follows_a_first_answer_waits_for_those_on_their_way_alone() {
        let (arrivals, [a, b, c]) = (Arrivals::default(), ["a", "b", "c"].map(id));
        let (start, answer, inside) = (start(), answer(), inside());
        done(&arrivals, &a, &start);
        done(&arrivals, &b, &start);
        done(&arrivals, &a, &answer);
        let turn = arrivals.turn(0, &a, &inside);
        tokio::pin!(turn);
        assert!(waits(&mut turn), "b has not answered");
        done(&arrivals, &c, &start);
        done(&arrivals, &b, &answer);
        let turn = turn.now_or_never().expect("c came later, and keeps nobody waiting");
        turn.end(Some(0));
        // Only what follows the answer waits: later calls are somebody's wish.
        done(&arrivals, &a, &inside);
        let turn = arrivals.turn(0, &b, &inside);
        tokio::pin!(turn);
        assert!(waits(&mut turn), "c was on its way before b went on");
    }

    #[tokio::test(start_paused = true)]
    async fn pods_that_fail_are_given_up_or_go_elsewhere_keep_nobody_waiting() {
        let ends: [fn(&Arrivals, &PodId); 4] = [
            |arrivals, b| {
                let (start, answer) = (start(), answer());
                done(arrivals, b, &start);
                turn(arrivals, b, &answer).now_or_never().expect("its turn").end(None);
            },
            |arrivals, b| {
                let start = start();
                turn(arrivals, b, &start).now_or_never().expect("its turn").end(None);
            },
            |arrivals, b| {
                let start = start();
                drop(turn(arrivals, b, &start).now_or_never().expect("its turn"));
            },
            |arrivals, b| {
                let start = start();
                done(arrivals, b, &start);
                done(arrivals, b, &EngineCall::RemoveContainer { name: String::new() });
            },
        ];
        for end in ends {
            let (arrivals, [a, b]) = (Arrivals::default(), ["a", "b"].map(id));
            let (start, answer) = (start(), answer());
            done(&arrivals, &b, &start);
            done(&arrivals, &a, &start);
            done(&arrivals, &a, &answer);
            end(&arrivals, &b);
            done(&arrivals, &a, &inside());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_asked_of_a_pod_later_waits_for_nobody() {
        let (arrivals, [a, b]) = (Arrivals::default(), ["a", "b"].map(id));
        let (start, answer, inside) = (start(), answer(), inside());
        done(&arrivals, &a, &answer);
        done(&arrivals, &b, &start);
        let later = arrivals.turn(SOON_MS, &a, &inside);
        later.now_or_never().expect("a moment later").end(Some(SOON_MS));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_is_waited_for_a_moment() {
        let (arrivals, [a, b]) = (Arrivals::default(), ["a", "b"].map(id));
        let (start, answer) = (start(), answer());
        done(&arrivals, &b, &start);
        done(&arrivals, &a, &answer);
        let began = Instant::now();
        arrivals.turn(0, &a, &inside()).await.end(Some(0));
        assert_eq!(began.elapsed(), PATIENCE);
    }
}
