//! The fake engine as the daemon sees it.

use super::engine::{CallKind, FakeEngine, unreachable};
use super::world::{World, fail};
use crate::engine::{Engine, ExecOutput, ExecRequest, ExecSession, Freshness};
use crate::journal::PodJournal;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream, StreamExt};
use pinacle_core::engine::{
    EngineCall, EngineFailure, EngineOutcome, FailureClass, HostFacts, HostSnapshot, ObservedPod,
    Ownership,
};
use pinacle_protocol::{
    EngineView, ErrorKind, HostId, HostReport, PodId, PodTicket, PodUsage, Timestamp,
};
use std::net::Ipv4Addr;
use tokio::sync::{mpsc, oneshot};

const CHANNEL: usize = 16;

impl Engine for FakeEngine {
    fn connect(&self) -> BoxFuture<'_, Result<HostFacts, EngineFailure>> {
        Box::pin(self.pass(None, CallKind::Connect, |_| {
            Ok(HostFacts {
                engine: EngineView {
                    version: "20.10.0".to_owned(),
                    api_version: "1.41".to_owned(),
                    runtimes: vec!["runc".to_owned(), "runsc".to_owned()],
                    cpus: 8,
                    memory_bytes: 32 << 30,
                },
                routes: vec![(Ipv4Addr::new(172, 17, 0, 0), 16)],
            })
        }))
    }

    fn observe(&self) -> BoxFuture<'_, Result<HostSnapshot, EngineFailure>> {
        Box::pin(self.pass(None, CallKind::Observe, |world| Ok(world.observe())))
    }

    fn observe_pod<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<ObservedPod>, EngineFailure>> {
        Box::pin(self.pass(Some(pod), CallKind::ObservePod, |world| Ok(world.observe_pod(pod))))
    }

    fn read_spec<'a>(
        &'a self,
        pod: &'a PodId,
    ) -> BoxFuture<'a, Result<Option<String>, EngineFailure>> {
        Box::pin(async move {
            if self.is_linked() { Ok(self.state().world.spec(pod)) } else { Err(unreachable()) }
        })
    }

    fn watch(
        &self,
    ) -> BoxFuture<'_, Result<BoxStream<'static, Result<PodId, EngineFailure>>, EngineFailure>>
    {
        Box::pin(async move {
            if !self.is_linked() {
                return Err(unreachable());
            }
            let (changes, engine) = (self.changes.subscribe(), self.clone());
            let pods = stream::unfold(changes, |mut changes| async {
                // A watcher that fell behind is cut off, and then looks at everything anew.
                changes.recv().await.ok().map(|pod| (Ok(pod), changes))
            });
            Ok(pods.take_until(async move { engine.cut().await }).boxed())
        })
    }

    fn call<'a>(
        &'a self,
        owner: &'a Ownership,
        _journal: &'a PodJournal,
        call: EngineCall,
    ) -> BoxFuture<'a, Result<EngineOutcome, EngineFailure>> {
        Box::pin(async move {
            let kind = CallKind::from(&call);
            let act = |world: &mut World| world.carry_out(owner, &call);
            let result = self.pass(Some(&owner.pod), kind, act).await;
            self.changed(&owner.pod);
            result
        })
    }

    fn exec(&self, request: ExecRequest) -> BoxFuture<'_, Result<ExecSession, EngineFailure>> {
        Box::pin(async move {
            if !self.is_linked() {
                return Err(unreachable());
            }
            if !self.state().world.is_running(&request.pod) {
                let message = format!("the pod {} is not running", request.pod);
                return Err(fail(FailureClass::Retryable, ErrorKind::Engine, message));
            }
            let command = request.command.join(" ");
            let code = self.state().world.exit_codes.get(&command).copied();
            let said = self.state().world.said.get(&command).cloned();
            let (hang_up, hung_up) = oneshot::channel();
            let engine = self.clone();
            spawn(async move {
                if hung_up.await.is_ok() {
                    engine.state().world.hung_up.push(command);
                }
            });
            let code = code.unwrap_or(0);
            Ok(match said {
                Some(text) => says(text, code, hang_up),
                None => echo(code, hang_up),
            })
        })
    }

    fn usage<'a>(
        &'a self,
        pods: &'a [PodId],
    ) -> BoxFuture<'a, Result<Vec<PodUsage>, EngineFailure>> {
        Box::pin(async move {
            if !self.is_linked() {
                return Err(unreachable());
            }
            let mut state = self.state();
            let running: Vec<PodId> =
                pods.iter().filter(|pod| state.world.is_running(pod)).cloned().collect();
            let usage = running.into_iter().map(|pod| {
                let before = state.cpu.insert(pod.clone(), 100);
                PodUsage {
                    pod,
                    cpu_milli: before,
                    memory_bytes: 64 << 20,
                    memory_limit_bytes: 1 << 30,
                }
            });
            Ok(usage.collect())
        })
    }

    fn ticket<'a>(
        &'a self,
        pod: &'a PodId,
        port: u16,
    ) -> BoxFuture<'a, Result<PodTicket, EngineFailure>> {
        Box::pin(async move {
            if !self.is_linked() || !self.state().world.is_running(pod) {
                return Err(unreachable());
            }
            let path = Some(format!("/.pinacle/enter?ticket={port}"));
            Ok(PodTicket { path, seconds: Some(600) })
        })
    }

    fn check(&self, _fresh: Freshness) -> BoxFuture<'_, HostReport> {
        Box::pin(async move {
            let gvisor = !self.state().world.no_gvisor;
            HostReport {
                host: HostId::local(),
                checked_at: Timestamp(0),
                checks: Vec::new(),
                gvisor_runtime: gvisor.then(|| "runsc".to_owned()),
                foreign: Vec::new(),
            }
        })
    }
}

