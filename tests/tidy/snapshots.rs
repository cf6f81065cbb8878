//! Every stored snapshot belongs to a test that is there.

/// Takes `a.snap` apart: the source its header names, and the name in that source.
fn origin<'a>(path: &'a str, text: &'a str) -> Option<(&'a str, &'a str)> {
    let source = text
        .lines()
        .skip(1)
        .take_while(|line| *line != "---")
        .find_map(|line| line.strip_prefix("source: "))?;
    let file = path.rsplit('/').next()?.strip_suffix(".snap")?;
    let name = file.rsplit("__").next()?;
    // The second and later snapshots of one test are numbered.
    let name = match name.rsplit_once('-') {
        Some((stem, number)) if number.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => name,
    };
    Some((source.trim().trim_matches('"'), name))
}

/// What is wrong with a snapshot, given a way to read its source.
fn orphan(path: &str, text: &str, read: impl Fn(&str) -> Option<String>) -> Option<String> {
    let Some((source, name)) = origin(path, text) else {
        return Some(format!("{path}:1: no header that names its source"));
    };
    match read(source) {
        None => Some(format!("{path}:2: its source {source} is gone")),
        Some(code) if !code.contains(name) => Some(format!("{path}:2: {source} has no {name}")),
        Some(_) => None,
    }
}

#[test]
fn every_snapshot_has_its_test() {
    let read = |path: &str| std::fs::read_to_string(crate::tree::top().join(path)).ok();
    let found: Vec<String> = crate::tree::files("")
        .iter()
        .filter(|path| path.ends_with(".snap"))
        .filter_map(|path| orphan(path, &crate::tree::read(path), read))
        .collect();
    crate::none(&found);
}

#[test]
fn an_orphan_is_found() {
    let text = "---\nsource: tui/tests/screens.rs\nexpression: shown\n---\nhello\n";
    let read =
        |path: &str| (path == "tui/tests/screens.rs").then(|| "fn list_of_pods() {}".to_owned());
    let check = |path: &str, text: &str| orphan(path, text, read).is_some();
    assert!(!check("tui/tests/snapshots/screens__list_of_pods.snap", text));
    assert!(!check("tui/tests/snapshots/screens__list_of_pods-2.snap", text));
    assert!(check("tui/tests/snapshots/screens__help.snap", text));
    assert!(check("a/screens__list_of_pods.snap", &text.replace("screens.rs", "gone.rs")));
    assert!(check("a/screens__list_of_pods.snap", "hello\n"));
}
