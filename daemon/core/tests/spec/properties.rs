//! What holds for every spec and every text.

use std::collections::BTreeMap;
use std::time::Duration;

use pinacle_core::spec::{
    HealthCheck, Hooks, Isolation, PodSpec, PortSpec, Probe, Process, PublishAddress, Resources,
    ServiceId, Tab, TemplateId, Tier, diff, parse, slugify,
};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::{assert_consistent, render};

/// Text that YAML finds hard: quotes, breaks, marks, words of other types.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(
            &[
                "yes", "1.0", "~", "null", "- a", "a: b", "a #b", "*x", "&x", "!x", "%x", "@x",
                "<<", "0x1f", "a:", "'", "\"", "true", "|\n", "---", "...", "=", "?"
            ][..]
        )
        .prop_map(str::to_owned),
        "[a-z][a-z ./:&|#-]{0,30}[a-z]",
        any::<String>(),
        "[ -~\n\t\r\u{85}\u{a0}\u{2028}\u{feff}✨é\u{7f}]{1,20}",
    ]
    .prop_filter("no NUL, not blank", |text| !text.contains('\0') && !text.trim().is_empty())
}

fn line() -> impl Strategy<Value = String> {
    text()
        .prop_map(|text| {
            text.chars().map(|c| if c.is_control() { '.' } else { c }).take(60).collect::<String>()
        })
        .prop_filter("not blank", |text| !text.trim().is_empty())
}

fn url() -> impl Strategy<Value = String> {
    prop_oneof![
        (1_u16..).prop_map(|port| format!("http://localhost:{port}/a?b#c")),
        Just("https://example.com:1/x".to_owned()),
    ]
}

fn processes() -> impl Strategy<Value = Vec<Process>> {
    let process = (line(), option::of(line()), text(), option::of(url()), option::of(text()))
        .prop_map(|(name, display_name, start_command, url, health_check)| Process {
            name,
            display_name,
            start_command,
            url,
            health_check,
        });
    vec(process, 0..4).prop_map(|mut processes| {
        let mut seen = Vec::new();
        processes.retain(|process| {
            let name = process.supervisor_name();
            let fresh = !seen.contains(&name);
            seen.push(name);
            fresh
        });
        processes
    })
}

fn services() -> impl Strategy<Value = Vec<ServiceId>> {
    proptest::sample::subsequence(ServiceId::all().to_vec(), 0..=6).prop_map(|mut services| {
        let mut assistants = 0;
        services.retain(|service| {
            assistants += usize::from(service.is_assistant());
            !service.is_assistant() || assistants == 1
        });
        services
    })
}

fn ports() -> impl Strategy<Value = Vec<PortSpec>> {
    // Above every service's port, so that none collides.
    btree_map(10_000_u16.., option::of("[a-z][a-z0-9_-]{0,20}"), 0..5).prop_map(|ports| {
        let mut names = Vec::new();
        ports
            .into_iter()
            .map(|(port, name)| {
                let name = name.filter(|name| !names.contains(name));
                names.extend(name.clone());
                PortSpec { name, port }
            })
            .collect()
    })
}

fn resources() -> impl Strategy<Value = Resources> {
    (
        option::of(50_u32..=256_000),
        option::of(128_u32..=4_194_304),
        option::of(1_u32..=65_536),
        option::of(64_u32..=4_194_304),
        option::of(1024_u32..=1_048_576),
    )
        .prop_map(|(cpu_milli, memory_mib, storage_gib, pids, nofile)| Resources {
            cpu_milli,
            memory_mib,
            storage_gib,
            pids,
            nofile,
        })
}

