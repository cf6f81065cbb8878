//! A mapping while it is read: keys are words, unique, and `<<` merges.

use std::collections::HashMap;
use std::rc::Rc;

use pinacle_protocol::diagnostic::Span;

use super::{Entry, Node, Value};
use crate::spec::names::is_env_name;
use crate::spec::report::{Report, shown};
use crate::spec::scalar::ScalarKind;

#[derive(Default)]
pub(super) struct OpenMap {
    entries: Vec<Entry>,
    /// Line of each key seen.
    pub(super) lines: HashMap<String, u32>,
    pub(super) merges: Vec<Rc<Node>>,
    pub(super) pending: Option<Pending>,
}

/// A key that waits for its value.
pub(super) enum Pending {
    Keep(String, Span),
    Merge,
    /// Refused; its value is dropped.
    Drop,
}

impl OpenMap {
    pub(super) fn add(
        &mut self,
        node: Rc<Node>,
        plain: bool,
        path_of_duplicate: Option<String>,
        report: &mut Report<'_>,
    ) {
        match self.pending.take() {
            None => {
                self.pending = Some(self.key(&node, plain, path_of_duplicate, report));
            }
            Some(Pending::Keep(key, key_span)) => {
                self.entries.push(Entry { key, key_span, value: node });
            }
            Some(Pending::Merge) => self.merges.push(node),
            Some(Pending::Drop) => {}
        }
    }

    fn key(
        &mut self,
        node: &Node,
        plain: bool,
        path_of_duplicate: Option<String>,
        report: &mut Report<'_>,
    ) -> Pending {
        let Value::Scalar(scalar) = &node.value else {
            report.error(
                node.span,
                "",
                format!("a key must be a word, but this is {}", node.described()),
                "write `key: value`",
            );
            return Pending::Drop;
        };
        if plain && scalar.text == "<<" {
            return Pending::Merge;
        }
        if scalar.kind == ScalarKind::Null {
            report.error(node.span, "", "a key is missing before the `:`", "write `key: value`");
            return Pending::Drop;
        }
        if let Some(path) = path_of_duplicate {
            let first = self.lines.get(&scalar.text).copied().unwrap_or_default();
            report.error(
                node.span,
                &join(&path, &scalar.text),
                format!(
                    "{} is given twice, first on line {first}",
                    quoted_key(&path, &scalar.text)
                ),
                "remove one of the two",
            );
            return Pending::Drop;
        }
        self.lines.insert(scalar.text.clone(), node.span.line);
        Pending::Keep(scalar.text.clone(), node.span)
    }

    /// Applies `<<`: keys of this mapping go first, then those of earlier merges.
    pub(super) fn finish(mut self, report: &mut Report<'_>) -> Vec<Entry> {
        for merge in std::mem::take(&mut self.merges) {
            match &merge.value {
                Value::Map(entries) => self.merge(entries),
                Value::List(items) if items.iter().all(|i| matches!(i.value, Value::Map(_))) => {
                    for item in items {
                        if let Value::Map(entries) = &item.value {
                            self.merge(entries);
                        }
                    }
                }
                _ => report.error(
                    merge.span,
                    "",
                    format!("`<<` takes a mapping, but this is {}", merge.described()),
                    "write `<<: *name` with an anchor on a mapping, or remove it",
                ),
            }
        }
        self.entries
    }

    fn merge(&mut self, entries: &[Entry]) {
        for entry in entries {
            if !self.lines.contains_key(&entry.key) {
                self.lines.insert(entry.key.clone(), entry.key_span.line);
                self.entries.push(entry.clone());
            }
        }
    }
}

/// Appends a key to a path. A key that cannot be a name is left out: where
/// `env` is mistyped it may hold a value.
pub(in crate::spec) fn join(path: &str, key: &str) -> String {
    if !is_quotable(path, key) {
        return path.to_owned();
    }
    let key = shown(key);
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Returns the key in backticks, or a stand-in when it may hold a value of `env`.
pub(in crate::spec) fn quoted_key(path: &str, key: &str) -> String {
    if is_quotable(path, key) { format!("`{}`", shown(key)) } else { "this key".to_owned() }
}

fn is_quotable(path: &str, key: &str) -> bool {
    match path {
        "env" => is_env_name(key),
        path if path.starts_with("env.") || path.starts_with("env[") => false,
        _ => !key.contains('='),
    }
}
