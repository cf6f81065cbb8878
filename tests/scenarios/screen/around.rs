//! The terminal around the program: its size, its colours, its line.

use super::{LISTED, open, program, text};
use crate::{PLAIN, daemon};
use pinacle_daemon::clock::Clock;
use pinacle_daemon::store::{Change, Durability, Record, SledStore, Store};
use pinacle_protocol::Timestamp;
use pinacle_tests::daemon::Daemon;
use pinacle_tests::terminal::Terminal;
use pinacle_tests::terminal::keys::{CTRL_L, ENTER, F2, F12, UP};
use pinacle_tests::wait::eventually;
use std::time::Duration;

/// From larger than anybody has down to a single cell, and back.
const SIZES: [(u16, u16); 14] = [
    (80, 24),
    (200, 60),
    (81, 25),
    (60, 12),
    (59, 12),
    (60, 11),
    (300, 2),
    (2, 100),
    (20, 5),
    (7, 1),
    (1, 7),
    (1, 1),
    (120, 40),
    (80, 24),
];

/// Goes through all sizes, with a key at each.
fn every_size(terminal: &mut Terminal, shown: &str) {
    for (columns, rows) in SIZES {
        terminal.resize(columns, rows);
        // As small as that, what is said of it does not fit either.
        if columns >= 60 && rows >= 12 {
            terminal.shows(shown);
        }
        terminal.press(UP);
    }
    terminal.shows(shown);
}

#[test]
fn every_size_at_any_moment_is_borne() {
    let daemon = daemon();
    daemon.create("sized", PLAIN);
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    // Keys that open a screen or dialog, and what only that shows.
    let places = [
        ("?", "esc closes, up and down scroll"),
        (":", "What to do"),
        ("D", "type sized and enter"),
        ("n", "new pod from"),
        (ENTER, "-- journal"),
        ("e", "Spec of sized"),
        (F2, "Can pods run"),
    ];
    every_size(&mut terminal, LISTED);
    for (keys, shown) in places {
        terminal.press(keys);
        terminal.shows(shown);
        every_size(&mut terminal, shown);
        terminal.escape_from(shown);
    }
    terminal.resize(40, 10);
    terminal.shows("40x10 is too small");
    terminal.resize(80, 24);
    terminal.shows("sized");
    // Painted over by somebody else, it is painted again.
    let before = terminal.contents();
    terminal.press(CTRL_L);
    terminal.until("the same again", |screen| screen.lines().next() == before.lines().next());
    terminal.press("q");
    terminal.ends(0);
}

#[test]
fn without_colours_all_is_there_and_nothing_is_coloured() {
    let daemon = daemon();
    daemon.create("plain", "isolation: runc\ninstall: printf '\\033[31mred-%s\\033[0m\\n' words\n");
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    assert!(terminal.colours().iter().any(|c| *c != vt100::Color::Default), "colours by default");
    terminal.press("q");
    terminal.ends(0);

    let mut command = program(&daemon);
    command.env("NO_COLOR", "1");
    let mut terminal = Terminal::start(&command);
    terminal.shows("1 running");
    let plain = |terminal: &Terminal, shown: &str| {
        terminal.shows(shown);
        assert!(terminal.colours().iter().all(|c| *c == vt100::Color::Default), "{shown}");
    };
    for (keys, shown) in [("?", "esc closes"), ("D", "delete plain?"), (F2, "Can pods run")] {
        terminal.press(keys);
        plain(&terminal, shown);
        terminal.escape_from(shown);
    }
    terminal.press(ENTER);
    plain(&terminal, "red-words");
    terminal.press("e");
    plain(&terminal, "Spec of plain");
    terminal.press("nonsense: yes");
    plain(&terminal, "unknown key");
    terminal.signal("TERM");
    terminal.ends(0);
}

#[test]
fn what_happened_is_written_on_a_key_and_shown_again_without_secrets() {
    let daemon = daemon();
    daemon.create("filmed", "isolation: runc\nenv:\n  TOKEN: s3cr3t-value-9\n");
    let mut terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.press(ENTER);
    terminal.shows("-- journal");
    terminal.press("e");
    terminal.shows("s3cr3t-value-9");
    terminal.press("# p4ssw0rd");
    terminal.shows("# p4ssw0rd");
    terminal.escape_from("# p4ssw0rd");
    terminal.escape_from("-- journal");
    terminal.press("x");
    terminal.shows("stop filmed?");
    terminal.press(F12);
    // A dialog takes every key; it is recorded all the same.
    terminal.press("n");
    terminal.loses("stop filmed?");
    terminal.press(F12);
    terminal.shows("what happened lately is in");
    let dir = daemon.state().join("recordings");
    let path = eventually("a recording", || {
        let found = std::fs::read_dir(&dir).map_err(|e| e.to_string())?.flatten().next();
        found.map(|entry| entry.path()).ok_or_else(|| "none".to_owned())
    });
    let recording = std::fs::read_to_string(&path).expect("text");
    assert!(!recording.contains("s3cr3t-value-9") && !recording.contains("p4ssw0rd"));
    terminal.press("q");
    terminal.ends(0);
    let last = daemon.ok(&["replay", text(&path)]).stdout;
    assert!(last.contains("1 running") && last.contains("enter journal"), "{last}");
    let all = daemon.ok(&["replay", "--every", text(&path)]).stdout;
    for shown in ["-- journal", "Spec of filmed", "stop filmed?"] {
        assert!(all.contains(shown), "{shown}: {all}");
    }
}

/// Makes every pod an hour older.
fn make_older(daemon: &mut Daemon) {
    const HOUR_MS: u64 = 60 * 60 * 1_000;
    daemon.terminate();
    let owner = |known: Option<&pinacle_protocol::OwnerId>| Ok(known.cloned().expect("an owner"));
    let opened = SledStore::open(&daemon.state(), Clock::system(), owner);
    let (mut store, found) = opened.expect("the daemon's records");
    let records = found.records;
    let earlier = |time: Timestamp| Timestamp(time.0 - HOUR_MS);
    let older = records.into_iter().filter_map(|record| match record {
        Record::Pod(mut pod) => {
            (pod.created_at, pod.phase_since) = (earlier(pod.created_at), earlier(pod.phase_since));
            Some(Change::Put(Record::Pod(pod)))
        }
        Record::Operation(_) | Record::Spare(_) => None,
    });
    store.commit(&older.collect::<Vec<_>>(), Durability::Sync).expect("stored");
    drop(store);
    daemon.spawn();
}

#[test]
fn nothing_is_written_while_nothing_changes() {
    let mut daemon = daemon();
    daemon.create("quiet", PLAIN);
    // A pod that is young has its age in seconds on the screen.
    make_older(&mut daemon);
    daemon.wait_phase("quiet", "running");
    let terminal = open(&daemon);
    terminal.shows("1 running");
    terminal.shows("%");
    // Its age, and what a busy machine gives it, may change now and then; there is
    // time in which nothing does.
    eventually("five seconds without a byte", || {
        let before = terminal.written();
        std::thread::sleep(Duration::from_secs(5));
        let bytes = terminal.bytes_from(before);
        if bytes.is_empty() { Ok(()) } else { Err(String::from_utf8_lossy(&bytes).into_owned()) }
    });
    terminal.signal("TERM");
    terminal.ends(0);
}
