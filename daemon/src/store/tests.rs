//! What the store promises: nothing acknowledged is lost, and what cannot be read
//! is set aside, restored, or refused, never overwritten.

use super::*;
use crate::clock::Clock;
use pinacle_core::record::{Direction, OperationRecord};
use pinacle_protocol::{OperationId, OperationKind, PodId, Timestamp};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// Set for a process that this test starts and kills.
const CHILD: &str = "PINACLE_STORE_TEST_CHILD";

pub(super) fn operation(n: u64, note: &str) -> Record {
    let token = format!("{n:0>16}");
    Record::Operation(Box::new(OperationRecord {
        id: OperationId::new(token).expect("an id"),
        pod: PodId::new("aaaaaaaaaaaaaaaa").expect("an id"),
        kind: OperationKind::Create,
        request: None,
        joined: Default::default(),
        direction: Direction::Failed,
        steps: Vec::new(),
        error: Some(pinacle_protocol::ApiError::new(
            pinacle_protocol::ErrorKind::Engine,
            note.to_owned(),
        )),
        revert: None,
        created_at: Timestamp(n),
        ended_at: None,
    }))
}

pub(super) fn put(n: u64, note: &str) -> Change {
    Change::Put(operation(n, note))
}

fn owner() -> OwnerId {
    OwnerId::new("0wn3r00000000000").expect("an id")
}

pub(super) fn try_open(dir: &Path) -> Result<(SledStore, Found), StoreError> {
    let settle = |known: Option<&OwnerId>| Ok(known.cloned().unwrap_or_else(owner));
    SledStore::open(dir, Clock::system(), settle)
}

pub(super) fn open_dir(dir: &Path) -> (SledStore, Vec<Record>, Option<Recovery>) {
    let (store, found) = try_open(dir).expect("the store opens");
    assert!(found.unwritable.is_none(), "{:?}", found.unwritable);
    (store, found.records, found.recovered)
}

#[test]
fn what_was_committed_is_there_again_also_when_it_is_large() {
    let dir = tempfile::tempdir().expect("a directory");
    let large = "x".repeat(200_000);
    {
        let (mut store, records, recovered) = open_dir(dir.path());
        assert!(records.is_empty() && recovered.is_none());
        store.commit(&[put(1, &large), put(2, "two")], Durability::Sync).expect("committed");
        store.commit(&[put(1, "small again")], Durability::Flush).expect("committed");
        store
            .commit(&[Change::Delete(operation(2, "").key())], Durability::Flush)
            .expect("deleted");
        store.commit(&[put(3, &large)], Durability::Flush).expect("committed");
    }
    let (_, records, recovered) = open_dir(dir.path());
    assert_eq!(recovered, None);
    assert_eq!(records, [operation(1, "small again"), operation(3, &large)]);
}

#[test]
fn a_damaged_database_is_set_aside_and_the_export_restored() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let (mut store, ..) = open_dir(dir.path());
        store.commit(&[put(1, "exported")], Durability::Sync).expect("committed");
        store.export().expect("exported");
    }
    for name in ["db", "conf"] {
        let path = dir.path().join("db").join(name);
        let length = std::fs::metadata(&path).expect("a file").len();
        let garbage: Vec<u8> = (0..length).map(|i| i.to_le_bytes()[0].wrapping_mul(31)).collect();
        std::fs::write(&path, garbage).expect("damaged");
    }
    let (mut store, records, recovered) = open_dir(dir.path());
    let recovery = recovered.expect("a recovery");
    let aside = recovery.moved_to.as_ref().expect("it is kept");
    assert!(aside.exists() && recovery.restored.is_some(), "{recovery}");
    assert_eq!(records, [operation(1, "exported")]);
    store.commit(&[put(2, "goes on")], Durability::Sync).expect("committed");
}

#[test]
fn a_damaged_record_is_as_good_as_a_damaged_database() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let (mut store, ..) = open_dir(dir.path());
        store.commit(&[put(1, "exported")], Durability::Sync).expect("committed");
        store.export().expect("exported");
    }
    {
        let db = ::sled::open(dir.path().join("db")).expect("opened");
        let tree = db.open_tree("records").expect("a tree");
        tree.insert("operation/zzzz/0000", "{\"v\":1,").expect("inserted");
        db.flush().expect("flushed");
    }
    let (_, records, recovered) = open_dir(dir.path());
    assert!(recovered.is_some());
    assert_eq!(records, [operation(1, "exported")]);
}

#[test]
fn a_newer_database_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let db = ::sled::open(dir.path().join("db")).expect("opened");
        let meta = db.open_tree("meta").expect("a tree");
        meta.insert("format", 7_u32.to_be_bytes().to_vec()).expect("inserted");
        db.flush().expect("flushed");
    }
    match try_open(dir.path()) {
        Err(StoreError::Newer { found: 7, .. }) => {}
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it opened"),
    }
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 1, "nothing was set aside");
}

