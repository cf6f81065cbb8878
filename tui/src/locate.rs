//! Which pod is meant: by what was typed, or by the directory.

use crate::bounded;
use crate::client::Client;
use crate::failure::Failure;
use crate::origins::Origins;
use crate::sanitize::plain_line;
use crate::session::Session;
use crate::spec_file::{self, FILE_NAME};
use pinacle_protocol::{ApiError, ErrorKind, MAX_SPEC_BYTES, PodRef, PodView};
use std::path::{Path, PathBuf};

/// How alike a slug must be to be suggested, from 0 to 1.
const ALIKE: f64 = 0.6;

/// Finds the pod that `given` names, or the directory's.
///
/// # Errors
///
/// `not_found` with the slugs that come near; [`Failure::Usage`] when nothing
/// was given and the directory has no spec; `conflict` when the directory's pod
/// was made from one that is gone.
pub async fn pod(
    session: &Session,
    client: &Client,
    given: Option<&str>,
) -> Result<PodView, Failure> {
    let pods = client.inventory().await?.pods;
    match given {
        Some(name) => Ok(by_name(&pods, name)?.clone()),
        None => of_directory(session, &pods),
    }
}

/// Finds all pods that are named, or the directory's.
///
/// # Errors
///
/// As [`pod`], for the first that is not found.
pub async fn pods(
    session: &Session,
    client: &Client,
    given: &[String],
) -> Result<Vec<PodView>, Failure> {
    let pods = client.inventory().await?.pods;
    if given.is_empty() {
        return Ok(vec![of_directory(session, &pods)?]);
    }
    let mut found: Vec<PodView> = Vec::new();
    for name in given {
        let pod = by_name(&pods, name)?;
        if !found.iter().any(|p| p.id == pod.id) {
            found.push(pod.clone());
        }
    }
    Ok(found)
}

/// Returns how a request names a pod that was found.
pub fn reference(pod: &PodView) -> PodRef {
    PodRef(pod.id.to_string())
}

/// Finds a pod by id, slug, or the start of its id.
///
/// # Errors
///
/// `not_found` with the slugs that come near, `conflict` when several ids fit.
pub fn by_name<'a>(pods: &'a [PodView], name: &str) -> Result<&'a PodView, ApiError> {
    let by_id = pods.iter().find(|pod| pod.id.as_str() == name);
    if let Some(pod) = by_id.or_else(|| pods.iter().find(|pod| pod.slug.as_str() == name)) {
        return Ok(pod);
    }
    let fitting: Vec<&PodView> = if name.len() >= 4 {
        pods.iter().filter(|p| p.id.as_str().starts_with(name)).collect()
    } else {
        Vec::new()
    };
    match fitting.as_slice() {
        [pod] => Ok(pod),
        [] => Err(not_found(format!("there is no pod {name:?}"), pods, name)),
        several => {
            let slugs: Vec<&str> = several.iter().map(|p| p.slug.as_str()).collect();
            let text = format!("several pods have an id that starts with {name:?}");
            Err(ApiError::new(ErrorKind::Conflict, text)
                .hint(format!("name one by its slug: {}", slugs.join(", "))))
        }
    }
}

/// Finds the pod of a directory: the one whose name the spec gives, else the
/// one made from there, else the one named like the directory. A pod made from
/// another directory that is still there is never taken for this one's.
pub fn in_directory<'a>(
    session: &Session,
    pods: &'a [PodView],
    dir: &Path,
    name: Option<&str>,
) -> Option<&'a PodView> {
    let origins = Origins::new(&session.paths.state_dir);
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let origin = |p: &PodView| origins.of(&p.id);
    let named = |name: &str| {
        let slug = spec_file::slug_of(name);
        pods.iter().find(|p| {
            (p.name == name || slug.as_ref() == Some(&p.slug))
                && origin(p).is_none_or(|from| from == dir || !from.is_dir())
        })
    };
    match name {
        Some(name) => named(name),
        None => pods
            .iter()
            .find(|p| origin(p).as_deref() == Some(dir.as_path()))
            .or_else(|| named(&spec_file::dir_name(&dir)?)),
    }
}

/// Returns where a pod was made from, when that is not `dir` and is gone.
pub fn gone_origin(session: &Session, pod: &PodView, dir: &Path) -> Option<PathBuf> {
    let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let from = Origins::new(&session.paths.state_dir).of(&pod.id)?;
    (from != dir && !from.is_dir()).then_some(from)
}

fn of_directory(session: &Session, pods: &[PodView]) -> Result<PodView, Failure> {
    let Some(dir) = spec_file::nearest(session.cwd()?) else {
        let slugs: Vec<&str> = pods.iter().map(|p| p.slug.as_str()).take(10).collect();
        let which = if slugs.is_empty() {
            "there are no pods yet".to_owned()
        } else {
            format!("pods: {}", slugs.join(", "))
        };
        let text = format!("no pod is named, and neither here nor above is a {FILE_NAME}; {which}");
        return Err(Failure::Usage(text));
    };
    let read = bounded::read(&dir.join(FILE_NAME), MAX_SPEC_BYTES).map(|read| read.bytes);
    let text = String::from_utf8(read.unwrap_or_default()).unwrap_or_default();
    let name = spec_file::name_in(&text);
    if let Some(pod) = in_directory(session, pods, &dir, name.as_deref()) {
        return match gone_origin(session, pod, &dir) {
            None => Ok(pod.clone()),
            Some(from) => Err(not_ours(pod, &from).into()),
        };
    }
    let text = format!("{} has no pod yet", dir.display());
    let name = name.or_else(|| spec_file::dir_name(&dir)).unwrap_or_default();
    let mut error = not_found(text, pods, &name);
    error.hint.get_or_insert_with(|| "`pinacle-tui up` makes it".to_owned());
    Err(error.into())
}

/// Returns the error of a directory whose only pod has the files of one that is gone.
fn not_ours(pod: &PodView, from: &Path) -> ApiError {
    let slug = &pod.slug;
    let text = made_elsewhere(pod, from);
    ApiError::new(ErrorKind::Conflict, text).hint(format!(
        "name it, if it is meant: {slug}; `pinacle-tui up` takes it over for this directory"
    ))
}

/// Says whose files a pod has, that was made from a directory that is gone.
pub fn made_elsewhere(pod: &PodView, from: &Path) -> String {
    let (slug, from) = (&pod.slug, from.display());
    plain_line(&format!("{slug} was made from {from}, which is gone; its files are those"))
}

fn not_found(message: String, pods: &[PodView], name: &str) -> ApiError {
    let error = ApiError::new(ErrorKind::NotFound, message);
    let mut near: Vec<(f64, &str)> = pods
        .iter()
        .map(|p| (strsim::jaro_winkler(p.slug.as_str(), name), p.slug.as_str()))
        .filter(|(alike, _)| *alike >= ALIKE)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let near: Vec<&str> = near.into_iter().take(3).map(|(_, slug)| slug).collect();
    if near.is_empty() {
        return error;
    }
    error.hint(format!("did you mean {}?", near.join(" or ")))
}
