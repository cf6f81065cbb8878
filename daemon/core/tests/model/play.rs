//! What chance does to the world: each number is one thing that happens.

use super::specs::{self, SPECS};
use super::world::{Ending, OWNER, STRANGER, World};
use pinacle_core::engine::{ContainerState, EngineCall, FailureClass};
use pinacle_core::event::{Action, LossConsent, Request};
use pinacle_protocol::{HostId, PodId, Revision};

/// One thing that happens: which, and with what.
pub(crate) type Choice = (u8, u16);

fn pick<T: Clone>(from: &[T], by: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[by % from.len()].clone())
}

impl World {
    /// Plays one choice.
    pub(crate) fn play(&mut self, (what, with): Choice) -> Result<(), String> {
        let by = usize::from(with);
        self.mono_ms += u64::from(with % 7);
        match what % 96 {
            63..=80 => self.settle_some(by % 50),
            81..=95 | 0..=24 => self.go_on(by),
            25..=29 => self.create_one(by),
            30..=38 => self.act_on_one(by),
            39..=41 => self.reconfigure_one(by),
            42..=43 => self.repeat_one(by),
            44..=50 => self.disturb(by),
            51..=53 => self.disturb_host(by),
            54..=55 => self.kill(by),
            56..=60 => self.tick_if_due(),
            61 => self.adopt_one(by),
            62 if by.is_multiple_of(8) => {
                self.lose_database();
                Ok(())
            }
            62 if by.is_multiple_of(2) => self.disturb_spare(by),
            _ => {
                self.dies_after_commit = true;
                Ok(())
            }
        }
    }

    /// Lets what is under way go on without trouble for a while.
    fn settle_some(&mut self, steps: usize) -> Result<(), String> {
        for _ in 0..steps {
            if !self.settle_one()? {
                break;
            }
        }
        Ok(())
    }

    /// Lets something that is under way go on.
    pub(crate) fn go_on(&mut self, by: usize) -> Result<(), String> {
        let (calls, looks) = (self.calls.len(), self.looks.len());
        let (host_looks, reads) = (self.host_looks.len(), self.reads.len());
        let hosts = self.unannounced.len();
        let all = calls + looks + host_looks + reads + hosts;
        if all == 0 {
            return self.tick_if_due();
        }
        let (at, by) = (by % all, by / all);
        if at < calls {
            let ending = self.ending(at, by);
            return self.end_call(at, ending);
        }
        let at = at - calls;
        if at < looks {
            let pod = self.looks.keys().nth(at).cloned().expect("a look");
            return self.go_on_with_look(&pod, by.is_multiple_of(3));
        }
        let at = at - looks;
        if at < host_looks {
            return self.go_on_with_host_look(at, by.is_multiple_of(2));
        }
        let at = at - host_looks;
        if at < reads {
            return self.end_read(at, !by.is_multiple_of(5));
        }
        let host = self.unannounced.iter().nth(at - reads).cloned().expect("a host");
        self.announce(&host)
    }

    fn ending(&self, at: usize, by: usize) -> Ending {
        let call = &self.calls[at];
        if call.cancelled && !by.is_multiple_of(4) {
            return Ending::Refused(FailureClass::Cancelled);
        }
        let command = matches!(call.call, EngineCall::Run(_) | EngineCall::AwaitHealthy { .. });
        match by % 24 {
            0 => Ending::DoneUnknown,
            1 => Ending::Unknown,
            2 => Ending::Refused(FailureClass::Retryable),
            3 => Ending::Refused(FailureClass::Permanent),
            4 | 5 if command => Ending::Refused(FailureClass::CommandFailed),
            _ => Ending::AsItIs,
        }
    }

    fn tick_if_due(&mut self) -> Result<(), String> {
        if self.state.next_deadline().is_some() { self.tick() } else { Ok(()) }
    }

    fn create_one(&mut self, by: usize) -> Result<(), String> {
        if self.state.pod_ids().count() > 9 {
            return self.go_on(by);
        }
        let hosts: Vec<HostId> = self.hosts.keys().cloned().collect();
        let host = pick(&hosts, by).expect("a host");
        let text = SPECS[by / 2 % SPECS.len()].1;
        let id = self.new_request_id();
        let request = specs::create(id.clone(), &host, "blog", text, by.is_multiple_of(3));
        self.ask(id, request)
    }

