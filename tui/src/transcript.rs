//! Journal records as a terminal would have shown them. Pure: records in,
//! text out.

use crate::output::time::elapsed;
use crate::output::{Paint, Style};
use crate::sanitize::{Keep, Sanitizer, plain_command, plain_line};
use pinacle_protocol::{JournalEntry, JournalRecord, LEFT_RUNNING, OutputStream};
use std::collections::BTreeMap;

/// What becomes of escape sequences in output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Escapes {
    /// Taken out, colours kept.
    KeepColors,
    /// Taken out.
    Strip,
    /// Left as they are, because the user asked.
    Raw,
}

/// A command whose end has not been seen.
struct Command {
    label: Option<String>,
    line: String,
    stdout: Sanitizer,
    stderr: Sanitizer,
}

/// Writes a journal as text. Output of commands that overlap is kept apart by
/// repeating the heading whenever another one speaks.
pub struct Transcript {
    paint: Paint,
    escapes: Escapes,
    open: BTreeMap<u64, Command>,
    /// Whose output the last line belongs to.
    current: Option<u64>,
    at_line_start: bool,
    anything: bool,
}

impl Transcript {
    /// Makes a transcript at its beginning.
    pub fn new(paint: Paint, escapes: Escapes) -> Self {
        Self {
            paint,
            escapes,
            open: BTreeMap::new(),
            current: None,
            at_line_start: true,
            anything: false,
        }
    }

    /// Appends one record's text to `out`. Records of commands whose beginning
    /// was not seen are shown under their number.
    pub fn push(&mut self, record: &JournalRecord, out: &mut String) {
        match &record.entry {
            JournalEntry::Begin { command, line, container_line, label } => {
                let keep = match self.escapes {
                    Escapes::KeepColors => Keep::Sgr,
                    Escapes::Strip | Escapes::Raw => Keep::Nothing,
                };
                let shown = Command {
                    label: label.as_deref().map(plain_line),
                    line: plain_command(container_line.as_ref().unwrap_or(line)),
                    stdout: Sanitizer::new(keep),
                    stderr: Sanitizer::new(keep),
                };
                self.open.insert(*command, shown);
                self.heading(*command, "", out);
            }
            JournalEntry::Output { command, stream, text } => {
                self.speak(*command, out);
                self.output(*command, *stream, text, out);
            }
            JournalEntry::End { command, exit_code, duration_ms, error, dropped_bytes } => {
                self.close_style(*command, out);
                if *dropped_bytes > 0 {
                    let text = format!("[{dropped_bytes} bytes of output were left out]");
                    self.word(*command, Style::Warning, &text, out);
                }
                if let Some((style, text)) = ending(*exit_code, error.as_deref()) {
                    let text = format!("{text} (after {})", elapsed(*duration_ms));
                    self.word(*command, style, &text, out);
                }
                self.open.remove(command);
            }
            JournalEntry::Note { text } => {
                self.end_line(out);
                self.current = None;
                let text = format!("-- {}", plain_line(text));
                out.push_str(&self.paint.paint(Style::Faint, &text));
                out.push('\n');
                self.anything = true;
            }
        }
    }

    /// Appends the word that records are missing here.
    pub fn gap(&mut self, missed: Option<u64>, out: &mut String) {
        self.end_line(out);
        let text = match missed {
            Some(count) => format!("[{count} records are missing here]"),
            None => "[records are missing here]".to_owned(),
        };
        out.push_str(&self.paint.paint(Style::Warning, &text));
        out.push('\n');
        self.anything = true;
    }

    /// Ends the last line and puts attributes back.
    pub fn finish(&mut self, out: &mut String) {
        if let Some(command) = self.current.take() {
            self.close_style(command, out);
        }
        self.end_line(out);
    }

    fn heading(&mut self, number: u64, suffix: &str, out: &mut String) {
        self.end_line(out);
        let (label, line) = match self.open.get(&number) {
            Some(command) => (command.label.as_deref(), command.line.as_str()),
            None => (None, "(begun before the part shown here)"),
        };
        if self.anything {
            out.push('\n');
        }
        if let Some(label) = label {
            out.push_str(&self.paint.paint(Style::Strong, &format!("{label}{suffix}")));
            out.push('\n');
        }
        let mut lines = line.split('\n');
        let mut first = format!("$ {}", lines.next().unwrap_or_default());
        if suffix.is_empty() {
            lines.for_each(|line| first.push_str(&format!("\n  {line}")));
        } else if lines.next().is_some() {
            first.push_str(" ...");
        }
        out.push_str(&self.paint.paint(Style::Faint, &first));
        out.push('\n');
        self.current = Some(number);
        self.anything = true;
    }

    /// Makes `number` the one whose output comes next.
    fn speak(&mut self, number: u64, out: &mut String) {
        if self.current == Some(number) {
            return;
        }
        if let Some(other) = self.current {
            self.close_style(other, out);
        }
        self.heading(number, " (goes on)", out);
    }

    fn word(&mut self, number: u64, style: Style, text: &str, out: &mut String) {
        self.speak(number, out);
        self.end_line(out);
        out.push_str(&self.paint.paint(style, text));
        out.push('\n');
    }

    fn output(&mut self, number: u64, stream: OutputStream, text: &str, out: &mut String) {
        let before = out.len();
        match self.open.get_mut(&number) {
            _ if self.escapes == Escapes::Raw => out.push_str(text),
            Some(command) => {
                let sanitizer = match stream {
                    OutputStream::Stdout => &mut command.stdout,
                    OutputStream::Stderr => &mut command.stderr,
                };
                sanitizer.push(text.as_bytes(), out);
            }
            None => Sanitizer::new(Keep::Nothing).push(text.as_bytes(), out),
        }
        if out.len() > before {
            self.at_line_start = out.ends_with('\n');
        }
    }

    fn close_style(&mut self, number: u64, out: &mut String) {
        if let Some(command) = self.open.get_mut(&number) {
            command.stdout.reset_style(out);
            command.stderr.reset_style(out);
        }
    }

    fn end_line(&mut self, out: &mut String) {
        if !self.at_line_start {
            out.push('\n');
            self.at_line_start = true;
        }
    }
}

/// What is said at a command's end, and how; nothing when all was well.
fn ending(exit_code: Option<i64>, error: Option<&str>) -> Option<(Style, String)> {
    let text = match (exit_code, error.map(plain_line)) {
        (Some(0), None) => return None,
        (None, Some(error)) if error == LEFT_RUNNING => return Some((Style::Faint, error)),
        (Some(0), Some(error)) => error,
        (Some(code), None) => format!("Exit code: {code}"),
        (Some(code), Some(error)) => format!("Exit code: {code}: {error}"),
        (None, Some(error)) => format!("Exit code: unknown: {error}"),
        (None, None) => "Exit code: unknown".to_owned(),
    };
    Some((Style::Bad, text))
}
