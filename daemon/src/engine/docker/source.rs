//! Files in and out of a pod. Through `exec` and tar, because what the engine
//! copies from outside may stay invisible to a gVisor sandbox that runs.

use super::client::{CALL_LIMIT, Shared, is_gone};
use super::error::{Touch, failure, permanent, silent};
use super::exec::{Exec, Stdin, no_words, read_out, run};
use super::{copy, names_of};
use crate::journal::PodJournal;
use bollard::query_parameters::DownloadFromContainerOptions;
use futures::StreamExt;
use pinacle_core::engine::{EngineFailure, EngineOutcome, FailureClass, Ownership};
use pinacle_protocol::{ApiError, ErrorKind, PodId};
use std::io::Read;
use std::path::{Path, PathBuf};
use tokio::sync::{mpsc, oneshot};

/// Where a pod keeps its own spec.
const SPEC_PATH: &str = "/etc/pinacle/pinacle.yaml";
/// A spec is a page of text; what is larger is none of ours.
const SPEC_CAP: usize = 1 << 20;
/// Chunks of the archive on their way.
const CHUNKS: usize = 16;
/// Makes the directory and what is missing above it, for its user to be, and an empty one in
/// it to unpack to. Its exit code says what an earlier copy left to do.
const PREPARE: &str = r#"make() {
    [ -d "${1:-/}" ] || { make "${1%/*}" "$2" && mkdir -p -- "$1" && chown -- "$2" "$1"; }
}
[ ! -e /etc/pinacle/copy/done ] || exit 11
make "$1" "$2" && mkdir -p /etc/pinacle/copy && chown -- "$2" /etc/pinacle/copy || exit 1
[ ! -d "$1/.pinacle-copied" ] || exit 10
rm -rf -- "$1/.pinacle-copying" && mkdir -- "$1/.pinacle-copying" &&
    chown -- "$2" "$1/.pinacle-copying""#;
/// What was unpacked as a whole is only to be moved into its place.
const UNPACKED: i64 = 10;
/// Everything was copied into this container.
const COPIED: i64 = 11;
/// Moves what was unpacked into its place, every file once: what is there already when this is
/// run anew, is not touched any more, whatever became of it. Another one of these may be at it.
const MOVE: &str = r#"gone() { [ ! -e "$1" ] && [ ! -L "$1" ]; }
merge() {
    for from in "$1"/* "$1"/.[!.]* "$1"/..?*; do
        to=$2/${from##*/}
        if gone "$from"; then
            :
        elif [ -d "$from" ] && [ ! -L "$from" ] && [ -d "$to" ] && [ ! -L "$to" ]; then
            (merge "$from" "$to") && { rmdir -- "$from" || gone "$from"; } || return 1
        else
            mv -fT -- "$from" "$to" || gone "$from" || return 1
        fi
    done
}
cd -- "$1" || exit 1
[ -d .pinacle-copied ] || mv -T .pinacle-copying .pinacle-copied || exit 1
merge .pinacle-copied . && : >/etc/pinacle/copy/done && rmdir .pinacle-copied"#;

/// A directory to copy into a pod.
pub(super) struct Copy {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) user: String,
}

fn words(parts: &[&str]) -> Vec<String> {
    parts.iter().map(|p| (*p).to_owned()).collect()
}

/// Copies a directory of this machine into the pod. Run anew, it goes on where it was broken
/// off: no file is put over what became of it in the pod meanwhile.
pub(super) async fn copy(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    copy: Copy,
) -> Result<EngineOutcome, EngineFailure> {
    let Copy { name, from, to, user } = &copy;
    if !Path::new(from).is_dir() {
        let mut failure = permanent(
            ErrorKind::InvalidRequest,
            format!("the directory {from} cannot be copied: it is not there"),
        );
        failure.error.hint = Some("name a directory of the daemon's machine".to_owned());
        return Err(failure);
    }
    let script = async |text: &str, by: &str, point: &'static str| {
        let exec = Exec {
            container: name,
            user: Some(by),
            command: words(&["sh", "-c", text, "sh", to, user]),
            container_line: None,
            label: None,
            point,
        };
        run(shared, owner, journal, exec, Stdin::Nothing, no_words()).await
    };
    match script(PREPARE, "root", "make_directory").await? {
        COPIED => return Ok(EngineOutcome::Done),
        UNPACKED => {}
        code => {
            done(code, &format!("failed to make the directory {to} in {name}"))?;
            unpack(shared, owner, journal, &copy).await?;
        }
    }
    let code = script(MOVE, user, "move_source").await?;
    done(code, &format!("failed to move what was copied from {from} to {to} in {name}"))?;
    Ok(EngineOutcome::Done)
}

