//! Every path that code names: as written, and as a `use` with braces spells it
//! out, so that `use std::{fs, env}` hides nothing.

use crate::source::{File, line_of};

/// Returns what the code names, each with its line: all lines without spaces,
/// and each path of a `use` in full.
pub(crate) fn named(file: &File) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = file
        .code_lines()
        .map(|(line, code)| (line, code.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    for (at, _) in file.code.match_indices("use ") {
        if file.code[..at].chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let Some(end) = file.code[at..].find(';') else { continue };
        let tree: String =
            file.code[at + 4..at + end].split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line_of(&file.code, at);
        if tree.contains('{') {
            found.extend(spelled_out(&tree).into_iter().map(|path| (line, path)));
        }
    }
    found
}

/// Returns the paths of a tree such as `a::{b, c::{d, e}}`.
fn spelled_out(tree: &str) -> Vec<String> {
    let Some(open) = tree.find('{') else { return vec![tree.trim().to_owned()] };
    let close = tree.rfind('}').unwrap_or(tree.len());
    let prefix = tree[..open].trim();
    branches(&tree[open + 1..close])
        .into_iter()
        .flat_map(spelled_out)
        .filter(|rest| !rest.is_empty())
        .map(|rest| format!("{prefix}{rest}"))
        .collect()
}

/// Splits at the commas that are in no braces.
fn branches(list: &str) -> Vec<&str> {
    let (mut depth, mut begin, mut found) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&list[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    found.push(&list[begin..]);
    found
}

/// Returns whether `word` occurs in `code` as a word, not within a longer one.
pub(crate) fn has_word(code: &str, word: &str) -> bool {
    let part_of_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (first, last) = (word.chars().next(), word.chars().next_back());
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !(part_of_word(first) && part_of_word(before) || part_of_word(last) && part_of_word(after))
    })
}

#[cfg(test)]
mod tests {
    use super::{has_word, named};
    use crate::source::File;

    #[test]
    fn braces_hide_no_path() {
        let file =
            File::new("a.rs", "use std::{\n    env,\n    fs::{self, File},\n};\nlet reuse x;\n");
        let found: Vec<String> =
            named(&file).into_iter().filter(|(line, _)| *line == 1).map(|(_, path)| path).collect();
        assert_eq!(found, ["use std::{", "std::env", "std::fs::self", "std::fs::File"]);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("use sled::Db", "sled") && has_word("::sled::open", "sled"));
        assert!(
            !has_word("SledStore", "sled")
                && !has_word("bobsledded", "sled")
                && !has_word("sled_store", "sled")
        );
        assert!(has_word("x.unwrap()", ".unwrap()"));
    }
}
