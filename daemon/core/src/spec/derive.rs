//! What follows from a spec: limits, tabs, the default port, what to redact.

use std::path::Path;

use super::catalogue::ServiceId;
use super::model::{Limits, PodSpec, Process, Tab};

/// Where requests go when a spec names no port: what most frameworks listen on.
const DEFAULT_PORT: u16 = 3000;

impl PodSpec {
    /// Returns the tier's limits with `resources` applied.
    pub fn limits(&self) -> Limits {
        let tier = self.tier.limits();
        Limits {
            cpu_milli: self.resources.cpu_milli.unwrap_or(tier.cpu_milli),
            memory_mib: self.resources.memory_mib.unwrap_or(tier.memory_mib),
            storage_gib: self.resources.storage_gib.unwrap_or(tier.storage_gib),
            pids: self.resources.pids.unwrap_or(tier.pids),
            nofile: self.resources.nofile.unwrap_or(tier.nofile),
        }
    }

    /// Returns the home directory of the user that processes and shells run as.
    pub(crate) fn home(&self) -> String {
        match self.user.as_deref() {
            None | Some("root") => "/root".to_owned(),
            Some(user) => format!("/home/{user}"),
        }
    }

    /// Returns whether the working directory is on one of the pod's volumes.
    pub(crate) fn work_outlives_container(&self) -> bool {
        let Some(dir) = self.working_dir.as_deref().map(Path::new) else { return true };
        dir.starts_with("/workspace") || dir.starts_with(self.home())
    }

    /// Returns the port inside the pod that requests go to when their host name
    /// names none: that of the first effective tab that has one, else of the
    /// first process with a URL, else 3000.
    pub fn default_port(&self) -> u16 {
        let of_tabs = self.effective_tabs().iter().find_map(Tab::port);
        of_tabs.or_else(|| self.processes.iter().find_map(Process::port)).unwrap_or(DEFAULT_PORT)
    }

    /// Returns the author's tabs, or else one for each process with a URL and
    /// then one for each service that this release starts: assistant, editor,
    /// terminal, board, others.
    pub fn effective_tabs(&self) -> Vec<Tab> {
        if !self.tabs.is_empty() {
            return self.tabs.clone();
        }
        let mut services: Vec<ServiceId> =
            self.services.iter().copied().filter(|service| service.is_available()).collect();
        services.sort_by_key(|service| tab_rank(*service));
        let of_processes = self.processes.iter().filter_map(|process| {
            let name = process.display_name.as_ref().unwrap_or(&process.name).clone();
            Some(Tab { name, service: None, url: Some(process.url.clone()?) })
        });
        let of_services = services.into_iter().map(|service| Tab {
            name: service.title().to_owned(),
            service: Some(service),
            url: None,
        });
        of_processes.chain(of_services).collect()
    }

    /// Returns whether behind this port of the pod a shell waits, for which a browser
    /// needs a ticket.
    pub fn gives_shell(&self, port: u16) -> bool {
        let holds = |service: &&ServiceId| service.ports().first() == Some(&port);
        let mut services = self.services.iter().filter(|service| service.is_available());
        services.find(holds).is_some_and(|service| service.gives_shell())
    }

    /// Returns a copy whose `env` keeps its names and loses its values.
    #[must_use]
    pub fn without_env_values(&self) -> Self {
        let mut spec = self.clone();
        spec.env.values_mut().for_each(String::clear);
        spec
    }

