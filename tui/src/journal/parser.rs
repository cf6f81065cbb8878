//! Records in, lines out.

use super::Stretch;
use crate::output::time::elapsed;
use crate::sanitize::{Keep, Sanitizer, plain_command, plain_line};
use pinacle_protocol::{JournalEntry, JournalRecord, LEFT_RUNNING, OutputStream};
use std::collections::BTreeMap;

/// Longest line, in bytes; what is longer goes on in the next one, as a
/// terminal would have broken it.
const LONGEST: usize = 1_000;

/// Longest list of SGR sequences that a line begins with, in bytes.
const CARRIED: usize = 96;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing, between commands.
    Blank,
    /// What a command is for.
    Heading,
    /// The command, or its first line.
    Command,
    /// Another line of it.
    Script,
    /// What it printed.
    Output,
    /// The same line, which was too long.
    Continued,
    /// It ended well.
    Done,
    /// It ended otherwise.
    Failed,
    /// Words of the daemon.
    Note,
    /// Something is missing.
    Gap,
}

impl Kind {
    /// Returns whether it goes when its command is folded.
    pub fn folds(self) -> bool {
        matches!(self, Self::Script | Self::Output | Self::Continued)
    }
}

/// One of a command's streams.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Stream {
    sanitizer: Sanitizer,
    /// The line that is not complete.
    line: String,
    /// SGR sequences in force.
    style: String,
    continued: bool,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            sanitizer: Sanitizer::new(Keep::SgrAndReturns),
            line: String::new(),
            style: String::new(),
            continued: false,
        }
    }
}

impl Stream {
    fn push(&mut self, text: &str, command: u64, out: &mut Stretch) {
        let mut safe = String::with_capacity(text.len());
        self.sanitizer.push(text.as_bytes(), &mut safe);
        let mut rest = safe.as_str();
        while let Some(at) = rest.find(['\n', '\r', '\x1b']) {
            self.text(&rest[..at], command, out);
            rest = match rest.as_bytes()[at] {
                b'\n' => {
                    self.end_line(command, out);
                    &rest[at + 1..]
                }
                b'\r' => {
                    self.line.clone_from(&self.style);
                    &rest[at + 1..]
                }
                _ => {
                    let end = rest[at..].find('m').map_or(rest.len(), |m| at + m + 1);
                    self.restyle(&rest[at..end]);
                    &rest[end..]
                }
            };
        }
        self.text(rest, command, out);
    }

    fn text(&mut self, mut text: &str, command: u64, out: &mut Stretch) {
        while self.line.len() + text.len() > LONGEST {
            let room = LONGEST.saturating_sub(self.line.len());
            let at = text.floor_char_boundary(room);
            self.line.push_str(&text[..at]);
            text = &text[at..];
            self.end_line(command, out);
            self.continued = true;
        }
        self.line.push_str(text);
    }

    fn restyle(&mut self, sgr: &str) {
        self.line.push_str(sgr);
        if matches!(sgr, "\x1b[m" | "\x1b[0m") {
            self.style.clear();
        } else if self.style.len() + sgr.len() <= CARRIED {
            self.style.push_str(sgr);
        }
    }

    fn end_line(&mut self, command: u64, out: &mut Stretch) {
        let kind = if std::mem::take(&mut self.continued) { Kind::Continued } else { Kind::Output };
        out.add(kind, command, &self.line);
        self.line.clone_from(&self.style);
    }

    fn finish(&mut self, command: u64, out: &mut Stretch) {
        let mut rest = String::new();
        self.sanitizer.finish(&mut rest);
        self.line.push_str(&rest);
        self.style.clear();
        if self.has_text() {
            self.end_line(command, out);
        }
        self.line.clear();
    }

    fn has_text(&self) -> bool {
        // A line that holds only sequences shows nothing.
        !crate::widgets::ansi::strip(&self.line).is_empty()
    }
}

/// A command whose end has not been seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Open {
    label: Option<String>,
    line: String,
    stdout: Stream,
    stderr: Stream,
}

impl Open {
    fn new(label: Option<&str>, line: &str) -> Self {
        Self { label: label.map(plain_line), line: plain_command(line), ..Self::default() }
    }
}

/// Where a journal has got to.
#[derive(Debug, Clone, Default)]
pub struct Parser {
    open: BTreeMap<u64, Open>,
    /// Whose output the last line belongs to, and of which stream.
    current: Option<(u64, OutputStream)>,
    anything: bool,
}

impl Parser {
    /// Begins in the middle: these are the beginnings of commands under way.
    pub(super) fn within(context: &[JournalRecord]) -> Self {
        let mut parser = Self::default();
        parser.introduce(context);
        parser
    }

    /// Takes in where commands began of which nothing was seen so far.
    pub(super) fn introduce(&mut self, context: &[JournalRecord]) {
        for record in context {
            if let JournalEntry::Begin { command, line, container_line, label } = &record.entry {
                let line = container_line.as_ref().unwrap_or(line);
                let open = || Open::new(label.as_deref(), line);
                self.open.entry(*command).or_insert_with(open);
            }
        }
    }

