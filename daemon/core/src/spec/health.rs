//! Reads `healthChecks`.

use std::collections::HashSet;
use std::time::Duration;

use super::fields::{self, At, Fields, Keys};
use super::model::{HealthCheck, Probe};
use super::ports;
use super::report::Report;
use super::scalar::{self, duration_text};
use super::tree::Value;

const CHECK: Keys = Keys {
    what: "a health check",
    example: "{http: {path: /health, port: 3000}}",
    known: &["name", "command", "http", "interval", "timeout", "retries", "delay"],
    synonyms: &[
        ("cmd", "command"),
        ("exec", "command"),
        ("test", "command"),
        ("httpGet", "http"),
        ("url", "http"),
        ("period", "interval"),
        ("startPeriod", "delay"),
        ("initialDelay", "delay"),
        ("failureThreshold", "retries"),
    ],
};

const HTTP: Keys = Keys {
    what: "a mapping with `path` and `port`",
    example: "http: {path: /health, port: 3000}",
    known: &["path", "port"],
    synonyms: &[],
};

const HOUR: Duration = Duration::from_secs(3600);

/// Reads the health checks.
pub(super) fn read(top: &Fields<'_>, report: &mut Report<'_>) -> Vec<HealthCheck> {
    let Some(at) = top.get("healthChecks", report) else {
        return Vec::new();
    };
    let mut names = HashSet::new();
    let mut checks = Vec::new();
    for at in fields::list(&at, "healthChecks: [{command: ./check.sh}]", report) {
        let Some(fields) = Fields::open(&at, &CHECK, report) else {
            continue;
        };
        let name = name(&fields, &mut names, report);
        let probe = probe(&fields, report);
        let tenth = Duration::from_millis(100);
        let mut time = |key, default, low| {
            let at = fields.get(key, report);
            at.and_then(|at| time(&at, low, report)).unwrap_or(default)
        };
        let interval = time("interval", Duration::from_secs(10), Duration::from_secs(1));
        let timeout = time("timeout", Duration::from_secs(5), tenth);
        let delay = time("delay", Duration::ZERO, Duration::ZERO);
        let retries = fields
            .get("retries", report)
            .and_then(|at| fields::number(&at, (1, 100), "a number of tries", report))
            .unwrap_or(3);
        if let Some(probe) = probe {
            checks.push(HealthCheck { name, probe, interval, timeout, retries, delay });
        }
    }
    checks
}

fn name(
    fields: &Fields<'_>,
    names: &mut HashSet<String>,
    report: &mut Report<'_>,
) -> Option<String> {
    let at = fields.get("name", report)?;
    let name = fields::line(&at, 64, "name: api", report)?;
    if !names.insert(name.to_owned()) {
        report.error(
            at.span,
            &at.path,
            format!("two health checks are named {}", report.quoted(name)),
            "give each its own name",
        );
    }
    Some(name.to_owned())
}

fn probe(fields: &Fields<'_>, report: &mut Report<'_>) -> Option<Probe> {
    let command = fields.get("command", report);
    let http = fields.get("http", report);
    match (command, http) {
        (Some(at), None) => {
            fields::joined(&at, "command: curl -f localhost:3000", report).map(Probe::Command)
        }
        (None, Some(at)) => http_probe(&at, report),
        (Some(_), Some(at)) => {
            report.error(
                at.span,
                &at.path,
                "a health check has either `command` or `http`, not both",
                "make two checks of it",
            );
            None
        }
        (None, None) => {
            report.missing(
                fields.span,
                &fields.path,
                "this health check has neither `command` nor `http`".to_owned(),
                format!("write e.g. `{}`", CHECK.example),
            );
            None
        }
    }
}

fn http_probe(at: &At<'_>, report: &mut Report<'_>) -> Option<Probe> {
    let fields = Fields::open(at, &HTTP, report)?;
    let path = match fields.get("path", report) {
        None => Some("/"),
        Some(at) => fields::line(&at, 1024, "path: /health", report).filter(|path| {
            let good = path.starts_with('/') && !path.contains(' ');
            if !good {
                report.error(
                    at.span,
                    &at.path,
                    format!("{} is not a path", report.quoted(path)),
                    "start it with `/` and leave host and port out, e.g. `path: /health`",
                );
            }
            good
        }),
    };
    let port = fields.required("port", report).and_then(|at| ports::number(&at, report));
    Some(Probe::Http { path: path?.to_owned(), port: port? })
}

fn time(at: &At<'_>, low: Duration, report: &mut Report<'_>) -> Option<Duration> {
    let Value::Scalar(scalar) = &at.node.value else {
        fields::wrong_type(at, "a time", "30s", report);
        return None;
    };
    let value = scalar::duration(&scalar.text).filter(|time| (low..=HOUR).contains(time));
    if value.is_none() {
        report.error(
            at.span,
            &at.path,
            format!(
                "{} is not a time from {} to one hour",
                report.quoted(&scalar.text),
                duration_text(low)
            ),
            "write a number with `ms`, `s` or `m`, e.g. `30s`",
        );
    }
    value
}
