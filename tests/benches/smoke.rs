//! A little of each figure, so that the program that measures does not rot. Nothing
//! here looks at how fast anything is.

#![expect(dead_code, reason = "the whole of it is used by the program itself")]

mod common;
mod create;
mod fake;
mod growth;
mod keys;
mod lines;
mod measure;
mod raw;
mod real;
mod rivals;
mod rpc;
mod screen;
mod table;
mod table_tests;

use common::{Programs, runtime};
use fake::Fake;
use std::path::PathBuf;
use std::time::Duration;

fn programs() -> Programs {
    Programs {
        daemon: PathBuf::from(env!("CARGO_BIN_EXE_test-pinacled")),
        client: PathBuf::from(env!("CARGO_BIN_EXE_test-pinacle-tui")),
    }
}

#[test]
fn growth_has_every_figure() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = runtime().expect("a runtime");
    let found = runtime.block_on(growth::measure(dir.path(), 3)).expect("figures");
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|(_, value)| *value > 0.0), "{found:?}");
}

#[test]
fn keys_and_calls_are_answered() {
    let dir = tempfile::tempdir().expect("a directory");
    let runtime = runtime().expect("a runtime");
    let fake = Fake::new(dir.path());
    let serving = runtime.block_on(async {
        let serving = fake.serve().expect("a daemon");
        let client = fake.client().await.expect("a client");
        fake.fill(&client, 3).await.expect("pods");
        serving
    });
    let screen = keys::ours(&programs(), dir.path()).expect("a screen");
    let list = screen.wait_text(Duration::from_secs(60), "bench-00002");
    assert!(list.is_some(), "{}", screen.text());
    screen.settle(Duration::from_millis(300), Duration::from_secs(10));
    assert_eq!(keys::moves(&screen, 2).len(), 2);
    assert_eq!(keys::overlays(&screen, 2).len(), 2, "{}", screen.text());
    drop(screen);
    let path = dir.path().join("echo.sock");
    let other = path.clone();
    let echo = std::thread::spawn(move || rpc::echo(&other));
    let (ours, bare) = runtime.block_on(rpc::by_turns(dir.path(), &path, 3)).expect("answers");
    assert_eq!((ours.len(), bare.len()), (3, 3));
    echo.join().expect("no panic").expect("echoed");
    runtime.block_on(serving.end()).expect("ended");
}

#[test]
fn creation_and_lines_are_measured_on_the_engine() {
    let rows = create::measure(&programs(), 1, 0, 1).expect("creations");
    assert_eq!(rows.len(), 4);
    let rows = lines::measure(&programs(), &[], 10, 2_000, 1).expect("lines");
    let text = table::render(&rows, &[], "");
    assert!(text.contains("| lines lost | 0 |"), "{text}");
    assert!(!text.contains("NaN"), "{text}");
}
