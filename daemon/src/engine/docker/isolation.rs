//! Which runtime gives a pod the isolation asked for, on this host as it is now.
//! Never a weaker one: a host without a sound gVisor gets an error, not a plain
//! container.

use super::client::{Shared, lock, look};
use super::error::permanent;
use super::probe::{self, Verdict};
use crate::journal::PodJournal;
use bollard::models::SystemInfo;
use pinacle_core::engine::{EngineFailure, EngineOutcome};
use pinacle_protocol::{ErrorKind, Isolation};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Names tried first: ours, then the usual one.
const PREFERRED: [&str; 2] = ["pinacle-runsc", "runsc"];
/// Where Docker asks systemd-resolved's stub, the servers behind it.
const RESOLV_CONFS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/// A runtime that passed, and the name servers its pods must be given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Choice {
    pub(super) runtime: String,
    pub(super) resolvers: Vec<IpAddr>,
}

/// A choice with all that it depends on.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Finding {
    key: String,
    choice: Choice,
}

/// What was found before. The lock is held while runtimes are tried: whoever asks
/// meanwhile gets the same answer, be it good or bad.
#[derive(Default)]
pub(super) struct Findings(Mutex<Known>);

#[derive(Default)]
struct Known {
    sound: Option<Finding>,
    /// The last failure. It holds for those who asked before it was known: one check may
    /// fail by chance, but ten pods asked for at once need not wait for ten.
    failed: Option<(u64, EngineFailure)>,
}

/// Returns a guard that keeps checks from beginning; `None` while one runs.
pub(super) fn idle(shared: &Shared) -> Option<impl Sized + '_> {
    shared.isolation.0.try_lock().ok()
}

/// Breaks off a check that runs, and waits until it has cleared up after itself.
pub(super) async fn break_off(shared: &Shared) {
    shared.stop.trigger();
    drop(shared.isolation.0.lock().await);
}

/// Everything learned from trying the host's runtimes.
pub(super) struct Tried {
    /// In the order of preference; those after the first sound one may be left out.
    pub(super) verdicts: Vec<Verdict>,
    pub(super) choice: Option<Choice>,
}

/// Returns the names of runtimes that are gVisor's, by name or program.
pub(super) fn gvisor_names(info: &SystemInfo) -> BTreeSet<String> {
    let runtimes = info.runtimes.iter().flatten();
    let is_gvisor = |name: &str, path: Option<&str>| {
        name.contains("runsc") || path.is_some_and(|p| p.contains("runsc"))
    };
    runtimes
        .filter(|(name, runtime)| is_gvisor(name, runtime.path.as_deref()))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Keeps the names by which an observed container's isolation is told.
pub(super) fn remember_names(shared: &Shared, info: &SystemInfo) {
    let mut names = gvisor_names(info);
    names.extend(shared.settings.gvisor_runtime.clone());
    *lock(&shared.gvisor_runtimes) = names;
}

fn by_preference(names: BTreeSet<String>) -> Vec<String> {
    let mut names: Vec<String> = names.into_iter().collect();
    let rank = |n: &String| PREFERRED.iter().position(|p| p == n).unwrap_or(PREFERRED.len());
    names.sort_by_key(rank);
    names
}

/// Finds the runtime for a pod.
pub(super) async fn choose(
    shared: &Arc<Shared>,
    journal: &PodJournal,
    isolation: Isolation,
    image: &str,
) -> Result<EngineOutcome, EngineFailure> {
    if isolation == Isolation::Runc {
        return Ok(EngineOutcome::Isolation { runtime: None, resolvers: Vec::new() });
    }
    let (task_shared, task_journal, image) =
        (Arc::clone(shared), journal.clone(), image.to_owned());
    // Runs on when the pod that asked is given up: a test container must not be left behind,
    // and the next pod asks the same.
    let task = spawn_try(async move { cached(&task_shared, &task_journal, &image).await });
    let choice = task.await.unwrap_or_else(|_| Err(gave_up()))?;
    Ok(EngineOutcome::Isolation { runtime: Some(choice.runtime), resolvers: choice.resolvers })
}

fn gave_up() -> EngineFailure {
    permanent(ErrorKind::Internal, "the check of gVisor ended without a result")
}

#[allow(clippy::disallowed_methods, reason = "a check cleans up after itself even when unwanted")]
fn spawn_try<T: Send + 'static>(
    task: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    tokio::spawn(task)
}

async fn cached(
    shared: &Shared,
    journal: &PodJournal,
    image: &str,
) -> Result<Choice, EngineFailure> {
    let asked = shared.settings.clock.monotonic_ms();
    let mut known = shared.isolation.0.lock().await;
    if let Some((_, failure)) = known.failed.as_ref().filter(|(at, _)| *at >= asked) {
        return Err(failure.clone());
    }
    let result = find(shared, &mut known, journal, image).await;
    remember_failure(shared, &mut known, result.as_ref().err());
    result
}

