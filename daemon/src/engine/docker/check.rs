//! The report on a host: what was looked at, what was found, how to mend it.

use super::client::{Shared, lock, look};
use super::connect::{Greeting, greet};
use super::isolation::{self, Tried};
use super::probe::{INSTALL, Promise};
use super::pull::is_there;
use super::{build, cloud, observe, socket};
use crate::engine::Freshness;
use crate::image::{LOCAL_BASE, PUBLIC_BASE};
use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum as Cgroup};
use bollard::query_parameters::ListImagesOptions;
use pinacle_core::engine::EngineFailure;
use pinacle_protocol::{CheckResult, CheckStatus, ForeignPod, HostReport};
use std::path::Path;
use std::sync::Arc;

/// Every check's name, in the order they build on each other.
const CHECKS: [&str; 11] = [
    "engine",
    "api",
    "permissions",
    "storage",
    "limits",
    "disk",
    "metadata",
    "image",
    "gvisor",
    "gvisor_keeps_files",
    "dns",
];
/// Below this a first image and a pod do not fit.
const LEAST_FREE_BYTES: u64 = 2 << 30;
/// Below this a few pods will fill it.
const LITTLE_FREE_BYTES: u64 = 10 << 30;

/// Checks the host.
pub(super) async fn check(shared: &Arc<Shared>, fresh: Freshness) -> HostReport {
    let greeting = match greet(shared).await {
        Ok(greeting) => greeting,
        Err(failure) => return unreachable(shared, &failure),
    };
    let key = isolation::key(shared, &greeting.info);
    if fresh == Freshness::Cached
        && let Some((known, report)) = &*lock(&shared.report)
        && *known == key
    {
        return report.clone();
    }
    let report = look_at_all(shared, &greeting).await;
    *lock(&shared.report) = Some((key, report.clone()));
    report
}

fn result(check: &str, status: CheckStatus, message: impl Into<String>) -> CheckResult {
    CheckResult { check: check.to_owned(), status, message: message.into(), remedy: None }
}

trait Mend {
    fn mend(self, remedy: impl Into<String>) -> Self;
}

