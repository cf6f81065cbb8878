//! Every store that a release wrote is opened by this one, from the database as well as
//! from the export and its commits. `examples/store_fixture.rs` wrote them.

use pinacle_daemon::clock::Clock;
use pinacle_daemon::store;
use pinacle_daemon::testing::copy_directory;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Whether all that was written is there; a later release may know more members.
fn contains(found: &Value, expected: &Value) -> bool {
    match (found, expected) {
        (Value::Object(found), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| found.get(name).is_some_and(|found| contains(found, value))),
        (Value::Array(found), Value::Array(expected)) => {
            found.len() == expected.len()
                && found.iter().zip(expected).all(|(found, expected)| contains(found, expected))
        }
        _ => found == expected,
    }
}

fn check(fixture: &Path, without: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    copy_directory(fixture, dir.path()).expect("copied");
    if !without.is_empty() {
        std::fs::remove_dir_all(dir.path().join(without)).expect("removed");
    }
    let what = format!("{} without {without:?}", fixture.display());
    let opened = store::open(dir.path(), &Clock::system());
    let opened = opened.unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(opened.unwritable.is_none(), "{what}: {:?}", opened.unwritable);
    assert_eq!(opened.recovered.is_some(), without == "db", "{what}: {:?}", opened.recovered);
    let expected = std::fs::read(fixture.join("expected.json")).expect("what was written");
    let expected: Value = serde_json::from_slice(&expected).expect("JSON");
    let found = serde_json::to_value(&opened.records).expect("JSON");
    assert!(contains(&found, &expected), "{what}: {found:#}");
    let owner = std::fs::read_to_string(fixture.join("owner")).expect("an owner");
    assert_eq!(opened.owner.as_str(), owner.trim(), "{what}");
}

#[test]
fn every_release_s_store_is_opened() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let fixtures = std::fs::read_dir(data).expect("fixtures").flatten().map(|entry| entry.path());
    let fixtures: Vec<PathBuf> = fixtures.filter(|path| path.join("owner").exists()).collect();
    assert!(!fixtures.is_empty());
    for fixture in fixtures {
        for without in ["", "db", "export"] {
            check(&fixture, without);
        }
    }
}
