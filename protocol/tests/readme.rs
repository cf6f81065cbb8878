//! README.md against the code: what a reader builds a client from is what there is.

use pinacle_protocol::wire::{
    CALLS, DEFAULT_DEADLINE, HELLO_LIMIT, MAX_DEADLINE, MAX_HELLO, MAX_IN_FLIGHT, MAX_LINE,
};
use pinacle_protocol::{MAX_PTY_FRAME, MAX_SPEC_BYTES, PROTOCOL_VERSION};
use serde_json::Value;
use std::collections::BTreeSet;

const README: &str = include_str!("../README.md");

fn golden(file: &str) -> Value {
    let path = format!("{}/tests/golden/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn says(text: &str) {
    assert!(README.contains(text), "README.md does not say {text:?}");
}

/// Collects the names of all members.
fn members(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| members(item, names)),
        Value::Object(object) => {
            names.extend(object.keys().cloned());
            object.values().for_each(|value| members(value, names));
        }
        _ => {}
    }
}

#[test]
fn every_call_is_listed_with_its_arguments() {
    let calls = golden("calls.json");
    for name in CALLS {
        let row = README.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("README.md does not list the call {name}"));
        let request = calls[format!("{name}.request")].as_object().expect("an object");
        let args = request.values().next().expect("the arguments");
        let args = args.get("request").unwrap_or(args).as_object().expect("an object");
        let action = ["request_id", "pod"];
        for arg in args.keys() {
            let by_word = row.contains("| *action* |") && action.contains(&arg.as_str());
            let by_name = row.contains(&format!("`{arg}`")) || row.contains(&format!("`{arg}?`"));
            assert!(by_word || by_name, "README.md does not give {name} its {arg}");
        }
    }
}

#[test]
fn every_member_and_word_is_named() {
    let mut names = BTreeSet::new();
    for file in ["hello.json", "views.json", "records.json", "stream.json", "pty.json"] {
        let samples = golden(file);
        let samples = samples.as_object().expect("named samples");
        samples.values().for_each(|sample| members(sample, &mut names));
    }
    let optional = |name: &str| README.contains(&format!("`{name}?`"));
    for name in names {
        let shown = [format!("`{name}`"), format!("\"{name}\":")];
        let named = shown.iter().any(|text| README.contains(text)) || optional(&name);
        assert!(named, "README.md does not name the member {name}");
    }
    for words in golden("words.json").as_object().expect("named words").values() {
        for word in words.as_array().expect("words") {
            says(&format!("`{}`", word.as_str().expect("text")));
        }
    }
}

#[test]
fn exit_codes_and_limits_are_those_of_the_code() {
    for (kind, code) in golden("exit_codes.json").as_object().expect("codes") {
        says(&format!("| `{kind}` | {code} |"));
    }
    says(&format!("{{\"pinacle\":{PROTOCOL_VERSION},\"mode\":\"rpc\""));
    assert_eq!((MAX_HELLO, HELLO_LIMIT.as_secs()), (4_096, 5));
    says("| hello | 4,096 bytes; 5 s |");
    says(&format!("| line, either way | {} MiB.", MAX_LINE >> 20));
    says(&format!("| calls under way on a connection | {MAX_IN_FLIGHT};"));
    assert_eq!((DEFAULT_DEADLINE.as_secs(), MAX_DEADLINE.as_secs()), (10, 3_600));
    says("| time of a call | 10 s (and `wait_ms`) when not said; an hour at the most |");
    says(&format!("| spec | {} KiB |", MAX_SPEC_BYTES >> 10));
    assert_eq!(MAX_PTY_FRAME, 131_072);
    says("at most 131,072)");
}

#[test]
fn its_examples_are_json() {
    let mut within = false;
    let mut seen = 0;
    for line in README.lines() {
        match line {
            "```json" => within = true,
            "```" => within = false,
            _ if within && !line.contains('…') => {
                serde_json::from_str::<Value>(line).unwrap_or_else(|e| panic!("{line}: {e}"));
                seen += 1;
            }
            _ => {}
        }
    }
    assert!(seen > 5, "the examples are gone");
}
