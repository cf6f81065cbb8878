//! What the supervisor in a pod is to keep running: the spec's processes and
//! the services of the catalogue that this release provides.

use crate::podconfig::ServiceConfig;
use crate::record::PodRecord;
use crate::spec::{HealthCheck, PodSpec, Probe, ServiceId};
use crate::step::{user, working_dir};
use std::collections::BTreeMap;

/// Returns the definitions in the order to start: services, then processes.
pub(crate) fn definitions(pod: &PodRecord) -> Vec<ServiceConfig> {
    let services =
        pod.spec.services.iter().filter(|s| s.is_available()).filter_map(|s| service(*s, pod));
    let processes = pod.spec.processes.iter().map(|process| ServiceConfig {
        name: process.supervisor_name(),
        kind: "process".to_owned(),
        command: process.start_command.clone(),
        working_dir: working_dir(pod),
        user: user(pod),
        env: BTreeMap::new(),
        port: process.port(),
        shell: false,
        depends_on: Vec::new(),
        health_check: process.health_check.clone(),
    });
    services.chain(processes).collect()
}

fn service(id: ServiceId, pod: &PodRecord) -> Option<ServiceConfig> {
    let command = match id {
        // `tmux new -A` joins the session that is there, so a browser tab that is
        // closed and opened again finds its shell as it was; `--url-arg` lets
        // `?arg=NAME` name further sessions. A link may hold any name, and tmux runs
        // what stands in `#()` of one. On loopback alone: whoever reaches the pod's
        // network would pass the router by.
        ServiceId::WebTerminal => {
            "exec ttyd -p 7681 -i 127.0.0.1 --writable --url-arg -- \
             sh -c 'name=$(printf %s \"$1\" | tr -cd A-Za-z0-9_- | cut -c 1-40); \
             exec tmux new-session -A -s \"${name:-main}\"' web-terminal"
        }
        _ => return None,
    };
    let port = id.ports().first().copied();
    Some(ServiceConfig {
        name: id.as_str().to_owned(),
        kind: "service".to_owned(),
        command: command.to_owned(),
        working_dir: working_dir(pod),
        user: user(pod),
        env: BTreeMap::new(),
        port,
        shell: id.gives_shell(),
        depends_on: Vec::new(),
        health_check: port.map(|p| format!("curl -fsS -o /dev/null http://127.0.0.1:{p}/")),
    })
}

/// Returns the names of services with a check to wait for after a start.
pub(crate) fn awaited(pod: &PodRecord) -> Vec<String> {
    definitions(pod)
        .into_iter()
        .filter(|s| s.health_check.is_some() || s.kind == "service")
        .map(|s| s.name)
        .collect()
}

/// Returns the spec's own health checks as a name and a shell command that
/// tries as often as the check allows and ends with 0 when it is well.
pub(crate) fn health_checks(spec: &PodSpec) -> Vec<(String, String)> {
    spec.health_checks
        .iter()
        .enumerate()
        .map(|(i, check)| {
            let name = check.name.clone().unwrap_or_else(|| format!("health check {}", i + 1));
            (name, tries(check))
        })
        .collect()
}

fn tries(check: &HealthCheck) -> String {
    let limit = check.timeout.as_secs().max(1);
    let probe = match &check.probe {
        Probe::Command(command) => command.clone(),
        Probe::Http { port, path } => {
            format!("curl -fsS -o /dev/null {}", quote(&format!("http://127.0.0.1:{port}{path}")))
        }
    };
    format!(
        "sleep {}; for try in $(seq {}); do timeout {limit} bash -c {} && exit 0; sleep {}; done; exit 1",
        check.delay.as_secs(),
        check.retries.max(1),
        quote(&probe),
        check.interval.as_secs().max(1),
    )
}

/// Quotes for a POSIX shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}
