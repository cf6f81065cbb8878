//! Time, percentiles, and what the kernel says of a process.

use std::fs;
use std::time::{Duration, Instant, SystemTime};

/// Returns the moment.
#[expect(clippy::disallowed_methods, reason = "measuring is what this is for")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Returns the wall clock's nanoseconds, which a pod's `date +%s%N` shares.
#[expect(clippy::disallowed_methods, reason = "compared with a stamp that a pod printed")]
pub(crate) fn wall_ns() -> u128 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos())
}

/// Returns a duration's milliseconds.
pub(crate) fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Samples of one thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, sample: f64) {
        self.0.push(sample);
    }

    pub(crate) fn extend(&mut self, more: impl IntoIterator<Item = f64>) {
        self.0.extend(more);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the value that `share` of the samples do not exceed; `None` without any.
    pub(crate) fn at(&self, share: f64) -> Option<f64> {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len().checked_sub(1)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "an index of a short list"
        )]
        let index = (last as f64 * share).round() as usize;
        sorted.get(index.min(last)).copied()
    }

    pub(crate) fn median(&self) -> Option<f64> {
        self.at(0.5)
    }
}

/// Processor time a process has used, all its threads that live, in seconds.
pub(crate) fn cpu_seconds(pid: u32) -> f64 {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let nanoseconds = |thread: fs::DirEntry| {
        let text = fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    };
    threads.filter_map(nanoseconds).sum::<f64>() / 1e9
}

/// Memory a process has in use, in MiB.
pub(crate) fn rss_mib(pid: u32) -> Option<f64> {
    status_mib(pid, "VmRSS:")
}

/// The most it had since [`forget_peak`], in MiB.
pub(crate) fn peak_mib(pid: u32) -> Option<f64> {
    status_mib(pid, "VmHWM:")
}

/// Has the kernel begin anew to remember the most memory.
pub(crate) fn forget_peak(pid: u32) {
    // Without it the peak is that since the process began, which is no less.
    let _ = fs::write(format!("/proc/{pid}/clear_refs"), "5");
}

fn status_mib(pid: u32, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    Some(line.split_whitespace().nth(1)?.parse::<f64>().ok()? / 1024.0)
}

/// The engine's own processes: whoever listens on its socket, and its containerd.
pub(crate) fn engine_processes(socket: &std::path::Path) -> Vec<u32> {
    let Ok(stream) = std::os::unix::net::UnixStream::connect(socket) else { return Vec::new() };
    let Ok(engine) = rustix::net::sockopt::socket_peercred(&stream) else { return Vec::new() };
    let engine = u32::try_from(engine.pid.as_raw_nonzero().get()).unwrap_or(0);
    let named = |pid: u32| fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    let pids = processes();
    let own = |pid: &u32| named(*pid).trim() == "containerd" && parent(*pid) == Some(engine);
    let mut found: Vec<u32> = pids.iter().copied().filter(own).collect();
    if found.is_empty() {
        found.extend(pids.into_iter().filter(|pid| named(*pid).trim() == "containerd").take(1));
    }
    found.push(engine);
    found
}

fn processes() -> Vec<u32> {
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
}

/// Ends every process that this one has started and that still runs.
pub(crate) fn end_children() {
    let own = std::process::id();
    for pid in processes().into_iter().filter(|pid| parent(*pid) == Some(own)) {
        let raw = i32::try_from(pid).unwrap_or(0);
        if let Some(pid) = rustix::process::Pid::from_raw(raw) {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
        }
    }
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Processor time of several processes together, in percent of one core, over a while.
pub(crate) fn cpu_percent(pids: &[Vec<u32>], over: Duration) -> Vec<f64> {
    let read = || -> Vec<f64> {
        pids.iter().map(|group| group.iter().map(|pid| cpu_seconds(*pid)).sum()).collect()
    };
    let (before, began) = (read(), now());
    std::thread::sleep(over);
    let elapsed = began.elapsed().as_secs_f64();
    let after = read();
    after.iter().zip(&before).map(|(a, b)| (a - b).max(0.0) / elapsed * 100.0).collect()
}
