//! The docker command an engine call stands for, as text that a shell takes.

use crate::shell::quote;

use std::fmt::Write;

/// A command line under construction; every word is quoted where a shell needs it.
#[derive(Debug, Clone)]
pub(super) struct Line(String);

impl Line {
    /// Begins with `docker` and the words of the subcommand.
    pub(super) fn docker(words: &[&str]) -> Self {
        Self("docker".to_owned()).args(words)
    }

    /// Adds a word.
    pub(super) fn arg(mut self, word: impl AsRef<str>) -> Self {
        self.0.push(' ');
        self.0.push_str(&quote(word.as_ref()));
        self
    }

    /// Adds words.
    pub(super) fn args<S: AsRef<str>>(self, words: impl IntoIterator<Item = S>) -> Self {
        words.into_iter().fold(self, Self::arg)
    }

    /// Adds an option and its value.
    pub(super) fn opt(self, name: &str, value: impl AsRef<str>) -> Self {
        self.arg(name).arg(value)
    }

    /// Returns the text.
    pub(super) fn done(self) -> String {
        self.0
    }
}

/// Returns a number of bytes the way docker's options take it.
pub(super) fn bytes_option(bytes: u64) -> String {
    match bytes {
        b if b != 0 && b.is_multiple_of(1 << 20) => format!("{}m", b >> 20),
        b => format!("{b}b"),
    }
}

/// Returns thousandths of a processor the way `--cpus` takes them.
pub(super) fn cpus_option(milli: u64) -> String {
    let mut text = format!("{}", milli / 1000);
    let rest = milli % 1000;
    if rest != 0 {
        // Writing to a string cannot fail.
        let _ = write!(text, ".{rest:03}");
        text.truncate(text.trim_end_matches('0').len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_needed() {
        for (word, quoted) in [
            ("plain", "plain"),
            ("a=b,c:d/e.f-g_h@i%j+k", "a=b,c:d/e.f-g_h@i%j+k"),
            ("", "''"),
            ("two words", "'two words'"),
            ("it's", r"'it'\''s'"),
            ("$HOME", "'$HOME'"),
            ("a;b", "'a;b'"),
            ("*", "'*'"),
            ("~", "'~'"),
            ("line\nbreak", "'line\nbreak'"),
            ("é", "'é'"),
        ] {
            assert_eq!(quote(word), quoted, "{word:?}");
        }
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        let words = ["a b", "it's", "$(id)", "`id`", "\\", "\"", "!", "\n", "", "#x", "a'b\"c"];
        for word in words {
            let script = format!("printf %s {}", quote(word));
            let output =
                std::process::Command::new("sh").args(["-c", &script]).output().expect("sh runs");
            assert_eq!(String::from_utf8_lossy(&output.stdout), word);
        }
    }

    #[test]
    fn limits_are_written_as_docker_takes_them() {
        assert_eq!(bytes_option(1 << 30), "1024m");
        assert_eq!(bytes_option(1000), "1000b");
        for (milli, text) in [(500, "0.5"), (1000, "1"), (1250, "1.25"), (8, "0.008")] {
            assert_eq!(cpus_option(milli), text);
        }
    }

    #[test]
    fn a_line_is_built_word_by_word() {
        let line = Line::docker(&["network", "create"]).opt("--label", "a=b c").arg("name").done();
        assert_eq!(line, "docker network create --label 'a=b c' name");
    }
}
