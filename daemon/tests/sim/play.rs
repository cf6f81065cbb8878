//! What each action does to the world, and how the world comes to rest.

use crate::host::short;
use crate::recipe::{Action, INSTALL, Meddling, SPECS};
use crate::weather::Weather;
use crate::world::{OWNER, STRANGER, World};
use pinacle_core::engine::{
    ContainerLimits, ContainerPlan, EngineCall, LABEL_NAME, LABEL_OWNER, LABEL_POD, LABEL_PORT,
    LABEL_SLUG, NetworkPlan, Ownership, Subnet,
};
use pinacle_core::event::{CreateRequest, LossConsent, ReconfigureRequest, Request, SlugChoice};
use pinacle_core::{names, spec};
use pinacle_daemon::engine::Engine;
use pinacle_daemon::journal::Journal;
use pinacle_daemon::testing::FAKE_IMAGE;
use pinacle_protocol::{HostId, HostPort, OwnerId, PodId, Slug};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// How long the world gets to come to rest: the longest pause between tries is five
/// minutes, and a slow engine takes half a minute for a step.
const REST: Duration = Duration::from_secs(40 * 60);

/// Returns one of these, or nothing of nothing.
fn nth<T: Clone>(from: &[T], at: usize) -> Option<T> {
    (!from.is_empty()).then(|| from[at % from.len()].clone())
}

impl World {
    pub(crate) async fn play(&mut self, action: Action) {
        self.host.log(format!("> {action:?}"));
        match action {
            Action::Create { spec, source } => self.create(SPECS[spec], source),
            Action::Ask { pod, what } => {
                if let Some(pod) = nth(&self.pods(), pod) {
                    let request_id = self.next_request();
                    self.ask(request_id.clone(), Request::Act { request_id, pod, action: what });
                }
            }
            Action::Reconfigure { pod, spec, consent, stale } => {
                self.reconfigure(pod, SPECS[spec], consent, stale);
            }
            Action::Repeat { request } => {
                if !self.ledger.made.is_empty() {
                    self.ask_again(request % self.ledger.made.len());
                }
            }
            Action::Adopt { pod } => self.adopt(pod),
            Action::Wait(ms) => self.wait(Duration::from_millis(ms)).await,
            Action::Weather(weather) => self.host.set_weather(weather),
            Action::Break { works } => {
                self.host.fake.set_exit_code(INSTALL, if works { 0 } else { 2 });
            }
            Action::Jump { ms } => self.time.jump(ms),
            Action::TakePort { nth } => self.host.fake.take_port(HostPort(30_000 + nth)),
            Action::TakeSubnet { nth } => self.host.fake.take_subnet(subnet(nth)),
            Action::Prune => self.host.fake.prune_networks(),
            Action::GiveBack => self.give_back(),
            Action::Stranger { n } => self.stranger(n).await,
            Action::Meddle { pod, how } => self.meddle(pod, how),
            _ => self.fate(action).await,
        }
    }

    /// What befalls the daemon and its host.
    async fn fate(&mut self, action: Action) {
        match action {
            Action::Kill { moments } => {
                self.host.set_deadly(moments);
                self.wait(Duration::from_secs(2)).await;
                self.kill().await;
                self.start();
            }
            Action::Terminate => self.terminate().await,
            Action::PowerCut { lost } => {
                self.kill().await;
                let commits = self.disk.length();
                let kept = self.disk.lose_power(commits.saturating_sub(lost));
                self.host.log(format!("{kept} of {commits} commits are left"));
                self.forgot |= kept < commits;
                if let Err(lost) = self.disk.with_records(|left| self.ledger.outlived(left)) {
                    self.found(lost);
                }
                self.host.cut_link();
                self.host.fake.reboot();
                self.host.fake.mend_link();
                self.host.mend_link();
                self.start();
            }
            Action::DiskFull => self.disk.fill(),
            Action::Wipe => {
                self.kill().await;
                self.disk.wipe();
                self.ledger.wiped();
                let all = self.host.fake.look().pods.into_iter().map(|pod| pod.id);
                self.spoilt.extend(all);
                self.start();
            }
            Action::Away { ms } => {
                self.host.cut_link();
                self.wait(Duration::from_millis(ms)).await;
                self.host.mend_link();
            }
            Action::Reboot => {
                self.host.cut_link();
                self.host.fake.reboot();
                self.host.fake.mend_link();
                self.wait(Duration::from_millis(500)).await;
                self.host.mend_link();
            }
            _ => unreachable!("{action:?} is played elsewhere"),
        }
    }

    fn create(&mut self, text: &str, source: bool) {
        if self.pods().len() > 8 {
            return;
        }
        let request_id = self.next_request();
        let parsed = spec::parse(text.as_bytes()).spec.expect("a spec");
        let request = Request::Create(Box::new(CreateRequest {
            request_id: request_id.clone(),
            host: HostId::local(),
            spec_text: text.to_owned(),
            isolation: parsed.isolation,
            spec: parsed,
            name: "blog".to_owned(),
            slug: Slug::new("blog").expect("a slug"),
            slug_choice: SlugChoice::Derived,
            source_dir: source.then(|| "/src/blog".to_owned()),
        }));
        self.ask(request_id, request);
    }

    fn reconfigure(&mut self, pod: usize, text: &str, consent: bool, stale: bool) {
        let Some(pod) = nth(&self.pods(), pod) else { return };
        let request_id = self.next_request();
        let revision = self.backend().driver.published().pods[&pod].record.spec_revision;
        let request = Request::Reconfigure(Box::new(ReconfigureRequest {
            request_id: request_id.clone(),
            pod,
            expected: if stale { revision.next() } else { revision },
            spec_text: text.to_owned(),
            spec: spec::parse(text.as_bytes()).spec.expect("a spec"),
            loss: if consent { LossConsent::Accepted } else { LossConsent::NotGiven },
        }));
        self.ask(request_id, request);
    }

