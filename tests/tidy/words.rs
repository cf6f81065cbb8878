//! What may not be said in a public repository: where somebody's copy lies, and
//! who or what typed it.

use crate::source::{File, Offence};

/// Put together here, so that this file does not contain them.
const WORDS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/fa", "rm/"),
    concat!("artifac", "tory"),
    concat!("/root/.", "cargo"),
    concat!("/tmp/", "target-"),
    concat!("as an ", "ai "),
    concat!("language ", "model"),
    concat!("co-authored", "-by"),
    concat!("generated ", "with "),
    concat!("generated ", "by an"),
    concat!("this ", "conversation"),
    concat!("previous ", "session"),
    concat!("earlier ", "session"),
    concat!("in this ", "session"),
    concat!("helper ", "session"),
    concat!("the ", "brief"),
    concat!("design", ".md"),
    concat!("facts", ".md"),
    concat!("upstream", ".md"),
];

fn said(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.path != "Cargo.lock") {
        for (index, line) in file.text.lines().enumerate() {
            let line = line.to_lowercase();
            for word in WORDS.iter().filter(|word| begins_a_word(&line, word)) {
                offences.push(
                    file.offence(index + 1, format!("`{word}` is nothing for a public repository")),
                );
            }
        }
    }
    offences
}

/// `/home/me/` followed by a banned path is somebody's own example.
fn begins_a_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '}')
    })
}

#[cfg(test)]
mod tests {
    use super::{WORDS, said};
    use crate::source::{File, accept, files};

    #[test]
    fn nothing_private_is_said() {
        accept(&said(&files()));
    }

    #[test]
    fn what_is_private_is_found() {
        for word in WORDS {
            assert_eq!(
                said(&[File::new("a.md", format!("x\n({})\n", word.to_uppercase()))]).len(),
                1,
                "{word}"
            );
        }
        assert_eq!(said(&[File::new("a.md", "cd /workspace; ls /home/me/work/x\n")]), []);
    }
}
