//! How long things may get.

use crate::code::Source;

/// Lines of a file that are no test, and lines with tests.
const FILE: usize = 400;
const FILE_WITH_TESTS: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION: usize = 60;

fn long_files(source: &Source) -> Vec<String> {
    let (all, code) = source.lines();
    let mut found = Vec::new();
    if code > FILE {
        found
            .push(format!("{}:{FILE}: {code} lines that are no test, at most {FILE}", source.path));
    }
    if all > FILE_WITH_TESTS {
        found.push(format!(
            "{}:{FILE_WITH_TESTS}: {all} lines, at most {FILE_WITH_TESTS}",
            source.path
        ));
    }
    found
}

fn long_functions(source: &Source) -> Vec<String> {
    let long = source.functions().into_iter().filter(|f| f.last - f.first + 1 > FUNCTION);
    let tell = |f: crate::code::Function| {
        let lines = f.last - f.first + 1;
        format!("{}:{}: `{}` has {lines} lines, at most {FUNCTION}", source.path, f.first, f.name)
    };
    long.map(tell).collect()
}

#[test]
fn files_stay_short() {
    let found: Vec<String> = crate::tree::sources().iter().flat_map(long_files).collect();
    crate::none(&found);
}

#[test]
fn functions_stay_short() {
    let found: Vec<String> = crate::tree::sources().iter().flat_map(long_functions).collect();
    crate::none(&found);
}

#[test]
fn what_is_too_long_is_found() {
    let check = |lines: usize, path: &str| {
        long_files(&Source::new(path, &"const A: u8 = 1;\n".repeat(lines))).len()
    };
    assert_eq!(check(400, "daemon/src/a.rs"), 0);
    assert_eq!(check(401, "daemon/src/a.rs"), 1);
    assert_eq!(check(600, "daemon/tests/a.rs"), 0);
    assert_eq!(check(601, "daemon/tests/a.rs"), 1);

    let function = |lines: usize| {
        let text = format!("fn a() {{\n{}}}\n", "    b(\"{\");\n".repeat(lines - 2));
        long_functions(&Source::new("daemon/src/a.rs", &text))
    };
    assert_eq!(function(60), Vec::<String>::new());
    let found = function(61);
    assert!(found[0].starts_with("daemon/src/a.rs:1: `a` has 61 lines"), "{found:?}");
}
