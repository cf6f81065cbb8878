//! Reads `ports` and holds them against the ports of services.

use std::collections::HashSet;

use super::catalogue::ServiceId;
use super::fields::{self, At, Fields, Keys};
use super::model::PortSpec;
use super::names::{MAX_SLUG, is_port_name};
use super::report::Report;
use super::tree::Value;

const KEYS: Keys = Keys {
    what: "a port",
    example: "{name: app, port: 3000}",
    known: &["name", "port", "internal", "protocol"],
    synonyms: &[
        ("containerPort", "port"),
        ("target", "port"),
        ("number", "port"),
        ("external", "port"),
        ("published", "port"),
    ],
};

/// Where the pod's own router listens.
pub(super) const ROUTER: u16 = 80;

/// Reads the ports, each once, none of them taken by a service or the router.
pub(super) fn read(
    top: &Fields<'_>,
    services: &[ServiceId],
    report: &mut Report<'_>,
) -> Vec<PortSpec> {
    let mut ports: Vec<PortSpec> = Vec::new();
    let Some(at) = top.get("ports", report) else {
        return ports;
    };
    let mut numbers = HashSet::new();
    let mut names = HashSet::new();
    for at in fields::list(&at, "ports: [3000]", report) {
        let Some((port, port_at, name)) = entry(&at, report) else {
            continue;
        };
        let name = name.filter(|(name, name_at)| {
            let fresh = names.insert(name.clone());
            if !fresh {
                report.error(
                    name_at.span,
                    &name_at.path,
                    format!("two ports are named {}", report.quoted(name)),
                    "give each port its own name",
                );
            }
            fresh
        });
        if is_free(port, &port_at, services, report) {
            if numbers.insert(port) {
                ports.push(PortSpec { name: name.map(|(name, _)| name), port });
            } else {
                report.error(
                    port_at.span,
                    &port_at.path,
                    format!("port {port} is listed twice"),
                    "remove one of the two",
                );
            }
        }
    }
    ports
}

fn is_free(port: u16, at: &At<'_>, services: &[ServiceId], report: &mut Report<'_>) -> bool {
    let holder = services.iter().find(|service| service.ports().contains(&port));
    if let Some(service) = holder {
        report.error(
            at.span,
            &at.path,
            format!("port {port} belongs to the service {service}"),
            "use another port; those of services need not be listed",
        );
    } else if port == ROUTER {
        report.error(
            at.span,
            &at.path,
            "port 80 is reserved for the pod's own router",
            "let the app listen on another port; it is reached through the router all the same",
        );
    }
    holder.is_none() && port != ROUTER
}

type Named<'n> = Option<(String, At<'n>)>;

/// Reads one entry: a number, or a mapping with the port under `port` or `internal`.
fn entry<'n>(at: &At<'n>, report: &mut Report<'_>) -> Option<(u16, At<'n>, Named<'n>)> {
    match &at.node.value {
        Value::Scalar(scalar) if scalar.text.contains(':') => {
            report.error(
                at.span,
                &at.path,
                format!("{} is a pair of ports", report.quoted(&scalar.text)),
                "list only the port inside the pod: every port is reached through the pod's one address",
            );
            None
        }
        Value::Scalar(_) => Some((number(at, report)?, at.clone(), None)),
        Value::Map(_) => {
            let fields = Fields::open(at, &KEYS, report)?;
            protocol(&fields, report);
            let name = name(&fields, report);
            let port_at = match (fields.has("port"), fields.has("internal")) {
                (true, true) => fields.either("port", "internal", report)?,
                (false, true) => fields.required("internal", report)?,
                _ => fields.required("port", report)?,
            };
            Some((number(&port_at, report)?, port_at, name))
        }
        Value::List(_) => {
            fields::wrong_type(at, "a port number or a mapping", KEYS.example, report);
            None
        }
    }
}

/// Reads a port number, quoted or not.
pub(super) fn number(at: &At<'_>, report: &mut Report<'_>) -> Option<u16> {
    fields::number(at, (1, 65535), "a port", report).and_then(|port| u16::try_from(port).ok())
}

fn name<'n>(fields: &Fields<'n>, report: &mut Report<'_>) -> Named<'n> {
    let at = fields.get("name", report)?;
    let name = fields::text(&at, "name: app", report)?;
    if is_port_name(name) {
        return Some((name.to_owned(), at));
    }
    report.error(
        at.span,
        &at.path,
        format!("{} is not a name for a port", report.quoted(name)),
        format!("use letters, digits, `-` and `_`, at most {MAX_SLUG}"),
    );
    None
}

fn protocol(fields: &Fields<'_>, report: &mut Report<'_>) {
    let Some(at) = fields.get("protocol", report) else {
        return;
    };
    match fields::text(&at, "protocol: tcp", report) {
        None | Some("tcp" | "TCP") => {}
        Some(other) => report.error(
            at.span,
            &at.path,
            format!("protocol {} is not supported", report.quoted(other)),
            "only `tcp` is; the key can be left out",
        ),
    }
}
