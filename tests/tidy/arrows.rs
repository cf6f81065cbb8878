//! Which package may depend on which, and what the core may depend on at all.

use std::collections::BTreeSet;

use cargo_metadata::{DependencyKind, MetadataCommand};

use crate::source::{Offence, root};

/// Each package, and those of ours that it may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("pinacle-protocol", &[]),
    ("pinacle-core", &["pinacle-protocol"]),
    ("pinacle-daemon", &["pinacle-core", "pinacle-protocol"]),
    ("pinacle-tui", &["pinacle-protocol"]),
    ("pinacle-tests", &["pinacle-core", "pinacle-daemon", "pinacle-protocol", "pinacle-tui"]),
];

/// What the core is built from: parsing, data and errors.
const CORE: &[&str] =
    &["pinacle-protocol", "saphyr-parser", "serde", "serde_json", "strsim", "thiserror"];

/// A dependency as a manifest has it.
struct Edge {
    from: String,
    to: String,
    kind: DependencyKind,
}

fn edges() -> Vec<Edge> {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .no_deps()
        .other_options(["--offline".to_owned()])
        .exec()
        .expect("the workspace's metadata");
    let packages = metadata.packages.iter();
    packages
        .flat_map(|package| {
            package.dependencies.iter().map(|dependency| Edge {
                from: package.name.to_string(),
                to: dependency.name.clone(),
                kind: dependency.kind,
            })
        })
        .collect()
}

/// Returns the dependencies that the arrows do not allow.
fn against_the_arrows(edges: &[Edge]) -> Vec<Offence> {
    let ours: BTreeSet<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    let mut offences = Vec::new();
    for edge in edges {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == edge.from) else {
            offences.push(offence(edge, "the package has no arrows in tests/tidy/arrows.rs yet"));
            continue;
        };
        let known = ours.contains(edge.to.as_str()) || edge.to.starts_with("pinacle");
        if known && !allowed.contains(&edge.to.as_str()) {
            offences.push(offence(edge, "protocol ← core ← daemon, protocol ← tui, tests → all"));
        }
    }
    offences
}

fn core_beyond_its_list(edges: &[Edge]) -> Vec<Offence> {
    edges
        .iter()
        .filter(|edge| edge.from == "pinacle-core" && edge.kind != DependencyKind::Development)
        .filter(|edge| !CORE.contains(&edge.to.as_str()))
        .map(|edge| offence(edge, "the core has no dependency that could do I/O"))
        .collect()
}

fn offence(edge: &Edge, why: &str) -> Offence {
    Offence { path: edge.from.clone(), line: 0, why: format!("depends on {}: {why}", edge.to) }
}

#[cfg(test)]
mod tests {
    use super::{DependencyKind, Edge, against_the_arrows, core_beyond_its_list, edges};
    use crate::source::accept;

    #[test]
    fn dependencies_point_one_way() {
        let edges = edges();
        assert!(edges.len() > 20, "only {} dependencies found", edges.len());
        accept(&against_the_arrows(&edges));
    }

    #[test]
    fn core_depends_on_nothing_that_does_io() {
        accept(&core_beyond_its_list(&edges()));
    }

    fn edge(from: &str, to: &str) -> Edge {
        Edge { from: from.to_owned(), to: to.to_owned(), kind: DependencyKind::Normal }
    }

    #[test]
    fn an_arrow_the_other_way_is_found() {
        let bad = [
            edge("pinacle-tui", "pinacle-core"),
            edge("pinacle-protocol", "pinacle-core"),
            edge("pinacle-new", "serde"),
        ];
        assert_eq!(against_the_arrows(&bad).len(), 3);
        assert_eq!(against_the_arrows(&[edge("pinacle-daemon", "pinacle-core")]), []);
    }

    #[test]
    fn tokio_in_the_core_is_found() {
        assert_eq!(core_beyond_its_list(&[edge("pinacle-core", "tokio")]).len(), 1);
        assert_eq!(core_beyond_its_list(&[edge("pinacle-core", "serde")]), []);
        assert_eq!(core_beyond_its_list(&[edge("pinacle-daemon", "tokio")]), []);
    }
}