    fn adopt(&mut self, pod: usize) {
        let published = self.backend().driver.published();
        let foreign: Vec<PodId> = published
            .hosts
            .values()
            .flat_map(|host| host.foreign.iter().map(|pod| pod.id.clone()))
            .collect();
        if let Some(pod) = nth(&foreign, pod) {
            let request_id = self.next_request();
            // Not a pod of ours from now on either, but one that others may change.
            self.spoilt.insert(pod.clone());
            let host = HostId::local();
            self.ask(request_id.clone(), Request::Adopt { request_id, host, pod });
        }
    }

    fn give_back(&self) {
        for nth in 0..4 {
            self.host.fake.free_port(HostPort(30_000 + u16::from(nth)));
            self.host.fake.free_subnet(subnet(nth));
        }
    }

    /// Another daemon makes a pod, from the far end of our ranges.
    async fn stranger(&self, n: u32) {
        let pod = PodId::new(format!("stranger{n:08}")).expect("an id");
        let owner = Ownership { pod, owner: OwnerId::new(STRANGER).expect("an owner") };
        let port = HostPort(30_009 - u16::try_from(n).expect("small"));
        let labels = BTreeMap::from([
            (LABEL_POD.to_owned(), owner.pod.to_string()),
            (LABEL_OWNER.to_owned(), STRANGER.to_owned()),
            (LABEL_NAME.to_owned(), "blog".to_owned()),
            (LABEL_SLUG.to_owned(), "blog".to_owned()),
            (LABEL_PORT.to_owned(), port.to_string()),
        ]);
        let network = NetworkPlan {
            name: names::network(&owner.pod),
            bridge: names::bridge(&owner.pod),
            subnet: Subnet {
                network: Ipv4Addr::new(10, 249, 15 - u8::try_from(n).expect("small"), 0),
            },
            labels: labels.clone(),
        };
        let names = names::volumes(&owner.pod);
        let calls = [
            EngineCall::EnsureImage { reference: None },
            EngineCall::CreateNetwork(network.clone()),
            EngineCall::CreateVolumes { names: names.clone(), labels: labels.clone() },
            EngineCall::CreateContainer(Box::new(ContainerPlan {
                name: names::container(&owner.pod),
                hostname: "blog".to_owned(),
                image: FAKE_IMAGE.to_owned(),
                runtime: None,
                labels,
                network: network.name,
                address: network.subnet.pod_address(),
                port,
                publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
                limits: ContainerLimits { cpu_milli: 1, memory_bytes: 1, pids: 1, nofile: 1 },
                volumes: names.into_iter().map(|name| (name, "/workspace".to_owned())).collect(),
                resolvers: Vec::new(),
            })),
            EngineCall::StartContainer { name: names::container(&owner.pod) },
        ];
        let journal = Journal::closed().pod(&owner.pod);
        for call in calls {
            // It fails where one of ours holds the port or range.
            let _ = self.host.fake.call(&owner, &journal, call).await;
        }
    }

    fn meddle(&mut self, pod: usize, how: Meddling) {
        let Some(pod) = nth(&self.pods(), pod) else { return };
        self.host.log(format!("{how:?} {}", short(&pod)));
        let fake = &self.host.fake;
        match how {
            Meddling::Kill => fake.kill(&pod),
            Meddling::OutOfMemory => fake.kill_for_memory(&pod),
            Meddling::Stop => fake.stop_container(&pod),
            Meddling::Pause => fake.pause_container(&pod),
            Meddling::Remove => fake.remove_container(&pod),
            Meddling::Rename => fake.rename_container(&pod, &format!("mine-{}", short(&pod))),
            Meddling::Replace => fake.replace_container(&pod),
            Meddling::RemoveNetwork => fake.remove_network(&pod),
            Meddling::RemoveVolumes => fake.remove_volumes(&pod),
            Meddling::EditPort => fake.edit_label(&pod, LABEL_PORT, "1"),
            Meddling::EditOwner => {
                fake.edit_label(&pod, LABEL_OWNER, STRANGER);
                self.spoilt.insert(pod);
            }
        }
    }

    /// Takes every obstacle away and lets time pass.
    pub(crate) async fn come_to_rest(&mut self) {
        self.host.log("> from here on nothing is in the way");
        self.host.set_weather(Weather::Calm);
        self.host.mend_link();
        self.give_back();
        self.host.fake.remove_replacements();
        self.disk.mend();
        self.wait(REST).await;
        self.host.all_done().await;
        // Whoever heard no answer asks again.
        let open = self.ledger.made.iter().enumerate().filter(|(_, made)| made.answer.is_none());
        let open: Vec<usize> = open.map(|(index, _)| index).collect();
        for index in &open {
            self.ask_again(*index);
        }
        if !open.is_empty() {
            self.wait(REST).await;
        }
    }

    /// Returns what is there of other daemons.
    pub(crate) fn foreign(&self) -> Vec<String> {
        let all = self.host.fake.inventory().into_iter();
        let ours = |object: &String| self.spoilt.iter().any(|id| object.contains(id.as_str()));
        let all = all.filter(|object| object.contains("stranger") && !ours(object));
        all.filter(|object| !object.contains(OWNER)).collect()
    }
}

fn subnet(nth: u8) -> Subnet {
    Subnet { network: Ipv4Addr::new(10, 249, nth, 0) }
}
