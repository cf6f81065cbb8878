//! Writes a spec as a file.

use std::fmt::{self, Write};

use pinacle_protocol::Isolation;

use super::model::{HealthCheck, PodSpec, PortSpec, Probe, Process, Resources, Tab};
use super::scalar::{ScalarKind, decimal, duration_text, kind_of};

impl PodSpec {
    /// Returns the spec as a `pinacle.yaml` that reads back to an equal spec.
    ///
    /// Has the values of `env` in it: use [`PodSpec::without_env_values`]
    /// first for what others may see.
    pub fn to_yaml(&self) -> String {
        let mut out = String::new();
        // Writing into a `String` cannot fail.
        let _ = write_spec(self, &mut out);
        out
    }
}

fn write_spec(spec: &PodSpec, out: &mut String) -> fmt::Result {
    out.push_str("# Pinacle pod: what it is made of and what runs in it.\n");
    out.push_str("# Check an edit with `pinacle-tui config check`.\n");
    out.push_str("version: \"1.0\"\n");
    option(out, "name", spec.name.as_deref())?;
    option(out, "slug", spec.slug.as_deref())?;
    writeln!(out, "tier: {}", spec.tier)?;
    write_resources(&spec.resources, out)?;
    write_services(spec, out)?;
    option(out, "template", spec.template.map(|template| template.as_str()))?;
    option(out, "baseImage", spec.base_image.as_deref())?;
    option(out, "install", spec.install.as_deref())?;
    entries(out, "processes", &spec.processes, write_process)?;
    entries(out, "tabs", &spec.tabs, write_tab)?;
    if !spec.env.is_empty() {
        out.push_str("env:\n");
        for (name, value) in &spec.env {
            writeln!(out, "  {}: {}", scalar(name), scalar(value))?;
        }
    }
    entries(out, "ports", &spec.ports, write_port)?;
    write_hooks(spec, out)?;
    option(out, "workingDir", spec.working_dir.as_deref())?;
    option(out, "user", spec.user.as_deref())?;
    if spec.isolation != Isolation::default() {
        writeln!(out, "isolation: {}", spec.isolation.as_str())?;
    }
    option(out, "bindAddress", spec.publish.map(|address| address.to_string()).as_deref())?;
    if !spec.hosts.is_empty() {
        out.push_str("hosts:\n");
        spec.hosts.iter().try_for_each(|host| writeln!(out, "  - {}", scalar(host)))?;
    }
    entries(out, "healthChecks", &spec.health_checks, write_check)
}

fn option(out: &mut String, key: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| writeln!(out, "{key}: {}", scalar(value)))
}

fn write_resources(resources: &Resources, out: &mut String) -> fmt::Result {
    if *resources == Resources::default() {
        return Ok(());
    }
    out.push_str("resources:\n");
    let rows = [
        ("cpuCores", resources.cpu_milli.map(decimal)),
        ("memoryMb", resources.memory_mib.map(|n| n.to_string())),
        ("storageGb", resources.storage_gib.map(|n| n.to_string())),
        ("pids", resources.pids.map(|n| n.to_string())),
        ("nofile", resources.nofile.map(|n| n.to_string())),
    ];
    for (key, value) in rows {
        if let Some(value) = value {
            writeln!(out, "  {key}: {value}")?;
        }
    }
    Ok(())
}

fn write_services(spec: &PodSpec, out: &mut String) -> fmt::Result {
    if spec.services.is_empty() {
        out.push_str("services: []\n");
        return Ok(());
    }
    let mut services = spec.services.clone();
    services.sort_unstable();
    out.push_str("services:\n");
    services.iter().try_for_each(|service| writeln!(out, "  - {service}"))
}

/// Writes a list of mappings. `write` fills in the keys of one.
fn entries<T>(out: &mut String, key: &str, items: &[T], write: fn(&T, &mut Keys)) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(out, "{key}:")?;
    for item in items {
        let mut keys = Keys(Vec::new());
        write(item, &mut keys);
        for (index, (key, value)) in keys.0.into_iter().enumerate() {
            let dash = if index == 0 { "-" } else { " " };
            writeln!(out, "  {dash} {key}: {value}")?;
        }
    }
    Ok(())
}

/// The keys of one mapping with their values in YAML.
struct Keys(Vec<(&'static str, String)>);

impl Keys {
    fn text(&mut self, key: &'static str, value: Option<&str>) {
        self.0.extend(value.map(|value| (key, scalar(value))));
    }

    fn raw(&mut self, key: &'static str, value: String) {
        self.0.push((key, value));
    }
}

fn write_process(process: &Process, keys: &mut Keys) {
    keys.text("name", Some(&process.name));
    keys.text("displayName", process.display_name.as_deref());
    keys.text("startCommand", Some(&process.start_command));
    keys.text("url", process.url.as_deref());
    keys.text("healthCheck", process.health_check.as_deref());
}

fn write_tab(tab: &Tab, keys: &mut Keys) {
    keys.text("name", Some(&tab.name));
    keys.text("service", tab.service.map(|service| service.as_str()));
    keys.text("url", tab.url.as_deref());
}

fn write_port(port: &PortSpec, keys: &mut Keys) {
    keys.text("name", port.name.as_deref());
    keys.raw("port", port.port.to_string());
}

fn write_hooks(spec: &PodSpec, out: &mut String) -> fmt::Result {
    let hooks = [("preStart", &spec.hooks.pre_start), ("postStart", &spec.hooks.post_start)];
    if hooks.iter().all(|(_, commands)| commands.is_empty()) {
        return Ok(());
    }
    out.push_str("hooks:\n");
    for (key, commands) in hooks.into_iter().filter(|(_, commands)| !commands.is_empty()) {
        writeln!(out, "  {key}:")?;
        for command in commands {
            writeln!(out, "    - {}", scalar(command))?;
        }
    }
    Ok(())
}

fn write_check(check: &HealthCheck, keys: &mut Keys) {
    keys.text("name", check.name.as_deref());
    match &check.probe {
        Probe::Command(command) => keys.text("command", Some(command)),
        Probe::Http { path, port } => {
            keys.raw("http", format!("{{path: {}, port: {port}}}", quoted(path)));
        }
    }
    keys.raw("interval", duration_text(check.interval));
    keys.raw("timeout", duration_text(check.timeout));
    keys.raw("retries", check.retries.to_string());
    keys.raw("delay", duration_text(check.delay));
}

/// Writes a text as a scalar that reads back as that text.
fn scalar(text: &str) -> String {
    if is_safe_plain(text) { text.to_owned() } else { quoted(text) }
}

/// Returns whether every YAML reader, old ones too, takes the bare text as text.
fn is_safe_plain(text: &str) -> bool {
    const OLD_WORDS: &[&str] = &["y", "n", "yes", "no", "on", "off"];
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/')
        && !text.ends_with([' ', ':'])
        && text.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !text.contains(": ")
        && !text.contains(" #")
        && kind_of(text) == ScalarKind::Text
        && !OLD_WORDS.contains(&text.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if must_escape(c) => out.push_str(&format!("\\U{:08x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Characters that YAML does not print, folds as line breaks, or that would
/// let a text look like another one.
fn must_escape(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}
