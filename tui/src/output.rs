//! Everything a command says, and the answers it gets: results on standard
//! output, progress, questions and errors on standard error.

pub mod diagnostics;
pub mod reader;
pub mod table;
pub mod time;

use crate::failure::Failure;
use crate::output::reader::Reader;
use crate::sanitize;
use pinacle_protocol::ApiError;
use serde::Serialize;
use std::io::{self, Write};

/// Which of our three streams are terminals.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Terminals {
    /// Standard input.
    pub stdin: bool,
    /// Standard output.
    pub stdout: bool,
    /// Standard error.
    pub stderr: bool,
}

/// Where our standard input comes from.
#[derive(Debug)]
pub enum Input {
    /// The process's own.
    Inherit,
    /// These bytes, then the end.
    Bytes(Vec<u8>),
}

/// What results look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Words for people.
    Human,
    /// One JSON object a line.
    Json,
}

/// How much is said beside results and errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verbosity {
    /// Progress and remarks too.
    Normal,
    /// Nothing.
    Quiet,
}

/// A style for a stretch of text, by meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Stands out: a heading.
    Strong,
    /// Stands back: a command line, a reason.
    Faint,
    /// Well.
    Good,
    /// On the way, or worth a look.
    Warning,
    /// Wrong.
    Bad,
}

impl Style {
    fn sgr(self) -> &'static str {
        match self {
            Self::Strong => "\x1b[1m",
            Self::Faint => "\x1b[2m",
            Self::Good => "\x1b[32m",
            Self::Warning => "\x1b[33m",
            Self::Bad => "\x1b[31m",
        }
    }
}

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// With SGR sequences.
    Color,
    /// As it is.
    Plain,
}

impl Paint {
    /// Returns `text` in a style.
    pub fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Color if !text.is_empty() => format!("{}{text}\x1b[0m", style.sgr()),
            _ => text.to_owned(),
        }
    }
}

/// The streams of one run.
pub struct Console {
    stdout: Box<dyn Write + Send + Sync>,
    stderr: Box<dyn Write + Send + Sync>,
    /// Taken by whoever reads standard input.
    pub input: Input,
    /// Which streams are terminals.
    pub terminals: Terminals,
    /// What results look like.
    pub format: Format,
    /// How much is said.
    pub verbosity: Verbosity,
    color: bool,
    /// Whether what stands on the terminal can be drawn over.
    redraws: bool,
    /// Whether standard output is the process's own.
    is_of_process: bool,
}

impl Console {
    /// Makes a console of streams given from outside; `run` sets the rest from
    /// the command line.
    pub fn new(
        stdout: Box<dyn Write + Send + Sync>,
        stderr: Box<dyn Write + Send + Sync>,
        input: Input,
        terminals: Terminals,
    ) -> Self {
        Self {
            stdout,
            stderr,
            input,
            terminals,
            format: Format::Human,
            verbosity: Verbosity::Normal,
            color: true,
            redraws: true,
            is_of_process: false,
        }
    }

    /// Makes the console of this process.
    pub fn of_process() -> Self {
        use std::io::IsTerminal;
        let terminals = Terminals {
            stdin: io::stdin().is_terminal(),
            stdout: io::stdout().is_terminal(),
            stderr: io::stderr().is_terminal(),
        };
        let (stdout, stderr) = (Box::new(io::stdout()), Box::new(io::stderr()));
        Self { is_of_process: true, ..Self::new(stdout, stderr, Input::Inherit, terminals) }
    }

    /// Returns who reads standard output.
    pub fn reader(&self) -> Reader {
        if self.is_of_process { Reader::of_process() } else { Reader::patient() }
    }

    /// Turns colours off for good.
    pub fn without_color(&mut self) {
        self.color = false;
    }

    /// Takes the terminal for one that only prints, for good.
    pub fn only_prints(&mut self) {
        self.color = false;
        self.redraws = false;
    }

    /// Returns whether progress on standard error can be drawn over.
    pub fn can_redraw(&self) -> bool {
        self.redraws && self.terminals.stderr
    }

    /// Returns how standard output is painted.
    pub fn paint(&self) -> Paint {
        if self.color && self.terminals.stdout { Paint::Color } else { Paint::Plain }
    }

    /// Returns how standard error is painted.
    pub fn paint_err(&self) -> Paint {
        if self.color && self.terminals.stderr { Paint::Color } else { Paint::Plain }
    }

    /// Returns whether results are JSON.
    pub fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// Returns whether questions can be asked.
    pub fn can_ask(&self) -> bool {
        self.terminals.stdin && self.terminals.stderr && !self.is_json()
    }

    /// Writes to standard output and flushes.
    ///
    /// # Errors
    ///
    /// [`Failure::OutputClosed`] when the reader is gone, else the write's error.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = self.stdout.write_all(bytes).and_then(|()| self.stdout.flush());
        written.map_err(|error| match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::OutputClosed,
            _ => Failure::local("standard output cannot be written", &error),
        })
    }

    /// Writes raw bytes to standard error; what cannot be written is lost, as
    /// there is no place left to say so.
    pub fn write_err(&mut self, bytes: &[u8]) {
        if self.stderr.write_all(bytes).is_ok() {
            self.stderr.flush().unwrap_or_default();
        }
    }

    /// Prints a line of results.
    ///
    /// # Errors
    ///
    /// As [`Console::write`].
    pub fn line(&mut self, text: &str) -> Result<(), Failure> {
        self.write(format!("{text}\n").as_bytes())
    }

    /// Prints a result as one line of JSON.
    ///
    /// # Errors
    ///
    /// As [`Console::write`].
    pub fn json<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let text = serde_json::to_string(value)
            .map_err(|e| Failure::local("the answer cannot be printed as JSON", &e))?;
        self.line(&text)
    }

    /// Says something beside the results, unless `--quiet` or `--json` forbid it.
    pub fn remark(&mut self, text: &str) {
        if self.verbosity == Verbosity::Normal && !self.is_json() {
            self.write_err(format!("{text}\n").as_bytes());
        }
    }

    /// Says something that must not be missed, whatever the verbosity.
    pub fn warn(&mut self, text: &str) {
        let line = format!("{} {text}\n", self.paint_err().paint(Style::Warning, "warning:"));
        self.write_err(line.as_bytes());
    }

    /// Shows an error with its causes and the next step.
    pub fn error(&mut self, error: &ApiError) {
        if self.is_json() {
            let text = serde_json::json!({ "error": error }).to_string();
            self.write_err(format!("{text}\n").as_bytes());
            return;
        }
        let text = render_error(error, self.paint_err());
        self.write_err(text.as_bytes());
    }
}

/// Returns an error as people read it, with a closing line end.
pub fn render_error(error: &ApiError, paint: Paint) -> String {
    let clean = |text: &str| sanitize::plain_line(text);
    let mut text = format!("{} {}\n", paint.paint(Style::Bad, "error:"), clean(&error.message));
    for cause in &error.causes {
        text.push_str(&format!("  because {}\n", clean(cause)));
    }
    if let Some(hint) = &error.hint {
        text.push_str(&format!("{} {}\n", paint.paint(Style::Strong, "hint:"), clean(hint)));
    }
    text
}
