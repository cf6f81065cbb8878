//! Shell scripts end at the first failure.

/// Scripts, by the beginning of their path, that go on after a failure on purpose.
const GOES_ON: [(&str, &str); 2] = [
    ("docker/test.sh", "it tells every check that failed, and counts them"),
    ("docker/rootfs/usr/lib/pinacle/", "a pod boots and ends whatever failed on the way"),
];

/// The shell a script asks for, by its first line.
fn shell(text: &str) -> Option<&str> {
    let first = text.lines().next()?.strip_prefix("#!")?;
    let program = first.split_whitespace().find(|word| !word.ends_with("/env"))?;
    let name = program.rsplit('/').next()?;
    matches!(name, "sh" | "bash" | "dash").then_some(name)
}

fn careless(path: &str, text: &str) -> Option<String> {
    if GOES_ON.iter().any(|(exempt, _)| path.starts_with(exempt)) {
        return None;
    }
    let wanted = match shell(text)? {
        "bash" => "set -euo pipefail",
        // The standard's shell learnt of pipefail only lately.
        _ => "set -eu",
    };
    let is_code = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let first = text.lines().find(is_code).unwrap_or_default();
    (!first.starts_with(wanted))
        .then(|| format!("{path}:2: the first command of a script is `{wanted}`"))
}

#[test]
fn scripts_stop_at_the_first_failure() {
    let found: Vec<String> = crate::tree::files("")
        .iter()
        .filter_map(|path| careless(path, &crate::tree::read(path)))
        .collect();
    crate::none(&found);
}

#[test]
fn a_careless_script_is_found() {
    let check = |text: &str| careless("a.sh", text).is_some();
    assert!(!check("#!/usr/bin/env bash\n# Why.\nset -euo pipefail\nls\n"));
    assert!(!check("#!/bin/sh\nset -eu\n"));
    assert!(check("#!/bin/bash\nset -eu\nls\n"));
    assert!(check("#!/bin/sh\nls\nset -eu\n"));
    assert!(!check("#!/usr/bin/env python3\nprint(1)\n"));
}
