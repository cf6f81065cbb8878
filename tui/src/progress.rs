//! How an operation under way is shown. Pure: what was seen of it goes in,
//! lines come out; `watch` does the asking and the drawing.

use crate::output::time::elapsed;
use crate::output::{Paint, Style};
use crate::sanitize::plain_line;
use crate::transcript::{Escapes, Transcript};
use pinacle_protocol::{JournalRecord, OperationStatus, OperationView, StepStatus, Timestamp};
use std::collections::VecDeque;
use unicode_width::UnicodeWidthChar;

/// How many of the last lines of output are shown below the step.
pub const TAIL: usize = 5;

/// What was seen of an operation so far.
pub struct Progress {
    slug: String,
    operation: OperationView,
    transcript: Transcript,
    paint: Paint,
    tail: VecDeque<String>,
    partial: String,
    shown_step: Option<String>,
}

impl Progress {
    /// Begins with an operation as it is now.
    pub fn new(slug: impl Into<String>, operation: OperationView, paint: Paint) -> Self {
        Self {
            slug: slug.into(),
            operation,
            transcript: Transcript::new(Paint::Plain, Escapes::Strip),
            paint,
            tail: VecDeque::with_capacity(TAIL + 1),
            partial: String::new(),
            shown_step: None,
        }
    }

    /// Returns the operation as last seen.
    pub fn operation(&self) -> &OperationView {
        &self.operation
    }

    /// Takes the operation as it is now, unless it is from before what is known.
    pub fn observe(&mut self, operation: OperationView) {
        if operation.id == self.operation.id && !self.operation.status.is_final() {
            self.operation = operation;
        }
    }

    /// Takes journal records; those from before the operation do not count.
    /// Returns their text, for where lines are printed as they come.
    pub fn records(&mut self, records: &[JournalRecord]) -> String {
        let mut text = String::new();
        for record in records.iter().filter(|r| r.time >= self.operation.created_at) {
            self.transcript.push(record, &mut text);
        }
        self.remember(&text);
        text
    }

    /// Returns the end of the text that [`Progress::records`] began.
    pub fn finish(&mut self) -> String {
        let mut text = String::new();
        self.transcript.finish(&mut text);
        text
    }

    /// Returns the line that names the step, once for each step.
    pub fn new_step(&mut self) -> Option<String> {
        let step = self.step();
        if self.operation.status.is_final() || self.shown_step.as_deref() == Some(step.as_str()) {
            return None;
        }
        self.shown_step = Some(step.clone());
        Some(format!("[{}] {step}", self.slug))
    }

    /// Returns the block for a terminal of `width` columns: the step on the
    /// first line, then the last lines of output.
    pub fn block(&self, now: Timestamp, width: usize) -> Vec<String> {
        let (done, total) = self.counts();
        let head = format!("{} {}", self.operation.kind.as_str(), self.slug);
        let step = self.step();
        let spent = elapsed(now.since_ms(self.operation.created_at));
        let line = match total {
            0 => format!("{head}: {step} ({spent})"),
            _ => format!("{head}: {step} [{done}/{total}] ({spent})"),
        };
        let style = if self.operation.status == OperationStatus::Undoing {
            Style::Warning
        } else {
            Style::Strong
        };
        let mut lines = vec![self.paint.paint(style, &fit(&line, width))];
        let partial = Some(&self.partial).filter(|p| !p.is_empty());
        let all: Vec<&String> = self.tail.iter().chain(partial).collect();
        for line in &all[all.len().saturating_sub(TAIL)..] {
            let line = fit(&format!("  {line}"), width);
            lines.push(self.paint.paint(Style::Faint, &line));
        }
        lines
    }

    fn remember(&mut self, text: &str) {
        for piece in text.split_inclusive('\n') {
            self.partial.push_str(piece.trim_end_matches('\n'));
            if piece.ends_with('\n') {
                let line = std::mem::take(&mut self.partial);
                if !line.trim().is_empty() {
                    self.tail.push_back(line);
                }
                if self.tail.len() > TAIL {
                    self.tail.pop_front();
                }
            } else if self.partial.len() > 4096 {
                // Only the end of a line without end can still be of interest.
                let cut = self.partial.char_indices().rev().nth(1024).map_or(0, |(i, _)| i);
                self.partial.drain(..cut);
            }
        }
    }

    fn counts(&self) -> (usize, usize) {
        let ended = |s: &StepStatus| !matches!(s, StepStatus::Planned | StepStatus::Started);
        let done = self.operation.steps.iter().filter(|s| ended(&s.status)).count();
        (done, self.operation.steps.len())
    }

    fn step(&self) -> String {
        let steps = &self.operation.steps;
        let at = |status| steps.iter().find(|s| s.status == status);
        match self.operation.status {
            OperationStatus::Queued => "waiting for what the pod does now".to_owned(),
            OperationStatus::Undoing => "a step failed; taking back what was done".to_owned(),
            OperationStatus::Succeeded => "done".to_owned(),
            OperationStatus::Failed => "failed".to_owned(),
            OperationStatus::Cancelled => "cancelled".to_owned(),
            OperationStatus::Running => at(StepStatus::Started)
                .or_else(|| at(StepStatus::Planned))
                .map_or_else(|| "finishing".to_owned(), |s| plain_line(&s.label)),
        }
    }
}

/// Returns as much of a line as `width` columns hold, tabs as blanks.
pub fn fit(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut used = 0;
    for c in line.chars() {
        let c = if c == '\t' { ' ' } else { c };
        let columns = c.width().unwrap_or(0);
        if used + columns > width {
            break;
        }
        used += columns;
        out.push(c);
    }
    out
}
