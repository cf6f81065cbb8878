//! Packing a directory of this machine as a tar archive, a bounded amount of it
//! in memory at any time.

use bytes::Bytes;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;

/// Directories left out: they are made anew from what is copied, are larger than all of
/// it together, and hold paths or machine code that do not fit inside the pod.
pub(super) const LEFT_OUT: [&str; 4] = [".venv", "__pycache__", "node_modules", "target"];
/// `target` is a name like any other unless something beside or inside it says that a
/// build made it.
const TARGET_SIGNS: [&str; 4] = ["../Cargo.toml", "../pom.xml", "../build.sbt", "CACHEDIR.TAG"];
/// Bytes handed over at once.
const CHUNK: usize = 64 * 1024;
/// Files named one by one among those that could not be read; of more, the count is enough.
const NAMED: usize = 20;

/// What was packed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) files: u64,
    pub(super) bytes: u64,
    left_out: BTreeMap<&'static str, u64>,
    skipped: Vec<String>,
    more_skipped: u64,
}

impl Packed {
    fn skip(&mut self, path: &Path, why: impl std::fmt::Display) {
        if self.skipped.len() < NAMED {
            self.skipped.push(format!("skipped {}: {why}", path.display()));
        } else {
            self.more_skipped += 1;
        }
    }

    /// Returns it in lines for the journal.
    pub(super) fn report(&self) -> String {
        let mut lines = self.skipped.clone();
        if self.more_skipped > 0 {
            lines.push(format!("skipped {} more", self.more_skipped));
        }
        if !self.left_out.is_empty() {
            let names: Vec<_> = self.left_out.iter().map(|(n, c)| format!("{n} ({c})")).collect();
            lines.push(format!("left out: {}", names.join(", ")));
        }
        lines.push(format!("{} files, {} bytes", self.files, self.bytes));
        lines.push(String::new());
        lines.join("\n")
    }
}

/// Packs the directory, handing chunks to `sink`. Blocks; ends early when nobody takes
/// them any more.
///
/// # Errors
///
/// When the directory itself cannot be read. A file that cannot is skipped and reported.
pub(super) fn pack(root: &Path, sink: mpsc::Sender<Bytes>) -> io::Result<Packed> {
    let mut packer = Packer {
        archive: tar::Builder::new(Chunks { buffer: Vec::with_capacity(CHUNK), sink }),
        packed: Packed::default(),
    };
    packer.archive.follow_symlinks(false);
    packer.directory(root, Path::new(""))?;
    packer.archive.into_inner()?.flush()?;
    Ok(packer.packed)
}

struct Packer {
    archive: tar::Builder<Chunks>,
    packed: Packed,
}

impl Packer {
    fn directory(&mut self, from: &Path, inside: &Path) -> io::Result<()> {
        // Depth first without recursion: a tree can be deeper than a stack.
        let mut waiting = vec![(from.to_owned(), inside.to_owned())];
        let mut first = true;
        while let Some((from, inside)) = waiting.pop() {
            let entries =
                fs::read_dir(&from).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
            let mut entries = match entries {
                Ok(entries) => entries,
                Err(error) if first => return Err(error),
                Err(error) => {
                    self.packed.skip(&from, error);
                    continue;
                }
            };
            first = false;
            entries.sort_by_key(|e| std::cmp::Reverse(e.file_name()));
            for entry in entries.into_iter().rev() {
                let path = inside.join(entry.file_name());
                if let Some(below) = self.entry(&entry.path(), &path)? {
                    waiting.push(below);
                }
            }
        }
        Ok(())
    }

    /// Packs one entry; returns a directory to go into.
    fn entry(&mut self, from: &Path, inside: &Path) -> io::Result<Option<(PathBuf, PathBuf)>> {
        let metadata = match fs::symlink_metadata(from) {
            Ok(metadata) => metadata,
            Err(error) => {
                self.packed.skip(from, error);
                return Ok(None);
            }
        };
        let kind = metadata.file_type();
        if kind.is_dir() {
            if let Some(name) = left_out(from) {
                *self.packed.left_out.entry(name).or_default() += 1;
                return Ok(None);
            }
            let mut header = header(&metadata, tar::EntryType::Directory, 0);
            self.archive.append_data(&mut header, inside, io::empty())?;
            return Ok(Some((from.to_owned(), inside.to_owned())));
        }
        if kind.is_symlink() {
            self.link(from, inside, &metadata)?;
        } else if kind.is_file() {
            self.file(from, inside)?;
        } else {
            self.packed.skip(from, "neither file, directory nor link");
        }
        Ok(None)
    }

