//! Reads `processes` and `tabs`.

use std::collections::HashMap;

use super::catalogue::ServiceId;
use super::derive::{LocalPort, local_port};
use super::fields::{self, At, Fields, Keys};
use super::model::{Process, Tab};
use super::ports::ROUTER;
use super::report::Report;
use super::top;

const PROCESS: Keys = Keys {
    what: "a process",
    example: "{name: app, startCommand: pnpm dev}",
    known: &["name", "displayName", "startCommand", "url", "healthCheck"],
    synonyms: &[
        ("command", "startCommand"),
        ("cmd", "startCommand"),
        ("run", "startCommand"),
        ("exec", "startCommand"),
        ("script", "startCommand"),
        ("title", "displayName"),
        ("port", "url"),
    ],
};

const TAB: Keys = Keys {
    what: "a tab",
    example: "{name: App, url: \"http://localhost:3000\"}",
    known: &["name", "service", "url"],
    synonyms: &[("title", "name"), ("port", "url"), ("href", "url"), ("link", "url")],
};

/// The longest URL and the longest name of a process or tab.
const MAX_URL: usize = 2048;
const MAX_NAME: usize = 64;

/// Reads the processes, whose names are unique to people and to the supervisor.
pub(super) fn read(top: &Fields<'_>, report: &mut Report<'_>) -> Vec<Process> {
    let mut processes = Vec::new();
    let mut lines: HashMap<String, u32> = HashMap::new();
    let Some(at) = top.get("processes", report) else {
        return processes;
    };
    for at in fields::list(&at, "processes: [{name: app, startCommand: pnpm dev}]", report) {
        let Some(fields) = Fields::open(&at, &PROCESS, report) else {
            continue;
        };
        let name_at = fields.required("name", report);
        let name = name_at.as_ref().and_then(|at| fields::line(at, MAX_NAME, "name: app", report));
        let display_name = fields
            .get("displayName", report)
            .and_then(|at| fields::line(&at, MAX_NAME, "displayName: App", report));
        let start_command = fields
            .required("startCommand", report)
            .and_then(|at| fields::joined(&at, "startCommand: pnpm dev", report));
        let url = fields.get("url", report).and_then(|at| url(&at, report));
        let health_check = fields
            .get("healthCheck", report)
            .and_then(|at| fields::joined(&at, "healthCheck: curl -f localhost:3000", report));
        let (Some(name), Some(name_at)) = (name, name_at) else {
            continue;
        };
        let process = Process {
            name: name.to_owned(),
            display_name: display_name.map(str::to_owned),
            start_command: start_command.unwrap_or_default(),
            url,
            health_check,
        };
        let line = name_at.span.line;
        if let Some(first) = lines.insert(process.supervisor_name(), line) {
            report.error(
                name_at.span,
                &name_at.path,
                format!("the process named on line {first} has the same name"),
                "give each process its own name; case and punctuation do not count",
            );
        }
        processes.push(process);
    }
    processes
}

/// Reads the tabs.
pub(super) fn read_tabs(
    top: &Fields<'_>,
    services: &[ServiceId],
    report: &mut Report<'_>,
) -> Vec<Tab> {
    let mut tabs = Vec::new();
    let Some(at) = top.get("tabs", report) else {
        return tabs;
    };
    for at in fields::list(&at, "tabs: [{name: App, url: \"http://localhost:3000\"}]", report) {
        let Some(fields) = Fields::open(&at, &TAB, report) else {
            continue;
        };
        let name = fields
            .required("name", report)
            .and_then(|at| fields::line(&at, MAX_NAME, "name: App", report));
        let service_at = fields.get("service", report);
        let service = service_at.as_ref().and_then(|at| top::service(at, report));
        let url = fields.get("url", report).and_then(|at| url(&at, report));
        if let (Some(id), Some(at)) = (service.filter(|id| !services.contains(id)), &service_at) {
            report.warning(
                at.span,
                &at.path,
                format!("service {id} is not in `services`, so this tab shows nothing"),
                format!("add `{id}` to `services`, or remove the tab"),
            );
        }
        if !fields.has("service") && !fields.has("url") {
            report.warning(
                fields.span,
                &fields.path,
                "this tab has neither `service` nor `url` and shows nothing",
                format!("write e.g. `{}`", TAB.example),
            );
        }
        if let Some(name) = name {
            tabs.push(Tab { name: name.to_owned(), service, url });
        }
    }
    tabs
}

/// Reads a URL. Upstream takes any text, so only an impossible port is refused.
fn url(at: &At<'_>, report: &mut Report<'_>) -> Option<String> {
    const EXAMPLE: &str = "url: \"http://localhost:3000\"";
    let url = fields::line(at, MAX_URL, EXAMPLE, report)?;
    if local_port(url) == LocalPort::Port(ROUTER) {
        report.error(
            at.span,
            &at.path,
            format!("{} leads to port 80, where the pod's own router listens", report.quoted(url)),
            format!("let the program listen on another port, and write e.g. `{EXAMPLE}`"),
        );
        return None;
    }
    if local_port(url) == LocalPort::Impossible {
        report.error(
            at.span,
            &at.path,
            format!("the port in {} is not a number from 1 to 65535", report.quoted(url)),
            format!("write e.g. `{EXAMPLE}`"),
        );
        return None;
    }
    Some(url.to_owned())
}
