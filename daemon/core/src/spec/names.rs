//! The grammars of names: slugs, users, images, environment variables.

use super::catalogue::ServiceId;
use super::model::Process;

/// The longest slug. `localhost-65535-pod-` takes 20 of a DNS label's 63
/// characters; the rest is room for what a proxy may put in front.
pub(super) const MAX_SLUG: usize = 40;

/// Makes a slug of a name for people: lower case, runs of anything but
/// letters and digits become one dash, cut at 40 characters.
///
/// Returns `None` when no ASCII letter or digit is left.
pub fn slugify(name: &str) -> Option<String> {
    let mut slug = String::new();
    for c in name.chars() {
        if slug.len() == MAX_SLUG {
            break;
        }
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.truncate(slug.trim_end_matches('-').len());
    (!slug.is_empty()).then_some(slug)
}

/// Returns whether `text` may be a slug as it stands.
pub(super) fn is_slug(text: &str) -> bool {
    (1..=MAX_SLUG).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

impl Process {
    /// Returns its name for the pod's supervisor: `[a-z0-9-]`, at most 48
    /// characters, and never that of a service or of the pod's own programs.
    ///
    /// A name without ASCII letters or digits gets a number made of it.
    pub fn supervisor_name(&self) -> String {
        match slugify(&self.name) {
            None => format!("process-{:08x}", fnv1a(self.name.as_bytes())),
            Some(slug) if is_taken(&slug) => format!("{slug}-process"),
            Some(slug) => slug,
        }
    }
}

fn is_taken(slug: &str) -> bool {
    matches!(slug, "nginx" | "supervisord" | "sshd" | "init" | "all")
        || slug.parse::<ServiceId>().is_ok()
}

/// A 32-bit FNV-1a: the name must be the same in every run and on every machine.
fn fnv1a(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

/// Returns whether `text` may be one of `hosts`: a name of the DNS in lower case that is no
/// address, and not among the names that every pod has.
pub(super) fn is_extra_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(is_label)
        && last != "localhost"
        && !last.bytes().all(|b| b.is_ascii_digit())
}

/// Returns whether `text` may name an environment variable.
pub(super) fn is_env_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 255
        && bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Returns whether `text` may name a unix user.
pub(super) fn is_user(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 32
        && bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

/// Returns whether `text` may name a port.
pub(super) fn is_port_name(text: &str) -> bool {
    (1..=MAX_SLUG).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

/// Returns whether `text` is an image reference: `[registry[:port]/]path[:tag][@digest]`.
pub(super) fn is_image(text: &str) -> bool {
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    let (name, tag) = match rest.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (rest, None),
    };
    let (registry, path) = match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => {
            (Some(first), path)
        }
        _ => (None, name),
    };
    name.len() <= 255
        && digest.is_none_or(is_digest)
        && tag.is_none_or(is_tag)
        && registry.is_none_or(is_registry)
        && path.split('/').all(is_path_component)
}

fn is_digest(text: &str) -> bool {
    text.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

fn is_tag(text: &str) -> bool {
    (1..=128).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        && host.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}

/// Lower-case words joined by one dot, one or two underscores, or dashes.
fn is_path_component(text: &str) -> bool {
    let is_word = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    is_word(*first)
        && is_word(*last)
        && bytes.iter().all(|b| is_word(*b) || b"._-".contains(b))
        && text.split(|c: char| c.is_ascii_alphanumeric()).all(|separator| {
            matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn image_references_follow_the_registry_grammar() {
        for good in [
            "alpine",
            "alpine:3.22.1",
            "pinacledev/pinacle-base",
            "ghcr.io/a/b__c:v1",
            "localhost:5000/x/y:tag",
            "a--b.c/d@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ] {
            assert!(is_image(good), "{good}");
        }
        for bad in [
            "",
            "Alpine",
            "a b",
            "a:",
            ":a",
            "a@sha256:12",
            "a..b",
            "a___b",
            "-a",
            "a/",
            "/a",
            "a//b",
            "a:-x",
            "host.io:99999/a",
            "https://x/y",
            "a;rm",
        ] {
            assert!(!is_image(bad), "{bad}");
        }
    }

    #[test]
    fn extra_hosts_are_names_that_are_not_every_pods() {
        for good in ["blog.example.com", "devbox", "a-b.c1", "xn--bcher-kva.example", "1.example"] {
            assert!(is_extra_host(good), "{good}");
        }
        let long = format!("{}.example", "a".repeat(64));
        for bad in [
            "",
            "Blog.example",
            "a..b",
            "-a.b",
            "a-.b",
            "*.example.com",
            "a.b:80",
            "localhost",
            "localhost-3000.pod-x.localhost",
            "127.0.0.1",
            "10.1",
            "[::1]",
            "a b",
            "a\"b",
            &long,
        ] {
            assert!(!is_extra_host(bad), "{bad}");
        }
    }

    #[test]
    fn slugs_are_dns_labels() {
        assert_eq!(slugify("My  Blog!").as_deref(), Some("my-blog"));
        assert_eq!(slugify("--- ünï ---").as_deref(), Some("n"));
        assert_eq!(slugify("日本"), None);
        assert_eq!(slugify(&"a ".repeat(40)).map(|s| s.len()), Some(39));
        assert!(is_slug("a-b") && is_slug("a--b") && is_slug("0"));
        assert!(!is_slug("") && !is_slug("-a") && !is_slug("a-") && !is_slug("A"));
        assert!(!is_slug(&"a".repeat(41)) && is_slug(&"a".repeat(40)));
    }

    #[test]
    fn supervisor_names_avoid_services() {
        let named = |name: &str| Process {
            name: name.to_owned(),
            display_name: None,
            start_command: "x".to_owned(),
            url: None,
            health_check: None,
        };
        assert_eq!(named("My App").supervisor_name(), "my-app");
        assert_eq!(named("Redis").supervisor_name(), "redis-process");
        assert_eq!(named("nginx").supervisor_name(), "nginx-process");
        let odd = named("日本").supervisor_name();
        assert!(odd.starts_with("process-") && odd != named("中国").supervisor_name());
    }
}