/// A command that prints what it is given and then ends.
fn echo(code: i64, hang_up: oneshot::Sender<()>) -> ExecSession {
    let (output_tx, output) = mpsc::channel(CHANNEL);
    let (input, mut input_rx) = mpsc::channel(CHANNEL);
    let (resize, mut resize_rx) = mpsc::channel(CHANNEL);
    spawn(async move {
        loop {
            let item = tokio::select! {
                bytes = input_rx.recv() => match bytes {
                    Some(bytes) => ExecOutput::Stdout(bytes),
                    None => break,
                },
                Some(_) = resize_rx.recv() => continue,
            };
            if output_tx.send(Ok(item)).await.is_err() {
                return;
            }
        }
        // The reader may be gone by now.
        let _ = output_tx.send(Ok(ExecOutput::Exit(code))).await;
    });
    ExecSession { output, input, resize, hang_up }
}

/// A command that prints something and ends.
fn says(text: String, code: i64, hang_up: oneshot::Sender<()>) -> ExecSession {
    let (output_tx, output) = mpsc::channel(CHANNEL);
    let (input, _) = mpsc::channel(CHANNEL);
    let (resize, _) = mpsc::channel(CHANNEL);
    spawn(async move {
        let items = [ExecOutput::Stdout(text.into()), ExecOutput::Exit(code)];
        for item in items {
            // The reader may be gone by now.
            let _ = output_tx.send(Ok(item)).await;
        }
    });
    ExecSession { output, input, resize, hang_up }
}

#[allow(clippy::disallowed_methods, reason = "the task ends with the channels of its session")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(task));
}

#[cfg(test)]
mod tests {
    use super::super::engine::{FAKE_IMAGE, Fault, Moment};
    use super::*;
    use crate::clock::Clock;
    use crate::journal::{Journal, JournalLimits};
    use pinacle_core::engine::Subnet;
    use pinacle_core::engine::{
        ContainerLimits, ContainerPlan, ContainerState, LABEL_OWNER, LABEL_POD, NetworkPlan,
    };
    use pinacle_core::names;
    use pinacle_protocol::{HostPort, OwnerId};
    use std::collections::BTreeMap;
    use std::net::IpAddr;

    struct Bench {
        engine: FakeEngine,
        journal: Journal,
        _dir: tempfile::TempDir,
    }

    fn bench() -> Bench {
        let dir = tempfile::tempdir().expect("a directory");
        let journal =
            Journal::open(dir.path().join("j"), JournalLimits::default(), Clock::system());
        Bench { engine: FakeEngine::new(), journal: journal.expect("opened"), _dir: dir }
    }

    fn ownership(n: u32) -> Ownership {
        let pod = PodId::new(format!("{n:016}")).expect("an id");
        Ownership { pod, owner: OwnerId::new("o".repeat(16)).expect("an id") }
    }

    fn labels(owner: &Ownership) -> BTreeMap<String, String> {
        BTreeMap::from([
            (LABEL_POD.to_owned(), owner.pod.to_string()),
            (LABEL_OWNER.to_owned(), owner.owner.to_string()),
        ])
    }

