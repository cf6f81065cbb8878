//! `config edit`: a pod's spec in the user's editor, then brought into force.
//!
//! What was typed is in a file of the state directory until it is in force;
//! whatever goes wrong, its path is shown.

pub use super::apply::Consent;

use super::apply::{self, Applied};
use crate::client::Client;
use crate::editing;
use crate::failure::Failure;
use crate::kept;
use crate::lifecycle;
use crate::locate;
use crate::output::diagnostics;
use crate::session::Session;
use crate::spec_file::{self, SpecFile};
use pinacle_protocol::{ErrorKind, PodView, Revision};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;

/// Exit code of a question answered with no.
const DECLINED: u8 = 1;

/// Edits, checks, asks and applies, again and again until it is in force or
/// the user gives up.
///
/// # Errors
///
/// Those of the last attempt; the text is kept then.
pub async fn run(
    session: &mut Session,
    pod: Option<String>,
    consent: Consent,
) -> Result<(), Failure> {
    let client = session.client().await?;
    let pod = locate::pod(session, &client, pod.as_deref()).await?;
    let detail = client.pod(locate::reference(&pod)).await?;
    let buffer = Buffer::create(session, &pod, &detail.spec_text)?;
    let original = detail.spec_text;
    let interrupt = session.interrupt.clone();
    let result = tokio::select! {
        biased;
        result = edit(session, &client, pod, &original, &buffer, consent) => result,
        () = interrupt.raised() => Err(Failure::interrupted()),
    };
    match result {
        Ok(()) => {
            buffer.remove();
            Ok(())
        }
        Err(failure) => {
            // What cannot be read back is somebody's work all the same.
            if buffer.path.exists() && buffer.read().map_or(true, |text| text != original) {
                let text = format!("what you wrote is kept in {}", buffer.path.display());
                session.console.warn(&text);
            } else {
                buffer.remove();
            }
            Err(failure)
        }
    }
}

async fn edit(
    session: &mut Session,
    client: &Client,
    pod: PodView,
    original: &str,
    buffer: &Buffer,
    consent: Consent,
) -> Result<(), Failure> {
    let mut base = pod.spec_revision;
    loop {
        // A signal that ends this program is for all that run on the terminal.
        editing::open(session, &buffer.path, std::future::pending()).await?;
        let text = buffer.read()?;
        if text == original {
            session.console.remark("nothing was changed");
            return Ok(());
        }
        let spec = SpecFile { shown: "pinacle.yaml".to_owned(), text, dir: None };
        if !is_valid(session, client, &spec).await? {
            again(session, "edit it again?", ErrorKind::InvalidSpec.exit_code()).await?;
            continue;
        }
        if !is_current(session, client, &pod, &mut base).await? {
            again(
                session,
                "edit yours again, on top of the new revision?",
                ErrorKind::Conflict.exit_code(),
            )
            .await?;
            continue;
        }
        match apply::apply(session, client, &pod, &spec, consent).await {
            Ok(Applied::Done(report)) => return lifecycle::report(session, &report),
            Ok(Applied::Declined) => {
                again(session, "edit it again?", DECLINED).await?;
            }
            Err(Failure::Api(error)) if can_mend(error.kind) => {
                session.console.error(&error);
                again(session, "edit it again?", error.kind.exit_code()).await?;
            }
            Err(other) => return Err(other),
        }
    }
}

fn can_mend(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::InvalidSpec | ErrorKind::Conflict)
}

/// Asks whether to go on; the answer *no*, or nobody to ask, ends the command.
async fn again(session: &mut Session, question: &str, code: u8) -> Result<(), Failure> {
    if session.console.can_ask() && session.ask(question).await? {
        return Ok(());
    }
    Err(Failure::Exit(code))
}

async fn is_valid(
    session: &mut Session,
    client: &Client,
    spec: &SpecFile,
) -> Result<bool, Failure> {
    let report = client.config_check(spec.text.clone()).await?;
    let paint = session.console.paint_err();
    let text = diagnostics::render(&spec.shown, &spec.text, &report.diagnostics, paint);
    session.console.write_err(text.as_bytes());
    Ok(report.valid)
}

/// Looks whether somebody else has changed the spec since it was read. If so,
/// shows theirs and takes its revision as the new base.
async fn is_current(
    session: &mut Session,
    client: &Client,
    pod: &PodView,
    base: &mut Revision,
) -> Result<bool, Failure> {
    let detail = client.pod(locate::reference(pod)).await?;
    if detail.pod.spec_revision == *base {
        return Ok(true);
    }
    *base = detail.pod.spec_revision;
    let text = format!(
        "the spec of {} was changed meanwhile; it is revision {base} now and reads:\n\n{}",
        pod.slug,
        detail.spec_text.trim_end()
    );
    session.console.warn(&text);
    Ok(false)
}

/// The file that is edited.
struct Buffer {
    path: PathBuf,
}

impl Buffer {
    fn create(session: &Session, pod: &PodView, text: &str) -> Result<Self, Failure> {
        kept::sweep(&session.paths.state_dir);
        let dir = kept::edits(&session.paths.state_dir);
        let unique = crate::session::request_id()?;
        // The end of the name lets editors know the language.
        let name = format!("{}-{}.yaml", pod.slug, &unique.as_str()[..8]);
        let path = dir.join(name);
        let write = || -> io::Result<()> {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
            let mut file =
                std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
            io::Write::write_all(&mut file, text.as_bytes())
        };
        write().map_err(|e| Failure::local(format!("{} cannot be written", path.display()), &e))?;
        Ok(Self { path })
    }

    fn read(&self) -> Result<String, Failure> {
        Ok(spec_file::read_text(&self.path)?)
    }

    fn remove(&self) {
        // One left behind is in nobody's way.
        std::fs::remove_file(&self.path).unwrap_or_default();
    }
}
