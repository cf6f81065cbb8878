//! Replays saved files: `corpus/X` is read and its findings must be those in
//! `corpus/X.expected`.

use std::fs;
use std::path::Path;

use pinacle_core::spec::parse;

use super::{assert_consistent, render};

#[test]
fn every_saved_file_has_its_findings() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec/corpus");
    let mut names: Vec<String> = fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let mut wrong = Vec::new();
    for name in names.iter().filter(|name| !name.ends_with(".expected")) {
        let parsed = parse(&fs::read(dir.join(name)).unwrap());
        assert_consistent(&parsed);
        let expected = dir.join(format!("{name}.expected"));
        let rendered = render(&parsed.diagnostics);
        if std::env::var_os("PINACLE_UPDATE_CORPUS").is_some() {
            fs::write(&expected, &rendered).unwrap();
        } else if fs::read_to_string(&expected).unwrap_or_default() != rendered {
            wrong.push(format!("{name}:\n{rendered}"));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
    for name in &names {
        if let Some(input) = name.strip_suffix(".expected") {
            assert!(names.iter().any(|name| name == input), "{name} belongs to no file");
        }
    }
}