#[test]
fn a_second_daemon_is_told_which_process_has_the_directory() {
    let dir = tempfile::tempdir().expect("a directory");
    let _first = lock::take(dir.path()).expect("the lock");
    match lock::take(dir.path()) {
        Err(StoreError::Locked { pid, .. }) => assert_eq!(pid, std::process::id().to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_state_directory_made_by_hand_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("set");
    prepare(dir.path()).expect("usable");
    let mode = std::fs::metadata(dir.path()).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn the_owner_id_stays_and_a_damaged_one_is_restored_or_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let clock = Clock::system();
    let first = owner::settle(dir.path(), None, &clock).expect("an owner");
    let again = owner::settle(dir.path(), None, &clock).expect("an owner");
    assert_eq!(first, again);
    for damage in ["??", "", "aaaaaaaaaaaaaaaa\n"] {
        std::fs::write(dir.path().join("owner"), damage).expect("written");
        let restored = owner::settle(dir.path(), Some(&first), &clock).expect("restored");
        assert_eq!(restored, first, "{damage:?}");
        assert_eq!(owner::settle(dir.path(), None, &clock).expect("an owner"), first);
    }
    std::fs::write(dir.path().join("owner"), "??").expect("written");
    let refused = owner::settle(dir.path(), None, &clock).expect_err("nothing to restore it from");
    assert!(refused.to_string().contains("dev.pinacle.owner"), "{refused}");
}

#[test]
fn ten_exports_are_kept_and_a_torn_one_is_read_as_far_as_it_goes() {
    let dir = tempfile::tempdir().expect("a directory");
    {
        let (mut store, ..) = open_dir(dir.path());
        for n in 0..13 {
            store.commit(&[put(n, "a")], Durability::Flush).expect("committed");
            store.export().expect("exported");
        }
    }
    let exports = export::list(&dir.path().join("export"));
    assert_eq!(exports.len(), 10);
    let (number, newest) = exports.last().expect("a file");
    let bytes = std::fs::read(newest).expect("read");
    std::fs::write(newest, &bytes[..bytes.len() - 5]).expect("torn");
    let export = export::read(*number, newest).expect("an export");
    assert_eq!((export.records.len(), export.unreadable), (12, 1));
    // The one before it, and what was committed since, have everything.
    std::fs::remove_dir_all(dir.path().join("db")).expect("removed");
    let (_, records, recovered) = open_dir(dir.path());
    assert_eq!(records.len(), 13, "{recovered:?}");
}

/// The child of the next test: commits for ever and says what is committed.
#[test]
fn child_commits_until_it_is_killed() {
    let Some(dir) = std::env::var_os(CHILD) else { return };
    let (mut store, ..) = open_dir(Path::new(&dir));
    let mut out = std::io::stdout();
    for n in 0.. {
        let size = usize::try_from(n % 40).expect("small") * 1_000;
        store.commit(&[put(n, &"y".repeat(size))], Durability::Flush).expect("committed");
        writeln!(out, "committed {n}").and_then(|()| out.flush()).expect("said");
    }
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_is_killed() {
    use std::io::{BufRead, BufReader};
    for round in 0..12_usize {
        let dir = tempfile::tempdir().expect("a directory");
        let mut child = Command::new(std::env::current_exe().expect("a path"))
            .args(["--exact", "store::tests::child_commits_until_it_is_killed", "--nocapture"])
            .env(CHILD, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("started");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let numbers = lines.map_while(Result::ok).filter_map(|line| {
            line.rsplit_once("committed ").and_then(|(_, n)| n.parse::<u64>().ok())
        });
        let mut last = 0;
        for (seen, n) in numbers.enumerate() {
            last = n;
            if seen == 3 + round * 7 {
                child.kill().expect("killed");
            }
        }
        child.wait().expect("gone");
        let (_, records, recovered) = open_dir(dir.path());
        assert_eq!(recovered, None, "round {round}");
        let there = u64::try_from(records.len()).expect("a number");
        assert!(there > last, "round {round}: {last} was acknowledged, {there} are there");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_commits_reads_back_as_a_map(
        steps in proptest::collection::vec((0_u64..6, proptest::option::of(0_usize..60_000)), 1..12)
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let mut model = BTreeMap::new();
        {
            let (mut store, ..) = open_dir(dir.path());
            for (n, size) in steps {
                let change = match size {
                    Some(size) => put(n, &"z".repeat(size)),
                    None => Change::Delete(operation(n, "").key()),
                };
                store.commit(std::slice::from_ref(&change), Durability::Flush).expect("committed");
                match change {
                    Change::Put(record) => drop(model.insert(record.key(), record)),
                    Change::Delete(key) => drop(model.remove(&key)),
                }
            }
        }
        let (_, records, _) = open_dir(dir.path());
        prop_assert_eq!(records, model.into_values().collect::<Vec<_>>());
    }
}
