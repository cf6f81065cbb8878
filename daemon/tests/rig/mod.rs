//! A pod's worth of objects on the real engine, removed whatever the test did.

use futures::FutureExt;
use pinacle_core::engine::{
    ContainerLimits, ContainerPlan, EngineCall, EngineFailure, EngineOutcome, FailureClass,
    LABEL_ISOLATION, LABEL_OWNER, LABEL_POD, LABEL_PORT, NetworkPlan, Ownership, Subnet,
};
use pinacle_core::names;
use pinacle_core::podconfig::{POD_CONFIG_VERSION, PodConfig};
use pinacle_core::settings::SubnetPool;
use pinacle_daemon::clock::Clock;
use pinacle_daemon::engine::docker::{CaBundle, DockerEngine, DockerSettings};
use pinacle_daemon::engine::{Engine, ExecOutput, ExecRequest};
use pinacle_daemon::journal::{Journal, JournalLimits};
use pinacle_protocol::{HostId, HostPort, Isolation, OwnerId, PodId};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A value that must never be seen again.
pub(crate) const SECRET: &str = "correct-horse-battery";
/// The image that `docker/` makes, when somebody made it already.
const BUILT: &str = "pinacle-base:dev";

pub(crate) struct Rig {
    pub(crate) engine: DockerEngine,
    pub(crate) owner: Ownership,
    pub(crate) pod: PodId,
    pub(crate) journal: Journal,
    pub(crate) port: HostPort,
    pub(crate) subnet: Subnet,
    _dir: tempfile::TempDir,
}

/// Runs a test with objects of its own and removes them.
pub(crate) async fn with_rig(test: impl AsyncFnOnce(&Rig)) {
    let rig = Rig::new().await;
    let result = AssertUnwindSafe(test(&rig)).catch_unwind().await;
    rig.down().await;
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Returns a port that nobody listens on. Not one of those that the kernel gives to
/// connections, which could have it again by the time it is used.
pub(crate) fn free_port() -> HostPort {
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(0);
    let from = u16::try_from(std::process::id() % 100).unwrap() * 50;
    loop {
        let next = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let port = 16_000 + (from + next) % 5_000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return HostPort(port);
        }
    }
}

pub(crate) fn engine_at(socket: Option<PathBuf>, dir: &Path) -> DockerEngine {
    DockerEngine::new(DockerSettings {
        host: HostId::local(),
        socket,
        gvisor_runtime: None,
        cache_dir: dir.join("cache"),
        ca_bundle: CaBundle::Host,
        owner: OwnerId::new("testtesttesttest").unwrap(),
        pool: SubnetPool::default(),
        clock: Clock::system(),
    })
}

/// Runs the docker command line, the second opinion on what the engine holds.
pub(crate) async fn docker(words: &[&str]) -> String {
    let output = tokio::process::Command::new("docker").args(words).output().await.unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {words:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

fn is_passing(class: FailureClass) -> bool {
    matches!(class, FailureClass::OutcomeUnknown | FailureClass::Retryable)
}

pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let tries = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), tries).await.expect(what);
}

impl Rig {
    async fn new() -> Self {
        let clock = Clock::system();
        let token = clock.random_token16();
        let dir = tempfile::tempdir().unwrap();
        let owner = OwnerId::new(clock.random_token16()).unwrap();
        let engine = DockerEngine::new(DockerSettings {
            host: HostId::local(),
            socket: None,
            gvisor_runtime: None,
            cache_dir: dir.path().join("cache"),
            ca_bundle: CaBundle::Host,
            owner: owner.clone(),
            pool: SubnetPool::default(),
            clock: clock.clone(),
        });
        let facts = engine.connect().await.expect("a Docker engine is needed");
        let journal =
            Journal::open(dir.path().join("journal"), JournalLimits::default(), clock.clone())
                .unwrap();
        // Outside the daemon's own pool, and not where anything else routes.
        let free = |subnet: &Subnet| {
            !facts
                .routes
                .iter()
                .any(|(n, p)| *p >= 8 && n.octets()[..2] == subnet.network.octets()[..2])
        };
        let subnets = std::iter::repeat_with(|| {
            let [a, b, ..] = clock.random_u64().to_le_bytes();
            // Not 144 and 145, which the benchmarks have.
            Subnet { network: Ipv4Addr::new(10, 146 + a % 54, b, 0) }
        });
        let subnet = subnets.take(1000).find(free).unwrap();
        let pod = PodId::new(token).unwrap();
        let owner = Ownership { pod: pod.clone(), owner };
        Self { engine, owner, pod, journal, port: free_port(), subnet, _dir: dir }
    }

    pub(crate) fn name(&self) -> String {
        names::container(&self.pod)
    }

    pub(crate) fn labels(&self) -> BTreeMap<String, String> {
        let labels = [
            (LABEL_POD, self.pod.to_string()),
            (LABEL_OWNER, self.owner.owner.to_string()),
            (LABEL_PORT, self.port.to_string()),
            (LABEL_ISOLATION, "runc".to_owned()),
        ];
        labels.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()
    }

    pub(crate) fn network_plan(&self) -> NetworkPlan {
        NetworkPlan {
            name: names::network(&self.pod),
            bridge: names::bridge(&self.pod),
            subnet: self.subnet,
            labels: self.labels(),
        }
    }