    fn link(&mut self, from: &Path, inside: &Path, metadata: &Metadata) -> io::Result<()> {
        match fs::read_link(from) {
            Ok(target) => {
                let mut header = header(metadata, tar::EntryType::Symlink, 0);
                self.archive.append_link(&mut header, inside, target)?;
                self.packed.files += 1;
            }
            Err(error) => self.packed.skip(from, error),
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, inside: &Path) -> io::Result<()> {
        // It may have become a link or a pipe since it was looked at.
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        let opened = File::options().read(true).custom_flags(flags).open(from);
        let (file, metadata) = match opened.and_then(|f| f.metadata().map(|m| (f, m))) {
            Ok((file, metadata)) if metadata.is_file() => (file, metadata),
            Ok(_) => {
                self.packed.skip(from, "no longer a file");
                return Ok(());
            }
            Err(error) => {
                self.packed.skip(from, error);
                return Ok(());
            }
        };
        let size = metadata.len();
        let mut exact = Exact { file, left: size, failed: None };
        let mut header = header(&metadata, tar::EntryType::Regular, size);
        self.archive.append_data(&mut header, inside, &mut exact)?;
        if let Some(why) = exact.failed {
            self.packed.skip(from, format!("{why}; its copy is incomplete"));
        }
        self.packed.files += 1;
        self.packed.bytes += size;
        Ok(())
    }
}

fn left_out(path: &Path) -> Option<&'static str> {
    let name = path.file_name()?.to_str()?;
    let name = *LEFT_OUT.iter().find(|n| **n == name)?;
    let made = name != "target" || TARGET_SIGNS.iter().any(|sign| path.join(sign).exists());
    made.then_some(name)
}

fn header(metadata: &Metadata, kind: tar::EntryType, size: u64) -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    // Whoever unpacks it owns it; ids of this machine mean nothing inside.
    header.set_uid(0);
    header.set_gid(0);
    header.set_mode(metadata.permissions().mode() & 0o777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    header
}

/// Gives exactly as many bytes as the header promises, whatever happens to the file.
struct Exact {
    file: File,
    left: u64,
    failed: Option<String>,
}

impl Read for Exact {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let buffer = &mut buffer[..most];
        let mut n = 0;
        if self.failed.is_none() && most > 0 {
            match self.file.read(buffer) {
                Ok(0) => self.failed = Some("it became shorter while it was read".to_owned()),
                Ok(read) => n = read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => self.failed = Some(error.to_string()),
            }
        }
        if n == 0 {
            buffer.fill(0);
            n = most;
        }
        self.left -= n as u64;
        Ok(n)
    }
}

/// Turns writes into chunks on a channel.
struct Chunks {
    buffer: Vec<u8>,
    sink: mpsc::Sender<Bytes>,
}

impl Chunks {
    fn send(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.sink.blocking_send(chunk.into()).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl Write for Chunks {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(CHUNK - self.buffer.len());
        self.buffer.extend_from_slice(&bytes[..n]);
        if self.buffer.len() == CHUNK {
            self.send()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap as Map;

    async fn unpack(root: &Path) -> (Packed, Map<String, Vec<u8>>) {
        let (tx, mut rx) = mpsc::channel(16);
        let root = root.to_owned();
        let packing = tokio::task::spawn_blocking(move || pack(&root, tx));
        let mut bytes = Vec::new();
        while let Some(chunk) = rx.recv().await {
            bytes.extend_from_slice(&chunk);
        }
        let packed = packing.await.expect("packed").expect("readable");
        let mut archive = tar::Archive::new(bytes.as_slice());
        let mut found = Map::new();
        for entry in archive.entries().expect("an archive") {
            let mut entry = entry.expect("an entry");
            let path = entry.path().expect("a path").display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("content");
            if let Some(link) = entry.link_name().expect("legible") {
                content = link.display().to_string().into_bytes();
            }
            found.insert(path, content);
        }
        (packed, found)
    }

    #[tokio::test]
    async fn files_links_and_directories_arrive_and_heavy_ones_stay() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |p: &str| dir.path().join(p);
        for d in ["src/target", "node_modules/x", "a/__pycache__", "target", "empty"] {
            fs::create_dir_all(at(d)).expect("made");
        }
        let big = vec![7; 200_000];
        fs::write(at("big"), &big).expect("written");
        fs::write(at("Cargo.toml"), "x").expect("written");
        fs::write(at("target/o"), "x").expect("written");
        fs::write(at("src/target/kept"), "kept").expect("written");
        fs::write(at("node_modules/x/y"), "x").expect("written");
        let long = "n".repeat(150);
        fs::write(at(&long), "long").expect("written");
        std::os::unix::fs::symlink("/outside/nowhere", at("link")).expect("linked");
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).expect("bound");

        let (packed, found) = unpack(dir.path()).await;
        assert_eq!(found["big"], big);
        assert_eq!(found["src/target/kept"], b"kept");
        assert_eq!(found[&long], b"long");
        assert_eq!(found["link"], b"/outside/nowhere");
        assert!(found.contains_key("empty") || found.contains_key("empty/"));
        assert!(!found.keys().any(|k| k.contains("node_modules") || k.contains("socket")));
        assert!(!found.contains_key("target/o"));
        assert_eq!(packed.files, 5);
        let report = packed.report();
        assert!(
            report.contains("left out: __pycache__ (1), node_modules (1), target (1)"),
            "{report}"
        );
        assert!(report.contains("socket: neither file"), "{report}");
    }

    #[tokio::test]
    async fn a_directory_that_is_not_there_is_an_error() {
        let (tx, _rx) = mpsc::channel(1);
        let result = tokio::task::spawn_blocking(|| pack(Path::new("/nonexistent/x"), tx)).await;
        assert!(result.expect("ended").is_err());
    }

    #[test]
    fn a_file_that_shrinks_is_filled_up_and_reported() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("f");
        fs::write(&path, "abc").expect("written");
        let file = File::open(&path).expect("opened");
        let mut exact = Exact { file, left: 6, failed: None };
        let mut all = Vec::new();
        exact.read_to_end(&mut all).expect("read");
        assert_eq!(all, b"abc\0\0\0");
        assert!(exact.failed.is_some());
    }
}
