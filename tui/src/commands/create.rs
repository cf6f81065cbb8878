//! `create`: makes a pod from a spec file.

use crate::args::CreateArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::lifecycle::{self, ActionReport};
use crate::origins::Origins;
use crate::output::diagnostics;
use crate::session::{self, Session};
use crate::spec_file::{self, Files, SpecFile};
use pinacle_protocol::{Accepted, ApiError, CreatePod, ErrorKind, HostId, Isolation, PodRef};

/// What to make a pod from.
pub struct Wanted {
    /// The spec.
    pub spec: SpecFile,
    /// Name when the spec has none.
    pub name: Option<String>,
    /// The host; `local` when `None`.
    pub host: Option<HostId>,
    /// Isolation that overrides the spec's.
    pub isolation: Option<Isolation>,
    /// Whether it starts with the files of the spec's directory.
    pub files: Files,
}

/// Creates the pod, waits, and prints its slug.
///
/// # Errors
///
/// `invalid_spec` after the findings were shown; the daemon's.
pub async fn run(session: &mut Session, args: CreateArgs) -> Result<(), Failure> {
    let spec = spec_file::read(session, &args.source).await?;
    let host = args
        .host
        .map(HostId::new)
        .transpose()
        .map_err(|e| ApiError::from_error(ErrorKind::InvalidRequest, &e))?;
    let isolation = args.isolation.map(Into::into);
    let client = session.client().await?;
    let files = if args.no_copy { Files::Left } else { Files::Copied };
    let wanted = Wanted { spec, name: args.name, host, isolation, files };
    let report = create(session, &client, wanted).await?;
    lifecycle::report(session, &report)?;
    if session.console.is_json() { Ok(()) } else { session.console.line(&report.slug) }
}

/// Creates a pod and waits until it runs, unless `--no-wait` says otherwise.
///
/// # Errors
///
/// As [`run`].
pub async fn create(
    session: &mut Session,
    client: &Client,
    wanted: Wanted,
) -> Result<ActionReport, Failure> {
    let accepted = request(session, client, wanted).await?;
    finish(session, client, &accepted).await
}

/// Asks for the pod, and remembers where it was made from.
///
/// # Errors
///
/// As [`run`].
pub async fn request(
    session: &mut Session,
    client: &Client,
    wanted: Wanted,
) -> Result<Accepted, Failure> {
    let Wanted { spec, name, host, isolation, files } = wanted;
    let source_dir = match files {
        Files::Copied => spec.project(session)?,
        Files::Left => None,
    };
    let copied = source_dir.clone();
    let dir_name = || spec.dir.as_deref().and_then(spec_file::dir_name);
    let request = CreatePod {
        request_id: session::request_id()?,
        spec_text: spec.text.clone(),
        default_name: name.or_else(dir_name),
        host,
        isolation,
        source_dir,
    };
    let accepted = match client.create(request).await {
        Ok(accepted) => accepted,
        Err(error) => return Err(explain(session, &spec, error)),
    };
    if let Some(dir) = copied {
        session.console.remark(&format!("the pod gets a copy of the files in {dir}"));
    }
    if let Some(dir) = &spec.dir {
        Origins::new(&session.paths.state_dir).remember(&accepted.pod, dir);
    }
    Ok(accepted)
}

/// Waits until a pod that was asked for runs, unless `--no-wait` says otherwise.
///
/// # Errors
///
/// As [`run`].
pub async fn finish(
    session: &mut Session,
    client: &Client,
    accepted: &Accepted,
) -> Result<ActionReport, Failure> {
    let pod = client.pod(PodRef(accepted.pod.to_string())).await?.pod;
    let slug = pod.slug.to_string();
    let operation = lifecycle::settle(session, client, &slug, accepted).await?;
    let pod = lifecycle::refreshed(client, pod).await;
    Ok(ActionReport { pod: pod.id, slug, outcome: "created", url: pod.url, operation })
}

/// Shows what is wrong with a spec before the error itself, and takes it out of that.
pub fn explain(session: &mut Session, spec: &SpecFile, mut error: ApiError) -> Failure {
    if !session.console.is_json() && !error.diagnostics.is_empty() {
        let paint = session.console.paint_err();
        let text = diagnostics::render(&spec.shown, &spec.text, &error.diagnostics, paint);
        session.console.write_err(text.as_bytes());
        error.diagnostics.clear();
    }
    error.into()
}