    /// Returns the values of `env` to redact wherever output is stored, longest first.
    ///
    /// Leaves out what is too short or too common to be a secret, since
    /// redacting `true` would garble every log. A value of several lines is
    /// there as a whole and line by line, because output is seen in lines.
    pub fn secret_values(&self) -> Vec<String> {
        let mut secrets: Vec<String> = Vec::new();
        for (name, value) in &self.env {
            let shortest = if has_secret_name(name) { 4 } else { 8 };
            let parts = std::iter::once(value.as_str()).chain(value.lines());
            let worth = parts
                .map(str::trim)
                .filter(|part| part.chars().count() >= shortest && !is_common(part));
            secrets.extend(worth.map(str::to_owned));
        }
        secrets.sort_by(|a, b| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
        secrets.dedup();
        secrets
    }
}

impl Process {
    /// Returns the port of its URL, when that is on the pod itself.
    pub fn port(&self) -> Option<u16> {
        self.url.as_deref().and_then(port_of)
    }
}

impl Tab {
    /// Returns the port it shows: of its URL, when that is on the pod itself, or of its service.
    pub fn port(&self) -> Option<u16> {
        match (&self.url, self.service) {
            (Some(url), _) => port_of(url),
            (None, service) => service.and_then(|service| service.ports().first().copied()),
        }
    }
}

fn tab_rank(service: ServiceId) -> u8 {
    match service {
        service if service.is_assistant() => 0,
        ServiceId::CodeServer => 1,
        ServiceId::WebTerminal => 2,
        ServiceId::VibeKanban => 3,
        _ => 4,
    }
}

fn has_secret_name(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    ["KEY", "TOKEN", "SECRET", "PASS", "PWD", "AUTH", "CRED", "PRIVATE", "COOKIE", "DSN"]
        .iter()
        .any(|word| name.contains(word))
}

fn is_common(value: &str) -> bool {
    const COMMON: &[&str] = &[
        "development",
        "production",
        "localhost",
        "127.0.0.1",
        "/workspace",
        "disabled",
        "true",
        "false",
        "none",
        "null",
        "info",
        "debug",
        "xterm-256color",
        "en_US.UTF-8",
    ];
    // An address on the pod itself is in every line a dev server prints;
    // with a user name in it, it may hold a password.
    COMMON.contains(&value) || (port_of(value).is_some() && !value.contains('@'))
}

/// The port a URL names on the pod itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LocalPort {
    /// No port, or another machine's.
    None,
    /// This one.
    Port(u16),
    /// Something that is no port.
    Impossible,
}

fn port_of(url: &str) -> Option<u16> {
    match local_port(url) {
        LocalPort::Port(port) => Some(port),
        LocalPort::None | LocalPort::Impossible => None,
    }
}

/// Looks for the port in URLs such as `http://localhost:5173/app` and `localhost:3000`.
pub(super) fn local_port(url: &str) -> LocalPort {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host_port = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let Some((host, port)) = host_port.rsplit_once(':') else {
        return LocalPort::None;
    };
    if !matches!(host, "" | "localhost" | "127.0.0.1" | "0.0.0.0" | "[::1]" | "[::]") {
        return LocalPort::None;
    }
    match port.parse::<u16>() {
        Ok(port) if port > 0 => LocalPort::Port(port),
        _ if port.is_empty() => LocalPort::None,
        _ => LocalPort::Impossible,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_urls() {
        for (url, port) in [
            ("http://localhost:5173", LocalPort::Port(5173)),
            ("https://u:p@127.0.0.1:80/x?y:1", LocalPort::Port(80)),
            ("localhost:3000/app", LocalPort::Port(3000)),
            ("http://[::1]:8080", LocalPort::Port(8080)),
            ("http://localhost", LocalPort::None),
            ("http://localhost:/", LocalPort::None),
            ("https://example.com:8443", LocalPort::None),
            ("http://localhost:0", LocalPort::Impossible),
            ("http://localhost:99999", LocalPort::Impossible),
            ("http://localhost:abc", LocalPort::Impossible),
            ("", LocalPort::None),
        ] {
            assert_eq!(local_port(url), port, "{url}");
        }
    }

    #[test]
    fn services_have_their_order_on_tabs() {
        let mut services = ServiceId::all().to_vec();
        services.sort_by_key(|service| tab_rank(*service));
        let order: Vec<&str> = services.iter().map(|service| service.as_str()).skip(5).collect();
        assert_eq!(
            order,
            [
                "qwen-code",
                "code-server",
                "web-terminal",
                "vibe-kanban",
                "jupyter",
                "postgres",
                "redis"
            ]
        );
    }
}
