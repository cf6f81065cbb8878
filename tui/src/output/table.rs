//! The list of pods as a table.

use super::time::age;
use super::{Paint, Style};
use crate::sanitize::plain_line;
use pinacle_protocol::{PodPhase, PodView, Timestamp};
use unicode_width::UnicodeWidthStr;

const HEADINGS: [&str; 7] = ["NAME", "STATE", "ISOLATION", "TIER", "PORT", "AGE", "URL"];

/// One row, and what is said below it.
struct Row {
    cells: [String; 7],
    style: Option<Style>,
    below: Vec<String>,
}

/// Returns the table of `pods` with its closing line end, or a hint when there are none.
pub fn pods(pods: &[PodView], now: Timestamp, paint: Paint) -> String {
    if pods.is_empty() {
        return "no pods yet; `pinacle-tui up` in a project's directory makes one\n".to_owned();
    }
    let rows: Vec<Row> = pods.iter().map(|pod| row(pod, now)).collect();
    let mut widths = HEADINGS.map(UnicodeWidthStr::width);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = (*width).max(cell.width());
        }
    }
    let mut text = paint.paint(Style::Strong, &line(&HEADINGS.map(str::to_owned), &widths));
    text.push('\n');
    for row in &rows {
        let mut cells = row.cells.clone();
        // Padded before it is painted: escape sequences have no width to measure.
        let state = pad(&cells[1], widths[1]);
        cells[1] = row.style.map_or_else(|| state.clone(), |style| paint.paint(style, &state));
        text.push_str(&line(&cells, &widths));
        text.push('\n');
        for below in &row.below {
            text.push_str(&paint.paint(Style::Faint, &format!("  {below}")));
            text.push('\n');
        }
    }
    text
}

/// Returns what a list says of a pod's state: its phase, or that it is not known.
pub fn state(pod: &PodView, now: Timestamp) -> String {
    if let Some(since) = pod.unknown_since {
        return format!("unknown since {} ago", age(now.since_ms(since)));
    }
    match &pod.operation {
        Some(operation) if operation.total > 0 => {
            format!("{} {}/{}", pod.phase.as_str(), operation.done, operation.total)
        }
        _ => pod.phase.as_str().to_owned(),
    }
}

/// Returns the style that goes with a pod's state.
pub fn state_style(pod: &PodView) -> Option<Style> {
    if pod.unknown_since.is_some() {
        return Some(Style::Warning);
    }
    match pod.phase {
        PodPhase::Running if pod.reason.is_some() => Some(Style::Warning),
        PodPhase::Running => Some(Style::Good),
        PodPhase::Failed => Some(Style::Bad),
        PodPhase::Stopped => Some(Style::Faint),
        _ => Some(Style::Warning),
    }
}

fn row(pod: &PodView, now: Timestamp) -> Row {
    let dash = || "-".to_owned();
    let mut below = Vec::new();
    if pod.unknown_since.is_some() {
        below.push(format!("last seen {}; host {} is out of reach", pod.phase.as_str(), pod.host));
    }
    if let Some(reason) = &pod.reason {
        below.push(plain_line(reason));
    }
    if let Some(hint) = &pod.hint {
        below.push(format!("hint: {}", plain_line(hint)));
    }
    Row {
        cells: [
            pod.slug.to_string(),
            state(pod, now),
            pod.isolation.as_str().to_owned(),
            plain_line(&pod.tier),
            pod.port.map_or_else(dash, |p| p.to_string()),
            age(now.since_ms(pod.created_at)),
            // The widest comes last, so that a narrow terminal wraps nothing else.
            pod.url.as_deref().map_or_else(dash, plain_line),
        ],
        style: state_style(pod),
        below,
    }
}

fn line(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let mut text = String::new();
    for (index, (cell, width)) in cells.iter().zip(widths).enumerate() {
        if index > 0 {
            text.push_str("  ");
        }
        text.push_str(&if index + 1 < cells.len() { pad(cell, *width) } else { cell.clone() });
    }
    text
}

fn pad(text: &str, width: usize) -> String {
    // A painted cell was padded before.
    if text.contains('\x1b') {
        return text.to_owned();
    }
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}