    pub(crate) fn container_plan(
        &self,
        image: &str,
        runtime: Option<String>,
        resolvers: Vec<IpAddr>,
    ) -> ContainerPlan {
        let [workspace, home] = names::volume_pair(&self.pod);
        ContainerPlan {
            name: self.name(),
            hostname: "test".into(),
            image: image.into(),
            runtime,
            labels: self.labels(),
            network: names::network(&self.pod),
            address: self.subnet.pod_address(),
            port: self.port,
            publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
            limits: ContainerLimits {
                cpu_milli: 1000,
                memory_bytes: 1 << 30,
                pids: 512,
                nofile: 4096,
            },
            volumes: vec![(workspace, "/workspace".into()), (home, "/root".into())],
            resolvers,
        }
    }

    pub(crate) async fn call(&self, call: EngineCall) -> Result<EngineOutcome, EngineFailure> {
        self.engine.call(&self.owner, &self.journal.pod(&self.pod), call).await
    }

    pub(crate) async fn ok(&self, call: EngineCall) -> EngineOutcome {
        let text = format!("{call:?}");
        match self.call(call).await {
            Ok(outcome) => outcome,
            Err(failure) => panic!("{text}: {:?} {}", failure.class, failure.error.chain()),
        }
    }

    pub(crate) async fn done(&self, call: EngineCall) {
        assert_eq!(self.ok(call).await, EngineOutcome::Done);
    }

    pub(crate) async fn fails(&self, call: EngineCall) -> EngineFailure {
        self.call(call).await.expect_err("this cannot work")
    }

    /// Returns an image made from `docker/`, built when there is none.
    pub(crate) async fn image(&self) -> String {
        let listed = docker(&["images", "-q", BUILT]).await;
        if !listed.trim().is_empty() {
            return BUILT.to_owned();
        }
        match self.ok(EngineCall::EnsureImage { reference: None }).await {
            EngineOutcome::Image { reference } => reference,
            other => panic!("{other:?}"),
        }
    }

    /// Makes everything but the container; returns its plan.
    pub(crate) async fn prepare(&self, isolation: Isolation) -> ContainerPlan {
        let image = self.image().await;
        let call = EngineCall::CheckIsolation { isolation, image: image.clone() };
        let EngineOutcome::Isolation { runtime, resolvers } = self.ok(call).await else {
            panic!("not an isolation")
        };
        self.done(EngineCall::CreateNetwork(self.network_plan())).await;
        let names = names::volumes(&self.pod);
        self.done(EngineCall::CreateVolumes { names, labels: self.labels() }).await;
        self.container_plan(&image, runtime, resolvers)
    }

    /// Returns a configuration with nothing to run and a secret in its environment.
    pub(crate) fn config(&self, spec: &str) -> PodConfig {
        PodConfig {
            version: POD_CONFIG_VERSION,
            id: self.pod.to_string(),
            name: "test".into(),
            slug: "test".into(),
            revision: 1,
            default_port: 3000,
            external_port: self.port.0,
            hosts: vec![],
            publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
            working_dir: "/workspace".into(),
            user: "root".into(),
            env: BTreeMap::from([("TOKEN".to_owned(), SECRET.to_owned())]),
            services: vec![],
            ports: vec![],
            spec: spec.into(),
        }
    }

    pub(crate) fn await_ready(&self) -> EngineCall {
        EngineCall::AwaitReady {
            name: self.name(),
            publish: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: self.port,
            timeout_ms: 30_000,
        }
    }

    pub(crate) async fn up(&self, isolation: Isolation) {
        let plan = self.prepare(isolation).await;
        self.done(EngineCall::CreateContainer(Box::new(plan))).await;
        self.done(EngineCall::StartContainer { name: self.name() }).await;
        self.done(self.await_ready()).await;
    }

    pub(crate) async fn down(&self) {
        for name in [self.name(), names::previous(&self.pod)] {
            self.in_the_end(EngineCall::RemoveContainer { name }).await;
        }
        self.in_the_end(EngineCall::RemoveNetwork { name: names::network(&self.pod) }).await;
        self.in_the_end(EngineCall::RemoveVolumes { names: names::volumes(&self.pod) }).await;
    }

    /// Asks again for what the engine was too slow for, as the daemon does: under load Docker
    /// 20.10 hears of the end of a sandbox with many processes up to 70 s late.
    async fn in_the_end(&self, call: EngineCall) {
        const TRIES: usize = 4;
        for _ in 1..TRIES {
            match self.call(call.clone()).await {
                Err(failure) if is_passing(failure.class) => {}
                result => return assert_eq!(result, Ok(EngineOutcome::Done), "{call:?}"),
            }
        }
        self.done(call).await;
    }

    /// Runs a script in the pod and returns what it printed.
    pub(crate) async fn sh(&self, script: &str) -> String {
        let request = ExecRequest {
            pod: self.pod.clone(),
            command: vec!["sh".into(), "-c".into(), script.into()],
            tty: false,
            size: None,
            env: vec![],
            working_dir: "/".into(),
            user: "root".into(),
            session: "0000000000session".to_owned(),
        };
        let mut session = self.engine.exec(request).await.unwrap();
        let (mut text, mut error) = (Vec::new(), Vec::new());
        while let Some(item) = session.output.recv().await {
            match item.unwrap() {
                ExecOutput::Stdout(bytes) => text.extend_from_slice(&bytes),
                ExecOutput::Stderr(bytes) => error.extend_from_slice(&bytes),
                ExecOutput::Exit(code) => {
                    assert_eq!(code, 0, "{script}: {}", String::from_utf8_lossy(&error));
                }
            }
        }
        String::from_utf8(text).unwrap()
    }
}
