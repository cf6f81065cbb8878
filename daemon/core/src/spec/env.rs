//! Reads `env`. Nothing in here may put a value, or anything that might be
//! one, into a finding.

use std::collections::BTreeMap;

use super::fields::{self, Fields};
use super::names::is_env_name;
use super::report::Report;
use super::scalar::ScalarKind;
use super::tree::{Value, join};

/// Longest name and value together, in bytes: Linux gives no program more than 128 KiB in one
/// piece, with `=` and the end.
const MAX_VARIABLE: usize = 127 * 1024;

const EXAMPLE: &str = "env: {NODE_ENV: development}";

/// Reads the environment: names to text, with numbers and booleans as they are written.
pub(super) fn read(top: &Fields<'_>, report: &mut Report<'_>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let Some(at) = top.get("env", report) else {
        return env;
    };
    let Value::Map(entries) = &at.node.value else {
        fields::wrong_type(&at, "a mapping of names to values", EXAMPLE, report);
        return env;
    };
    for entry in entries {
        if !is_env_name(&entry.key) {
            report.error(
                entry.key_span,
                "env",
                "this is not a name for an environment variable",
                "write `NAME: value`; a name has letters, digits and `_`, and no digit first",
            );
            continue;
        }
        let path = join("env", &entry.key);
        let Value::Scalar(scalar) = &entry.value.value else {
            report.error(
                entry.value.span,
                &path,
                format!("`{path}` must be text, but is {}", entry.value.described()),
                "write it on one line, in quotes if it has brackets; JSON in single quotes",
            );
            continue;
        };
        if scalar.text.contains('\0') {
            report.error(
                entry.value.span,
                &path,
                format!("the value of `{path}` contains a NUL character"),
                "remove the escape \\0: no program can be given such a value",
            );
            continue;
        }
        if entry.key.len() + scalar.text.len() > MAX_VARIABLE {
            report.error(
                entry.value.span,
                &path,
                format!("the value of `{path}` is longer than {} KiB", MAX_VARIABLE / 1024),
                "put it into a file: no program can be given such a value",
            );
            continue;
        }
        let empty = scalar.kind == ScalarKind::Null;
        let value = if empty { String::new() } else { scalar.text.clone() };
        env.insert(entry.key.clone(), value);
    }
    env
}