impl Mend for CheckResult {
    fn mend(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

fn report(shared: &Shared, checks: Vec<CheckResult>) -> HostReport {
    HostReport {
        host: shared.settings.host.clone(),
        checked_at: shared.settings.clock.now(),
        checks,
        gvisor_runtime: None,
        foreign: Vec::new(),
    }
}

fn unreachable(shared: &Shared, failure: &EngineFailure) -> HostReport {
    let remedy = failure.error.hint.clone().unwrap_or_else(|| "look with `docker info`".to_owned());
    let mut checks =
        vec![result("engine", CheckStatus::Failed, failure.error.chain()).mend(&remedy)];
    checks.extend(CHECKS[1..].iter().map(|name| {
        result(name, CheckStatus::Skipped, "not looked at, because the engine does not answer")
            .mend("mend the engine first")
    }));
    report(shared, checks)
}

async fn look_at_all(shared: &Arc<Shared>, greeting: &Greeting) -> HostReport {
    let info = &greeting.info;
    let mut checks = vec![
        engine(greeting),
        api(greeting),
        permissions(shared),
        storage(info),
        limits(info),
        disk(info),
        cloud::check(),
    ];
    let (image, usable) = image(shared).await;
    checks.push(image);
    let runtime = gvisor(shared, info, usable, &mut checks).await;
    let foreign = foreign(shared).await;
    HostReport { gvisor_runtime: runtime, foreign, ..report(shared, checks) }
}

fn engine(greeting: &Greeting) -> CheckResult {
    let version = greeting.version.version.as_deref().unwrap_or("?");
    let system = greeting.info.operating_system.as_deref().unwrap_or("an unknown system");
    result("engine", CheckStatus::Ok, format!("Docker {version} on {system}"))
}

fn api(greeting: &Greeting) -> CheckResult {
    let api = greeting.version.api_version.as_deref().unwrap_or("?");
    result("api", CheckStatus::Ok, format!("API {api}"))
}

fn permissions(shared: &Shared) -> CheckResult {
    let path = socket::find(shared.settings.socket.as_deref());
    let path = path.map(|p| p.display().to_string()).unwrap_or_default();
    result("permissions", CheckStatus::Ok, format!("this user may use {path}"))
}

fn storage(info: &SystemInfo) -> CheckResult {
    let driver = info.driver.as_deref().unwrap_or("?");
    let message = format!("storage driver {driver}");
    match driver {
        "vfs" | "devicemapper" | "aufs" => result("storage", CheckStatus::Warning, message)
            .mend("set \"storage-driver\": \"overlay2\" in /etc/docker/daemon.json; this one copies whole images or is no longer maintained"),
        _ => result("storage", CheckStatus::Ok, message),
    }
}

fn limits(info: &SystemInfo) -> CheckResult {
    let lacks: Vec<&str> = [
        ("memory", info.memory_limit),
        ("swap", info.swap_limit),
        ("processor time", info.cpu_cfs_quota),
        ("processes", info.pids_limit),
    ]
    .into_iter()
    .filter(|(_, has)| *has == Some(false))
    .map(|(name, _)| name)
    .collect();
    let version = match info.cgroup_version {
        Some(Cgroup::_1) => "v1",
        Some(Cgroup::_2) => "v2",
        _ => "of unknown version",
    };
    match lacks.as_slice() {
        [] => {
            result("limits", CheckStatus::Ok, format!("control groups {version} limit everything"))
        }
        // Without it a pod may swap beyond its memory; the limits themselves hold.
        ["swap"] => result("limits", CheckStatus::Warning, "swap of pods cannot be limited")
            .mend("boot the host with swapaccount=1, or without swap"),
        lacks => {
            result("limits", CheckStatus::Failed, format!("no limits for {}", lacks.join(", ")))
                .mend("enable these control groups of the kernel (cgroup_enable=… at boot)")
        }
    }
}

fn disk(info: &SystemInfo) -> CheckResult {
    let root = info.docker_root_dir.as_deref().unwrap_or_default();
    let Ok(stat) = rustix::fs::statvfs(Path::new(root)) else {
        return result(
            "disk",
            CheckStatus::Skipped,
            format!("{root} cannot be looked at from here"),
        )
        .mend(format!("look with `sudo df -h {root}`"));
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let message = format!("{:.1} GiB free in {root}", free as f64 / f64::from(1 << 30));
    if free >= LITTLE_FREE_BYTES {
        return result("disk", CheckStatus::Ok, message);
    }
    let status = if free < LEAST_FREE_BYTES { CheckStatus::Failed } else { CheckStatus::Warning };
    result("disk", status, message).mend("free some space, for example with `docker system prune`")
}

/// Returns the finding, and an image to try runtimes with.
async fn image(shared: &Shared) -> (CheckResult, Option<String>) {
    let found = async {
        let docker = shared.docker()?;
        let ours = build::context(shared)?.reference();
        let bases = [LOCAL_BASE, PUBLIC_BASE].map(|(name, tag)| format!("{name}:{tag}"));
        for reference in std::iter::once(&ours).chain(&bases) {
            if is_there(&docker, reference).await? {
                return Ok((ours.clone(), Some(reference.clone())));
            }
        }
        Ok((ours, any_base(&docker).await?))
    };
    match found.await {
        Ok((ours, Some(there))) if ours == there => {
            (result("image", CheckStatus::Ok, format!("{ours} is there")), Some(there))
        }
        Ok((ours, there)) => {
            let message =
                format!("{ours} is not there yet; the first pod builds it, which takes minutes");
            let remedy = "nothing to do; the first pod takes longer than those after it";
            (result("image", CheckStatus::Warning, message).mend(remedy), there)
        }
        Err(failure) => {
            let failure: EngineFailure = failure;
            let remedy =
                failure.error.hint.clone().unwrap_or_else(|| "look with `docker images`".into());
            (result("image", CheckStatus::Failed, failure.error.chain()).mend(remedy), None)
        }
    }
}

/// Returns an image made by another version of us, good enough to try runtimes with.
async fn any_base(docker: &bollard::Docker) -> Result<Option<String>, EngineFailure> {
    let filters = super::client::filter("reference", "pinacle-base");
    let options = ListImagesOptions { filters: Some(filters), ..Default::default() };
    let listed = look("failed to list the images", docker.list_images(Some(options))).await?;
    Ok(listed.into_iter().flat_map(|image| image.repo_tags).next())
}

const GVISOR_CHECKS: [(&str, Promise); 3] = [
    ("gvisor", Promise::Starts),
    ("gvisor_keeps_files", Promise::KeepsFiles),
    ("dns", Promise::Resolves),
];

/// Adds the findings about gVisor; returns the runtime that pods are given.
async fn gvisor(
    shared: &Arc<Shared>,
    info: &SystemInfo,
    image: Option<String>,
    checks: &mut Vec<CheckResult>,
) -> Option<String> {
    let known = |name: &String| info.runtimes.as_ref().is_some_and(|r| r.contains_key(name));
    let missing = match &shared.settings.gvisor_runtime {
        Some(only) if !known(only) => {
            let remedy = "register it with Docker, or take `gvisor_runtime` out of config.toml";
            Some((format!("Docker has no runtime {only}, the one config.toml names"), remedy))
        }
        None if isolation::gvisor_names(info).is_empty() => {
            Some(("Docker has no gVisor runtime".to_owned(), INSTALL))
        }
        _ => None,
    };
    if let Some((message, remedy)) = missing {
        checks.push(result("gvisor", CheckStatus::Failed, message).mend(remedy));
        skip(checks, 1, "there is no gVisor to try", remedy);
        return None;
    }
    let Some(image) = image else {
        skip(checks, 0, "there is no image to try gVisor with", "create a pod, then check again");
        return None;
    };
    match isolation::try_all(shared, info, &image).await {
        Ok(tried) => {
            for (at, (name, promise)) in GVISOR_CHECKS.iter().enumerate() {
                checks.push(finding(name, *promise, at, &tried, info));
            }
            tried.choice.map(|choice| choice.runtime)
        }
        Err(failure) => {
            let remedy = failure.error.hint.clone().unwrap_or_else(|| "check again".to_owned());
            checks.push(result("gvisor", CheckStatus::Failed, failure.error.chain()).mend(remedy));
            skip(checks, 1, "gVisor could not be tried", "check again");
            None
        }
    }
}

fn skip(checks: &mut Vec<CheckResult>, from: usize, message: &str, remedy: &str) {
    for (name, _) in &GVISOR_CHECKS[from..] {
        checks.push(result(name, CheckStatus::Skipped, message).mend(remedy));
    }
}

/// Says for one promise which runtimes keep it. The chosen runtime's word decides;
/// others that fail are worth knowing.
fn finding(
    name: &str,
    promise: Promise,
    at: usize,
    tried: &Tried,
    info: &SystemInfo,
) -> CheckResult {
    let mut words = Vec::new();
    let mut remedy = None;
    for verdict in &tried.verdicts {
        let runtime = &verdict.runtime;
        match &verdict.result {
            Ok(resolvers) if promise == Promise::Resolves && !resolvers.is_empty() => {
                let list: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
                words.push(format!("{runtime}: pods ask {}", list.join(", ")));
            }
            Ok(_) => words.push(format!("{runtime}: ok")),
            Err(flaw) if flaw.promise == promise => {
                words.push(format!("{runtime}: {}", flaw.reason));
                remedy.get_or_insert(flaw.remedy.clone());
            }
            // It got further than this promise, or not as far.
            Err(flaw) if rank(flaw.promise) > at => words.push(format!("{runtime}: ok")),
            Err(_) => {}
        }
    }
    let message = words.join("; ");
    match (&tried.choice, remedy) {
        (Some(choice), None) if promise == Promise::Starts && uses_host_stack(info, &choice.runtime) => {
            result(name, CheckStatus::Warning, format!("{message}; {} uses the kernel's network stack", choice.runtime))
                .mend("take \"--network=host\" out of the runtime's \"runtimeArgs\" for gVisor's own network stack")
        }
        (Some(choice), Some(_)) => result(
            name,
            CheckStatus::Ok,
            format!("{message}; pods get {}", choice.runtime),
        ),
        (Some(_), None) => result(name, CheckStatus::Ok, message),
        (None, Some(remedy)) => result(name, CheckStatus::Failed, message).mend(remedy),
        (None, None) if message.is_empty() => {
            result(name, CheckStatus::Skipped, "no runtime got this far").mend("mend the check before it")
        }
        (None, None) => result(name, CheckStatus::Ok, message),
    }
}

fn rank(promise: Promise) -> usize {
    GVISOR_CHECKS.iter().position(|(_, p)| *p == promise).unwrap_or(0)
}

fn uses_host_stack(info: &SystemInfo, runtime: &str) -> bool {
    let found = info.runtimes.as_ref().and_then(|r| r.get(runtime));
    let args = found.and_then(|r| r.runtime_args.as_ref());
    args.is_some_and(|args| args.iter().any(|a| a.trim_start_matches('-') == "network=host"))
}

/// Pods of other daemons; a list that fails was told by an earlier check.
async fn foreign(shared: &Shared) -> Vec<ForeignPod> {
    let snapshot = observe::all(shared).await.unwrap_or_default();
    let owner = shared.settings.owner.as_str();
    snapshot
        .pods
        .into_iter()
        .filter(|pod| pod.owner != owner && !pod.is_spare())
        .map(|pod| ForeignPod { id: pod.id, slug: pod.labels.slug, owner: pod.owner })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::probe::{Flaw, Verdict};
    use super::*;

    fn tried(runtimes: &[(&str, Option<Promise>)]) -> Tried {
        let verdicts: Vec<Verdict> = runtimes
            .iter()
            .map(|(runtime, broken)| Verdict {
                runtime: (*runtime).to_owned(),
                result: match broken {
                    None => Ok(Vec::new()),
                    Some(promise) => {
                        Err(Flaw { promise: *promise, reason: "why".into(), remedy: "how".into() })
                    }
                },
            })
            .collect();
        let sound = verdicts.iter().find(|v| v.result.is_ok()).map(|v| v.runtime.clone());
        let choice = sound.map(|runtime| isolation::Choice { runtime, resolvers: Vec::new() });
        Tried { verdicts, choice }
    }

    fn statuses(tried: &Tried) -> Vec<CheckStatus> {
        let info = SystemInfo::default();
        let find = |(at, (name, promise)): (usize, &(&str, Promise))| {
            let found = finding(name, *promise, at, tried, &info);
            assert_eq!(found.remedy.is_none(), found.status == CheckStatus::Ok, "{found:?}");
            found.status
        };
        GVISOR_CHECKS.iter().enumerate().map(find).collect()
    }

    #[test]
    fn one_sound_runtime_is_enough() {
        let tried = tried(&[("a", Some(Promise::KeepsFiles)), ("b", None)]);
        assert_eq!(statuses(&tried), [CheckStatus::Ok; 3]);
    }

    #[test]
    fn the_promise_that_is_broken_fails_and_those_behind_are_skipped() {
        use CheckStatus::{Failed, Ok, Skipped};
        assert_eq!(statuses(&tried(&[("a", Some(Promise::KeepsFiles))])), [Ok, Failed, Skipped]);
        assert_eq!(statuses(&tried(&[("a", Some(Promise::Starts))])), [Failed, Skipped, Skipped]);
        assert_eq!(statuses(&tried(&[("a", Some(Promise::Resolves))])), [Ok, Ok, Failed]);
    }
}
