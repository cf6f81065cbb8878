//! The base image's build context, carried inside the program.

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};
use std::fmt::Write;

static DOCKER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../docker");

/// What of the directory the Dockerfile asks for.
const CONTEXT: [&str; 3] = ["Dockerfile", "ca", "rootfs"];
/// Where the Dockerfile looks for certificates.
const CA_PATH: &str = "ca/host-ca.crt";
/// Name of the image.
const REPOSITORY: &str = "pinacle-base";

/// The public image the base image is made from.
pub const PUBLIC_BASE: (&str, &str) = ("debian", "bookworm-slim");
/// The image made on hosts that cannot fetch the public one.
pub const LOCAL_BASE: (&str, &str) = ("pinacle-debian", "bookworm");

/// A build context, its certificates with it.
#[derive(Debug, Clone)]
pub struct Context {
    files: Vec<(String, Vec<u8>)>,
    certificates: Certificates,
}

/// Whether a context holds certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Certificates {
    Held,
    None,
}

impl Context {
    /// Takes the files that are carried, and the certificates to trust (PEM).
    pub fn new(certificates: Option<Vec<u8>>) -> Self {
        let mut files = Vec::new();
        collect(&DOCKER, &mut files);
        Self::of(files, certificates)
    }

    fn of(mut files: Vec<(String, Vec<u8>)>, certificates: Option<Vec<u8>>) -> Self {
        files.retain(|(path, _)| is_wanted(path));
        files.sort();
        let held = match certificates {
            Some(pem) => {
                files.push((CA_PATH.to_owned(), pem));
                Certificates::Held
            }
            None => Certificates::None,
        };
        Self { files, certificates: held }
    }

    /// Returns the image's reference: the same files give the same one. Which certificates
    /// are among them does not matter, only whether there are any, so that a host's yearly
    /// update of them does not rebuild every image.
    pub fn reference(&self) -> String {
        let mut hash = Sha256::new();
        for (path, content) in self.files.iter().filter(|(path, _)| path != CA_PATH) {
            hash.update((path.len() as u64).to_le_bytes());
            hash.update(path);
            hash.update((content.len() as u64).to_le_bytes());
            hash.update(content);
        }
        hash.update([u8::from(self.certificates == Certificates::Held)]);
        let mut tag = String::new();
        for byte in hash.finalize().iter().take(6) {
            // Writing to a string cannot fail.
            let _ = write!(tag, "{byte:02x}");
        }
        format!("{REPOSITORY}:{tag}")
    }

    /// Packs it.
    ///
    /// # Errors
    ///
    /// None in practice: it is packed into memory.
    pub fn archive(&self) -> std::io::Result<Vec<u8>> {
        let mut archive = tar::Builder::new(Vec::new());
        for (path, content) in &self.files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            // Scripts get their modes in the Dockerfile.
            header.set_mode(0o644);
            header.set_mtime(0);
            archive.append_data(&mut header, path, content.as_slice())?;
        }
        archive.into_inner()
    }
}

/// Returns the script that makes [`LOCAL_BASE`]'s root filesystem.
pub fn make_base_script() -> Option<&'static [u8]> {
    DOCKER.get_file("make-base.sh").map(include_dir::File::contents)
}

fn collect(dir: &Dir<'_>, files: &mut Vec<(String, Vec<u8>)>) {
    for file in dir.files() {
        files.push((file.path().to_string_lossy().into_owned(), file.contents().to_vec()));
    }
    for dir in dir.dirs() {
        collect(dir, files);
    }
}

/// Leaves out what tools leave lying about beside the sources.
fn is_wanted(path: &str) -> bool {
    let first = path.split('/').next().unwrap_or_default();
    CONTEXT.contains(&first)
        && path != CA_PATH
        && !path.contains("__pycache__")
        && !path.ends_with('~')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Vec<(String, Vec<u8>)> {
        [("rootfs/a", "1"), ("Dockerfile", "FROM x"), ("README.md", "r"), ("ca/README", "c")]
            .map(|(p, c)| (p.to_owned(), c.as_bytes().to_vec()))
            .to_vec()
    }

    #[test]
    fn the_reference_depends_on_the_files_the_image_is_made_of() {
        let base = Context::of(files(), None).reference();
        assert!(base.starts_with("pinacle-base:") && base.len() == "pinacle-base:".len() + 12);
        let mut shuffled = files();
        shuffled.reverse();
        assert_eq!(Context::of(shuffled, None).reference(), base);
        let mut other = files();
        other[0].1 = b"2".to_vec();
        assert_ne!(Context::of(other, None).reference(), base);
        let mut readme = files();
        readme[2].1 = b"changed".to_vec();
        assert_eq!(Context::of(readme, None).reference(), base);
    }

    #[test]
    fn having_certificates_matters_but_not_which() {
        let with = |pem: &str| Context::of(files(), Some(pem.as_bytes().to_vec())).reference();
        assert_eq!(with("a"), with("b"));
        assert_ne!(with("a"), Context::of(files(), None).reference());
    }

    #[test]
    fn a_boundary_between_name_and_content_counts() {
        let of = |path: &str, content: &str| {
            Context::of(vec![(path.to_owned(), content.as_bytes().to_vec())], None).reference()
        };
        assert_ne!(of("rootfs/ab", "c"), of("rootfs/a", "bc"));
    }

    #[test]
    fn the_context_carried_has_what_a_build_needs() {
        let context = Context::new(Some(b"pem".to_vec()));
        let archive = context.archive().expect("packed");
        let mut archive = tar::Archive::new(archive.as_slice());
        let paths: Vec<String> = archive
            .entries()
            .expect("entries")
            .map(|e| e.expect("an entry").path().expect("a path").display().to_string())
            .collect();
        assert!(paths.contains(&"Dockerfile".to_owned()));
        assert!(paths.contains(&CA_PATH.to_owned()));
        assert!(paths.iter().all(|p| is_wanted(p) || p == CA_PATH));
        assert!(make_base_script().is_some());
    }
}
