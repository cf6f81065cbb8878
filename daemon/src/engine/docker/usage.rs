//! What pods use now, read only while somebody looks: from the kernel where the
//! containers are on this machine, else from the engine. The processor's share comes from the
//! reading before.

use super::cgroup::Groups;
use super::client::{CALL_LIMIT, Shared, is_gone, lock};
use super::container::inspect;
use super::error::{Touch, failure, silent};
use super::names_of;
use bollard::Docker;
use bollard::models::{ContainerMemoryStats, ContainerStatsResponse};
use bollard::query_parameters::StatsOptions;
use futures::{StreamExt, stream};
use pinacle_core::engine::EngineFailure;
use pinacle_protocol::{PodId, PodUsage};

/// Questions to the engine under way at once.
const AT_ONCE: usize = 8;
/// Two readings closer together than this say more about the clock than the pod.
const SHORTEST_MS: u64 = 100;
/// A reading older than this is of another time.
const LONGEST_MS: u64 = 60_000;

/// Processor time used, and when it was read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    container: String,
    cpu_ns: u64,
    at_ms: u64,
    milli: Option<u64>,
    /// Where the next one is read; `None` when the engine has to be asked.
    groups: Option<Groups>,
}

/// What was read of a container.
struct Read {
    container: String,
    cpu_ns: u64,
    memory_bytes: u64,
    memory_limit_bytes: u64,
    groups: Option<Groups>,
}

/// Finds out what these pods use.
pub(super) async fn usage(shared: &Shared, pods: &[PodId]) -> Result<Vec<PodUsage>, EngineFailure> {
    forget_old(shared);
    // A few small files each: cheaper than another thread.
    let known: Vec<(PodId, Option<Read>)> =
        pods.iter().map(|pod| (pod.clone(), read_known(shared, pod))).collect();
    let docker = shared.docker()?;
    // Cloned first: a stream over borrowed ids is not general enough for a boxed future.
    let answers: Vec<_> = stream::iter(known)
        .map(|(pod, known)| {
            let docker = docker.clone();
            async move {
                let read = match known {
                    Some(read) => Ok(Some(read)),
                    None => read_anew(&docker, &pod).await,
                };
                (pod, read)
            }
        })
        .buffered(AT_ONCE)
        .collect()
        .await;
    let mut usage = Vec::with_capacity(answers.len());
    for (pod, read) in answers {
        if let Some(read) = read? {
            usage.push(fold(shared, pod, read));
        }
    }
    Ok(usage)
}

/// Reads a container whose control groups are known. `None` when they are not, or are gone
/// because it was stopped or made again.
fn read_known(shared: &Shared, pod: &PodId) -> Option<Read> {
    let (container, groups) = {
        let readings = lock(&shared.readings);
        let before = readings.get(pod.as_str())?;
        (before.container.clone(), before.groups.clone()?)
    };
    from_groups(container, groups)
}

fn from_groups(container: String, groups: Groups) -> Option<Read> {
    let used = groups.read()?;
    Some(Read {
        container,
        cpu_ns: used.cpu_ns,
        memory_bytes: used.memory_bytes,
        memory_limit_bytes: used.memory_limit_bytes.unwrap_or(0),
        groups: Some(groups),
    })
}

/// Asks the engine where a container's control groups are; when they are not on this
/// machine, what it uses.
async fn read_anew(docker: &Docker, pod: &PodId) -> Result<Option<Read>, EngineFailure> {
    let Some(found) = inspect(docker, &names_of(pod)).await? else { return Ok(None) };
    // One that does not run has no first process.
    let pid = found.state.and_then(|state| state.pid).filter(|pid| *pid > 0);
    let (Some(id), Some(pid)) = (found.id, pid) else { return Ok(None) };
    match Groups::find(pid, &id) {
        Some(groups) => Ok(from_groups(id, groups)),
        None => Ok(ask(docker, pod).await?.and_then(|stats| from_engine(&stats))),
    }
}

fn from_engine(stats: &ContainerStatsResponse) -> Option<Read> {
    let memory = stats.memory_stats.as_ref()?;
    // A container that does not run has empty readings.
    let (used, limit) = (memory.usage?, memory.limit.unwrap_or(0));
    Some(Read {
        container: stats.id.clone().unwrap_or_default(),
        cpu_ns: stats.cpu_stats.as_ref()?.cpu_usage.as_ref()?.total_usage?,
        memory_bytes: used.saturating_sub(page_cache(memory)),
        memory_limit_bytes: limit,
        groups: None,
    })
}