    fn one_pod(&self, by: usize) -> Option<PodId> {
        let pods: Vec<PodId> = self.state.pod_ids().cloned().collect();
        pick(&pods, by)
    }

    fn act_on_one(&mut self, by: usize) -> Result<(), String> {
        let Some(pod) = self.one_pod(by) else { return self.create_one(by) };
        let action = match by / 16 % 8 {
            0 | 1 => Action::Start,
            2 | 3 => Action::Restart,
            4..=6 => Action::Stop,
            _ => Action::Delete,
        };
        let request_id = self.new_request_id();
        self.ask(request_id.clone(), Request::Act { request_id, pod, action })
    }

    fn reconfigure_one(&mut self, by: usize) -> Result<(), String> {
        let Some(pod) = self.one_pod(by) else { return self.create_one(by) };
        let revision = self.state.pod_record(&pod).map_or(Revision(1), |pod| pod.spec_revision);
        let expected = if by.is_multiple_of(11) { revision.next() } else { revision };
        let text = SPECS[by / 8 % SPECS.len()].1;
        let loss = if by.is_multiple_of(5) { LossConsent::NotGiven } else { LossConsent::Accepted };
        let id = self.new_request_id();
        let request = specs::reconfigure(id.clone(), &pod, expected, text, loss);
        self.ask(id, request)
    }

    /// Asks again what was asked before: the same operation is the answer.
    fn repeat_one(&mut self, by: usize) -> Result<(), String> {
        let Some((id, request, before)) = pick(&self.asked, by) else { return Ok(()) };
        self.ask(id.clone(), request)?;
        let (Some(Ok(before)), Some(Some(Ok(now)))) =
            (before, self.asked.last().map(|(_, _, answer)| answer))
        else {
            return Ok(());
        };
        let Some(operation) = &before.operation else { return Ok(()) };
        let kept = self.state.operation_view(operation).is_some();
        if kept && before != *now {
            return Err(format!("{id} was answered {before:?}, and then {now:?}"));
        }
        Ok(())
    }

    fn adopt_one(&mut self, by: usize) -> Result<(), String> {
        let hosts: Vec<HostId> = self.hosts.keys().cloned().collect();
        let host = pick(&hosts, by).expect("a host");
        let foreign: Vec<PodId> =
            self.state.foreign_pods(&host).into_iter().map(|pod| pod.id).collect();
        let Some(pod) = pick(&foreign, by / 2) else { return self.make_foreign(&host) };
        let request_id = self.new_request_id();
        self.ask(request_id.clone(), Request::Adopt { request_id, host, pod })
    }

    /// Has another daemon make a pod, by taking one of ours as the pattern.
    pub(crate) fn make_foreign(&mut self, host: &HostId) -> Result<(), String> {
        let engine = self.host(host);
        let pattern = engine
            .containers
            .values()
            .find(|c| c.state == ContainerState::Running && c.config.is_some());
        let Some(mut container) = pattern.cloned() else { return Ok(()) };
        let id = PodId::new(format!("foreign{:09}", engine.containers.len())).expect("an id");
        let set = [("dev.pinacle.pod", id.as_str()), ("dev.pinacle.owner", STRANGER)];
        for (label, value) in set {
            container.labels.insert(label.to_owned(), value.to_owned());
        }
        let ports = || (30_000..=30_011).rev();
        let used = |port: &u16| engine.containers.values().any(|c| c.port.0 == *port);
        let Some(port) = ports().find(|port| !used(port)) else { return Ok(()) };
        container.port.0 = port;
        container.labels.insert("dev.pinacle.port".to_owned(), port.to_string());
        container.labels.insert("dev.pinacle.slug".to_owned(), "blog".to_owned());
        container.network = pinacle_core::names::network(&id);
        container.volumes = pinacle_core::names::volumes(&id);
        let labels = container.labels.clone();
        let network = super::engine::Network {
            labels: labels.clone(),
            subnet: pinacle_core::engine::Subnet { network: [10, 250, 0, 0].into() },
        };
        if engine.networks.values().any(|n| n.subnet == network.subnet) {
            return Ok(());
        }
        engine.networks.insert(container.network.clone(), network);
        for volume in &container.volumes {
            engine.volumes.insert(volume.clone(), labels.clone());
        }
        engine.containers.insert(pinacle_core::names::container(&id), container);
        self.log.push(format!("# a pod of another daemon on {host}"));
        self.touched(host, &id);
        Ok(())
    }

