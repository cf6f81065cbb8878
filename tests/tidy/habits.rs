//! What no source has, and what each begins with.

use crate::code::Source;

fn forbidden(source: &Source) -> Vec<String> {
    // The middle of an attribute, so that `#[ignore]` and `#[ignore = "…"]` are found.
    let everywhere = ["todo!", "unimplemented!", "dbg!", "#[ignore"];
    let mut found = Vec::new();
    for piece in everywhere {
        let places = source.find(piece);
        found.extend(places.map(|at| format!("{}: no `{piece}`", source.at(at))));
    }
    let unwraps = source.code.match_indices(".unwrap()").map(|(at, _)| at);
    let unwraps = unwraps.filter(|at| !source.is_test(*at));
    found.extend(unwraps.map(|at| format!("{}: no `.unwrap()` outside tests", source.at(at))));
    found
}

fn without_introduction(source: &Source) -> Option<String> {
    let introduced = source.text.starts_with("//! ");
    (!introduced).then(|| format!("{}:1: a file begins with `//!` and says its job", source.path))
}

#[test]
fn nothing_is_left_for_later() {
    let found: Vec<String> = crate::tree::sources().iter().flat_map(forbidden).collect();
    crate::none(&found);
}

#[test]
fn every_file_says_its_job() {
    let found: Vec<String> =
        crate::tree::sources().iter().filter_map(without_introduction).collect();
    crate::none(&found);
}

#[test]
fn bad_habits_are_found() {
    let check = |text: &str| forbidden(&Source::new("daemon/src/a.rs", text)).len();
    assert_eq!(check("fn a() { todo!() }\n"), 1);
    assert_eq!(check("#[test]\n#[ignore = \"slow\"]\nfn a() {}\n"), 1);
    assert_eq!(check("fn a() { b.unwrap() }\n"), 1);
    assert_eq!(check("fn a() { b.unwrap_or(1) }\n// todo!\n"), 0);
    assert_eq!(check("#[cfg(test)]\nmod tests {\n    fn a() { b.unwrap() }\n}\n"), 0);
    let introduced = |text: &str| without_introduction(&Source::new("a.rs", text)).is_none();
    assert!(introduced("//! Says what.\n"));
    assert!(!introduced("//!\n"));
    assert!(!introduced("use a;\n"));
}
