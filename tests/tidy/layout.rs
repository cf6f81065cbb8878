//! What lies where, and how each file begins.

use crate::source::{File, Offence};

/// What may be at the top, beside files whose name begins with a dot.
const TOP: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "daemon",
    "docker",
    "lima",
    "protocol",
    "tests",
    "tui",
];

fn strangers_at_the_top<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Offence> {
    names
        .filter(|name| !name.starts_with('.') && *name != "target" && !TOP.contains(name))
        .map(|name| Offence {
            path: name.to_owned(),
            line: 0,
            why: "the top of the repository is fixed: put it where it belongs".to_owned(),
        })
        .collect()
}

fn without_a_purpose(files: &[File]) -> Vec<Offence> {
    files
        .iter()
        .filter(|file| file.is_rust() && !file.text.starts_with("//! "))
        .map(|file| file.offence(1, "begins without `//!` and its job"))
        .collect()
}

/// Scripts that go on after a failure on purpose, by how their path begins.
const GOES_ON: [(&str, &str); 1] =
    [("docker/rootfs/usr/lib/pinacle/", "a pod boots, and ends, whatever failed on the way")];

/// A script's first command ends it at a failure. One that goes on says why in a
/// comment with `set -e`.
fn careless_scripts(files: &[File]) -> Vec<Offence> {
    files
        .iter()
        .filter_map(|file| Some((file, shell(&file.text)?)))
        .filter(|(file, _)| !GOES_ON.iter().any(|(place, _)| file.path.starts_with(place)))
        .filter(|(file, _)| !file.text.lines().any(|line| line.starts_with('#') && line.contains("set -e")))
        .filter_map(|(file, shell)| {
            // The standard's shell learnt of pipefail only lately.
            let wanted = if shell == "bash" { "set -euo pipefail" } else { "set -eu" };
            let is_command = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
            let first = file.text.lines().find(is_command).unwrap_or_default();
            let why = format!("its first command is not `{wanted}`, and no comment says why it goes on after a failure");
            (!first.starts_with(wanted)).then(|| file.offence(1, why))
        })
        .collect()
}

/// Returns the shell that a script asks for.
fn shell(text: &str) -> Option<&str> {
    let first = text.lines().next()?.strip_prefix("#!")?;
    let words = first.split_whitespace().filter_map(|word| word.rsplit('/').next());
    words
        .into_iter()
        .find(|word| *word != "env")
        .filter(|word| matches!(*word, "sh" | "bash" | "dash"))
}

/// A snapshot names its source, and the source the snapshot: by a name in
/// quotes, or by the function that makes it.
fn stale_snapshots(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".snap")) {
        let Some(source) = file.text.lines().find_map(|line| line.strip_prefix("source: ")) else {
            offences.push(file.offence(1, "says no `source:`"));
            continue;
        };
        let Some(source) = files.iter().find(|other| other.path == source) else {
            offences.push(file.offence(1, format!("its source {source} is gone")));
            continue;
        };
        if !is_referenced(snapshot_name(&file.path), source) {
            offences
                .push(file.offence(1, format!("nothing in {} makes it: delete it", source.path)));
        }
    }
    offences
}

/// Returns `name` of `folder/module__path__name.snap`.
fn snapshot_name(path: &str) -> &str {
    let stem = path.trim_end_matches(".snap");
    stem.rsplit("__").next().unwrap_or(stem)
}

fn is_referenced(name: &str, source: &File) -> bool {
    // The second and later of one function are numbered.
    let unnumbered = name
        .rsplit_once('-')
        .filter(|(_, n)| n.parse::<u32>().is_ok())
        .map_or(name, |(rest, _)| rest);
    source.text.contains(&format!("\"{name}\""))
        || source.text.contains(&format!("fn {unnumbered}("))
}

#[cfg(test)]
mod tests {
    use super::{careless_scripts, stale_snapshots, strangers_at_the_top, without_a_purpose};
    use crate::source::{File, accept, files, root};

    #[test]
    fn the_top_of_the_repository_is_fixed() {
        let entries = std::fs::read_dir(root()).expect("the repository");
        let names: Vec<String> = entries
            .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
            .collect();
        accept(&strangers_at_the_top(names.iter().map(String::as_str)));
    }

    #[test]
    fn every_file_says_its_job() {
        accept(&without_a_purpose(&files()));
    }

    #[test]
    fn scripts_stop_at_a_failure() {
        accept(&careless_scripts(&files()));
    }

    #[test]
    fn every_snapshot_is_made_by_a_test() {
        accept(&stale_snapshots(&files()));
    }

    #[test]
    fn a_stranger_at_the_top_is_found() {
        assert_eq!(
            strangers_at_the_top([".ci", "target", "daemon", "notes.md", "src"].into_iter()).len(),
            2
        );
    }

    #[test]
    fn a_file_without_a_job_is_found() {
        assert_eq!(without_a_purpose(&[File::new("a.rs", "use b;\n//! Late.\n")]).len(), 1);
        assert_eq!(
            without_a_purpose(&[File::new("a.rs", "//! Its job.\n"), File::new("a.py", "")]),
            []
        );
    }

    #[test]
    fn a_careless_script_is_found() {
        let check = |text: &str| careless_scripts(&[File::new("a", text)]).len();
        assert_eq!(check("#!/usr/bin/env bash\nset -e\n"), 1);
        assert_eq!(check("#!/bin/bash\nset -euo pipefail\n"), 0);
        assert_eq!(check("#!/bin/bash\n# No `set -e`: every service is tried.\n"), 0);
        assert_eq!(check("#!/bin/sh\n# Why.\nset -eu\n"), 0);
        assert_eq!(check("#!/bin/sh\nls\nset -eu\n"), 1);
        assert_eq!(check("#!/usr/bin/env python3\n"), 0);
    }

    #[test]
    fn a_stale_snapshot_is_found() {
        let source =
            || File::new("tui/tests/ls.rs", "fn lists() { assert_snapshot!(\"wide\", x); }\n");
        let check =
            |path: &str, text: &str| stale_snapshots(&[File::new(path, text), source()]).len();
        assert_eq!(
            check("t/snapshots/main__ls__lists-2.snap", "---\nsource: tui/tests/ls.rs\n"),
            0
        );
        assert_eq!(check("t/snapshots/main__ls__wide.snap", "---\nsource: tui/tests/ls.rs\n"), 0);
        assert_eq!(check("t/snapshots/main__ls__gone.snap", "---\nsource: tui/tests/ls.rs\n"), 1);
        assert_eq!(
            check("t/snapshots/main__ls__lists.snap", "---\nsource: tui/tests/gone.rs\n"),
            1
        );
        assert_eq!(check("t/snapshots/main__ls__lists.snap", "---\n"), 1);
    }
}
