//! The power cut between any two commits: what was acknowledged as lasting is there, and
//! of the rest nothing that was taken back. The disk is an ext4 of the test's own, shut
//! down without a flush.

use super::tests::{operation, put, try_open};
use super::*;
use std::process::Command;

/// `FS_IOC_SHUTDOWN` with `FS_SHUTDOWN_FLAGS_NOLOGFLUSH`.
const CUT: &str = "import fcntl,os,struct,sys;\
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

fn run(program: &str, args: &[&str]) {
    let output = Command::new(program).args(args).output().expect(program);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?} (it needs root): {said}");
}

/// A disk whose power can be cut; unmounted with the value.
struct Disk {
    image: String,
    place: String,
    dir: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let path = |name| dir.path().join(name).to_str().expect("UTF-8").to_owned();
        let (image, place) = (path("image"), path("place"));
        std::fs::create_dir(&place).expect("made");
        run("truncate", &["-s", "32M", &image]);
        run("mkfs.ext4", &["-q", "-F", &image]);
        let disk = Self { image, place, dir };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &["-o", "loop", &self.image, &self.place]);
    }

    fn cut(&self) {
        run("python3", &["-c", CUT, &self.place]);
    }

    /// Mounts what was written until the cut: on a new device, because another
    /// process with mounts of its own may keep the old one alive.
    fn power_on(&mut self, round: u64) {
        run("umount", &[&self.place]);
        let new = self.dir.path().join(format!("image{round}"));
        let new = new.to_str().expect("UTF-8").to_owned();
        std::fs::copy(&self.image, &new).expect("copied");
        std::fs::remove_file(&self.image).expect("removed");
        self.image = new;
        self.mount();
    }

    fn dir(&self) -> &Path {
        Path::new(&self.place)
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Not mounted any more when the test failed in between.
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

#[test]
fn what_was_promised_survives_a_power_cut_after_any_commit() {
    let mut disk = Disk::new();
    let mut model = std::collections::BTreeMap::new();
    for round in 0..10_u64 {
        {
            let (mut store, found) = try_open(disk.dir()).expect("opened");
            assert!(found.unwritable.is_none(), "round {round}: {:?}", found.unwritable);
            let there: std::collections::BTreeMap<_, _> =
                found.records.into_iter().map(|record| (record.key(), record)).collect();
            for (key, record) in &model {
                assert_eq!(there.get(key), Some(record), "round {round}");
            }
            for step in 0..=round * 3 {
                let n = round * 100 + step;
                let note = "p".repeat(usize::try_from(n * 37 % 9_000).expect("small"));
                store.commit(&[put(n, &note)], Durability::Sync).expect("committed");
                model.insert(operation(n, "").key(), operation(n, &note));
                if step % 7 == 3 {
                    let gone = operation(n - 1, "").key();
                    model.remove(&gone);
                    let delete = Change::Delete(gone.clone());
                    store.commit(&[delete], Durability::Sync).expect("deleted");
                }
            }
            if round % 3 == 1 {
                store.export().expect("exported");
            }
            // Promised to nobody: it may be there or not.
            store.commit(&[put(9_000 + round, "maybe")], Durability::Flush).expect("committed");
            disk.cut();
        }
        disk.power_on(round);
    }
    let (_, found) = try_open(disk.dir()).expect("opened");
    let missing = model.values().filter(|record| !found.records.contains(record)).count();
    assert_eq!(missing, 0, "of {}", model.len());
    let gone = operation(303, "").key();
    assert!(model.contains_key(&gone) || !found.records.iter().any(|r| r.key() == gone));
}
