//! The virtual machine's template is YAML and has what a host needs.

use saphyr_parser::{Event, Parser};

/// A place in the document, as in `images/0/arch`, and the scalar there.
type Scalar = (String, String);

/// Returns the scalars of a document, or why it is none.
fn scalars(text: &str) -> Result<Vec<Scalar>, String> {
    let mut found = Vec::new();
    let mut path: Vec<Level> = Vec::new();
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| error.to_string())?;
        match event {
            Event::Scalar(value, ..) => scalar(&mut path, &value, &mut found),
            Event::MappingStart(..) => path.push(Level::Map(None)),
            Event::SequenceStart(..) => path.push(Level::List(0)),
            Event::MappingEnd | Event::SequenceEnd => {
                path.pop();
                next(&mut path);
            }
            _ => {}
        }
    }
    Ok(found)
}

/// Where in a collection: at a key or before one, or at an index.
enum Level {
    Map(Option<String>),
    List(usize),
}

fn scalar(path: &mut Vec<Level>, value: &str, found: &mut Vec<Scalar>) {
    if let Some(Level::Map(key @ None)) = path.last_mut() {
        *key = Some(value.to_owned());
        return;
    }
    let names = path.iter().map(|level| match level {
        Level::Map(key) => key.clone().unwrap_or_default(),
        Level::List(index) => index.to_string(),
    });
    found.push((names.collect::<Vec<_>>().join("/"), value.to_owned()));
    next(path);
}

fn next(path: &mut Vec<Level>) {
    match path.last_mut() {
        Some(Level::Map(key)) => *key = None,
        Some(Level::List(index)) => *index += 1,
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::scalars;
    use crate::source::root;

    fn template() -> Vec<(String, String)> {
        let text = std::fs::read_to_string(root().join("lima/pinacle.yaml")).expect("lima/pinacle.yaml");
        scalars(&text).expect("YAML")
    }

    #[track_caller]
    fn at<'a>(template: &'a [(String, String)], path: &str) -> &'a str {
        let found = template.iter().find(|(place, _)| place == path);
        &found.unwrap_or_else(|| panic!("nothing at {path}")).1
    }

    #[test]
    fn the_machine_has_an_image_for_both_architectures() {
        let template = template();
        for (index, arch, file) in [(0, "x86_64", "genericcloud-amd64"), (1, "aarch64", "genericcloud-arm64")] {
            assert_eq!(at(&template, &format!("images/{index}/arch")), arch);
            let location = at(&template, &format!("images/{index}/location"));
            assert!(location.starts_with("https://") && location.contains(file), "{location}");
        }
    }

    #[test]
    fn the_machine_has_docker_and_a_gvisor_that_keeps_files() {
        let template = template();
        let script = at(&template, "provision/0/script");
        assert_eq!(at(&template, "provision/0/mode"), "system");
        assert!(script.starts_with("#!/bin/bash\n") && script.contains("set -eux -o pipefail"), "{script}");
        for word in ["docker.io", "runsc", "--overlay2=none"] {
            assert!(script.contains(word), "no {word} in {script}");
        }
    }

    #[test]
    fn the_machine_publishes_pods_to_this_machine_alone() {
        let template = template();
        let forwards: Vec<_> = template.iter().filter(|(place, _)| place.starts_with("portForwards/")).collect();
        let has = |key: &str, value: &str| forwards.iter().any(|(p, v)| p.ends_with(key) && v == value);
        assert!(has("guestPortRange/0", "30000") && has("guestPortRange/1", "39999"), "{forwards:?}");
        assert!(has("hostIP", "127.0.0.1") && has("guestSocket", "/var/run/docker.sock"), "{forwards:?}");
    }

    #[test]
    fn scalars_are_found_by_their_place() {
        let found = scalars("a:\n  - b: 1\n    c: |\n      x\n  - 2\nd: {e: [3, 4]}\n").expect("YAML");
        let shown: Vec<String> = found.iter().map(|(place, value)| format!("{place}={value}")).collect();
        assert_eq!(shown, ["a/0/b=1", "a/0/c=x\n", "a/1=2", "d/e/0=3", "d/e/1=4"]);
        assert!(scalars("a: [1\nb: 2").is_err());
    }
}
