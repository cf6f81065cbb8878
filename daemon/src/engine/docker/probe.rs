//! Trying a runtime with a container of its own: does it start, does it keep what
//! was written to the root filesystem, can names be looked up.

use super::client::{Act, RUNTIME_LIMIT, Shared, change, look};
use super::container::CAPABILITIES;
use super::error::{Touch, failure};
use super::lifecycle::last_log_lines;
use super::line::Line;
use super::probe_network::{self, LABEL_CHECK};
use crate::backend::StopSwitch;
use crate::journal::PodJournal;
use bollard::Docker;
use bollard::errors::Error;
use bollard::models::{
    ContainerCreateBody, EndpointSettings, HostConfig, HostConfigLogConfig, NetworkingConfig,
};
use bollard::query_parameters::{
    CreateContainerOptions, StartContainerOptions, WaitContainerOptions,
};
use futures::StreamExt;
use pinacle_core::engine::{EngineFailure, FailureClass};
use pinacle_protocol::{ApiError, ErrorKind};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

/// What the test container is called by others on its network, which only the engine's
/// own name server knows.
const ALIAS: &str = "pinacle-check";
/// The script asks each of at most three name servers for six seconds at most: on a busy host
/// a sandbox takes a second to start a program.
const RUN_LIMIT: Duration = Duration::from_secs(60);
const MEMORY_BYTES: i64 = 256 << 20;
/// gVisor's own threads count among them, and it ends with a panic when it gets no more:
/// 128 were not enough for a shell and its children.
const PIDS: i64 = 2048;
const LOG_LINES: usize = 40;

/// How to get a gVisor that is fit.
pub(super) const INSTALL: &str = "install gVisor (runsc 20240807 or newer) and register it with \
     Docker with --overlay2=none: `pinacle-tui up` offers to, or in /etc/docker/daemon.json \
     {\"runtimes\": {\"pinacle-runsc\": {\"path\": \"/usr/bin/runsc\", \"runtimeArgs\": \
     [\"--overlay2=none\"]}}} and reload Docker";

/// First run: leave files, then ask the engine's name server and, when it is silent, the
/// host's. Second run: say whether the files are there. A name server works when it answers
/// anything at all: what it knows depends on the network it is in.
const SCRIPT: &str = r#"
if [ -e /opt/.pinacle-check ] && [ -e /root/.pinacle-check ]; then echo kept; exit 0; fi
mkdir -p /opt /root && echo x >/opt/.pinacle-check && echo x >/root/.pinacle-check || exit 3
echo started
query='\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x0dpinacle-check\x00\x00\x01\x00\x01'
ask() {
    if command -v bash >/dev/null 2>&1; then
        bash -c 'exec 3<>"/dev/udp/$1/53" && printf "$2" >&3 && [ "$(timeout 2 head -c 2 <&3 2>/dev/null | wc -c)" = 2 ]' bash "$1" "$query" 2>/dev/null
    elif [ "$1" = 127.0.0.11 ] && command -v getent >/dev/null 2>&1; then
        RES_OPTIONS='timeout:1 attempts:1' getent hosts pinacle-check >/dev/null
    else
        echo untried
    fi
}
if ask 127.0.0.11 || ask 127.0.0.11; then echo engine-dns; exit 0; fi
for address in $RESOLVERS; do
    if ask "$address" || ask "$address" || ask "$address"; then echo "resolver $address"; fi
done
exit 0
"#;

/// What was found of one runtime.
pub(super) struct Verdict {
    pub(super) runtime: String,
    /// The name servers its pods need, or why it is not fit.
    pub(super) result: Result<Vec<IpAddr>, Flaw>,
}

/// Which promise a runtime does not keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Promise {
    Starts,
    KeepsFiles,
    Resolves,
}

/// Why a runtime is not fit, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Flaw {
    pub(super) promise: Promise,
    pub(super) reason: String,
    pub(super) remedy: String,
}

/// A network to try runtimes on, one after the other.
pub(super) struct Site<'a> {
    pub(super) docker: Docker,
    journal: Option<&'a PodJournal>,
    image: &'a str,
    resolvers: Vec<IpAddr>,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) owner: String,
    pub(super) now_ms: u64,
    stop: StopSwitch,
}

