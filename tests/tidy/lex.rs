//! Rust text without its comments and without what is in its literals, so that
//! a brace or a banned word there counts for nothing. Lines stay where they are.

/// Returns `text` with comments and the contents of literals turned into spaces.
pub(crate) fn code_of(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, code: String::with_capacity(text.len()) };
    while lexer.at < chars.len() {
        lexer.step();
    }
    lexer.code
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    code: String,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn keep(&mut self) {
        self.code.extend(self.peek(0));
        self.at += 1;
    }

    /// Hides `count` characters; line ends stay.
    fn hide(&mut self, count: usize) {
        for _ in 0..count {
            if let Some(c) = self.peek(0) {
                self.code.push(if c == '\n' { '\n' } else { ' ' });
            }
            self.at += 1;
        }
    }

    fn step(&mut self) {
        match (self.peek(0), self.peek(1)) {
            (Some('/'), Some('/')) => self.line_comment(),
            (Some('/'), Some('*')) => self.block_comment(),
            (Some('"'), _) => self.string(),
            (Some('\''), _) => self.quote(),
            (Some(c), _) if c.is_alphanumeric() || c == '_' => self.word(),
            _ => self.keep(),
        }
    }

    fn line_comment(&mut self) {
        while self.peek(0).is_some_and(|c| c != '\n') {
            self.hide(1);
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0;
        while self.at < self.chars.len() {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => depth += 1,
                (Some('*'), Some('/')) => depth -= 1,
                _ => {
                    self.hide(1);
                    continue;
                }
            }
            self.hide(2);
            if depth == 0 {
                return;
            }
        }
    }

    fn string(&mut self) {
        self.keep();
        while let Some(c) = self.peek(0) {
            match c {
                '\\' => self.hide(2),
                '"' => return self.keep(),
                _ => self.hide(1),
            }
        }
    }

    /// A quote begins a character, or names a lifetime.
    fn quote(&mut self) {
        if self.peek(1) != Some('\\') && self.peek(2) != Some('\'') {
            return self.keep();
        }
        self.keep();
        self.hide(if self.peek(0) == Some('\\') { 2 } else { 1 });
        while self.peek(0).is_some_and(|c| c != '\'') {
            self.hide(1);
        }
        self.keep();
    }

    /// A word, which may turn out to be the beginning of a raw string.
    fn word(&mut self) {
        let begin = self.at;
        while self.peek(0).is_some_and(|c| c.is_alphanumeric() || c == '_') {
            self.keep();
        }
        let word: String = self.chars[begin..self.at].iter().collect();
        if !matches!(word.as_str(), "r" | "br" | "cr") {
            return;
        }
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        if self.peek(hashes) == Some('"') {
            self.raw_string(hashes);
        }
    }

    fn raw_string(&mut self, hashes: usize) {
        self.hide(hashes);
        self.keep();
        while let Some(c) = self.peek(0) {
            let closed = c == '"' && (1..=hashes).all(|n| self.peek(n) == Some('#'));
            if closed {
                self.keep();
                return self.hide(hashes);
            }
            self.hide(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::code_of;

    fn check(text: &str, expected: &str) {
        let code = code_of(text);
        let words: Vec<&str> = code.split_whitespace().collect();
        assert_eq!(words.join(" "), expected, "from {text}");
        assert_eq!(code.lines().count(), text.lines().count());
    }

    #[test]
    fn comments_are_no_code() {
        check("a // b {\nc", "a c");
        check("a /* b /* { */ c\n */ d", "a d");
        check("a / b", "a / b");
    }

    #[test]
    fn what_strings_say_is_no_code() {
        check(r#"a("{ \" }", b"{")"#, r#"a(" ", b" ")"#);
        check("r#\"{ \"quoted\" }\"# + x", "r \" \" + x");
        check("br##\"}\"# \"## y", "br \" \" y");
        check("\"one {\ntwo\" z", "\" \" z");
        check("r#fn", "r#fn");
    }

    #[test]
    fn characters_are_told_from_lifetimes() {
        check(r"'{' '\'' '\u{7b}' x", "' ' ' ' ' ' x");
        check("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}");
    }
}
