//! A disk without room, or without inodes, at any write: nothing acknowledged is lost,
//! what is stored can be read, and with room again it goes on.

use super::tests::{operation, put, try_open};
use super::*;
use std::process::Command;

/// A small file system, for as long as it lives.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(dir: &Path, options: &str) -> Self {
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(dir)
            .status()
            .expect("mount runs");
        assert!(mounted.success(), "a small file system needs root");
        Self(dir.to_owned())
    }

    /// Takes all room but so many pages.
    fn leave(&self, pages: u64) {
        let stat = rustix::fs::statvfs(&self.0).expect("asked");
        let bytes = stat.f_bavail.saturating_sub(pages) * stat.f_bsize;
        let ballast = vec![1; usize::try_from(bytes).expect("small")];
        std::fs::write(self.0.join("ballast"), ballast).expect("written");
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.join("ballast")).expect("removed");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Left to the end of the process where it does not work.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Text that does not compress.
fn noise(random: &mut u64, length: usize) -> String {
    let letter = |_| {
        *random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        char::from(b'a' + u8::try_from(*random >> 59).expect("five bits") % 26)
    };
    (0..length).map(letter).collect()
}

/// Commits until the disk refuses one; returns what was acknowledged.
fn fill(store: &mut SledStore, from: u64, random: &mut u64) -> Vec<Record> {
    let mut acknowledged = Vec::new();
    for n in from..from + 5_000 {
        let length = usize::try_from(n * 131 % 5_000).expect("small");
        let record = operation(n, &noise(random, length));
        match store.commit(&[Change::Put(record.clone())], Durability::Sync) {
            Ok(()) => acknowledged.push(record),
            Err(error) => {
                let api = error.to_api();
                assert!(api.hint.is_some(), "{api:?}");
                assert_eq!(api.kind, pinacle_protocol::ErrorKind::Storage);
                return acknowledged;
            }
        }
    }
    panic!("the disk is never full");
}

fn holds(found: &[Record], acknowledged: &[Record], what: &str) {
    let missing = acknowledged.iter().filter(|record| !found.contains(record)).count();
    assert_eq!(missing, 0, "{what}: of {} acknowledged", acknowledged.len());
}

#[test]
fn whichever_write_finds_no_room_nothing_is_lost_and_it_goes_on_with_room() {
    let mut random = 7;
    for pages in 0..24 {
        let what = format!("{pages} pages left");
        let dir = tempfile::tempdir().expect("a directory");
        let disk = SmallDisk::mount(dir.path(), "size=24m");
        let mut acknowledged = Vec::new();
        let (mut store, _) = try_open(dir.path()).expect("opened");
        for n in 0..40 {
            let record = operation(n, &noise(&mut random, 2_000));
            store.commit(&[Change::Put(record.clone())], Durability::Sync).expect("room");
            acknowledged.push(record);
        }
        disk.leave(pages * 3);
        acknowledged.extend(fill(&mut store, 100, &mut random));
        // A failure stays one until it is opened again, and that says whether there is room.
        store.commit(&[put(9_000, "no")], Durability::Sync).expect_err("it is closed");
        let again = store.reopen();
        match again {
            Ok(records) => {
                // The last one was too large, a smaller one fits: as good as an acknowledgement.
                holds(&records, &acknowledged, &what);
                acknowledged.extend(fill(&mut store, 10_000, &mut random));
            }
            Err(error) => drop(error),
        }
        drop(store);
        // A daemon started now shows everything.
        let (mut store, found) = try_open(dir.path()).unwrap_or_else(|e| panic!("{what}: {e:?}"));
        holds(&found.records, &acknowledged, &what);
        assert_eq!(found.recovered, None, "{what}");
        disk.make_room();
        let records = store.reopen().unwrap_or_else(|e| panic!("{what}: {e}"));
        holds(&records, &acknowledged, &what);
        store.commit(&[put(9_001, "yes")], Durability::Sync).expect("there is room");
        store.export().expect("there is room");
        drop(store);
        let (_, found) = try_open(dir.path()).expect("opened");
        assert!(found.records.contains(&operation(9_001, "yes")), "{what}");
        assert_eq!(found.recovered, None, "{what}");
    }
}

#[test]
fn without_inodes_nothing_is_lost_and_it_goes_on_with_some() {
    let dir = tempfile::tempdir().expect("a directory");
    let _disk = SmallDisk::mount(dir.path(), "size=24m,nr_inodes=40");
    let (mut store, _) = try_open(dir.path()).expect("opened");
    store.commit(&[put(1, "one")], Durability::Sync).expect("committed");
    let fillers = (0..60).map_while(|n| {
        let path = dir.path().join(format!("filler-{n}"));
        std::fs::write(&path, "").is_ok().then_some(path)
    });
    let fillers: Vec<_> = fillers.collect();
    store.export().expect_err("an export is a new file");
    store.commit(&[put(2, "two")], Durability::Sync).expect("a commit is none");
    drop(store);
    let (store, found) = try_open(dir.path()).expect("it opens, or shows what there is");
    assert_eq!(found.records, [operation(1, "one"), operation(2, "two")]);
    drop(store);
    for path in fillers {
        std::fs::remove_file(path).expect("removed");
    }
    let (mut store, found) = try_open(dir.path()).expect("opened");
    assert_eq!(found.records, [operation(1, "one"), operation(2, "two")]);
    store.commit(&[put(3, "three")], Durability::Sync).expect("committed");
    store.export().expect("exported");
}

#[test]
fn a_first_start_without_room_says_so_and_leaves_nothing_half_made() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = SmallDisk::mount(dir.path(), "size=4m");
    disk.leave(0);
    match try_open(dir.path()) {
        Err(error) => assert!(error.to_string().contains("disk"), "{error}"),
        Ok(_) => panic!("it opened"),
    }
    disk.make_room();
    let (mut store, found) = try_open(dir.path()).expect("opened");
    assert_eq!((found.records.len(), found.recovered), (0, None));
    store.commit(&[put(1, "one")], Durability::Sync).expect("committed");
}
