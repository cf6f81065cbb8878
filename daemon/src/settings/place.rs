//! Where in a settings file something is: its line, and the key as people write it.

use toml::de::{DeTable, DeValue};

/// A place in a settings file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// Counted from 1; `None` for what is in no line, such as a default.
    pub(super) line: Option<usize>,
    /// Dotted, `network.pool`.
    pub(super) key: Option<String>,
}

impl Place {
    /// Finds what is wrong at an offset in bytes.
    pub(super) fn at(text: &str, offset: usize) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = Some(before.matches('\n').count() + 1);
        let table = DeTable::parse(text).ok();
        Self { line, key: table.and_then(|table| key_at(table.get_ref(), offset)) }
    }

    /// Finds a dotted key; the nearest of its tables where it is not written itself.
    pub(super) fn of(text: &str, key: &str) -> Self {
        let found = DeTable::parse(text).ok().and_then(|table| offset_of(table.get_ref(), key));
        let line = found.map(|offset| Self::at(text, offset).line).unwrap_or_default();
        Self { line, key: Some(key.to_owned()) }
    }
}

fn key_at(table: &DeTable<'_>, offset: usize) -> Option<String> {
    table.iter().find_map(|(key, value)| {
        let name = key.get_ref();
        let below = match value.get_ref() {
            DeValue::Table(table) => key_at(table, offset),
            _ => None,
        };
        let is_here = key.span().contains(&offset) || value.span().contains(&offset);
        below.map(|rest| format!("{name}.{rest}")).or_else(|| is_here.then(|| name.to_string()))
    })
}

fn offset_of(table: &DeTable<'_>, key: &str) -> Option<usize> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(a, b)| (a, Some(b)));
    let (name, value) = table.iter().find(|(name, _)| name.get_ref() == first)?;
    let below = match (rest, value.get_ref()) {
        (Some(rest), DeValue::Table(table)) => offset_of(table, rest),
        _ => None,
    };
    Some(below.unwrap_or(name.span().start))
}
