//! Reads `hosts`: names beside its own that a pod answers to.

use super::fields::{self, Fields};
use super::names::is_extra_host;
use super::report::Report;

/// Each has patterns of its own in the router of the pod, which are tried one by one.
const MOST: usize = 16;

/// Reads the names, each once.
pub(super) fn read(top: &Fields<'_>, report: &mut Report<'_>) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    let Some(at) = top.get("hosts", report) else {
        return hosts;
    };
    for at in fields::list(&at, "hosts: [blog.example.com]", report) {
        let Some(name) = fields::text(&at, "blog.example.com", report) else {
            continue;
        };
        if !is_extra_host(name) {
            report.error(
                at.span,
                &at.path,
                format!("{} is not a name for a pod", report.quoted(name)),
                "write a hostname such as `blog.example.com`: lower case, no port, no wildcard, no \
                 address, and not under `localhost`, where every pod has its names already",
            );
        } else if hosts.iter().any(|host| host == name) {
            report.warning(
                at.span,
                &at.path,
                format!("{} is listed twice", report.quoted(name)),
                "remove one of the two",
            );
        } else if hosts.len() == MOST {
            report.error(
                at.span,
                &at.path,
                format!("a pod has at most {MOST} names beside its own"),
                "remove those that nobody uses",
            );
            break;
        } else {
            hosts.push(name.to_owned());
        }
    }
    hosts
}
