//! Reads the top level of the file and puts the spec together.

use std::net::IpAddr;

use pinacle_protocol::Isolation;

use super::catalogue::{ServiceId, TemplateId, Tier};
use super::fields::{self, At, Fields, Keys};
use super::model::{Hooks, PodSpec, PublishAddress};
use super::names::{MAX_SLUG, is_image, is_slug, is_user, slugify};
use super::report::Report;
use super::scalar::ScalarKind;
use super::tree::{Node, Value};
use super::{env, health, hosts, ports, process, resources};

const TOP: Keys = Keys {
    what: "a mapping of settings",
    example: "version: \"1.0\"",
    known: &[
        "version",
        "name",
        "slug",
        "tier",
        "resources",
        "services",
        "template",
        "baseImage",
        "install",
        "processes",
        "tabs",
        "env",
        "ports",
        "hooks",
        "workingDir",
        "user",
        "isolation",
        "bindAddress",
        "hosts",
        "healthChecks",
    ],
    synonyms: &[
        ("image", "baseImage"),
        ("environment", "env"),
        ("envVars", "env"),
        ("variables", "env"),
        ("runtime", "isolation"),
        ("trustedOrigins", "hosts"),
        ("allowedHosts", "hosts"),
        ("domains", "hosts"),
        ("commands", "processes"),
        ("tasks", "processes"),
        ("cwd", "workingDir"),
        ("workdir", "workingDir"),
        ("cpu", "resources.cpuCores"),
        ("memory", "resources.memoryMb"),
        ("storage", "resources.storageGb"),
        ("title", "name"),
        ("setup", "install"),
        ("postCreateCommand", "install"),
        ("preStart", "hooks.preStart"),
        ("postStart", "hooks.postStart"),
        ("network", "ports"),
        ("templateId", "template"),
    ],
};

const HOOKS: Keys = Keys {
    what: "a mapping with `preStart` and `postStart`",
    example: "hooks: {preStart: ./wait.sh}",
    known: &["preStart", "postStart"],
    synonyms: &[("before", "preStart"), ("after", "postStart")],
};

/// Reads a spec; what is wrong with it is in the report and left at its default.
pub(super) fn read(root: &Node, report: &mut Report<'_>) -> PodSpec {
    let at = At { path: String::new(), span: root.span, node: root };
    let Some(top) = Fields::open(&at, &TOP, report) else {
        return PodSpec::default();
    };
    version(&top, report);
    let services = services(&top, report);
    let spec = PodSpec {
        name: line(&top, "name", 64, "name: My blog", report),
        slug: slug(&top, report),
        tier: word(&top, "tier", Tier::all(), Tier::as_str, report).unwrap_or_default(),
        resources: resources::read(&top, report),
        template: template(&top, report),
        base_image: checked(&top, "baseImage", BASE_IMAGE, is_image, report),
        install: top
            .get("install", report)
            .and_then(|at| fields::joined(&at, "install: pnpm install", report)),
        processes: process::read(&top, report),
        tabs: process::read_tabs(&top, &services, report),
        env: env::read(&top, report),
        ports: ports::read(&top, &services, report),
        hooks: hooks(&top, report),
        working_dir: checked(&top, "workingDir", WORKING_DIR, is_working_dir, report),
        user: checked(&top, "user", USER, is_user, report),
        isolation: isolation(&top, report),
        publish: publish(&top, report),
        hosts: hosts::read(&top, report),
        health_checks: health::read(&top, report),
        services,
    };
    report_unused_template(&spec, &top, report);
    report_short_lived_work(&spec, &top, report);
    spec
}

fn version(top: &Fields<'_>, report: &mut Report<'_>) {
    let Some(at) = top.get("version", report) else {
        return;
    };
    let Value::Scalar(scalar) = &at.node.value else {
        fields::wrong_type(&at, "a version", "version: \"1.0\"", report);
        return;
    };
    let is_number = scalar.kind == ScalarKind::Number
        && scalar.text.parse::<f64>().is_ok_and(|version| version == 1.0);
    if scalar.text != "1.0" && !is_number {
        report.error(
            at.span,
            &at.path,
            format!("version {} is not supported", report.quoted(&scalar.text)),
            "write `version: \"1.0\"`",
        );
    }
}

fn line(
    top: &Fields<'_>,
    key: &str,
    max_chars: usize,
    example: &str,
    report: &mut Report<'_>,
) -> Option<String> {
    let at = top.get(key, report)?;
    fields::line(&at, max_chars, example, report).map(str::to_owned)
}

fn slug(top: &Fields<'_>, report: &mut Report<'_>) -> Option<String> {
    let at = top.get("slug", report)?;
    let value = fields::text(&at, "slug: my-blog", report)?;
    if is_slug(value) {
        return Some(value.to_owned());
    }
    let better = slugify(value).filter(|_| report.may_quote()).unwrap_or("my-blog".to_owned());
    report.error(
        at.span,
        &at.path,
        format!("{} cannot be part of a host name", report.quoted(value)),
        format!(
            "write e.g. `{better}`: lower-case letters, digits and inner dashes, at most {MAX_SLUG}"
        ),
    );
    None
}

