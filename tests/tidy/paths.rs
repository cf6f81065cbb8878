//! Which paths a source names, in `use` trees or in full.

use crate::code::{Source, is_word, words};

/// Offsets at which a path of a crate is named: `std::fs` finds `std::fs::read`,
/// `use std::{fs, io}` and `use std::fs as files`, and not `crate::std::fs`.
pub(crate) fn named(source: &Source, path: &str) -> Vec<usize> {
    let uses = uses(&source.code);
    let inside = |at: usize| uses.iter().any(|tree| tree.start <= at && at < tree.end);
    let krate = !path.contains("::");
    let plain = words(&source.code, path).filter(|&at| {
        let before = source.code[..at].trim_end();
        let root = !before.ends_with("::") || !ends_a_path(before.trim_end_matches(':'));
        // A crate's name alone may be a variable's too.
        let is_path = !krate || source.code[at + path.len()..].starts_with("::");
        root && is_path && !inside(at)
    });
    let mut found: Vec<usize> = plain.collect();
    for tree in &uses {
        let leaves = tree.leaves.iter().filter(|(_, leaf)| {
            leaf == path || leaf.strip_prefix(path).is_some_and(|rest| rest.starts_with("::"))
        });
        found.extend(leaves.map(|(at, _)| *at));
    }
    found.sort_unstable();
    found
}

/// Whether what stands before `::` is a word or generics, so that it is no root.
fn ends_a_path(before: &str) -> bool {
    before.bytes().last().is_some_and(|byte| is_word(byte) || byte == b'>')
}

struct Use {
    start: usize,
    end: usize,
    /// Every path of the tree in full, without `as`, and where it ends in the source.
    leaves: Vec<(usize, String)>,
}

fn uses(code: &str) -> Vec<Use> {
    let statement = |start: usize| {
        let before = code[..start].trim_end();
        let item = before.is_empty()
            || before.ends_with([';', '{', '}', ']', ')'])
            || before.ends_with("pub");
        let end = start + code[start..].find(';')?;
        let mut leaves = Vec::new();
        expand(code, start + 3, end, "", &mut leaves);
        item.then_some(Use { start, end, leaves })
    };
    words(code, "use").filter_map(statement).collect()
}

/// Takes one tree apart, between two offsets.
fn expand(code: &str, start: usize, end: usize, prefix: &str, leaves: &mut Vec<(usize, String)>) {
    let text = &code[start..end];
    let begin = start + text.len() - text.trim_start().len();
    let Some(open) = text.find('{') else {
        let path = text.split(" as ").next().unwrap_or_default();
        let path: String = path.split_whitespace().collect();
        let path = path.strip_prefix("::").unwrap_or(&path);
        let whole = match path {
            "self" => prefix.trim_end_matches("::").to_owned(),
            path => format!("{prefix}{path}"),
        };
        if !path.is_empty() {
            leaves.push((begin, whole));
        }
        return;
    };
    let head: String = text[..open].split_whitespace().collect();
    let prefix = format!("{prefix}{}", head.strip_prefix("::").unwrap_or(&head));
    let close = text.rfind('}').unwrap_or(text.len());
    let mut depth = 0_i32;
    let mut from = start + open + 1;
    for (i, byte) in text.bytes().enumerate().take(close).skip(open + 1) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            b',' if depth == 0 => {
                expand(code, from, start + i, &prefix, leaves);
                from = start + i + 1;
            }
            _ => {}
        }
    }
    expand(code, from, start + close, &prefix, leaves);
}

#[cfg(test)]
mod tests {
    use super::named;
    use crate::code::Source;

    fn lines(text: &str, path: &str) -> Vec<usize> {
        let source = Source::new("a.rs", text);
        named(&source, path).iter().map(|at| crate::code::line_of(text, *at)).collect()
    }

    #[test]
    fn a_path_is_found_however_it_is_written() {
        let text = "use std::{\n    collections::{BTreeMap, btree_map},\n    fs,\n};\n\
                    pub(crate) use std::fs::{self, read as slurp};\nlet x = std::fs::read(p);\n\
                    let y = ::std::fs::read(p);\nuse std::fs as files;\n";
        assert_eq!(lines(text, "std::fs"), [3, 5, 5, 6, 7, 8]);
    }

    #[test]
    fn what_only_looks_alike_is_not_found() {
        let text = "use crate::std::fs;\nuse std::fsync;\nlet a = my::std::fs::read();\n// std::fs\nlet s = \"std::fs\";\n\
                    mod sled;\nlet sled = 1;\nself::sled::open();\n";
        assert_eq!(lines(text, "std::fs"), Vec::<usize>::new());
        assert_eq!(lines(text, "sled"), Vec::<usize>::new());
        assert_eq!(lines("let db = sled::open(p);\nuse sled;\n", "sled"), [1, 2]);
    }
}