async fn find(
    shared: &Shared,
    known: &mut Known,
    journal: &PodJournal,
    image: &str,
) -> Result<Choice, EngineFailure> {
    let docker = shared.docker()?;
    let info = look("failed to ask the engine for its runtimes", docker.info()).await?;
    let key = key(shared, &info);
    if known.sound.is_none() {
        known.sound = load(shared);
    }
    if let Some(found) = known.sound.as_ref().filter(|found| found.key == key) {
        return Ok(found.choice.clone());
    }
    journal.note("trying the host's gVisor; this is done once").await;
    let tried = try_in_turn(shared, Some(journal), &info, image, Extent::UntilSound).await?;
    let Some(choice) = tried.choice else {
        return Err(none_sound(&tried.verdicts, shared.settings.gvisor_runtime.as_deref()));
    };
    journal.note(format!("gVisor runtime {} passed every check", choice.runtime)).await;
    let finding = Finding { key, choice: choice.clone() };
    save(shared, &finding);
    known.sound = Some(finding);
    Ok(choice)
}

fn remember_failure(shared: &Shared, known: &mut Known, failure: Option<&EngineFailure>) {
    let at = shared.settings.clock.monotonic_ms();
    known.failed = failure.map(|failure| (at, failure.clone()));
}

/// Tries every runtime anew, for a report, and remembers the choice. Runs on when nobody
/// waits for the report any more.
pub(super) async fn try_all(
    shared: &Arc<Shared>,
    info: &SystemInfo,
    image: &str,
) -> Result<Tried, EngineFailure> {
    let (shared, info, image) = (Arc::clone(shared), info.clone(), image.to_owned());
    let task = spawn_try(async move {
        let mut known = shared.isolation.0.lock().await;
        let tried = try_in_turn(&shared, None, &info, &image, Extent::All).await?;
        known.sound =
            tried.choice.clone().map(|choice| Finding { key: key(&shared, &info), choice });
        let only = shared.settings.gvisor_runtime.as_deref();
        let failure = known.sound.is_none().then(|| none_sound(&tried.verdicts, only));
        remember_failure(&shared, &mut known, failure.as_ref());
        if let Some(finding) = known.sound.as_ref() {
            save(&shared, finding);
        }
        Ok(tried)
    });
    task.await.unwrap_or_else(|_| Err(gave_up()))
}

/// How many runtimes to try.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    UntilSound,
    All,
}

async fn try_in_turn(
    shared: &Shared,
    journal: Option<&PodJournal>,
    info: &SystemInfo,
    image: &str,
    extent: Extent,
) -> Result<Tried, EngineFailure> {
    let mut names = gvisor_names(info);
    if let Some(only) = &shared.settings.gvisor_runtime {
        // Who names a runtime knows what it is, whatever its program is called.
        let there = info.runtimes.as_ref().is_some_and(|r| r.contains_key(only));
        names = there.then(|| only.clone()).into_iter().collect();
    }
    remember_names(shared, info);
    let mut tried = Tried { verdicts: Vec::new(), choice: None };
    if names.is_empty() {
        return Ok(tried);
    }
    if shared.stop.is_triggered() {
        return Err(probe::broken_off());
    }
    let site = probe::Site::begin(shared, journal, image, host_resolvers()).await?;
    for name in by_preference(names) {
        let verdict = match site.try_runtime(&name).await {
            Ok(verdict) => verdict,
            Err(failure) => {
                site.end().await;
                return Err(failure);
            }
        };
        if let (Ok(resolvers), None) = (&verdict.result, &tried.choice) {
            tried.choice = Some(Choice { runtime: name, resolvers: resolvers.clone() });
        }
        tried.verdicts.push(verdict);
        if extent == Extent::UntilSound && tried.choice.is_some() {
            break;
        }
    }
    site.end().await;
    Ok(tried)
}

fn none_sound(verdicts: &[Verdict], only: Option<&str>) -> EngineFailure {
    let message = match (only, verdicts.is_empty()) {
        (Some(only), true) => format!(
            "the host's Docker has no gVisor runtime {only}, the one the settings file names"
        ),
        (None, true) => "the host's Docker has no gVisor runtime".to_owned(),
        (_, false) => "no gVisor runtime of the host's Docker is fit for pods".to_owned(),
    };
    let mut failure = permanent(ErrorKind::HostUnfit, message);
    for verdict in verdicts {
        if let Err(flaw) = &verdict.result {
            failure.error.causes.push(format!("{}: {}", verdict.runtime, flaw.reason));
        }
    }
    let remedy = verdicts.iter().find_map(|v| v.result.as_ref().err()).map(|f| f.remedy.as_str());
    failure.error.hint = Some(format!(
        "{}; `pinacle-tui doctor` says more; `isolation: runc` in the spec asks for a plain \
         container instead",
        remedy.unwrap_or(probe::INSTALL)
    ));
    failure
}