async fn ask(
    docker: &Docker,
    pod: &PodId,
) -> Result<Option<ContainerStatsResponse>, EngineFailure> {
    let doing = "failed to read what a pod uses";
    let options = StatsOptions { stream: false, one_shot: true };
    let mut stats = docker.stats(&names_of(pod), Some(options)).boxed();
    match tokio::time::timeout(CALL_LIMIT, stats.next()).await {
        Ok(None) => Ok(None),
        Ok(Some(Ok(stats))) => Ok(Some(stats)),
        Ok(Some(Err(error))) if is_gone(&error) => Ok(None),
        Ok(Some(Err(error))) => Err(failure(doing, Touch::Look, &error)),
        Err(_) => Err(silent(doing, CALL_LIMIT)),
    }
}

fn fold(shared: &Shared, pod: PodId, read: Read) -> PodUsage {
    let now = Reading {
        container: read.container,
        cpu_ns: read.cpu_ns,
        at_ms: shared.settings.clock.monotonic_ms(),
        milli: None,
        groups: read.groups,
    };
    let mut readings = lock(&shared.readings);
    let (kept, milli) = compare(readings.get(pod.as_str()), now);
    readings.insert(pod.to_string(), kept);
    PodUsage {
        pod,
        cpu_milli: milli,
        memory_bytes: read.memory_bytes,
        memory_limit_bytes: read.memory_limit_bytes,
    }
}

/// Returns the reading to keep, and the share between the two.
fn compare(before: Option<&Reading>, mut now: Reading) -> (Reading, Option<u64>) {
    let Some(before) = before.filter(|b| b.container == now.container && b.cpu_ns <= now.cpu_ns)
    else {
        return (now, None);
    };
    match now.at_ms.saturating_sub(before.at_ms) {
        elapsed if elapsed < SHORTEST_MS => (before.clone(), before.milli),
        elapsed if elapsed > LONGEST_MS => (now, None),
        elapsed => {
            // Nanoseconds per millisecond, in thousandths of one processor: 1000 of 10^6.
            let milli = (now.cpu_ns - before.cpu_ns) / (elapsed * 1000);
            now.milli = Some(milli);
            (now, Some(milli))
        }
    }
}

/// Pods come and go; what is too old to compare with is of no use.
fn forget_old(shared: &Shared) {
    let now = shared.settings.clock.monotonic_ms();
    lock(&shared.readings).retain(|_, r| now.saturating_sub(r.at_ms) <= LONGEST_MS);
}

/// The kernel's two control group versions name it differently.
fn page_cache(memory: &ContainerMemoryStats) -> u64 {
    let stats = memory.stats.as_ref();
    let named = |name: &str| stats.and_then(|s| s.get(name)).copied();
    named("total_inactive_file").or_else(|| named("inactive_file")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(cpu_ns: u64, at_ms: u64) -> Reading {
        Reading { container: "a".into(), cpu_ns, at_ms, milli: None, groups: None }
    }

    #[test]
    fn a_processor_busy_throughout_is_a_thousand() {
        let before = reading(0, 0);
        assert_eq!(compare(Some(&before), reading(2_000_000_000, 2_000)).1, Some(1000));
        assert_eq!(compare(Some(&before), reading(250_000_000, 1_000)).1, Some(250));
    }

    #[test]
    fn one_reading_or_two_that_do_not_compare_say_nothing() {
        assert_eq!(compare(None, reading(5, 5)).1, None);
        let before = reading(1_000, 0);
        assert_eq!(compare(Some(&before), reading(10, 2_000)).1, None, "a restarted container");
        assert_eq!(compare(Some(&before), reading(2_000, LONGEST_MS + 1)).1, None);
        let other = Reading { container: "b".into(), ..reading(2_000, 1_000) };
        assert_eq!(compare(Some(&before), other).1, None);
    }

    #[test]
    fn readings_too_close_give_the_last_share_again() {
        let before = Reading { milli: Some(7), ..reading(0, 0) };
        let (kept, milli) = compare(Some(&before), reading(1_000_000, 10));
        assert_eq!((kept.at_ms, milli), (0, Some(7)));
    }
}
