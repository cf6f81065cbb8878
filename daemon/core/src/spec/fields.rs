//! Reads typed values out of the tree and says what is wrong with the others.

use std::rc::Rc;
use std::str::FromStr;

use pinacle_protocol::diagnostic::Span;

use super::report::Report;
use super::scalar::{self, ScalarKind};
use super::tree::{Entry, Node, Value, join, quoted_key};

/// Longest command, in bytes. Linux gives a program no word of 128 KiB or more, and what goes
/// through several shells grows on the way.
const MAX_COMMAND: usize = 64 * 1024;

/// A value and where it stands in the file and in the spec.
#[derive(Debug, Clone)]
pub(super) struct At<'n> {
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) node: &'n Node,
}

/// The keys one kind of mapping may have.
pub(super) struct Keys {
    /// What the mapping is, as in "a port".
    pub(super) what: &'static str,
    /// How it is written.
    pub(super) example: &'static str,
    /// The keys that mean something.
    pub(super) known: &'static [&'static str],
    /// Words other tools use, and the key meant here.
    pub(super) synonyms: &'static [(&'static str, &'static str)],
}

/// A mapping whose unknown keys have been reported.
pub(super) struct Fields<'n> {
    pub(super) path: String,
    pub(super) span: Span,
    entries: &'n [Entry],
    example: &'static str,
}

impl<'n> Fields<'n> {
    /// Opens a mapping; anything else is reported.
    pub(super) fn open(at: &At<'n>, keys: &Keys, report: &mut Report<'_>) -> Option<Self> {
        let Value::Map(entries) = &at.node.value else {
            wrong_type(at, keys.what, keys.example, report);
            return None;
        };
        let mut unknown =
            entries.iter().filter(|entry| !keys.known.contains(&entry.key.as_str())).peekable();
        if unknown.peek().is_some() {
            let normal: Vec<_> = keys.known.iter().map(|key| (*key, normalized(key))).collect();
            for entry in unknown {
                unknown_key(&at.path, entry, keys, &normal, report);
            }
        }
        Some(Self { path: at.path.clone(), span: at.span, entries, example: keys.example })
    }

    /// Returns the value of a key. A key without a value is reported and counts as not given.
    pub(super) fn get(&self, key: &str, report: &mut Report<'_>) -> Option<At<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        let path = join(&self.path, key);
        if entry.value.is_null() {
            report.warning(
                entry.key_span,
                &path,
                format!("`{key}` is empty and counts as not given"),
                "give it a value or remove it",
            );
            return None;
        }
        Some(At { path, span: entry.value.span, node: &entry.value })
    }

    /// Returns the value of a key that has two spellings, of which one may be used.
    pub(super) fn either(&self, key: &str, other: &str, report: &mut Report<'_>) -> Option<At<'n>> {
        let first = self.get(key, report);
        let second = self.get(other, report);
        if let (Some(_), Some(second)) = (&first, &second) {
            report.error(
                second.span,
                &second.path,
                format!("`{other}` and `{key}` mean the same and are both given"),
                format!("keep `{key}`"),
            );
        }
        first.or(second)
    }

    /// Returns the value of a key that must be there.
    pub(super) fn required(&self, key: &str, report: &mut Report<'_>) -> Option<At<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        if entry.is_none_or(|entry| entry.value.is_null()) {
            report.missing(
                entry.map_or(self.span, |entry| entry.key_span),
                &join(&self.path, key),
                format!("`{key}` is missing"),
                format!("write e.g. `{}`", self.example),
            );
            return None;
        }
        self.get(key, report)
    }

    /// Returns whether a key stands there, with or without a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }
}