    /// Something happens to a pod on its host behind our back.
    fn disturb(&mut self, by: usize) -> Result<(), String> {
        let Some(pod) = self.one_pod(by) else { return Ok(()) };
        let Some(host) = self.state.pod_record(&pod).map(|pod| pod.host.clone()) else {
            return Ok(());
        };
        let name = pinacle_core::names::container(&pod);
        let port = self.state.pod_record(&pod).and_then(|pod| pod.port);
        let subnet = self.state.pod_record(&pod).and_then(|pod| pod.subnet);
        let engine = self.host(&host);
        let what = match by / 16 % 10 {
            0..=2 => {
                engine.stop(&name, 137);
                if let Some(c) = engine.containers.get_mut(&name) {
                    c.oom = by.is_multiple_of(2);
                }
                "its container ends"
            }
            3 | 4 => {
                engine.containers.remove(&name);
                "its container is removed"
            }
            5 => {
                if let Some(up) = engine.containers.get_mut(&name).filter(|c| c.state.is_up()) {
                    up.state = ContainerState::Paused;
                }
                "its container is paused"
            }
            6 => {
                let idle = engine.containers.get(&name).is_none_or(|c| !c.state.is_up());
                if idle {
                    engine.networks.remove(&pinacle_core::names::network(&pod));
                }
                "its network is removed"
            }
            7 => {
                let aside = pinacle_core::names::previous(&pod);
                if ![&name, &aside].iter().any(|c| engine.containers.contains_key(*c)) {
                    let volumes = pinacle_core::names::volumes(&pod);
                    engine.volumes.retain(|volume, _| !volumes.contains(volume));
                }
                "its volumes are removed"
            }
            8 => {
                let held =
                    engine.containers.values().any(|c| c.state.is_up() && Some(c.port) == port);
                engine.squatted.extend(port.filter(|_| !held).map(|port| port.0));
                "its port is taken"
            }
            _ => {
                let used = engine.networks.values().any(|n| Some(n.subnet) == subnet);
                engine.routed.extend(subnet.filter(|_| !used));
                "its range is taken"
            }
        };
        self.log.push(format!("# {pod}: {what}"));
        self.touched(&host, &pod);
        Ok(())
    }

    /// A network made ahead is removed behind our back, or its range taken before it is made.
    fn disturb_spare(&mut self, by: usize) -> Result<(), String> {
        let spares: Vec<_> = self.state.spares().cloned().collect();
        let Some(spare) = pick(&spares, by / 8) else { return Ok(()) };
        let name = pinacle_core::names::network(&spare.id);
        let engine = self.host(&spare.host);
        let there = engine.networks.remove(&name).is_some();
        if !there {
            engine.routed.extend(spare.subnet);
        }
        self.log.push(format!("# spare {}: {}", spare.id, if there { "gone" } else { "taken" }));
        self.touched(&spare.host, &spare.id);
        Ok(())
    }

    fn disturb_host(&mut self, by: usize) -> Result<(), String> {
        let hosts: Vec<HostId> = self.hosts.keys().cloned().collect();
        let host = pick(&hosts, by).expect("a host");
        if self.hosts[&host].up {
            self.host_goes_down(&host, (by / 2).is_multiple_of(4))
        } else {
            self.host_comes_back(&host);
            Ok(())
        }
    }

    /// Kills the daemon: each call under way was carried out, or not.
    fn kill(&mut self, by: usize) -> Result<(), String> {
        for (at, call) in self.calls.clone().into_iter().enumerate() {
            let engine = self.host(&call.host);
            if (by >> (at % 16)) & 1 == 1 && engine.up {
                let _ = engine.carry_out(&call.owner, &call.call);
            }
        }
        self.restart();
        Ok(())
    }

    /// Returns the owner label of our own things.
    pub(crate) fn owner(&self) -> &'static str {
        OWNER
    }
}