/// Returns a text that changes when the answer might.
pub(super) fn key(shared: &Shared, info: &SystemInfo) -> String {
    let only = shared.settings.gvisor_runtime.as_deref().unwrap_or_default();
    key_of(only, info)
}

fn key_of(only: &str, info: &SystemInfo) -> String {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    add(only);
    for part in [&info.id, &info.server_version, &info.kernel_version] {
        add(part.as_deref().unwrap_or_default());
    }
    let runtimes: BTreeMap<_, _> = info.runtimes.iter().flatten().collect();
    for (name, runtime) in runtimes {
        add(name);
        let path = runtime.path.as_deref().unwrap_or_default();
        add(path);
        add(&runtime.runtime_args.clone().unwrap_or_default().join("\0"));
        add(&file_stamp(path));
    }
    for address in host_resolvers() {
        add(&address.to_string());
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns when a program of this machine changed, and its size.
fn file_stamp(path: &str) -> String {
    let found = std::fs::metadata(path).or_else(|_| std::fs::metadata(in_path(path)));
    found.map(|m| format!("{}.{}:{}", m.mtime(), m.mtime_nsec(), m.size())).unwrap_or_default()
}

fn in_path(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&path).map(|dir| dir.join(name));
    places.find(|p| p.exists()).unwrap_or_else(|| PathBuf::from(name))
}

/// Returns this machine's name servers that others than itself can reach.
fn host_resolvers() -> Vec<IpAddr> {
    let read = |path: &&str| parse_resolvers(&std::fs::read_to_string(path).unwrap_or_default());
    RESOLV_CONFS.iter().map(read).find(|found| !found.is_empty()).unwrap_or_default()
}

fn parse_resolvers(text: &str) -> Vec<IpAddr> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok())
        .filter(|address| !address.is_loopback())
        .collect()
}

fn cache_file(shared: &Shared) -> PathBuf {
    shared.settings.cache_dir.join(format!("isolation-{}.json", shared.settings.host))
}

fn load(shared: &Shared) -> Option<Finding> {
    let bytes = std::fs::read(cache_file(shared)).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// Losing the file costs a second at the next start, so a failure is only worth a word.
fn save(shared: &Shared, finding: &Finding) {
    let path = cache_file(shared);
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(&shared.settings.cache_dir)?;
        let part = path.with_extension("part");
        std::fs::write(&part, serde_json::to_vec(finding)?)?;
        std::fs::rename(part, &path)
    };
    if let Err(error) = write() {
        tracing::warn!(%error, path = %path.display(), "failed to keep what was found of gVisor");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::models::Runtime;

    fn info(runtimes: &[(&str, &str)]) -> SystemInfo {
        let runtime = |path: &str| Runtime { path: Some(path.to_owned()), ..Default::default() };
        SystemInfo {
            runtimes: Some(runtimes.iter().map(|(n, p)| ((*n).to_owned(), runtime(p))).collect()),
            ..Default::default()
        }
    }

    #[test]
    fn gvisor_is_known_by_name_or_program_and_ours_comes_first() {
        let names = gvisor_names(&info(&[
            ("runc", "runc"),
            ("sandbox", "/usr/bin/runsc"),
            ("a-runsc", "/x"),
            ("runsc", "/usr/bin/runsc"),
            ("pinacle-runsc", "/usr/bin/runsc"),
            ("kata", "/usr/bin/kata"),
        ]));
        assert_eq!(by_preference(names), ["pinacle-runsc", "runsc", "a-runsc", "sandbox"]);
    }

    #[test]
    fn other_arguments_of_a_runtime_ask_for_another_look() {
        let one = info(&[("runsc", "/nonexistent/runsc")]);
        let mut other = one.clone();
        let runtimes = other.runtimes.as_mut().expect("runtimes");
        runtimes.get_mut("runsc").expect("runsc").runtime_args = Some(vec!["--x".into()]);
        assert_eq!(key_of("", &one), key_of("", &one.clone()));
        assert_ne!(key_of("", &one), key_of("", &other));
    }

    #[test]
    fn a_stub_on_this_machine_is_no_name_server_for_pods() {
        let text =
            "# x\nnameserver 127.0.0.53\nnameserver 192.0.2.1\nsearch a\nnameserver fe80::1%2\n";
        assert_eq!(parse_resolvers(text), ["192.0.2.1".parse::<IpAddr>().expect("an address")]);
        assert!(parse_resolvers("nameserver 127.0.0.53").is_empty());
    }
}