fn health_checks() -> impl Strategy<Value = Vec<HealthCheck>> {
    let probe = prop_oneof![
        text().prop_map(Probe::Command),
        ("/[!-~é]{0,20}", 1_u16..).prop_map(|(path, port)| Probe::Http { path, port }),
    ];
    let ms = |low: u64| (low..=3_600_000).prop_map(Duration::from_millis);
    let check = (option::of(line()), probe, ms(1000), ms(100), 1_u32..=100, ms(0)).prop_map(
        |(name, probe, interval, timeout, retries, delay)| HealthCheck {
            name,
            probe,
            interval,
            timeout,
            retries,
            delay,
        },
    );
    vec(check, 0..3).prop_map(|mut checks| {
        let mut names = Vec::new();
        for check in &mut checks {
            check.name = check.name.take().filter(|name| !names.contains(name));
            names.extend(check.name.clone());
        }
        checks
    })
}

fn tabs() -> impl Strategy<Value = Vec<Tab>> {
    let tab = (line(), option::of(select(ServiceId::all().to_vec())), option::of(url()))
        .prop_map(|(name, service, url)| Tab { name, service, url });
    vec(tab, 0..3)
}

fn env(values: impl Strategy<Value = String>) -> impl Strategy<Value = BTreeMap<String, String>> {
    btree_map("[A-Za-z_][A-Za-z0-9_]{0,12}", values, 0..5)
}

fn spec() -> impl Strategy<Value = PodSpec> {
    let what = (
        option::of(line()),
        option::of("[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?"),
        select(Tier::all().to_vec()),
        resources(),
        services(),
        option::of(select(TemplateId::all().to_vec())),
        option::of(Just("ghcr.io/a/b:1".to_owned())),
        option::of(text()),
    );
    let runs = (
        processes(),
        tabs(),
        env(prop_oneof![Just(String::new()), text()]),
        ports(),
        (vec(text(), 0..3), vec(text(), 0..3)),
        health_checks(),
    );
    let place = (
        option::of("(/[a-z .:#'é-]{1,8}){1,3}".prop_filter("no ..", |p| !p.contains(".."))),
        option::of("[a-z_][a-z0-9_-]{0,31}"),
        select(vec![Isolation::Gvisor, Isolation::Runc]),
        option::of(any::<std::net::IpAddr>().prop_map(PublishAddress)),
        btree_set("[a-z0-9]{1,8}\\.(x-[a-z]{1,4}|[a-z]{2,6})", 0..3),
    );
    (what, runs, place).prop_map(|(what, runs, place)| PodSpec {
        name: what.0,
        slug: what.1,
        tier: what.2,
        resources: what.3,
        services: what.4,
        template: what.5,
        base_image: what.6,
        install: what.7,
        processes: runs.0,
        tabs: runs.1,
        env: runs.2,
        ports: runs.3,
        hooks: Hooks { pre_start: runs.4.0, post_start: runs.4.1 },
        health_checks: runs.5,
        working_dir: place.0,
        user: place.1,
        isolation: place.2,
        publish: place.3,
        hosts: place.4.into_iter().collect(),
    })
}

/// Every span lies inside the text, whose lines end as YAML's do.
fn spans_lie_inside(text: &str, bytes: &[u8]) {
    let parsed = parse(bytes);
    assert_consistent(&parsed);
    let text =
        text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<u32> =
        text.split('\n').map(|line| u32::try_from(line.chars().count()).unwrap()).collect();
    for d in &parsed.diagnostics {
        for (line, column) in [(d.span.line, d.span.column), (d.span.end_line, d.span.end_column)] {
            let length = lines.get(line as usize - 1).copied();
            assert!(length.is_some_and(|n| (1..=n + 1).contains(&column)), "{d:?} in {text:?}");
        }
    }
}

