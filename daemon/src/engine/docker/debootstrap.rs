//! A base image from Debian's packages, for machines that cannot pull one.

use super::client::{Shared, exit_code};
use super::error::{Touch, failure, permanent, silent};
use super::line::Line;
use crate::fail;
use crate::image::{LOCAL_BASE, make_base_script};
use crate::journal::{CommandJournal, CommandStart, PodJournal};
use bollard::Docker;
use bollard::query_parameters::CreateImageOptions;
use futures::StreamExt;
use pinacle_core::engine::EngineFailure;
use pinacle_protocol::{ApiError, ErrorKind, OutputStream};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

const DOING: &str = "failed to make a base image from Debian's packages";

/// Makes [`LOCAL_BASE`].
pub(super) async fn make(
    shared: &Shared,
    docker: &Docker,
    journal: &PodJournal,
) -> Result<(), EngineFailure> {
    let work = Work::begin(&shared.settings.cache_dir).map_err(|error| broken(&error))?;
    let script = make_base_script()
        .ok_or_else(|| permanent(ErrorKind::Internal, "this program carries no make-base.sh"))?;
    tokio::fs::write(work.script(), script).await.map_err(|error| broken(&error))?;
    run(&work, journal).await?;
    import(docker, journal, &work.archive()).await
}

fn broken(error: &std::io::Error) -> EngineFailure {
    let mut failure = permanent(ErrorKind::HostUnfit, DOING);
    failure.error.causes.push(error.to_string());
    failure
}

/// A directory of our own, removed at the end.
struct Work(PathBuf);

impl Work {
    fn begin(cache: &Path) -> std::io::Result<Self> {
        let path = cache.join("make-base");
        // Only one build runs at a time, so what is there is from one that was killed.
        match std::fs::remove_dir_all(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn script(&self) -> PathBuf {
        self.0.join("make-base.sh")
    }

    fn archive(&self) -> PathBuf {
        self.0.join("base.tar")
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "failed to remove a work directory");
        }
    }
}

/// A command with its children, ended together when it is no longer wanted.
struct Group {
    child: Child,
    id: Option<rustix::process::Pid>,
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(id) = self.id
            && matches!(self.child.try_wait(), Ok(None))
            && let Err(error) =
                rustix::process::kill_process_group(id, rustix::process::Signal::TERM)
        {
            tracing::warn!(%error, "failed to end make-base.sh");
        }
    }
}

async fn run(work: &Work, journal: &PodJournal) -> Result<(), EngineFailure> {
    let words = ["sh", "make-base.sh", "base.tar"];
    // Asking for a password would wait for ever: nobody sees it.
    let words = match rustix::process::geteuid().is_root() {
        true => words.to_vec(),
        false => [&["sudo", "-n"][..], &words].concat(),
    };
    let label = Some("Making a base image from Debian's packages".to_owned());
    let line = words.join(" ");
    let command = journal.begin(CommandStart { line, container_line: None, label }).await;
    let result = spawn_and_follow(work, &words, &command).await;
    match result {
        Ok(Some(0)) => {
            command.end(Some(0), None).await;
            Ok(())
        }
        Ok(code) => {
            command.end(code.map(i64::from), None).await;
            Err(refused(code))
        }
        Err(error) => {
            command.end(None, Some(error.to_string())).await;
            Err(broken(&error))
        }
    }
}

fn refused(code: Option<i32>) -> EngineFailure {
    let why = code.map_or("it was killed".to_owned(), |c| format!("make-base.sh ended with {c}"));
    let error = ApiError::new(ErrorKind::HostUnfit, DOING).cause(why).hint(
        "let the host reach an image registry, or install debootstrap and run pinacled as root, \
         or load an image with `docker load` and name it as `baseImage`; the output is in the \
         pod's journal",
    );
    EngineFailure { class: pinacle_core::engine::FailureClass::Permanent, error }
}

