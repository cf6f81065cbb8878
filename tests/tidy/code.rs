//! Rust source as far as the rules need it: comments and literals blanked, lines of
//! tests told apart, functions with their extent. Offsets and lines stay those of
//! the file.

/// A source file, read once.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Path from the top of the repository, with `/`.
    pub(crate) path: String,
    /// The file as it is.
    pub(crate) text: String,
    /// The same length, with comments and the insides of literals as spaces.
    pub(crate) code: String,
    /// For each line, whether it is part of a test.
    test_lines: Vec<bool>,
}

/// A function with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    /// First line, counted from 1: that of the word `fn`.
    pub(crate) first: usize,
    /// Line of the closing brace.
    pub(crate) last: usize,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let code = blank(text);
        let all = is_test_path(path);
        let mut test_lines = vec![all; text.lines().count() + 1];
        for (start, end) in test_items(&code) {
            test_lines[line_of(text, start) - 1..line_of(text, end)].fill(true);
        }
        Self { path: path.to_owned(), text: text.to_owned(), code, test_lines }
    }

    /// Whether an offset is in a test.
    pub(crate) fn is_test(&self, offset: usize) -> bool {
        self.test_lines[line_of(&self.text, offset) - 1]
    }

    /// `path:line` of an offset.
    pub(crate) fn at(&self, offset: usize) -> String {
        format!("{}:{}", self.path, line_of(&self.text, offset))
    }

    /// All lines, and those that are no test.
    pub(crate) fn lines(&self) -> (usize, usize) {
        let all = self.text.lines().count();
        (all, self.test_lines.iter().take(all).filter(|test| !**test).count())
    }

    /// Offsets at which a piece of code stands as whole words.
    pub(crate) fn find<'a>(&'a self, piece: &'a str) -> impl Iterator<Item = usize> + 'a {
        words(&self.code, piece)
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let starts = words(&self.code, "fn");
        starts.filter_map(|start| function(&self.code, start)).collect()
    }
}

/// Whether a whole file is test code: test packages, and what only they use.
fn is_test_path(path: &str) -> bool {
    let parts = || path.trim_end_matches(".rs").split('/');
    parts().any(|part| matches!(part, "tests" | "testing" | "benches"))
}

/// Counts lines from 1.
pub(crate) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// Offsets of a piece that neither begins nor ends inside a word.
pub(crate) fn words<'a>(code: &'a str, piece: &'a str) -> impl Iterator<Item = usize> + 'a {
    let bytes = code.as_bytes();
    let edge = |at: Option<usize>, own: u8| {
        !is_word(own) || !at.and_then(|at| bytes.get(at)).is_some_and(|byte| is_word(*byte))
    };
    let (first, last) = (piece.as_bytes()[0], piece.as_bytes()[piece.len() - 1]);
    code.match_indices(piece)
        .map(|(at, _)| at)
        .filter(move |&at| edge(at.checked_sub(1), first) && edge(Some(at + piece.len()), last))
}

/// Returns the code with everything that is none as spaces; line ends stay.
pub(crate) fn blank(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    let mut at = 0;
    while at < out.len() {
        let end = comment(text, at).or_else(|| literal(text, at)).map(|end| end.min(out.len()));
        if let Some(end) = end {
            for byte in &mut out[at..end] {
                if *byte != b'\n' {
                    *byte = b' ';
                }
            }
            at = end;
        } else if is_word(out[at]) {
            // A whole word, so that no prefix of a literal is seen in its middle.
            while at < out.len() && is_word(out[at]) {
                at += 1;
            }
        } else {
            at += 1;
        }
    }
    String::from_utf8(out).expect("only whole characters were blanked")
}

/// The end of the comment that begins here.
fn comment(text: &str, at: usize) -> Option<usize> {
    let rest = &text.as_bytes()[at..];
    if rest.starts_with(b"//") {
        return Some(text[at..].find('\n').map_or(text.len(), |length| at + length));
    }
    if !rest.starts_with(b"/*") {
        return None;
    }
    let (mut depth, mut i) = (0, 0);
    while i < rest.len() {
        let step = match rest[i..] {
            [b'/', b'*', ..] => (depth, 2, depth += 1).1,
            [b'*', b'/', ..] => (depth, 2, depth -= 1).1,
            _ => 1,
        };
        i += step;
        if depth == 0 {
            break;
        }
    }
    Some(at + i)
}

