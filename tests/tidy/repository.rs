//! What the repository holds, and words it does not.

/// Beside names that begin with a dot.
const TOP: [&str; 13] = [
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
];
const ALSO: [&str; 2] = ["tui", "target"];

/// Places of a machine somebody worked on; taken apart here, so that this file has none.
const BANNED: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/fa", "rm/"), concat!("artifac", "tory")];

fn out_of_place(names: &[String]) -> Vec<String> {
    let known = |name: &str| name.starts_with('.') || TOP.contains(&name) || ALSO.contains(&name);
    let unknown = names.iter().filter(|name| !known(name));
    let mut found: Vec<String> = unknown
        .map(|name| format!("{name}: not one of the entries at the top of the repository"))
        .collect();
    let missing = TOP.iter().filter(|name| !names.iter().any(|n| n == *name));
    found.extend(missing.map(|name| format!("{name}: missing at the top of the repository")));
    found
}

fn banned(path: &str, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let lower = line.to_lowercase();
        let words = BANNED.iter().filter(|word| lower.contains(*word));
        found
            .extend(words.map(|word| {
                format!("{path}:{}: \"{word}\" is nobody else's business", number + 1)
            }));
    }
    found
}

#[test]
fn the_top_holds_what_it_should() {
    let entries = std::fs::read_dir(crate::tree::top()).expect("the top can be listed");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.expect("an entry").file_name().to_str().expect("names are UTF-8").to_owned()
    };
    crate::none(&out_of_place(&entries.map(name).collect::<Vec<_>>()));
}

#[test]
fn no_file_names_somebodys_machine() {
    let found: Vec<String> = crate::tree::files("")
        .iter()
        .flat_map(|path| banned(path, &crate::tree::read(path)))
        .collect();
    crate::none(&found);
}

#[test]
fn what_does_not_belong_is_found() {
    let mut names: Vec<String> = TOP.iter().map(|name| (*name).to_owned()).collect();
    names.extend([".gitignore".to_owned(), "tui".to_owned()]);
    assert_eq!(out_of_place(&names), Vec::<String>::new());
    names.push("notes.txt".to_owned());
    assert_eq!(out_of_place(&names).len(), 1);
    names.retain(|name| name != "LICENSE-MIT");
    assert_eq!(out_of_place(&names).len(), 2);
    assert_eq!(banned("a", &format!("fine: /workspace/\nsee {}main\n", BANNED[0])).len(), 1);
}
