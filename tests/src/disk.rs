//! File systems of a test's own: a small one to fill up, and one whose power can be cut.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Shuts a file system down without writing anything more: what was not synced is gone, as
/// after a power cut. `FS_IOC_SHUTDOWN` with `FS_SHUTDOWN_FLAGS_NOLOGFLUSH`.
const CUT: &str = "import fcntl,os,struct,sys;\
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

/// A mounted file system; gone with the value, as is the place it was mounted on.
#[derive(Debug)]
pub struct Disk {
    place: PathBuf,
    /// The file that stands for the device; `None` for one in memory.
    image: Option<PathBuf>,
    cuts: u32,
}

fn run(program: &str, args: &[&str]) {
    let output =
        Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {said}");
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

impl Disk {
    /// Mounts one in memory over a folder, whose files are taken along. `options` as for
    /// `mount -t tmpfs -o`.
    pub fn in_memory(place: &Path, options: &str) -> Self {
        let disk = Self { place: place.to_owned(), image: None, cuts: 0 };
        disk.over(|| run("mount", &["-t", "tmpfs", "-o", options, "tmpfs", text(place)]));
        disk
    }

    /// Mounts an ext4 file system of so many MiB over a folder, whose files are taken along.
    pub fn ext4(place: &Path, mebibytes: u32) -> Self {
        let image = place.with_extension("img");
        run("truncate", &["-s", &format!("{mebibytes}M"), text(&image)]);
        run("mkfs.ext4", &["-q", "-F", text(&image)]);
        let disk = Self { place: place.to_owned(), image: Some(image), cuts: 0 };
        disk.over(|| disk.mount());
        disk
    }

    fn over(&self, mount: impl FnOnce()) {
        let read = |entry: std::fs::DirEntry| {
            (entry.file_name(), std::fs::read(entry.path()).expect("a file"))
        };
        let files = std::fs::read_dir(&self.place).expect("a folder").flatten();
        let files: Vec<_> = files.filter(|entry| entry.path().is_file()).map(read).collect();
        mount();
        for (name, bytes) in files {
            std::fs::write(self.place.join(name), bytes).expect("taken along");
        }
    }

    fn mount(&self) {
        let image = self.image.as_ref().expect("one that is in a file");
        run("mount", &["-o", "loop", text(image), text(&self.place)]);
    }

    /// Returns the bytes that are free.
    pub fn free(&self) -> u64 {
        let place = text(&self.place);
        let output = Command::new("stat").args(["-f", "-c", "%a %S", place]).output();
        let output = output.expect("stat runs");
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<u64> = said.split_whitespace().flat_map(str::parse).collect();
        numbers.iter().product()
    }

    /// Takes all room but so many bytes.
    pub fn fill_up_to(&self, left: u64) {
        let size = usize::try_from(self.free().saturating_sub(left)).expect("small");
        let written = std::fs::write(self.place.join("ballast"), vec![1; size]);
        // Others write here too: then it is full already.
        let full = |error: &std::io::Error| error.kind() == std::io::ErrorKind::StorageFull;
        assert!(written.as_ref().err().is_none_or(full), "{written:?}");
    }

    /// Gives the room back.
    pub fn make_room(&self) {
        std::fs::remove_file(self.place.join("ballast")).expect("removed");
    }

    /// Lets nothing be written any more.
    pub fn remount(&self, options: &str) {
        run("mount", &["-o", &format!("remount,{options}"), text(&self.place)]);
    }

    /// Cuts the power.
    pub fn cut(&self) {
        run("python3", &["-c", CUT, text(&self.place)]);
    }

    /// Mounts what was written until the cut. Nothing here may have a file of it open.
    pub fn power_on(&mut self) {
        crate::wait::eventually("nobody uses the disk", || {
            let output = Command::new("umount").arg(&self.place).output().expect("umount runs");
            if output.status.success() { Ok(()) } else { Err(output) }
        });
        // Another process with mounts of its own may keep the old one alive, and the same
        // device would be given out again: what is on it goes to a new one.
        let old = self.image.take().expect("one that is in a file");
        self.cuts += 1;
        let new = self.place.with_extension(format!("img{}", self.cuts));
        std::fs::copy(&old, &new).expect("copied");
        std::fs::remove_file(&old).expect("removed");
        self.image = Some(new);
        self.mount();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The process that failed the test may still be in there.
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
        if let Some(image) = &self.image {
            let _ = std::fs::remove_file(image);
        }
        // Also what the daemon's own directory could not be removed with.
        if let Some(parent) = self.place.parent() {
            let _ = std::fs::remove_dir_all(parent);
        }
    }
}
