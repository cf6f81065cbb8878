//! The real engine, through its own command line: what Pinacle did is checked
//! with another program's eyes.

use crate::wait::{PATIENCE, PAUSE, within};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Returns the shared engine's socket.
pub fn socket() -> PathBuf {
    let host = std::env::var("DOCKER_HOST").unwrap_or_default();
    PathBuf::from(host.strip_prefix("unix://").unwrap_or("/var/run/docker.sock"))
}

/// Runs `docker` and returns its standard output, trimmed.
///
/// # Panics
///
/// When it fails, with all it said.
pub fn docker(args: &[&str]) -> String {
    try_docker(args).unwrap_or_else(|said| panic!("docker {args:?}: {said}"))
}

/// Runs `docker`.
///
/// # Errors
///
/// What it said on standard error, when it fails.
pub fn try_docker(args: &[&str]) -> Result<String, String> {
    let output = Command::new("docker")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot run docker: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// Returns everything on the engine that carries a pod's label, as `kind name`.
pub fn leftovers(pod: &str) -> Vec<String> {
    let filter = format!("label=dev.pinacle.pod={pod}");
    labelled(&filter)
}

/// Returns everything on the engine that carries an owner's label, as `kind name`.
pub fn owned_by(owner: &str) -> Vec<String> {
    labelled(&format!("label=dev.pinacle.owner={owner}"))
}

/// Returns what an owner's checks of a runtime have on the engine, as `kind name`.
pub fn checks_of(owner: &str) -> Vec<String> {
    labelled(&format!("label=dev.pinacle.check={owner}"))
}

/// Removes everything of an owner, and again until nothing is there: a removal the daemon
/// had asked for may be under way, and keeps a network from going until it is done.
pub fn remove_all_of(owner: &str) {
    let removed = within(PATIENCE, PAUSE, || {
        let of = |label: &str| try_labelled(&format!("label=dev.pinacle.{label}={owner}"));
        let found = match (of("owner"), of("check")) {
            (Ok(owned), Ok(checks)) => [owned, checks].concat(),
            // A test is over; what the engine says now is no reason for it to fail.
            (Err(said), _) | (_, Err(said)) => return Err(vec![said]),
        };
        let failed: Vec<_> = found.iter().filter_map(|thing| remove(thing).err()).collect();
        // Gone without an error is looked at once more: only an empty list says so.
        if found.is_empty() { Ok(()) } else { Err(failed) }
    });
    if let Err(said) = removed {
        eprintln!("cleaning up: {said:#?}");
    }
}

fn remove(thing: &str) -> Result<String, String> {
    let (kind, name) = thing.split_once(' ').unwrap_or_default();
    let args: &[&str] = match kind {
        "container" => &["rm", "-f", "-v", name],
        "network" => &["network", "rm", name],
        _ => &["volume", "rm", "-f", name],
    };
    try_docker(args).map_err(|said| format!("{thing}: {said}"))
}

fn labelled(filter: &str) -> Vec<String> {
    try_labelled(filter).unwrap_or_else(|said| panic!("{filter}: {said}"))
}

fn try_labelled(filter: &str) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for (kind, args) in [
        ("container", vec!["ps", "-a", "--format", "{{.Names}}"]),
        ("network", vec!["network", "ls", "--format", "{{.Name}}"]),
        ("volume", vec!["volume", "ls", "--format", "{{.Name}}"]),
    ] {
        let mut args = args;
        args.extend(["--filter", filter]);
        found.extend(try_docker(&args)?.lines().map(|name| format!("{kind} {name}")));
    }
    Ok(found)
}