    fn network(owner: &Ownership, n: u32) -> NetworkPlan {
        let [_, _, b, c] = n.to_be_bytes();
        NetworkPlan {
            name: names::network(&owner.pod),
            bridge: names::bridge(&owner.pod),
            subnet: Subnet { network: Ipv4Addr::new(10, b, c, 0) },
            labels: labels(owner),
        }
    }

    fn container(owner: &Ownership, port: u16) -> EngineCall {
        EngineCall::CreateContainer(Box::new(ContainerPlan {
            name: names::container(&owner.pod),
            hostname: "h".into(),
            image: FAKE_IMAGE.into(),
            runtime: None,
            labels: labels(owner),
            network: names::network(&owner.pod),
            address: Ipv4Addr::new(10, 0, 0, 2),
            port: HostPort(port),
            publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
            limits: ContainerLimits { cpu_milli: 1, memory_bytes: 1, pids: 1, nofile: 1 },
            volumes: vec![],
            resolvers: vec![],
        }))
    }

    impl Bench {
        async fn call(
            &self,
            owner: &Ownership,
            call: EngineCall,
        ) -> Result<EngineOutcome, FailureClass> {
            let journal = self.journal.pod(&owner.pod);
            self.engine.call(owner, &journal, call).await.map_err(|f| f.class)
        }

        async fn up(
            &self,
            owner: &Ownership,
            n: u32,
            port: u16,
        ) -> Result<EngineOutcome, FailureClass> {
            self.call(owner, EngineCall::EnsureImage { reference: None }).await?;
            self.call(owner, EngineCall::CreateNetwork(network(owner, n))).await?;
            self.call(owner, container(owner, port)).await?;
            let name = names::container(&owner.pod);
            self.call(owner, EngineCall::StartContainer { name }).await
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_thousand_pods_come_up_and_are_seen() {
        let bench = bench();
        for n in 0..1000 {
            let port = 30_000 + u16::try_from(n).expect("small");
            assert_eq!(bench.up(&ownership(n), n, port).await, Ok(EngineOutcome::Done));
        }
        let seen = bench.engine.observe().await.expect("seen");
        assert_eq!(seen.pods.len(), 1000);
        assert_eq!(bench.engine.counts(), (1000, 1000, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_port_or_range_is_given_once() {
        let bench = bench();
        assert!(bench.up(&ownership(1), 1, 30_000).await.is_ok());
        assert_eq!(bench.up(&ownership(2), 2, 30_000).await, Err(FailureClass::PortTaken));
        assert_eq!(bench.up(&ownership(3), 1, 30_001).await, Err(FailureClass::SubnetTaken));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_got_lost_was_done_all_the_same() {
        let bench = bench();
        let owner = ownership(1);
        let class = FailureClass::OutcomeUnknown;
        let kind = CallKind::CreateNetwork;
        bench.engine.fault(Fault { kind, nth: 1, moment: Moment::After, class });
        let call = || EngineCall::CreateNetwork(network(&owner, 1));
        assert_eq!(bench.call(&owner, call()).await, Err(class));
        assert_eq!(bench.engine.counts(), (0, 1, 0));
        assert!(bench.call(&owner, call()).await.is_ok());
        assert_eq!(bench.engine.calls().iter().filter(|c| c.kind == kind).count(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cut_link_ends_what_is_under_way() {
        let bench = bench();
        let owner = ownership(1);
        let mut watch = bench.engine.watch().await.expect("watching");
        bench.engine.hold(CallKind::CreateNetwork);
        let call = bench.call(&owner, EngineCall::CreateNetwork(network(&owner, 1)));
        let cut = async { bench.engine.cut_link() };
        assert_eq!(futures::join!(call, cut).0, Err(FailureClass::OutcomeUnknown));
        while let Some(item) = watch.next().await {
            assert!(item.is_ok());
        }
        assert!(bench.engine.connect().await.is_err());
        bench.engine.mend_link();
        bench.engine.release(CallKind::CreateNetwork);
        assert!(bench.engine.connect().await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reboot_starts_again_what_ran() {
        let bench = bench();
        for n in 1..3 {
            let port = 30_000 + u16::try_from(n).expect("small");
            assert!(bench.up(&ownership(n), n, port).await.is_ok());
        }
        bench.engine.take_port(HostPort(30_002));
        bench.engine.reboot();
        let state = |n: usize| {
            bench.engine.look().pods[n].container.as_ref().map(|c| (c.state, c.exit_code))
        };
        assert_eq!(state(0), Some((ContainerState::Running, None)));
        assert_eq!(state(1), Some((ContainerState::Exited, Some(137))));
    }
}