/// Unpacks the whole directory beside the place where its files are to be.
async fn unpack(
    shared: &Shared,
    owner: &Ownership,
    journal: &PodJournal,
    Copy { name, from, to, user }: &Copy,
) -> Result<(), EngineFailure> {
    let root = PathBuf::from(from);
    let (tx, rx) = mpsc::channel(CHUNKS);
    let (report_tx, report_rx) = oneshot::channel();
    let packing = tokio::task::spawn_blocking(move || {
        let packed = copy::pack(&root, tx);
        // Whoever waits for the report may have been cancelled.
        let _ = report_tx.send(packed.as_ref().map(copy::Packed::report).ok());
        packed
    });
    let unpack = Exec {
        container: name,
        user: Some(user),
        command: words(&["tar", "-x", "-o", "-f", "-", "-C", &format!("{to}/.pinacle-copying")]),
        container_line: None,
        label: Some(format!("Copying files from {from}")),
        point: "copy_source",
    };
    let report = async { report_rx.await.ok().flatten() };
    let code = run(shared, owner, journal, unpack, Stdin::Stream(rx), report).await?;
    match packing.await {
        // A broken pipe is the command's end, which its exit code tells better.
        Ok(Err(error)) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            let mut failure = permanent(ErrorKind::Engine, format!("failed to read {from}"));
            failure.error.causes.push(error.to_string());
            return Err(failure);
        }
        Err(_) => {
            return Err(permanent(ErrorKind::Internal, format!("packing {from} was broken off")));
        }
        Ok(_) => {}
    }
    done(code, &format!("failed to copy {from} into {name}"))
}

fn done(code: i64, message: &str) -> Result<(), EngineFailure> {
    if code == 0 {
        return Ok(());
    }
    let error = ApiError::new(ErrorKind::CommandFailed, format!("{message} (exit code {code})"));
    Err(EngineFailure { class: FailureClass::CommandFailed, error })
}

/// Reads the spec that a pod keeps.
pub(super) async fn read_spec(
    shared: &Shared,
    pod: &PodId,
) -> Result<Option<String>, EngineFailure> {
    let name = names_of(pod);
    if let Some(text) = archived(shared, &name).await? {
        return Ok(Some(text));
    }
    // A sandbox may keep what it wrote to itself; while it runs it can be asked. One that
    // does not run has nothing more to say.
    match read_out(shared, &name, &["cat", SPEC_PATH], SPEC_CAP).await {
        Ok(bytes) => Ok(bytes.and_then(|b| String::from_utf8(b).ok())),
        Err(failure) if failure.error.kind == ErrorKind::HostUnreachable => Err(failure),
        Err(_) => Ok(None),
    }
}

async fn archived(shared: &Shared, name: &str) -> Result<Option<String>, EngineFailure> {
    let doing = format!("failed to read the spec kept in {name}");
    let docker = shared.docker()?;
    let options = DownloadFromContainerOptions { path: SPEC_PATH.to_owned() };
    let mut chunks = docker.download_from_container(name, Some(options)).boxed();
    let read = async {
        let mut archive = Vec::new();
        while let Some(chunk) = chunks.next().await {
            match chunk {
                Ok(bytes) => archive.extend_from_slice(&bytes),
                Err(error) if is_gone(&error) => return Ok(None),
                Err(error) => return Err(failure(&doing, Touch::Look, &error)),
            }
            if archive.len() > 2 * SPEC_CAP {
                return Ok(None);
            }
        }
        Ok(first_file(&archive))
    };
    tokio::time::timeout(CALL_LIMIT, read).await.unwrap_or_else(|_| Err(silent(&doing, CALL_LIMIT)))
}

fn first_file(archive: &[u8]) -> Option<String> {
    let mut archive = tar::Archive::new(archive);
    let entry = archive.entries().ok()?.next()?.ok()?;
    if !entry.header().entry_type().is_file() {
        return None;
    }
    let mut text = String::new();
    entry.take(SPEC_CAP as u64).read_to_string(&mut text).ok()?;
    (!text.is_empty()).then_some(text)
}
