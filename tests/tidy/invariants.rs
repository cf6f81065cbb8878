//! Every invariant in ARCHITECTURE.md names a test that is there.

use crate::sizes::functions;
use crate::source::{File, Offence};

/// An invariant as the page has it: where, and the tests it names.
struct Invariant {
    line: usize,
    tests: Vec<String>,
}

fn invariants(page: &str) -> Vec<Invariant> {
    let mut found: Vec<Invariant> = Vec::new();
    let lines = page.lines().enumerate().skip_while(|(_, line)| *line != "## Invariants").skip(1);
    for (index, line) in lines.take_while(|(_, line)| !line.starts_with("## ")) {
        let numbered =
            line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        if numbered {
            found.push(Invariant { line: index + 1, tests: Vec::new() });
        }
        if let Some(last) = found.last_mut() {
            let named = line.split("`test: ").skip(1).filter_map(|rest| rest.split('`').next());
            last.tests.extend(named.map(str::to_owned));
        }
    }
    found
}

/// Returns whether a function with a test's attribute bears the name, in a file
/// whose path has the part before `::` in it.
fn is_there(files: &[File], test: &str) -> bool {
    let Some((place, name)) = test.rsplit_once("::") else { return false };
    files.iter().filter(|file| file.is_rust() && is_at(&file.path, place)).any(|file| {
        functions(file)
            .iter()
            .any(|(found, line, _)| found == name && has_test_attribute(file, *line))
    })
}

fn is_at(path: &str, place: &str) -> bool {
    path.trim_end_matches(".rs").split('/').any(|part| part == place)
}

fn has_test_attribute(file: &File, line: usize) -> bool {
    let above: Vec<&str> = file.code.lines().take(line - 1).collect();
    let attributes = above
        .iter()
        .rev()
        .map(|line| line.trim())
        .take_while(|line| line.is_empty() || line.starts_with('#'));
    attributes.into_iter().any(|line| line.contains("test]") || line.contains("test("))
}

fn without_a_test(page: &File, files: &[File]) -> Vec<Offence> {
    let invariants = invariants(&page.text);
    if invariants.is_empty() {
        return vec![page.offence(0, "has no invariants under `## Invariants`")];
    }
    let mut offences = Vec::new();
    for Invariant { line, tests } in invariants {
        if tests.is_empty() {
            offences
                .push(page.offence(line, "the invariant names no test, as in `test: file::name`"));
        }
        for test in tests.iter().filter(|test| !is_there(files, test)) {
            offences.push(page.offence(line, format!("there is no test `{test}`")));
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::without_a_test;
    use crate::source::{File, accept, files};

    #[test]
    fn every_invariant_has_a_test() {
        let files = files();
        let page =
            files.iter().find(|file| file.path == "ARCHITECTURE.md").expect("ARCHITECTURE.md");
        accept(&without_a_test(page, &files));
    }

    const NONE: [usize; 0] = [];

    fn check(items: &str) -> Vec<usize> {
        let page = File::new(
            "ARCHITECTURE.md",
            format!("# A\n## Invariants\n{items}\n## After\n1. no invariant\n"),
        );
        let code = "#[test]\nfn holds() {}\n\nfn no_test() {}\n\n#[tokio::test]\n// Why.\n#[cfg(unix)]\nasync fn later() {}\n";
        without_a_test(&page, &[File::new("a/tests/queue.rs", code)])
            .iter()
            .map(|found| found.line)
            .collect()
    }

    #[test]
    fn an_invariant_without_a_test_is_found() {
        assert_eq!(
            check("1. **A.** Long\n   text. `test: queue::holds`\n2. **B.** `test: queue::later`"),
            NONE
        );
        assert_eq!(check("1. **A.**\n2. **B.** `test: queue::holds`"), [3]);
        assert_eq!(
            check("1. `test: queue::gone`\n2. `test: queue::no_test`\n3. `test: other::holds`"),
            [3, 4, 5]
        );
        assert_eq!(check(""), [0]);
    }
}
