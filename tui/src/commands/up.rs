//! `up`: whatever it takes to have the pod of a directory running.

use crate::args::UpArgs;
use crate::client::Client;
use crate::commands::config::apply::{self, Applied, Consent};
use crate::commands::create::{self, Wanted};
use crate::failure::Failure;
use crate::lifecycle::{self, ActionReport};
use crate::locate;
use crate::origins::Origins;
use crate::prepare;
use crate::sanitize::plain_line;
use crate::session::{self, Session};
use crate::spec_file::{self, FILE_NAME, Files, SpecFile};
use crate::turn::Turn;
use crate::watch;
use pinacle_protocol::{ApiError, ErrorKind, Isolation, PodAction, PodPhase, PodView};
use std::path::Path;

/// Makes, updates or starts the pod; then opens the full screen, or prints the
/// pod's address with `--detach` and away from a terminal.
///
/// # Errors
///
/// `host_unfit` when the machine cannot run it and may not be prepared; `conflict` when
/// the pod was made from a directory that is gone, and nobody can be asked;
/// `invalid_spec`; the daemon's.
pub async fn run(session: &mut Session, args: UpArgs) -> Result<(), Failure> {
    let spec = find_spec(session, &args).await?;
    let client = session.client().await?;
    let isolation = args.isolation.map(Isolation::from);
    let dir = match &spec.file.dir {
        Some(dir) => dir.clone(),
        None => session.cwd()?.to_owned(),
    };
    let name = spec.name(&args);
    let existing = match look(session, &client, &dir, name.as_deref()).await? {
        Some(pod) if pod.phase == PodPhase::Terminating => {
            wait_for_the_end(session, &client, &pod).await?;
            look(session, &client, &dir, name.as_deref()).await?
        }
        existing => existing,
    };
    if let Some(pod) = &existing {
        take_over(session, &args, pod, &dir).await?;
    }
    let wants = isolation
        .or(existing.as_ref().map(|pod| pod.isolation))
        .unwrap_or_else(|| spec_file::isolation_in(&spec.file.text));
    prepare::ensure(session, &client, wants, args.yes).await?;
    let report = match existing {
        Some(pod) => bring_up(session, &client, pod, &spec, &args).await?,
        None => {
            if spec.is_made_up && !use_defaults(session, &args).await? {
                session.console.remark("nothing was made");
                return Err(Failure::Exit(1));
            }
            make(session, &client, &dir, spec, &args).await?
        }
    };
    finish(session, &args, &report).await
}

async fn look(
    session: &Session,
    client: &Client,
    dir: &Path,
    name: Option<&str>,
) -> Result<Option<PodView>, Failure> {
    let pods = client.inventory().await?.pods;
    Ok(locate::in_directory(session, &pods, dir, name).cloned())
}

/// Waits until a pod is gone that is being removed: there is nothing to have running of it.
async fn wait_for_the_end(
    session: &mut Session,
    client: &Client,
    pod: &PodView,
) -> Result<(), Failure> {
    let slug = pod.slug.as_str();
    let Some(operation) = pod.operation.as_ref().filter(|_| !session.global.no_wait) else {
        let text = format!("{slug} is being removed");
        return Err(ApiError::new(ErrorKind::WrongPhase, text)
            .hint(format!("ask again when it is gone: `pinacle-tui rm {slug}` waits for that"))
            .into());
    };
    session.console.remark(&format!("{slug} is being removed; waiting for the end of that"));
    let view = watch::operation(session, client, slug, &operation.id).await?;
    lifecycle::failure_of(&view, slug).map_or(Ok(()), |error| Err(error.into()))
}

/// Makes the pod; takes the one that another `up` has made meanwhile, if there is one.
async fn make(
    session: &mut Session,
    client: &Client,
    dir: &Path,
    spec: Spec,
    args: &UpArgs,
) -> Result<ActionReport, Failure> {
    let name = spec.name(args);
    // Where none can be had, two at the same moment are as before: two pods.
    let turn = Turn::take(&session.paths.state_dir, dir).await.ok();
    if let Some(pod) = look(session, client, dir, name.as_deref()).await? {
        drop(turn);
        return bring_up(session, client, pod, &spec, args).await;
    }
    let files = if args.no_copy { Files::Left } else { Files::Copied };
    let isolation = args.isolation.map(Isolation::from);
    let wanted = Wanted { spec: spec.file, name, host: None, isolation, files };
    let accepted = create::request(session, client, wanted).await?;
    drop(turn);
    create::finish(session, client, &accepted).await
}

struct Spec {
    file: SpecFile,
    /// The directory has none, and this stands in.
    is_made_up: bool,
}

impl Spec {
    /// Returns the pod's name, where one was given.
    fn name(&self, args: &UpArgs) -> Option<String> {
        spec_file::name_in(&self.file.text).or_else(|| args.name.clone())
    }
}

