//! Whatever is sent, the daemon neither panics nor hangs, says nothing but JSON, and
//! answers a good call behind it. What once went wrong is kept in `corpus`.

use crate::samples;
use crate::stub::Peer;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::Config;
use serde_json::{Value, json};

const HELLO: &[u8] = b"{\"pinacle\":1,\"mode\":\"rpc\"}\n";
const GOOD: &[u8] = b"\n{\"id\":\"alive\",\"call\":\"server_info\"}\n";

fn converse(bytes: &[u8]) -> Vec<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async { Peer::silent().converse(bytes).await })
}

fn check(bytes: &[u8]) {
    let answers = converse(&[HELLO, bytes, GOOD].concat());
    assert_eq!(answers[0]["pinacle"], 1);
    for answer in &answers[1..] {
        let members: Vec<_> = answer.as_object().expect("an object").keys().collect();
        let known: [&[&str]; 3] = [&["id", "ok"], &["error", "id"], &["message", "request_id"]];
        assert!(
            known.contains(&members.iter().map(|m| m.as_str()).collect::<Vec<_>>().as_slice()),
            "{answer}"
        );
    }
    let alive =
        answers.iter().find(|answer| answer["id"] == "alive").expect("the good call's answer");
    // Only calls that were in earnest can take all the places there are.
    assert!(alive["ok"]["pid"] == 4242 || alive["error"]["kind"] == "busy", "{alive}");
}

/// A line of every call in both forms, and a few that are nearly one.
fn valid_lines() -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for (name, request, _) in samples::calls() {
        let request = serde_json::to_value(request).expect("JSON");
        let args = request.as_object().and_then(|r| r.values().next()).cloned();
        lines.push(json!({"id": 1, "call": name, "args": args, "timeout_ms": 5}));
        let context = json!({"deadline": {"secs": 5, "nanos": 0}});
        lines.push(json!({"Request": {"id": 1, "context": context, "message": request}}));
    }
    lines.push(json!({"Cancel": {"request_id": 1}}));
    lines.push(json!({"pinacle": 1, "mode": "pty"}));
    lines.iter().map(|line| line.to_string().into_bytes()).collect()
}

/// One way to spoil a line.
#[derive(Debug, Clone)]
enum Change {
    Replace(Index, u8),
    Insert(Index, Vec<u8>),
    Remove(Index, Index),
    Repeat(Index, Index),
    Truncate(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let words: Vec<&[u8]> = vec![
        b"null",
        b"-1",
        b"1e999",
        b"18446744073709551616",
        b"[]",
        b"{}",
        b"\"",
        b"\\",
        b"\n",
        b"\r",
        b"{",
        b"}",
        b"\"id\":",
        b"\"call\":",
        b"\"Request\":",
        b"\"deadline\":",
        b"\"context\":[",
        b"\xff",
        b"\0",
        b",",
    ];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Replace(at, byte)),
        (any::<Index>(), select(words)).prop_map(|(at, word)| Change::Insert(at, word.to_vec())),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::Remove(a, b)),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::Repeat(a, b)),
        any::<Index>().prop_map(Change::Truncate),
    ]
}

fn apply(line: &mut Vec<u8>, change: &Change) {
    let length = line.len() + 1;
    let range = |a: &Index, b: &Index| {
        let (a, b) = (a.index(length), b.index(length));
        a.min(b)..a.max(b)
    };
    match change {
        Change::Replace(at, byte) => {
            let at = at.index(length);
            if let Some(place) = line.get_mut(at) {
                *place = *byte;
            }
        }
        Change::Insert(at, word) => {
            let at = at.index(length);
            line.splice(at..at, word.iter().copied());
        }
        Change::Remove(a, b) => drop(line.drain(range(a, b))),
        Change::Repeat(a, b) => {
            let part = line[range(a, b)].to_vec();
            line.extend(part);
        }
        Change::Truncate(at) => line.truncate(at.index(length)),
    }
}

/// Lines that began as valid ones.
fn spoiled() -> impl Strategy<Value = Sent> {
    let line = (select(valid_lines()), vec(change(), 0..4)).prop_map(|(mut line, changes)| {
        changes.iter().for_each(|change| apply(&mut line, change));
        line
    });
    vec(line, 1..30).prop_map(|lines| Sent(lines.join(&b'\n')))
}

/// Bytes that are shown as they are written into a file of the corpus with `printf`.
#[derive(Clone)]
struct Sent(Vec<u8>);

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "keep this in tests/corpus: {}", self.0.escape_ascii())
    }
}

fn any_bytes() -> impl Strategy<Value = Sent> {
    vec(any::<u8>(), 0..6_000).prop_map(Sent)
}

proptest! {
    #![proptest_config(Config { cases: 200, failure_persistence: None, ..Config::default() })]

    #[test]
    fn spoiled_calls_harm_nothing(sent in spoiled()) {
        check(&sent.0);
    }

    #[test]
    fn any_bytes_harm_nothing(sent in any_bytes()) {
        check(&sent.0);
    }

    #[test]
    fn any_first_bytes_are_answered_or_refused(sent in prop_oneof![any_bytes(), spoiled()]) {
        let answers = converse(&sent.0);
        let welcome = answers.first().is_some_and(|first| first.get("server").is_some());
        prop_assert!(welcome || answers.len() <= 1);
    }
}

#[test]
fn what_once_went_wrong_stays_right() {
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus");
    let mut replayed = 0;
    for entry in std::fs::read_dir(corpus).expect("a directory") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("it can be read");
        let went = std::panic::catch_unwind(|| check(&bytes));
        assert!(went.is_ok(), "{}", path.display());
        replayed += 1;
    }
    assert!(replayed > 10, "the corpus is gone");
}