/// The end of the string or character that begins here, its prefix included.
fn literal(text: &str, at: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut i = at;
    while matches!(bytes.get(i), Some(b'b' | b'c' | b'r')) && i < at + 2 {
        i += 1;
    }
    let raw = i > at && bytes[i - 1] == b'r';
    let hashes = if raw { bytes[i..].iter().take_while(|b| **b == b'#').count() } else { 0 };
    match bytes.get(i + hashes)? {
        b'"' if raw => {
            let close = format!("\"{}", "#".repeat(hashes));
            let body = i + hashes + 1;
            Some(text[body..].find(&close).map_or(text.len(), |end| body + end + close.len()))
        }
        b'"' => Some(quoted(bytes, i, b'"')),
        b'\'' if hashes == 0 && is_character(text, i) => Some(quoted(bytes, i, b'\'')),
        _ => None,
    }
}

/// Tells a character from a lifetime.
fn is_character(text: &str, at: usize) -> bool {
    let mut rest = text[at + 1..].chars();
    match rest.next() {
        Some('\\') => true,
        Some(_) => rest.next() == Some('\''),
        None => false,
    }
}

fn quoted(bytes: &[u8], open: usize, quote: u8) -> usize {
    let mut i = open + 1;
    while i < bytes.len() && bytes[i] != quote {
        i += if bytes[i] == b'\\' { 2 } else { 1 };
    }
    i + 1
}

/// The offset of the brace that closes the one at `open`.
pub(crate) fn closing(code: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (i, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(i);
        }
    }
    None
}

/// From here to the brace that opens a body, outside parentheses; none when a
/// semicolon comes first.
fn body(code: &str, from: usize) -> Result<usize, usize> {
    let mut depth = 0_i32;
    for (i, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Ok(i),
            b';' if depth == 0 => return Err(i),
            _ => {}
        }
    }
    Err(code.len())
}

fn function(code: &str, start: usize) -> Option<Function> {
    let name: String = code[start + 2..]
        .trim_start()
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    if name.is_empty() {
        return None;
    }
    let end = closing(code, body(code, start).ok()?)?;
    Some(Function { name, first: line_of(code, start), last: line_of(code, end) })
}

/// Extents of the items under `#[cfg(test)]`.
fn test_items(code: &str) -> Vec<(usize, usize)> {
    let starts = ["#[cfg(test)]", "#[cfg(all(test"];
    let starts = starts.iter().flat_map(|attribute| code.match_indices(attribute));
    let extent = |(start, _): (usize, &str)| {
        let end = match body(code, start) {
            Ok(open) => closing(code, open)?,
            Err(semicolon) => semicolon.min(code.len() - 1),
        };
        Some((start, end))
    };
    starts.filter_map(extent).collect()
}

#[cfg(test)]
mod tests {
    use super::{Source, blank};

    #[test]
    fn comments_and_literals_are_blanked_and_nothing_else() {
        let text = r####"let a = "x { \" }"; // fn {
let b = br##"{ "# {"##; let c = '{'; let d = '\''; fn f<'a>(x: &'a str) {} /* { /* } */ { */ let e = b'{';
let path = r#type; let s = "é{"; cb"####;
        let code = blank(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.matches('{').count(), 1, "{code}");
        for kept in ["let a =", "fn f<'a>(x: &'a str) {}", "let e =", "r#type", "let s =", "cb"] {
            assert!(code.contains(kept), "{kept}: {code}");
        }
    }

    #[test]
    fn functions_have_their_extent_whatever_is_in_them() {
        let text = "fn a(x: [u8; 2]) -> u8\nwhere\n    u8: Copy,\n{\n    let s = \"}\";\n}\ntrait T {\n    fn b();\n}\ntype F = fn(u8);\n";
        let source = Source::new("daemon/src/a.rs", text);
        let found = source.functions();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].name.as_str(), found[0].first, found[0].last), ("a", 1, 6));
    }

    #[test]
    fn lines_of_tests_are_told_apart() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c.unwrap() }\n}\nfn d() {}\n#[cfg(test)]\nuse x::y;\nfn e() {}\n";
        let source = Source::new("daemon/src/a.rs", text);
        assert_eq!(source.lines(), (9, 3));
        assert!(source.is_test(text.find("c.unwrap").expect("it is there")));
        assert!(!source.is_test(text.find("fn e").expect("it is there")));
        assert_eq!(Source::new("daemon/tests/a.rs", text).lines(), (9, 0));
    }
}