fn word<T: Copy + std::str::FromStr>(
    top: &Fields<'_>,
    key: &str,
    all: &[T],
    as_str: fn(T) -> &'static str,
    report: &mut Report<'_>,
) -> Option<T> {
    let at = top.get(key, report)?;
    let words: Vec<(T, &'static str)> = all.iter().map(|id| (*id, as_str(*id))).collect();
    fields::word(&at, key, &words, report)
}

/// Reads one service id.
pub(super) fn service(at: &At<'_>, report: &mut Report<'_>) -> Option<ServiceId> {
    let words: Vec<_> = ServiceId::all().iter().map(|id| (*id, id.as_str())).collect();
    fields::word(at, "service", &words, report)
}

/// Reads `services`: sorted, once each, and at most one assistant.
fn services(top: &Fields<'_>, report: &mut Report<'_>) -> Vec<ServiceId> {
    let mut found: Vec<ServiceId> = Vec::new();
    let Some(at) = top.get("services", report) else {
        return found;
    };
    for at in fields::list(&at, "services: [web-terminal]", report) {
        let Some(id) = service(&at, report) else {
            continue;
        };
        if found.contains(&id) {
            report.warning(
                at.span,
                &at.path,
                format!("service {id} is listed twice"),
                "remove one of the two",
            );
            continue;
        }
        if let Some(other) = found.iter().find(|o| o.is_assistant() && id.is_assistant()) {
            report.error(
                at.span,
                &at.path,
                format!("{id} and {other} are both coding assistants and share port 2528"),
                "keep one assistant per pod",
            );
            continue;
        }
        if !id.is_available() {
            report.warning(
                at.span,
                &at.path,
                format!("service {id} is not available in this release yet and is skipped"),
                "leave it in for a later release, or remove it",
            );
        }
        found.push(id);
    }
    found.sort_unstable();
    found
}

fn template(top: &Fields<'_>, report: &mut Report<'_>) -> Option<TemplateId> {
    word(top, "template", TemplateId::all(), TemplateId::as_str, report)
}

fn report_unused_template(spec: &PodSpec, top: &Fields<'_>, report: &mut Report<'_>) {
    let Some(template) = spec.template.filter(|template| !template.is_available()) else {
        return;
    };
    if let Some(at) = top.get("template", report) {
        report.warning(
            at.span,
            &at.path,
            format!("template {template} is not available in this release yet and is skipped"),
            "give `install`, `processes` and `services` yourself until then",
        );
    }
}

/// The project's files are copied to the working directory, and are worked on there.
fn report_short_lived_work(spec: &PodSpec, top: &Fields<'_>, report: &mut Report<'_>) {
    let Some(dir) = spec.working_dir.as_deref().filter(|_| !spec.work_outlives_container()) else {
        return;
    };
    if let Some(at) = top.get("workingDir", report) {
        let home = spec.home();
        report.warning(
            at.span,
            &at.path,
            format!(
                "the project's files are copied to {}, and are lost there when the container is \
                 removed or made again",
                report.quoted(dir)
            ),
            format!("use a directory below `/workspace` or `{home}`: only those are kept"),
        );
    }
}

/// What is wrong with a value, and what one looks like.
type Wanted = (&'static str, &'static str);

const BASE_IMAGE: Wanted =
    ("is not an image reference", "write e.g. `baseImage: pinacledev/pinacle-base:latest`");
const WORKING_DIR: Wanted =
    ("is not an absolute path without `..`", "write e.g. `workingDir: /workspace`");
const USER: Wanted = (
    "is not a unix user name",
    "write a name such as `root` or `dev`: lower-case letters, digits, `_` and `-`, at most 32",
);

fn checked(
    top: &Fields<'_>,
    key: &str,
    (problem, hint): Wanted,
    accepts: fn(&str) -> bool,
    report: &mut Report<'_>,
) -> Option<String> {
    let at = top.get(key, report)?;
    let example = hint.split('`').nth(1).unwrap_or(hint);
    let value = fields::text(&at, example, report)?;
    if accepts(value) {
        return Some(value.to_owned());
    }
    report.error(at.span, &at.path, format!("{} {problem}", report.quoted(value)), hint);
    None
}

fn is_working_dir(path: &str) -> bool {
    path.starts_with('/')
        && path.len() <= 1024
        && !path.chars().any(char::is_control)
        && path.split('/').all(|part| part != "..")
}

fn hooks(top: &Fields<'_>, report: &mut Report<'_>) -> Hooks {
    let fields = top.get("hooks", report).and_then(|at| Fields::open(&at, &HOOKS, report));
    let Some(fields) = fields else {
        return Hooks::default();
    };
    let mut read = |key, example| {
        fields.get(key, report).map_or_else(Vec::new, |at| fields::commands(&at, example, report))
    };
    Hooks {
        pre_start: read("preStart", "preStart: ./wait.sh"),
        post_start: read("postStart", "postStart: [pnpm db:migrate]"),
    }
}

fn isolation(top: &Fields<'_>, report: &mut Report<'_>) -> Isolation {
    let Some(at) = top.get("isolation", report) else {
        return Isolation::default();
    };
    match fields::text(&at, "isolation: gvisor", report) {
        None | Some("gvisor" | "runsc") => Isolation::Gvisor,
        Some("runc") => Isolation::Runc,
        Some(other) => {
            report.error(
                at.span,
                &at.path,
                format!("{} is not a known isolation", report.quoted(other)),
                "write `gvisor` (the default, also `runsc`), or `runc` for a plain container",
            );
            Isolation::Gvisor
        }
    }
}

fn publish(top: &Fields<'_>, report: &mut Report<'_>) -> Option<PublishAddress> {
    let at = top.get("bindAddress", report)?;
    let value = fields::text(&at, "bindAddress: 127.0.0.1", report)?;
    let Ok(address) = value.parse::<IpAddr>() else {
        report.error(
            at.span,
            &at.path,
            format!("{} is not an IP address", report.quoted(value)),
            "write e.g. `bindAddress: 127.0.0.1`, which is the default",
        );
        return None;
    };
    if !address.is_loopback() {
        report.warning(
            at.span,
            &at.path,
            format!("on {address} the pod can be reached from the network without a password"),
            "leave `bindAddress` out to keep it to this machine",
        );
    }
    Some(PublishAddress(address))
}
