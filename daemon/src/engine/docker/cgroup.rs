//! What a container uses, read from the kernel's control groups instead of asked of
//! the engine: a reading costs two small files here, and milliseconds of the engine's time there.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel shows control groups.
const MOUNT: &str = "/sys/fs/cgroup";
/// The kernel's word for no limit in the older version is a number near the largest.
const NO_LIMIT: u64 = 1 << 62;

/// A container's control groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Groups {
    /// The older version: a folder for each controller.
    One { cpu: PathBuf, memory: PathBuf },
    /// The unified one.
    Two(PathBuf),
}

/// What a container uses at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Used {
    pub(super) cpu_ns: u64,
    /// Without page cache.
    pub(super) memory_bytes: u64,
    /// `None` without a limit.
    pub(super) memory_limit_bytes: Option<u64>,
}

impl Groups {
    /// Finds the groups of a container by its first process. `None` when that is not on
    /// this machine, as behind a forwarded socket: its groups do not carry the
    /// container's id then.
    pub(super) fn find(pid: i64, container: &str) -> Option<Self> {
        let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
        let found = parse(&text, Path::new(MOUNT), container)?;
        // A group of another mount namespace is not where it says.
        found.read().map(|_| found)
    }

    /// Reads them; `None` when the container has ended.
    pub(super) fn read(&self) -> Option<Used> {
        match self {
            Self::One { cpu, memory } => Some(Used {
                cpu_ns: number(&cpu.join("cpuacct.usage"))?,
                memory_bytes: number(&memory.join("memory.usage_in_bytes"))?
                    .saturating_sub(field(&memory.join("memory.stat"), "total_inactive_file")?),
                memory_limit_bytes: number(&memory.join("memory.limit_in_bytes"))
                    .filter(|limit| *limit < NO_LIMIT),
            }),
            Self::Two(folder) => Some(Used {
                cpu_ns: field(&folder.join("cpu.stat"), "usage_usec")?.saturating_mul(1_000),
                memory_bytes: number(&folder.join("memory.current"))?
                    .saturating_sub(field(&folder.join("memory.stat"), "inactive_file")?),
                // `max` is no number.
                memory_limit_bytes: number(&folder.join("memory.max")),
            }),
        }
    }
}

/// Reads `/proc/PID/cgroup`: lines of `hierarchy:controllers:path`.
fn parse(text: &str, mount: &Path, container: &str) -> Option<Groups> {
    let folder = |wanted: &str| {
        let mut lines = text.lines().filter_map(|line| {
            let mut parts = line.splitn(3, ':').skip(1);
            Some((parts.next()?, parts.next()?))
        });
        let (_, path) = lines.find(|(names, _)| names.split(',').any(|name| name == wanted))?;
        // The id tells that it is the container's own, and `..` is another namespace's.
        let own = path.contains(container) && !path.split('/').any(|part| part == "..");
        own.then(|| path.trim_start_matches('/'))
    };
    if let (Some(cpu), Some(memory)) = (folder("cpuacct"), folder("memory")) {
        let cpu = mount.join("cpuacct").join(cpu);
        return Some(Groups::One { cpu, memory: mount.join("memory").join(memory) });
    }
    Some(Groups::Two(mount.join(folder("")?)))
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn field(path: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    value.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "c0ffee";

    #[test]
    fn both_versions_are_found_and_strangers_are_not() {
        let mount = Path::new("/m");
        let one = "5:memory:/docker/c0ffee\n4:cpu,cpuacct:/docker/c0ffee\n0::/docker/c0ffee\n";
        let cpu = PathBuf::from("/m/cpuacct/docker/c0ffee");
        let memory = PathBuf::from("/m/memory/docker/c0ffee");
        assert_eq!(parse(one, mount, ID), Some(Groups::One { cpu, memory }));
        let two = "0::/system.slice/docker-c0ffee.scope\n";
        let folder = PathBuf::from("/m/system.slice/docker-c0ffee.scope");
        assert_eq!(parse(two, mount, ID), Some(Groups::Two(folder)));
        assert_eq!(parse("0::/user.slice\n", mount, ID), None, "another process of that number");
        assert_eq!(parse("0::/../docker/c0ffee\n", mount, ID), None, "another namespace");
        assert_eq!(parse("", mount, ID), None);
    }

    fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            fs::write(dir.path().join(name), text).expect("written");
        }
        dir
    }

    #[test]
    fn the_older_version_is_read() {
        let dir = folder(&[
            ("cpuacct.usage", "1234\n"),
            ("memory.usage_in_bytes", "1000\n"),
            ("memory.stat", "inactive_file 1\ntotal_inactive_file 400\n"),
            ("memory.limit_in_bytes", "9223372036854771712\n"),
        ]);
        let groups = Groups::One { cpu: dir.path().into(), memory: dir.path().into() };
        let used = Used { cpu_ns: 1234, memory_bytes: 600, memory_limit_bytes: None };
        assert_eq!(groups.read(), Some(used));
    }

    #[test]
    fn the_unified_version_is_read_until_the_container_ends() {
        let dir = folder(&[
            ("cpu.stat", "usage_usec 7\nuser_usec 3\n"),
            ("memory.current", "1000\n"),
            ("memory.stat", "anon 5\ninactive_file 400\n"),
            ("memory.max", "2048\n"),
        ]);
        let groups = Groups::Two(dir.path().to_owned());
        let used = Used { cpu_ns: 7_000, memory_bytes: 600, memory_limit_bytes: Some(2048) };
        assert_eq!(groups.read(), Some(used));
        drop(dir);
        assert_eq!(groups.read(), None);
    }
}