/// A file with every key, for mutation.
const FULL: &str = include_str!("corpus/everything.yaml");

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_written_spec_reads_back_equal(spec in spec()) {
        let yaml = spec.to_yaml();
        let parsed = parse(yaml.as_bytes());
        let rendered = render(&parsed.diagnostics);
        prop_assert_eq!(parsed.spec, Some(spec), "{}\n{}", rendered, yaml);
    }

    #[test]
    fn a_stored_spec_reads_back_equal(spec in spec()) {
        let json = serde_json::to_string(&spec).unwrap();
        prop_assert_eq!(serde_json::from_str::<PodSpec>(&json).unwrap(), spec);
    }

    #[test]
    fn a_spec_does_not_differ_from_itself(spec in spec()) {
        prop_assert!(diff(&spec, &spec).is_empty());
        prop_assert!(diff(&spec, &spec.clone()).restarts().is_empty());
    }

    #[test]
    fn a_diff_shows_no_env_value(
        (old, new) in (spec(), spec()),
        (a, b) in (env("sec-[0-9]{12}"), env("sec-[0-9]{12}")),
    ) {
        let values: Vec<String> = a.values().chain(b.values()).cloned().collect();
        let shown = format!("{:?}", diff(&PodSpec { env: a.clone(), ..old.clone() }, &PodSpec { env: b, ..new }));
        let debug = format!("{:?}", PodSpec { env: a, ..old });
        for value in values {
            prop_assert!(!shown.contains(&value) && !debug.contains(&value));
        }
    }

    #[test]
    fn findings_show_no_env_value(at in any::<Index>(), junk in "[\\[\\]{}:,#&*!|>'\"%@` \n\t-]{1,3}") {
        let mut text = FULL.to_owned();
        // Inside a value or its name the edit would make a key or another value of it.
        let is_value = |at: usize| {
            let line = text[..at].matches('\n').count();
            text.lines().nth(line).unwrap_or_default().contains("hush")
        };
        let places: Vec<usize> =
            text.char_indices().map(|(at, _)| at).filter(|at| !is_value(*at)).collect();
        let at = *at.get(&places);
        text.insert_str(at, &junk);
        let rendered = render(&parse(text.as_bytes()).diagnostics);
        prop_assert!(!rendered.contains("hush"), "{}", rendered);
    }

    #[test]
    fn any_bytes_are_survived(bytes in vec(any::<u8>(), 0..400)) {
        assert_consistent(&parse(&bytes));
    }

    #[test]
    fn any_text_is_survived(text in "(\\PC|[\n\r\t\u{feff}]){0,200}") {
        spans_lie_inside(&text, text.as_bytes());
    }

    #[test]
    fn any_row_of_yaml_marks_is_survived(
        tokens in vec(select(&[
            "a", "env", "ports", "processes", "name", ":", ": ", "- ", "-", "? ", "[", "]", "{", "}", ",", "\n", "\n ", "\n  ",
            "\n\t", "\r", "\r\n", "#", " #", "&a ", "*a", "<<: ", "!x ", "!!str ", "|", ">", "|-\n", "\"", "'", "\\", "%YAML 1.2",
            "---", "...", "\n---\n", "~", "80", "3000", "1.5", "é", "\u{feff}", "\u{85}", "\u{2028}", "\t", " ", "x-a: ", "version: 1.0\n",
        ][..]), 0..60)
    ) {
        let text = tokens.concat();
        spans_lie_inside(&text, text.as_bytes());
    }

    #[test]
    fn a_damaged_file_is_survived(
        edits in vec((any::<Index>(), any::<Index>(), 0_u8..5, any::<char>()), 1..6)
    ) {
        let mut chars: Vec<char> = FULL.chars().collect();
        for (from, to, kind, c) in edits {
            if chars.is_empty() { break; }
            let (from, to) = (from.index(chars.len()), to.index(chars.len()));
            match kind {
                0 => chars[from] = c,
                1 => chars.insert(from, c),
                2 => { chars.remove(from); }
                3 => { let piece: Vec<char> = chars[from.min(to)..from.max(to)].iter().copied().take(80).collect(); chars.splice(to..to, piece); }
                _ => chars.truncate(from.max(1)),
            }
        }
        let text: String = chars.into_iter().collect();
        spans_lie_inside(&text, text.as_bytes());
    }

    #[test]
    fn a_slug_is_accepted_as_a_slug(name in any::<String>()) {
        if let Some(slug) = slugify(&name) {
            let parsed = parse(format!("slug: \"{slug}\"").as_bytes());
            prop_assert_eq!(parsed.spec.and_then(|spec| spec.slug), Some(slug));
        }
    }
}