impl<'a> Site<'a> {
    /// Makes the network, after clearing away what a check that was killed left.
    pub(super) async fn begin(
        shared: &Shared,
        journal: Option<&'a PodJournal>,
        image: &'a str,
        resolvers: Vec<IpAddr>,
    ) -> Result<Self, EngineFailure> {
        let token = shared.settings.clock.random_token16();
        let site = Self {
            docker: shared.docker()?,
            journal,
            image,
            resolvers,
            name: format!("pinacle-check-{}", &token[..8]),
            label: format!("{LABEL_CHECK}={}", shared.settings.owner),
            owner: shared.settings.owner.to_string(),
            now_ms: shared.settings.clock.now().0,
            stop: shared.stop.clone(),
        };
        site.end().await;
        probe_network::create(shared, &site).await?;
        Ok(site)
    }

    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(LABEL_CHECK.to_owned(), self.owner.clone())])
    }

    pub(super) async fn change<T>(
        &self,
        point: &'static str,
        doing: &str,
        line: Line,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, EngineFailure> {
        let act = Act { point, doing: doing.to_owned(), line: line.done(), limit: RUNTIME_LIMIT };
        match self.journal {
            Some(journal) => change(journal, act, call).await,
            None => look(doing, call).await,
        }
    }

    /// Tries one runtime.
    ///
    /// # Errors
    ///
    /// Only when the engine itself fails; what is wrong with the runtime is in the verdict.
    pub(super) async fn try_runtime(&self, runtime: &str) -> Result<Verdict, EngineFailure> {
        let name =
            format!("{}-{}", self.name, runtime.replace(|c: char| !c.is_ascii_alphanumeric(), "-"));
        let result = self.both_runs(runtime, &name).await;
        let line = Line::docker(&["rm", "--force", "--volumes"]).arg(&name);
        let call = probe_network::remove_container(&self.docker, &name);
        let removed = self.change("remove_check", "failed to remove a test container", line, call);
        if let Err(failure) = removed.await {
            tracing::warn!(error = %failure.error.chain(), "a test container is left behind");
        }
        let result = match result {
            Ok(log) => judge(&log, &self.resolvers),
            Err(failure) if says_nothing(&failure) => return Err(failure),
            Err(failure) => Err(Flaw {
                promise: Promise::Starts,
                reason: failure.error.chain(),
                remedy: start_remedy(&failure.error.chain()),
            }),
        };
        Ok(Verdict { runtime: runtime.to_owned(), result })
    }

    async fn both_runs(&self, runtime: &str, name: &str) -> Result<Vec<String>, EngineFailure> {
        let options = CreateContainerOptions { name: Some(name.to_owned()), ..Default::default() };
        let line = Line::docker(&["create", "--name"])
            .args([name, "--runtime", runtime, "--network", &self.name, "--label", &self.label])
            .arg(self.image);
        let call = self.docker.create_container(Some(options), self.body(runtime));
        self.go_on()?;
        self.change("create_check", "failed to create a test container", line, call).await?;
        for _ in 0..2 {
            let line = Line::docker(&["start", "--attach"]).arg(name);
            let call = self.docker.start_container(name, None::<StartContainerOptions>);
            self.go_on()?;
            self.change("start_check", "failed to start a test container", line, call).await?;
            self.await_end(name).await?;
        }
        Ok(last_log_lines(&self.docker, name, LOG_LINES).await)
    }

    async fn await_end(&self, name: &str) -> Result<(), EngineFailure> {
        let mut ends = self.docker.wait_container(name, None::<WaitContainerOptions>).boxed();
        let ended = tokio::select! {
            // Only here: a call that is dropped may still be carried out, unseen.
            () = self.stop.triggered() => return Err(broken_off()),
            ended = tokio::time::timeout(RUN_LIMIT, ends.next()) => ended,
        };
        match ended {
            Ok(None | Some(Ok(_))) => Ok(()),
            // The library makes an error of a code other than zero.
            Ok(Some(Err(Error::DockerContainerWaitError { code, .. }))) => {
                let said = last_log_lines(&self.docker, name, 1).await.concat();
                Err(super::error::retryable(format!(
                    "the test container ended with exit code {code}, its last words: {said:?}"
                )))
            }
            Ok(Some(Err(error))) => {
                Err(failure("failed to wait for a test container", Touch::Look, &error))
            }
            Err(_) => Err(super::error::retryable(format!(
                "the test container was still busy after {} s",
                RUN_LIMIT.as_secs()
            ))),
        }
    }

    fn body(&self, runtime: &str) -> ContainerCreateBody {
        let resolvers: Vec<String> = self.resolvers.iter().map(ToString::to_string).collect();
        let endpoint =
            EndpointSettings { aliases: Some(vec![ALIAS.to_owned()]), ..Default::default() };
        ContainerCreateBody {
            image: Some(self.image.to_owned()),
            hostname: Some("probe".to_owned()),
            user: Some("0:0".to_owned()),
            entrypoint: Some(vec!["/bin/sh".to_owned()]),
            cmd: Some(vec!["-c".to_owned(), SCRIPT.to_owned()]),
            env: Some(vec![format!("RESOLVERS={}", resolvers.join(" "))]),
            labels: Some(self.labels()),
            host_config: Some(HostConfig {
                runtime: Some(runtime.to_owned()),
                network_mode: Some(self.name.clone()),
                memory: Some(MEMORY_BYTES),
                pids_limit: Some(PIDS),
                cap_drop: Some(vec!["ALL".to_owned()]),
                cap_add: Some(CAPABILITIES.map(str::to_owned).to_vec()),
                // Its log is read after it has ended, whatever the engine's default is.
                log_config: Some(HostConfigLogConfig {
                    typ: Some("json-file".to_owned()),
                    config: None,
                }),
                ..Default::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some(HashMap::from([(self.name.clone(), endpoint)])),
            }),
            ..Default::default()
        }
    }

    /// Removes everything this daemon ever made to try something; what cannot be removed
    /// now is removed by the next check.
    pub(super) async fn end(&self) {
        probe_network::clear(self).await;
    }

    fn go_on(&self) -> Result<(), EngineFailure> {
        if self.stop.is_triggered() { Err(broken_off()) } else { Ok(()) }
    }
}