async fn spawn_and_follow(
    work: &Work,
    words: &[&str],
    command: &CommandJournal,
) -> std::io::Result<Option<i32>> {
    let mut child = Command::new(words[0])
        .args(&words[1..])
        .current_dir(&work.0)
        .env("TMPDIR", &work.0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let id = child.id().and_then(|id| i32::try_from(id).ok());
    let mut group = Group { child, id: id.and_then(rustix::process::Pid::from_raw) };
    futures::try_join!(
        carry(stdout, OutputStream::Stdout, command),
        carry(stderr, OutputStream::Stderr, command),
    )?;
    Ok(group.child.wait().await?.code())
}

async fn carry(
    source: Option<impl AsyncRead + Unpin>,
    stream: OutputStream,
    command: &CommandJournal,
) -> std::io::Result<()> {
    let Some(mut source) = source else { return Ok(()) };
    let mut buffer = vec![0; 8 * 1024];
    loop {
        let n = source.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        command.output(stream, &buffer[..n]).await;
    }
}

async fn import(
    docker: &Docker,
    journal: &PodJournal,
    archive: &Path,
) -> Result<(), EngineFailure> {
    let file = tokio::fs::File::open(archive).await.map_err(|error| broken(&error))?;
    let body =
        bollard::body_try_stream(tokio_util::io::ReaderStream::with_capacity(file, 64 * 1024));
    let options = CreateImageOptions {
        from_src: Some("-".to_owned()),
        repo: Some(LOCAL_BASE.0.to_owned()),
        tag: Some(LOCAL_BASE.1.to_owned()),
        ..Default::default()
    };
    let reference = format!("{}:{}", LOCAL_BASE.0, LOCAL_BASE.1);
    let line = Line::docker(&["import", "base.tar"]).arg(reference).done();
    let command = journal.begin(CommandStart { line, container_line: None, label: None }).await;
    fail::point("engine.import_image.before");
    let mut steps = docker.create_image(Some(options), Some(body), None).boxed();
    let result = loop {
        match tokio::time::timeout(super::client::IDLE_LIMIT, steps.next()).await {
            Err(_) => break Err(silent(DOING, super::client::IDLE_LIMIT)),
            Ok(None) => break Ok(()),
            Ok(Some(Err(error))) => break Err(failure(DOING, Touch::Change, &error)),
            Ok(Some(Ok(_))) => {}
        }
    };
    fail::point("engine.import_image.after");
    match &result {
        Ok(()) => command.end(Some(0), None).await,
        Err(failure) => command.end(exit_code(failure), Some(failure.error.chain())).await,
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::journal::{Journal, JournalLimits};
    use pinacle_protocol::{Cursor, PodId};

    #[tokio::test]
    async fn output_of_a_script_reaches_the_journal_and_its_place_is_cleared() {
        let dir = tempfile::tempdir().expect("a directory");
        let limits = JournalLimits::default();
        let journal = Journal::open(dir.path().join("j"), limits, Clock::system()).expect("opened");
        let pod = PodId::new("a".repeat(16)).expect("an id");
        let start = CommandStart { line: "x".into(), container_line: None, label: None };
        let command = journal.pod(&pod).begin(start).await;
        let work = Work::begin(dir.path()).expect("made");
        let script = "pwd; echo complaint >&2; exit 3";
        let code = spawn_and_follow(&work, &["sh", "-c", script], &command).await;
        assert_eq!(code.expect("ran"), Some(3));
        command.end(Some(3), None).await;
        let place = work.0.clone();
        drop(work);
        assert!(!place.exists());
        let page = journal.read(&pod, Cursor::default(), 100, true).await.expect("read");
        let text = format!("{:?}", page.records);
        assert!(text.contains("make-base") && text.contains("complaint"), "{text}");
    }

    #[tokio::test]
    async fn a_script_no_longer_wanted_is_ended_with_its_children() {
        let dir = tempfile::tempdir().expect("a directory");
        let pipe = dir.path().join("alive");
        let script = format!("sleep 600 & echo $! >{}; wait", pipe.display());
        let child = Command::new("sh").args(["-c", &script]).process_group(0).spawn();
        let child = child.expect("spawned");
        let id = child.id().and_then(|id| i32::try_from(id).ok()).expect("an id");
        let group = Group { child, id: rustix::process::Pid::from_raw(id) };
        let deadline = std::time::Duration::from_secs(10);
        let started = async {
            loop {
                match std::fs::read_to_string(&pipe) {
                    Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
                    _ => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
                }
            }
        };
        let sleeper = tokio::time::timeout(deadline, started).await.expect("started");
        drop(group);
        let alive = || {
            let stat = std::fs::read_to_string(format!("/proc/{sleeper}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        let ended = async {
            while alive() {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(deadline, ended).await.expect("ended");
    }
}
