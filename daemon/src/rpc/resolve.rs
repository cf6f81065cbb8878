//! From what people type to what the core is asked.

use crate::backend::Backend;
use crate::engine::Engine;
use crate::publish::{PodEntry, Published};
use pinacle_core::event::{CreateRequest, SlugChoice};
use pinacle_core::spec::{self, PodSpec, slugify};
use pinacle_protocol::diagnostic::{Diagnostic, Severity};
use pinacle_protocol::{
    ApiError, CreatePod, Cursor, ErrorKind, HostId, PodId, PodPhase, PodRef, Slug,
};
use std::path::Path;
use std::sync::Arc;

/// Shortest beginning of an id that names a pod.
const SHORTEST_PREFIX: usize = 4;
/// Longest text of a request that an error repeats, in characters.
const QUOTED: usize = 60;

/// Finds a pod by id, slug or the beginning of its id.
pub(super) fn pod(published: &Published, wanted: &PodRef) -> Result<Arc<PodEntry>, ApiError> {
    let text = wanted.0.as_str();
    // Programs name pods by their whole id, which means that one whatever others are called.
    if let Some(entry) = PodId::new(text).ok().and_then(|id| published.pods.get(&id)) {
        return Ok(entry.clone());
    }
    let by_slug = Slug::new(text).ok().and_then(|slug| published.slugs.get(&slug));
    if let Some(entry) = by_slug.and_then(|id| published.pods.get(id)) {
        return Ok(entry.clone());
    }
    let mut by_id = published
        .pods
        .iter()
        .filter(|(id, _)| text.len() >= SHORTEST_PREFIX && id.as_str().starts_with(text));
    match (by_id.next(), by_id.next()) {
        (Some((_, entry)), None) => Ok(entry.clone()),
        (Some(_), Some(_)) => {
            let message = format!("`{}` is the beginning of several ids", quoted(text));
            Err(ApiError::new(ErrorKind::InvalidRequest, message)
                .hint("give more of it, or the slug"))
        }
        _ => Err(not_found(published, text)),
    }
}

/// Returns the engine of a pod that runs; refuses what needs that while it does not.
pub(super) fn running<'a>(
    backend: &'a Backend,
    entry: &PodEntry,
) -> Result<&'a Arc<dyn Engine>, ApiError> {
    let record = &entry.record;
    if !matches!(record.phase, PodPhase::Running | PodPhase::Starting) {
        let message = format!("pod `{}` is {}, not running", record.slug, record.phase.as_str());
        let hint = format!("`pinacle-tui start {}` starts it", record.slug);
        return Err(ApiError::new(ErrorKind::WrongPhase, message).hint(hint));
    }
    let none = || ApiError::new(ErrorKind::Internal, "the pod's host has no engine");
    backend.engines.get(&record.host).ok_or_else(none)
}

/// Keeps a place below the last number there is, so that every reader can count on.
pub(super) fn cursor(wanted: Cursor) -> Cursor {
    Cursor { seq: wanted.seq.min(u64::MAX / 2), ..wanted }
}

fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).collect::<String>().escape_debug().to_string()
}

fn not_found(published: &Published, text: &str) -> ApiError {
    let error = ApiError::new(ErrorKind::NotFound, format!("there is no pod `{}`", quoted(text)));
    let like = |slug: &&Slug| {
        let (a, b) = (slug.as_str(), text);
        a.starts_with(b) || b.starts_with(a) || one_edit_apart(a, b)
    };
    let near: Vec<_> =
        published.slugs.keys().filter(like).take(3).map(|s| format!("`{s}`")).collect();
    match near.is_empty() {
        true => error.hint("`pinacle-tui ls` lists the pods there are"),
        false => error.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// Returns whether one letter was left out, added, changed, or swapped with the next.
fn one_edit_apart(a: &str, b: &str) -> bool {
    let same = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&a.as_bytes()[same..], &b.as_bytes()[same..]);
    let rest = |s: &[u8], n: usize| s.get(n..).map(<[u8]>::to_vec);
    rest(a, 1) == rest(b, 1)
        || rest(a, 1).as_deref() == Some(b)
        || rest(b, 1).as_deref() == Some(a)
        || (a.len() > 1 && b.len() > 1 && a[0] == b[1] && a[1] == b[0] && a[2..] == b[2..])
}

/// Parses a spec that must be right.
pub(super) fn spec(text: &str) -> Result<(PodSpec, Vec<Diagnostic>), ApiError> {
    let parsed = spec::parse(text.as_bytes());
    match parsed.spec {
        Some(spec) => Ok((spec, parsed.diagnostics)),
        None => {
            let errors =
                parsed.diagnostics.iter().filter(|d| d.severity == Severity::Error).count();
            let noun = if errors == 1 { "mistake" } else { "mistakes" };
            let mut error = ApiError::new(
                ErrorKind::InvalidSpec,
                format!("the spec has {errors} {noun}"),
            )
            .hint("mend what the diagnostics name; `config check` shows them with their lines");
            error.diagnostics = parsed.diagnostics;
            Err(error)
        }
    }
}

/// Turns a request for a new pod into the core's.
pub(super) fn create(request: CreatePod) -> Result<CreateRequest, ApiError> {
    let (spec, _) = spec(&request.spec_text)?;
    let source_dir = request.source_dir.map(readable_dir).transpose()?;
    let given = request.default_name.filter(|name| !name.trim().is_empty());
    let name = spec.name.clone().or(given).unwrap_or_else(|| "pod".to_owned());
    let name: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    let (slug, slug_choice) = match spec.slug.clone().map(Slug::new) {
        Some(Ok(slug)) => (slug, SlugChoice::Explicit),
        _ => {
            let slug = slugify(&name).and_then(|slug| Slug::new(slug).ok());
            let slug = slug.or_else(|| Slug::new("pod").ok());
            let message = "no slug can be made of the name";
            (
                slug.ok_or_else(|| ApiError::new(ErrorKind::InvalidRequest, message))?,
                SlugChoice::Derived,
            )
        }
    };
    Ok(CreateRequest {
        request_id: request.request_id,
        host: request.host.unwrap_or_else(HostId::local),
        spec_text: request.spec_text,
        isolation: request.isolation.unwrap_or(spec.isolation),
        spec,
        name,
        slug,
        slug_choice,
        source_dir,
    })
}

fn readable_dir(path: String) -> Result<String, ApiError> {
    let refused = |why: String| {
        ApiError::new(
            ErrorKind::InvalidRequest,
            format!("cannot copy from `{}`: {why}", quoted(&path)),
        )
        .hint("give an absolute path of a directory that the daemon's user may read")
    };
    if !Path::new(&path).is_absolute() {
        return Err(refused("it is not an absolute path".to_owned()));
    }
    match std::fs::read_dir(&path) {
        Ok(_) => Ok(path),
        Err(error) => Err(refused(error.to_string())),
    }
}
