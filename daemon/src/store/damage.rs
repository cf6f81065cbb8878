//! Every file of a state directory lost, cut off, zeroed, or with a flipped bit, one at a
//! time: whatever it was, all that was acknowledged is there again, and what
//! was done is said. The places come from a seed, which a failure names;
//! `PINACLE_SEEDS=0..500` plays others.

use super::tests::{open_dir, operation, put, try_open};
use super::*;
use crate::testing::{Chance, copy_directory};
use std::ops::Range;

/// A few seeds in every run; by hand, thousands.
fn seeds() -> Range<u64> {
    let text = std::env::var("PINACLE_SEEDS").unwrap_or_else(|_| "0..3".to_owned());
    let (from, to) = text.split_once("..").expect("FROM..TO");
    from.parse().expect("a number")..to.parse().expect("a number")
}

/// What happens to a file.
#[derive(Debug, Clone, Copy)]
enum Damage {
    Deleted,
    Emptied,
    CutOff,
    Flipped,
    Zeroed,
    Garbage,
}

const ALL: [Damage; 6] = [
    Damage::Deleted,
    Damage::Emptied,
    Damage::CutOff,
    Damage::Flipped,
    Damage::Zeroed,
    Damage::Garbage,
];

fn damage(path: &Path, how: Damage, chance: &mut Chance) -> String {
    let mut bytes = std::fs::read(path).expect("read");
    let length = u64::try_from(bytes.len()).expect("small");
    let index = |at: u64| usize::try_from(at).expect("small");
    let from = index(chance.below(length.max(1)));
    let to = (from + 1 + index(chance.below(600))).min(bytes.len());
    match how {
        Damage::Deleted => {
            std::fs::remove_file(path).expect("removed");
            return "deleted".to_owned();
        }
        Damage::Emptied => bytes.clear(),
        Damage::CutOff => bytes.truncate(from),
        Damage::Flipped => {
            if let Some(byte) = bytes.get_mut(from) {
                *byte ^= 1 << chance.below(8);
            }
        }
        Damage::Zeroed => bytes[from.min(to)..to].fill(0),
        Damage::Garbage => {
            for byte in &mut bytes[from.min(to)..to] {
                *byte = chance.below(256).to_le_bytes()[0];
            }
        }
    }
    std::fs::write(path, bytes).expect("damaged");
    format!("{how:?} at {from}")
}

fn files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("listed").flatten() {
        if entry.path().is_dir() {
            files(&entry.path(), found);
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
}

/// A store with two exports, commits behind each, and records gone and changed.
fn lived_in(dir: &Path, chance: &mut Chance) -> Vec<Record> {
    let mut model = std::collections::BTreeMap::new();
    let (mut store, ..) = open_dir(dir);
    for step in 0..60 {
        let n = chance.below(20);
        let size = usize::try_from(chance.below(if step % 9 == 0 { 40_000 } else { 900 }));
        let note = format!("{step} {}", "n".repeat(size.expect("small")));
        let change = if chance.below(4) == 0 {
            model.remove(&operation(n, "").key());
            Change::Delete(operation(n, "").key())
        } else {
            model.insert(operation(n, "").key(), operation(n, &note));
            put(n, &note)
        };
        store.commit(&[change], Durability::Sync).expect("committed");
        if step == 20 || step == 40 {
            store.export().expect("exported");
        }
    }
    model.into_values().collect()
}

#[test]
fn any_one_damaged_file_loses_nothing_acknowledged() {
    for seed in seeds() {
        let mut chance = Chance::new(seed);
        let original = tempfile::tempdir().expect("a directory");
        let expected = lived_in(original.path(), &mut chance);
        let mut all = Vec::new();
        files(original.path(), &mut all);
        assert!(all.len() >= 6, "{all:?}");
        for path in &all {
            for how in ALL {
                let dir = tempfile::tempdir().expect("a directory");
                copy_directory(original.path(), dir.path()).expect("copied");
                let name = path.strip_prefix(original.path()).expect("inside");
                let what = damage(&dir.path().join(name), how, &mut chance);
                let what = format!("seed {seed}: {} {what}", name.display());
                check(dir.path(), &expected, &what);
            }
        }
    }
}

/// Opens it twice: what was mended stays mended.
fn check(dir: &Path, expected: &[Record], what: &str) {
    let (mut store, found) = try_open(dir).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert_eq!(found.records.len(), expected.len(), "{what}: {:?}", found.recovered);
    assert!(found.records == expected, "{what}: other content, {:?}", found.recovered);
    if let Some(recovery) = &found.recovered {
        assert!(recovery.to_string().contains(';') || recovery.reason.is_none(), "{recovery}");
    }
    store.commit(&[put(77, "goes on")], Durability::Sync).expect(what);
    drop(store);
    let (_, again) = try_open(dir).unwrap_or_else(|e| panic!("{what}: again: {e}"));
    assert_eq!(again.records.len(), expected.len() + 1, "{what}: again");
    assert_eq!(again.recovered, None, "{what}: it was mended");
}

#[test]
fn a_lost_database_and_a_damaged_export_give_what_is_legible_and_say_so() {
    let dir = tempfile::tempdir().expect("a directory");
    let expected = lived_in(dir.path(), &mut Chance::new(1));
    std::fs::remove_dir_all(dir.path().join("db")).expect("removed");
    let folder = dir.path().join("export");
    let exports = export::list(&folder);
    let (newest, path) = exports.last().expect("an export");
    for (_, old) in exports.iter().filter(|(number, _)| number < newest) {
        std::fs::remove_file(old).expect("removed");
    }
    let text = std::fs::read_to_string(path).expect("read");
    // One record is no longer what its checksum says.
    let at = text.find("\"create\"").expect("a word of a record");
    std::fs::write(path, text[..at].to_owned() + &text[at + 1..]).expect("damaged");
    let (_, found) = try_open(dir.path()).expect("it opens");
    assert!(found.records.len() + 1 >= expected.len(), "{}", found.records.len());
    let said = found.recovered.expect("it is said").to_string();
    assert!(said.contains("damaged") && said.contains("labels"), "{said}");
}

#[test]
fn a_database_set_back_is_brought_up_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let before = tempfile::tempdir().expect("a directory");
    {
        let (mut store, ..) = open_dir(dir.path());
        store.commit(&[put(1, "one"), put(2, "two")], Durability::Sync).expect("committed");
    }
    // As after a power cut: the database has not seen the last commits, the log has.
    copy_directory(&dir.path().join("db"), before.path()).expect("copied");
    {
        let (mut store, ..) = open_dir(dir.path());
        store.commit(&[put(3, "three")], Durability::Sync).expect("committed");
        store.commit(&[Change::Delete(operation(1, "").key())], Durability::Sync).expect("deleted");
    }
    std::fs::remove_dir_all(dir.path().join("db")).expect("removed");
    copy_directory(before.path(), &dir.path().join("db")).expect("copied");
    let (_, records, recovered) = open_dir(dir.path());
    assert_eq!(recovered, None);
    assert_eq!(records, [operation(2, "two"), operation(3, "three")]);
}