async fn find_spec(session: &mut Session, args: &UpArgs) -> Result<Spec, Failure> {
    if args.dir.as_os_str() == "-" {
        let file = spec_file::read(session, &args.dir).await?;
        return Ok(Spec { file, is_made_up: false });
    }
    if let Some(file) = spec_file::find(session, &args.dir)? {
        return Ok(Spec { file, is_made_up: false });
    }
    let dir = session.absolute(&args.dir)?;
    let file = SpecFile {
        shown: spec_file::DEFAULT.to_owned(),
        text: spec_file::MINIMAL.to_owned(),
        dir: Some(dir.canonicalize().unwrap_or(dir)),
    };
    Ok(Spec { file, is_made_up: true })
}

async fn use_defaults(session: &mut Session, args: &UpArgs) -> Result<bool, Failure> {
    let dir = session.absolute(&args.dir)?;
    let text = format!("there is no {FILE_NAME} in {}", dir.display());
    session.console.remark(&text);
    let question = "make a pod of the smallest tier, without services, from the default spec?";
    let agreed = session.confirm(question, args.yes, "--yes").await?;
    if agreed {
        session.console.remark("using the default spec; `config edit` changes it later");
    }
    Ok(agreed)
}

/// Makes sure that a pod whose directory is gone is meant: the directory was renamed
/// then, or this is another checkout of the same project, whose files the pod has not.
async fn take_over(
    session: &mut Session,
    args: &UpArgs,
    pod: &PodView,
    dir: &Path,
) -> Result<(), Failure> {
    let Some(from) = locate::gone_origin(session, pod, dir) else {
        return Ok(());
    };
    let slug = &pod.slug;
    let text = locate::made_elsewhere(pod, &from);
    if !args.yes && !session.console.can_ask() {
        let hint = format!(
            "--yes goes on with {slug}, `pinacle-tui rm {slug}` removes it; \
             another name makes a new pod: `name` in {FILE_NAME}, or --name where that has none"
        );
        return Err(ApiError::new(ErrorKind::Conflict, text).hint(hint).into());
    }
    session.console.remark(&text);
    let question = format!("go on with {slug} and the files it has?");
    if !session.confirm(&question, args.yes, "--yes").await? {
        session.console.remark("nothing was changed");
        return Err(Failure::Exit(1));
    }
    Origins::new(&session.paths.state_dir).remember(&pod.id, dir);
    Ok(())
}

/// Has a pod that is there already follow its spec file and run.
async fn bring_up(
    session: &mut Session,
    client: &Client,
    pod: PodView,
    spec: &Spec,
    args: &UpArgs,
) -> Result<ActionReport, Failure> {
    let pod = settled(session, client, pod).await?;
    let mut done = None;
    let detail = client.pod(locate::reference(&pod)).await?;
    if !spec.is_made_up && detail.spec_text != spec.file.text {
        let consent = Consent { yes: args.yes, accept_loss: args.accept_loss };
        match apply::apply(session, client, &pod, &spec.file, consent).await? {
            Applied::Done(report) => done = Some(*report),
            Applied::Declined => session.console.remark("the pod keeps the spec it has"),
        }
    }
    let pod = lifecycle::refreshed(client, pod).await;
    let outcome = match pod.phase {
        PodPhase::Stopped => "started",
        PodPhase::Failed => "retried",
        _ => {
            return Ok(done.unwrap_or_else(|| ActionReport {
                slug: pod.slug.to_string(),
                outcome: "running",
                url: pod.url.clone(),
                pod: pod.id,
                operation: None,
            }));
        }
    };
    let request = PodAction { request_id: session::request_id()?, pod: locate::reference(&pod) };
    let accepted = client.start(request).await?;
    let slug = pod.slug.to_string();
    let operation = lifecycle::settle(session, client, &slug, &accepted).await?;
    let pod = lifecycle::refreshed(client, pod).await;
    Ok(ActionReport { pod: pod.id, slug, outcome, url: pod.url, operation })
}

/// Waits for what the pod is at, so that what follows finds it at rest. How
/// that ended is seen from the pod's phase afterwards.
async fn settled(session: &mut Session, client: &Client, pod: PodView) -> Result<PodView, Failure> {
    let Some(operation) = pod.operation.clone().filter(|_| !session.global.no_wait) else {
        return Ok(pod);
    };
    watch::operation(session, client, pod.slug.as_str(), &operation.id).await?;
    Ok(lifecycle::refreshed(client, pod).await)
}

async fn finish(
    session: &mut Session,
    args: &UpArgs,
    report: &ActionReport,
) -> Result<(), Failure> {
    lifecycle::report(session, report)?;
    if session.console.is_json() {
        return Ok(());
    }
    if session.can_draw() && !args.detach {
        return crate::app::run(session).await;
    }
    match &report.url {
        Some(url) => session.console.line(&plain_line(url)),
        None => session.console.line(&report.slug),
    }
}