    /// Returns whether lines that were made after `other`, which had seen less, would be
    /// the same after this.
    pub(super) fn goes_on_as(&self, other: &Self) -> bool {
        let same = |(command, open): (&u64, &Open)| match other.open.get(command) {
            Some(known) => known == open,
            // Introduced once it says something.
            None => open.stdout == Stream::default() && open.stderr == Stream::default(),
        };
        self.current == other.current
            && self.anything == other.anything
            && self.open.iter().all(same)
    }

    /// Returns the line that is not complete, and whose it is.
    pub(super) fn tail(&self) -> Option<(u64, &str)> {
        let (command, stream) = self.current?;
        let open = self.open.get(&command)?;
        let stream = match stream {
            OutputStream::Stdout => &open.stdout,
            OutputStream::Stderr => &open.stderr,
        };
        stream.has_text().then_some((command, stream.line.as_str()))
    }

    pub(super) fn push(&mut self, record: &JournalRecord, out: &mut Stretch) {
        match &record.entry {
            JournalEntry::Begin { command, line, container_line, label } => {
                let line = container_line.as_ref().unwrap_or(line);
                self.open.insert(*command, Open::new(label.as_deref(), line));
                self.speak(*command, OutputStream::Stdout, "", out);
            }
            JournalEntry::Output { command, stream, text } => {
                self.speak(*command, *stream, " (goes on)", out);
                let open = self.open.entry(*command).or_default();
                let from = match stream {
                    OutputStream::Stdout => &mut open.stdout,
                    OutputStream::Stderr => &mut open.stderr,
                };
                from.push(text, *command, out);
            }
            JournalEntry::End { command, exit_code, duration_ms, error, dropped_bytes } => {
                self.speak(*command, OutputStream::Stdout, " (goes on)", out);
                if let Some(mut open) = self.open.remove(command) {
                    open.stdout.finish(*command, out);
                    open.stderr.finish(*command, out);
                }
                if *dropped_bytes > 0 {
                    let text = format!("[{dropped_bytes} bytes of output were left out]");
                    out.add(Kind::Gap, *command, &text);
                }
                let (kind, text) = ending(*exit_code, error.as_deref());
                out.add(kind, *command, &format!("{text} after {}", elapsed(*duration_ms)));
                self.current = None;
            }
            JournalEntry::Note { text } => {
                self.leave(out);
                out.add(Kind::Note, 0, &format!("-- {}", plain_line(text)));
            }
        }
        self.anything = true;
    }

    pub(super) fn gap(&mut self, missed: Option<u64>, out: &mut Stretch) {
        self.leave(out);
        let text = match missed {
            Some(count) => format!("[{count} records are missing here]"),
            None => "[records are missing here]".to_owned(),
        };
        out.add(Kind::Gap, 0, &text);
        self.anything = true;
    }

    /// Ends the line of whoever spoke last.
    fn leave(&mut self, out: &mut Stretch) {
        let Some((command, _)) = self.current.take() else { return };
        if let Some(open) = self.open.get_mut(&command) {
            for stream in [&mut open.stdout, &mut open.stderr] {
                if stream.has_text() {
                    stream.end_line(command, out);
                }
            }
        }
    }

    /// Makes a command the one whose output comes next, under its heading.
    fn speak(&mut self, command: u64, stream: OutputStream, suffix: &str, out: &mut Stretch) {
        if self.current.is_some_and(|(c, _)| c == command) {
            self.current = Some((command, stream));
            return;
        }
        self.leave(out);
        self.current = Some((command, stream));
        if self.anything {
            out.add(Kind::Blank, 0, "");
        }
        let open = self.open.get(&command);
        if let Some(label) = open.and_then(|o| o.label.as_deref()) {
            out.add(Kind::Heading, command, &format!("{label}{suffix}"));
        }
        let line = open.map_or("(begun before the part shown here)", |o| o.line.as_str());
        let mut lines = line.split('\n');
        let first = lines.next().unwrap_or_default();
        if suffix.is_empty() {
            out.add(Kind::Command, command, &format!("$ {first}"));
            lines.for_each(|line| out.add(Kind::Script, command, &format!("  {line}")));
        } else {
            let more = if lines.next().is_some() { " ..." } else { "" };
            out.add(Kind::Command, command, &format!("$ {first}{more}"));
        }
        self.anything = true;
    }
}

fn ending(exit_code: Option<i64>, error: Option<&str>) -> (Kind, String) {
    match (exit_code, error.map(plain_line)) {
        (Some(0), None) => (Kind::Done, "done".to_owned()),
        (None, Some(error)) if error == LEFT_RUNNING => (Kind::Done, error),
        (Some(code), None) => (Kind::Failed, format!("Exit code: {code}")),
        (Some(code), Some(error)) => (Kind::Failed, format!("Exit code: {code} ({error})")),
        (None, Some(error)) => (Kind::Failed, format!("failed: {error}")),
        (None, None) => (Kind::Failed, "ended, how is not known".to_owned()),
    }
}
