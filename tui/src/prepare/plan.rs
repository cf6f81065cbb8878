//! What to do to a machine. Pure: what was found in, steps and file texts out.

use pinacle_protocol::{CheckStatus, HostReport, Isolation};
use serde_json::{Map, Value, json};

/// What a machine lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// A container engine that answers.
    Engine,
    /// A runtime for gVisor pods.
    Gvisor,
}

/// Returns what is missing for pods of this isolation, going by a host's check.
pub fn need(report: &HostReport, wants: Isolation) -> Option<Need> {
    let failed = |c: &&pinacle_protocol::CheckResult| c.status == CheckStatus::Failed;
    if report.checks.iter().filter(failed).any(|c| c.check == "engine") {
        return Some(Need::Engine);
    }
    (wants == Isolation::Gvisor && report.gvisor_runtime.is_none()).then_some(Need::Gvisor)
}

/// What was found on the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Facts {
    /// Debian, Ubuntu or one derived from them, with `apt-get`.
    pub apt: bool,
    /// `dockerd` is installed.
    pub dockerd: bool,
    /// Something listens on Docker's socket.
    pub engine_answers: bool,
    /// `runsc` is installed.
    pub runsc: bool,
    /// We are root, or `sudo` is there.
    pub can_be_root: bool,
}

/// Whose network stack a gVisor sandbox uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// gVisor's own.
    OfSandbox,
    /// The kernel's, in the pod's network namespace.
    OfPod,
}

impl Network {
    /// Returns the name of the engine's runtime with it.
    pub fn runtime_name(self) -> &'static str {
        match self {
            Self::OfSandbox => "runsc",
            Self::OfPod => "runsc-hostnet",
        }
    }
}

/// One thing to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Install Debian packages.
    Install(Vec<&'static str>),
    /// Start the engine, through the service manager where one runs.
    StartEngine,
    /// Tell the engine about gVisor.
    RegisterRuntime {
        /// Whose network stack it is to use.
        network: Network,
    },
}

impl Step {
    /// Returns what it does, for people.
    pub fn describe(&self) -> String {
        match self {
            Self::Install(packages) => {
                format!("install the packages {} (apt-get, as root)", packages.join(" and "))
            }
            Self::StartEngine => "start the Docker engine (dockerd)".to_owned(),
            Self::RegisterRuntime { network } => format!(
                "register gVisor as runtime {} in /etc/docker/daemon.json and have the engine read it",
                network.runtime_name()
            ),
        }
    }
}

/// Returns the steps that mend a need; none when it cannot be mended from here.
pub fn steps(facts: &Facts, need: Need) -> Vec<Step> {
    let mut packages = Vec::new();
    if need == Need::Engine && !facts.dockerd {
        packages.push("docker.io");
    }
    if !facts.runsc {
        packages.push("runsc");
    }
    if !facts.can_be_root || (!packages.is_empty() && !facts.apt) {
        return Vec::new();
    }
    let mut steps = Vec::new();
    if !packages.is_empty() {
        steps.push(Step::Install(packages));
    }
    if need == Need::Engine && !facts.engine_answers {
        steps.push(Step::StartEngine);
    }
    steps.push(Step::RegisterRuntime { network: Network::OfSandbox });
    steps
}

/// Returns whether an `os-release` file is of Debian, Ubuntu or a descendant.
pub fn is_debian_like(os_release: &str) -> bool {
    let value = |key: &str| {
        os_release
            .lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
            .map(|v| v.trim_matches('"').to_owned())
            .unwrap_or_default()
    };
    let (id, like) = (value("ID"), value("ID_LIKE"));
    std::iter::once(id.as_str())
        .chain(like.split_whitespace())
        .any(|word| matches!(word, "debian" | "ubuntu"))
}

/// Returns gVisor's arguments, going by what its help text says it knows. Its
/// default overlay of newer builds keeps what is written to the root
/// filesystem in memory or in the sandbox, and loses it at a stop.
pub fn runtime_arguments(flags: &str, network: Network) -> Vec<&'static str> {
    let mut arguments = Vec::new();
    if flags.contains("-overlay2") {
        arguments.push("--overlay2=none");
    }
    if network == Network::OfPod {
        arguments.push("--network=host");
    }
    arguments
}

/// `daemon.json` cannot be added to.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// It is not JSON.
    #[error("it is not valid JSON; mend it by hand first")]
    NotJson(#[source] serde_json::Error),
    /// It is JSON of another shape.
    #[error("{0} is not an object; mend it by hand first")]
    NotObject(&'static str),
}

/// Returns the text of `daemon.json` with a runtime added, everything else as
/// it was; `None` when it says so already.
///
/// # Errors
///
/// [`MergeError`]; nothing is ever put in place of what cannot be read.
pub fn merge_runtime(
    text: &str,
    name: &str,
    path: &str,
    arguments: &[&str],
) -> Result<Option<String>, MergeError> {
    let mut root: Value = if text.trim().is_empty() {
        Value::Object(Map::new())
    } else {
        serde_json::from_str(text).map_err(MergeError::NotJson)?
    };
    let object = root.as_object_mut().ok_or(MergeError::NotObject("its content"))?;
    let runtimes = object.entry("runtimes").or_insert_with(|| Value::Object(Map::new()));
    let runtimes = runtimes.as_object_mut().ok_or(MergeError::NotObject("its key runtimes"))?;
    let mut runtime = json!({ "path": path });
    if !arguments.is_empty() {
        runtime["runtimeArgs"] = json!(arguments);
    }
    if runtimes.get(name) == Some(&runtime) {
        return Ok(None);
    }
    runtimes.insert(name.to_owned(), runtime);
    let mut text = serde_json::to_string_pretty(&root).map_err(MergeError::NotJson)?;
    text.push('\n');
    Ok(Some(text))
}