/// Returns what whoever waits for a check is told when the daemon ends.
pub(super) fn broken_off() -> EngineFailure {
    let error = ApiError::new(ErrorKind::Cancelled, "the check of gVisor was broken off")
        .hint("the daemon is stopping; the next one tries gVisor again");
    EngineFailure { class: FailureClass::Cancelled, error }
}

/// A lost engine, or a daemon that ends, says nothing about a runtime.
fn says_nothing(failure: &EngineFailure) -> bool {
    matches!(failure.class, FailureClass::OutcomeUnknown | FailureClass::Cancelled)
        || failure.error.kind == ErrorKind::HostUnreachable
}

fn start_remedy(reason: &str) -> String {
    if reason.contains("root network namespace") {
        return "this runsc is older than 20240807 and cannot use kernels from 6.11 on: install a \
                newer one"
            .to_owned();
    }
    INSTALL.to_owned()
}

fn judge(log: &[String], resolvers: &[IpAddr]) -> Result<Vec<IpAddr>, Flaw> {
    let says = |line: &str| log.iter().any(|l| l.trim() == line);
    if !says("started") {
        let said = log.last().map_or("nothing", String::as_str);
        return Err(Flaw {
            promise: Promise::Starts,
            reason: format!("the test container did not work and said: {said}"),
            remedy: "the image must have /bin/sh; try the runtime by hand with `docker run \
                     --rm --runtime …`"
                .to_owned(),
        });
    }
    if !says("kept") {
        return Err(Flaw {
            promise: Promise::KeepsFiles,
            reason: "files written to the root filesystem are gone after stop and start".to_owned(),
            remedy: "add \"--overlay2=none\" to the runtime's \"runtimeArgs\" in \
                     /etc/docker/daemon.json: {\"runtimes\": {\"pinacle-runsc\": {\"path\": \
                     \"/usr/bin/runsc\", \"runtimeArgs\": [\"--overlay2=none\"]}}}, then \
                     `sudo systemctl reload docker`"
                .to_owned(),
        });
    }
    if says("engine-dns") {
        return Ok(Vec::new());
    }
    if says("untried") {
        return Ok(resolvers.to_vec());
    }
    let answered: Vec<IpAddr> =
        resolvers.iter().copied().filter(|r| says(&format!("resolver {r}"))).collect();
    if answered.is_empty() {
        let asked: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
        let reason = if asked.is_empty() {
            "the engine's name server cannot be reached from gVisor, and the host's own are on \
             its loopback address only"
                .to_owned()
        } else {
            format!(
                "no name server answers from inside a pod's network (asked {})",
                asked.join(", ")
            )
        };
        return Err(Flaw {
            promise: Promise::Resolves,
            reason,
            remedy: "see that the host is online, that its /etc/resolv.conf names a server that \
                     others can reach, and that its firewall lets pods ask it"
                .to_owned(),
        });
    }
    Ok(answered)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Vec<String> {
        text.lines().map(ToOwned::to_owned).collect()
    }

    #[test]
    fn each_broken_promise_is_told_apart() {
        let server: IpAddr = "192.0.2.1".parse().expect("an address");
        let judge = |text: &str| judge(&log(text), &[server]);
        assert_eq!(judge("started\nengine-dns\nkept"), Ok(vec![]));
        assert_eq!(judge("started\nresolver 192.0.2.1\nkept"), Ok(vec![server]));
        let flaw = |text: &str| judge(text).expect_err("a flaw").promise;
        assert_eq!(flaw("started\nengine-dns\nstarted\nengine-dns"), Promise::KeepsFiles);
        assert_eq!(flaw("started\nkept"), Promise::Resolves);
        assert_eq!(flaw("exec: sh: not found"), Promise::Starts);
        assert_eq!(flaw(""), Promise::Starts);
    }

    #[test]
    fn an_old_build_on_a_new_kernel_is_named() {
        let reason = "cannot run with network enabled in root network namespace";
        assert!(start_remedy(reason).contains("20240807"));
    }
}