/// `known` pairs the keys with what they are compared as.
fn unknown_key(
    path: &str,
    entry: &Entry,
    keys: &Keys,
    known: &[(&'static str, String)],
    report: &mut Report<'_>,
) {
    let key = entry.key.as_str();
    if key.starts_with("x-") {
        return;
    }
    if report.is_full() {
        report.warning(entry.key_span, "", "", "");
        return;
    }
    let shown_key = quoted_key(path, key);
    let full_path = join(path, key);
    if let Some(meant) = closest_key(key, known) {
        report.error(
            entry.key_span,
            &full_path,
            format!("unknown key {shown_key}"),
            format!("did you mean `{meant}`? A key of your own starts with `x-`"),
        );
        return;
    }
    let normal = normalized(key);
    let hint = match keys.synonyms.iter().find(|(word, _)| normalized(word) == normal) {
        Some((_, meant)) => format!("did you mean `{meant}`?"),
        None => format!("known keys here: {}", keys.known.join(", ")),
    };
    report.warning(entry.key_span, &full_path, format!("unknown key {shown_key} is ignored"), hint);
}

/// Returns the known key a misspelt one is within two edits of; within one when it is short.
fn closest_key(key: &str, known: &[(&'static str, String)]) -> Option<&'static str> {
    let limit = if key.len() <= 3 { 1 } else { 2 };
    closest(&normalized(key), known, limit)
}

fn normalized(key: &str) -> String {
    key.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}

fn closest(word: &str, known: &[(&'static str, String)], limit: usize) -> Option<&'static str> {
    // Words whose lengths differ by more are further apart than the limit, and
    // the distance itself is quadratic in the lengths.
    known
        .iter()
        .filter(|(_, text)| text.len().abs_diff(word.len()) <= limit)
        .map(|(item, text)| (strsim::osa_distance(word, text), *item))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, item)| item)
}

/// Reports a value of the wrong kind. `wanted` has its article.
pub(super) fn wrong_type(at: &At<'_>, wanted: &str, example: &str, report: &mut Report<'_>) {
    let subject = match at.path.as_str() {
        "" => "the file".to_owned(),
        path => format!("`{path}`"),
    };
    report.error(
        at.span,
        &at.path,
        format!("{subject} must be {wanted}, but is {}", at.node.described()),
        format!("write e.g. `{example}`"),
    );
}

/// Reads text. Numbers and booleans are refused, since YAML would rewrite them.
pub(super) fn text<'n>(at: &At<'n>, example: &str, report: &mut Report<'_>) -> Option<&'n str> {
    let Value::Scalar(scalar) = &at.node.value else {
        wrong_type(at, "text", example, report);
        return None;
    };
    match scalar.kind {
        ScalarKind::Null => wrong_type(at, "text", example, report),
        ScalarKind::Bool | ScalarKind::Number => report.error(
            at.span,
            &at.path,
            format!("`{}` must be text, but is {}", at.path, at.node.described()),
            format!("put {} in double quotes", report.quoted(&scalar.text)),
        ),
        ScalarKind::Text if scalar.text.contains('\0') => report.error(
            at.span,
            &at.path,
            format!("`{}` contains a NUL character", at.path),
            "remove the escape \\0",
        ),
        ScalarKind::Text => return Some(&scalar.text),
    }
    None
}

/// Reads text of one line that is not blank, without control characters.
pub(super) fn line<'n>(
    at: &At<'n>,
    max_chars: usize,
    example: &str,
    report: &mut Report<'_>,
) -> Option<&'n str> {
    let value = text(at, example, report)?;
    let problem = if value.trim().is_empty() {
        "is blank".to_owned()
    } else if value.chars().count() > max_chars {
        format!("is longer than {max_chars} characters")
    } else if value.chars().any(char::is_control) {
        "contains a line break or another control character".to_owned()
    } else {
        return Some(value);
    };
    report.error(
        at.span,
        &at.path,
        format!("`{}` {problem}", at.path),
        format!("write e.g. `{example}`"),
    );
    None
}

/// Reads a shell command, which may have several lines.
pub(super) fn command(at: &At<'_>, example: &str, report: &mut Report<'_>) -> Option<String> {
    let value = text(at, example, report)?;
    if value.trim().is_empty() {
        report.error(
            at.span,
            &at.path,
            format!("`{}` is a blank command", at.path),
            format!("write e.g. `{example}`, or remove it"),
        );
        return None;
    }
    fits(at, value, report).then(|| value.to_owned())
}

/// Returns whether a shell can be given the command; reports one that is too long.
fn fits(at: &At<'_>, command: &str, report: &mut Report<'_>) -> bool {
    let fits = command.len() <= MAX_COMMAND;
    if !fits {
        report.error(
            at.span,
            &at.path,
            format!("`{}` is longer than {} KiB", at.path, MAX_COMMAND / 1024),
            "put it into a file of the project, and run that",
        );
    }
    fits
}

/// Reads a command or a list of commands that run one after the other.
pub(super) fn commands(at: &At<'_>, example: &str, report: &mut Report<'_>) -> Vec<String> {
    match &at.node.value {
        Value::List(items) => {
            elements(at, items).filter_map(|item| command(&item, example, report)).collect()
        }
        Value::Map(_) => {
            wrong_type(at, "text or a list of texts", example, report);
            Vec::new()
        }
        Value::Scalar(_) => command(at, example, report).into_iter().collect(),
    }
}

/// Reads a command or a list, joined to run each only when the one before succeeded.
pub(super) fn joined(at: &At<'_>, example: &str, report: &mut Report<'_>) -> Option<String> {
    let commands = commands(at, example, report);
    let joined = commands.join(" && ");
    (!commands.is_empty() && fits(at, &joined, report)).then_some(joined)
}

/// Reads a list; anything else is reported.
pub(super) fn list<'n>(at: &At<'n>, example: &str, report: &mut Report<'_>) -> Vec<At<'n>> {
    if let Value::List(items) = &at.node.value {
        return elements(at, items).collect();
    }
    wrong_type(at, "a list", example, report);
    Vec::new()
}

fn elements<'n>(at: &At<'n>, items: &'n [Rc<Node>]) -> impl Iterator<Item = At<'n>> {
    items.iter().enumerate().map(|(index, node)| At {
        path: format!("{}[{index}]", at.path),
        span: node.span,
        node,
    })
}

/// Reads a whole decimal number, quoted or not, in a range with both ends.
pub(super) fn number(
    at: &At<'_>,
    (low, high): (u32, u32),
    what: &str,
    report: &mut Report<'_>,
) -> Option<u32> {
    let Value::Scalar(scalar) = &at.node.value else {
        wrong_type(at, what, &low.to_string(), report);
        return None;
    };
    let value = scalar::whole(&scalar.text).and_then(|n| u32::try_from(n).ok());
    if let Some(value) = value.filter(|value| (low..=high).contains(value)) {
        return Some(value);
    }
    let text = scalar.text.trim_start_matches(['-', '+']);
    let hint =
        if text.len() > 1 && text.starts_with('0') && scalar::kind_of(text) == ScalarKind::Number {
            "write it in decimal without a leading zero, which YAML readers disagree about"
                .to_owned()
        } else {
            format!("write a whole number from {low} to {high}")
        };
    report.error(
        at.span,
        &at.path,
        format!("{} is not {what} from {low} to {high}", report.quoted(&scalar.text)),
        hint,
    );
    None
}

/// Reads a word of a catalogue.
pub(super) fn word<T: FromStr + Copy>(
    at: &At<'_>,
    what: &str,
    all: &[(T, &'static str)],
    report: &mut Report<'_>,
) -> Option<T> {
    let example = all.first().map_or("", |(_, word)| word);
    let value = text(at, example, report)?;
    if let Ok(id) = value.parse() {
        return Some(id);
    }
    if report.is_full() {
        report.error(at.span, "", "", "");
        return None;
    }
    let words: Vec<(&'static str, String)> =
        all.iter().map(|(_, word)| (*word, normalized(word))).collect();
    let normal = normalized(value);
    let limit = if normal.len() <= 3 { 1 } else { 3 };
    let meant = closest(&normal, &words, limit).or_else(|| {
        let part_of =
            |(_, word): &&(&'static str, String)| normal.len() > 1 && word.contains(&normal);
        words.iter().find(part_of).map(|(word, _)| *word)
    });
    let all: Vec<&str> = all.iter().map(|(_, word)| *word).collect();
    let known = format!("known: {}", all.join(", "));
    report.error(
        at.span,
        &at.path,
        format!("{} is not a known {what}", report.quoted(value)),
        meant.map_or(known.clone(), |meant| format!("did you mean `{meant}`? {known}")),
    );
    None
}
