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

fn scalar(path: &mut [Level], value: &str, found: &mut Vec<Scalar>) {
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

fn next(path: &mut [Level]) {
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
    use std::io::ErrorKind;
    use std::path::PathBuf;
    use std::process::Command;

    fn path() -> PathBuf {
        root().join("lima/pinacle.yaml")
    }

    fn template() -> Vec<(String, String)> {
        scalars(&std::fs::read_to_string(path()).expect("lima/pinacle.yaml")).expect("YAML")
    }

    /// Returns what stands at the end of a path, everywhere in the template.
    fn all<'a>(template: &'a [(String, String)], end: &str) -> Vec<&'a str> {
        let found = template.iter().filter(|(place, _)| place.ends_with(end));
        found.map(|(_, value)| value.as_str()).collect()
    }

    #[test]
    fn the_machine_has_an_image_for_both_architectures() {
        let template = template();
        let images: Vec<_> =
            all(&template, "/location").into_iter().zip(all(&template, "/arch")).collect();
        for (arch, file) in [("x86_64", "genericcloud-amd64"), ("aarch64", "genericcloud-arm64")] {
            let fits = |(location, of): &(&str, &str)| {
                *of == arch
                    && location.starts_with("https://cloud.debian.org/")
                    && location.contains(file)
            };
            assert!(images.iter().any(fits), "no image for {arch} in {images:?}");
        }
    }

    #[test]
    fn the_machine_has_docker_and_a_gvisor_that_keeps_files() {
        let template = template();
        assert!(all(&template, "/mode").iter().all(|mode| *mode == "system"));
        let scripts = all(&template, "/script").join("\n");
        for word in ["docker.io", "runsc", "signed-by=", "--overlay2=none"] {
            assert!(scripts.contains(word), "no {word} in {scripts}");
        }
    }

    #[test]
    fn the_scripts_of_the_machine_are_valid_shell() {
        let template = template();
        for script in all(&template, "/script") {
            assert!(script.starts_with("#!/bin/bash\nset -euo pipefail\n"), "{script}");
            let checked =
                Command::new("bash").args(["-n", "-c", script]).status().expect("bash runs");
            assert!(checked.success(), "{script}");
        }
    }

    #[test]
    fn the_machine_publishes_pods_to_this_machine_alone() {
        let template = template();
        assert_eq!(all(&template, "/guestSocket"), ["/var/run/docker.sock"]);
        assert_eq!(all(&template, "/hostIP"), ["127.0.0.1"]);
        for range in ["/guestPortRange", "/hostPortRange"] {
            let ends = [0, 1].map(|end| all(&template, &format!("{range}/{end}")));
            assert_eq!(ends, [["30000"], ["39999"]], "{range}");
        }
    }

    #[test]
    fn lima_takes_the_template_where_it_is_installed() {
        let checked = match Command::new("limactl").arg("validate").arg(path()).output() {
            Ok(checked) => checked,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(error) => panic!("limactl does not run: {error}"),
        };
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    }

    #[test]
    fn scalars_are_found_by_their_place() {
        let found =
            scalars("a:\n  - b: 1\n    c: |\n      x\n  - 2\nd: {e: [3, 4]}\n").expect("YAML");
        let shown: Vec<String> =
            found.iter().map(|(place, value)| format!("{place}={value}")).collect();
        assert_eq!(shown, ["a/0/b=1", "a/0/c=x\n", "a/1=2", "d/e/0=3", "d/e/1=4"]);
        assert!(scalars("a: [1\nb: 2").is_err());
    }
}
