//! No file and no function that one cannot take in.

use crate::source::{File, Offence, item_end, line_of};

/// Lines of a file that are not tests.
const FILE_CAP: usize = 400;
/// Lines of a file, its tests among them.
const FILE_CAP_WITH_TESTS: usize = 600;
/// Lines of a function, from `fn` to its closing brace.
const FUNCTION_CAP: usize = 60;

fn long_files(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let (tests, others) = file.split_count();
        if others > FILE_CAP {
            offences.push(file.offence(
                0,
                format!("{others} lines besides tests, {FILE_CAP} allowed: split it by noun"),
            ));
        }
        if tests + others > FILE_CAP_WITH_TESTS {
            let all = tests + others;
            offences.push(file.offence(
                0,
                format!("{all} lines with tests, {FILE_CAP_WITH_TESTS} allowed: split it"),
            ));
        }
    }
    offences
}

/// Returns the functions of a file: name, first and last line.
pub(crate) fn functions(file: &File) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    let code = &file.code;
    for (at, _) in code.match_indices("fn ") {
        let before = code[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '#') {
            continue;
        }
        let rest = &code[at + 3..];
        let name: String =
            rest.chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '#')).collect();
        if name.is_empty() {
            continue;
        }
        found.push((name, line_of(code, at), line_of(code, item_end(code, at))));
    }
    found
}

fn long_functions(files: &[File]) -> Vec<Offence> {
    let mut offences = Vec::new();
    for file in files {
        for (name, first, last) in functions(file) {
            let lines = last - first + 1;
            if lines > FUNCTION_CAP {
                offences.push(
                    file.offence(
                        first,
                        format!("`{name}` has {lines} lines, {FUNCTION_CAP} allowed"),
                    ),
                );
            }
        }
    }
    offences
}

#[cfg(test)]
mod tests {
    use super::{functions, long_files, long_functions};
    use crate::source::{File, accept, files};

    #[test]
    fn no_file_is_longer_than_the_cap() {
        accept(&long_files(&files()));
    }

    #[test]
    fn no_function_is_longer_than_the_cap() {
        accept(&long_functions(&files()));
    }

    #[test]
    fn a_long_file_is_found() {
        let check = |lines: usize, tests: usize| {
            let text = format!(
                "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
                "x;\n".repeat(lines),
                "y;\n".repeat(tests)
            );
            long_files(&[File::new("a/src/b.rs", text)]).len()
        };
        assert_eq!(
            (check(400, 197), check(401, 0), check(400, 198), check(401, 198)),
            (0, 1, 1, 2)
        );
        assert_eq!(long_files(&[File::new("a/tests/b.rs", "x;\n".repeat(600))]), []);
        assert_eq!(long_files(&[File::new("a/tests/b.rs", "x;\n".repeat(601))]).len(), 1);
    }

    #[test]
    fn a_long_function_is_found_whatever_its_strings_say() {
        let body = "    let x = \"}\"; // }\n    let y = r#\"}\"#;\n    let z = '}';\n";
        let text = |times: usize| {
            format!("fn long<'a>(x: [u8; 4]) {{\n{}}}\nfn short() {{}}\n", body.repeat(times))
        };
        assert_eq!(long_functions(&[File::new("a.rs", text(19))]), []);
        let found = long_functions(&[File::new("a.rs", text(20))]);
        assert_eq!((found.len(), found[0].line), (1, 1));
        assert!(found[0].why.contains("`long` has 62 lines"), "{}", found[0]);
    }

    #[test]
    fn function_pointers_and_declarations_are_no_bodies() {
        let file = File::new(
            "a.rs",
            "type F = fn (u8);\ntrait T {\n    fn a(&self);\n    fn b(&self) {\n    }\n}\n",
        );
        let found = functions(&file);
        assert_eq!(found, [("a".to_owned(), 3, 3), ("b".to_owned(), 4, 5)]);
    }
}
