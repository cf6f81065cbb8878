//! The spec of a pod, or of one to be made, being edited.

mod beside;
mod diff;
mod view;

pub use beside::plan_lines;
pub use diff::{Change, lines as line_changes};
pub use view::{text_extent, view};

use crate::keymap::{Code, Key};
use crate::msg::Source;
use pinacle_protocol::diagnostic::{Diagnostic, Severity};
use pinacle_protocol::{ApiError, ConfigPlan, ConfigReport, PodId, Revision, Timestamp};
use ratatui::layout::Rect;
use tui_textarea::{CursorMove, Input, TextArea};

/// How long after the last key the text is checked, in milliseconds.
const CHECK_AFTER_MS: u64 = 150;

/// What the spec is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A pod, and the revision that is edited.
    Pod(PodId, Revision),
    /// A pod to be made.
    New(Box<Source>),
}

/// What is shown beside the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preview {
    /// What would change, or the spec with every default.
    Shown,
    /// Nothing.
    Hidden,
}

/// What goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Text is typed.
    Editing,
    /// The plan is awaited, to be shown and asked about.
    Planning,
    /// The daemon was asked to bring it into force, or to make the pod.
    Sending,
}

/// The screen's state.
#[derive(Debug)]
pub struct Editor {
    /// What the spec is of.
    pub target: Target,
    /// The text.
    pub area: TextArea<'static>,
    /// The text as it was at the beginning.
    pub base: String,
    /// Which text an answer is about.
    pub serial: u64,
    /// When it is to be checked.
    pub check_at: Option<Timestamp>,
    /// What was found, about this or an earlier text.
    pub report: Option<ConfigReport>,
    /// What applying it would do.
    pub plan: Option<Result<ConfigPlan, ApiError>>,
    /// The text the plan is about.
    pub plan_serial: u64,
    /// What is shown beside the text.
    pub preview: Preview,
    /// What goes on.
    pub stage: Stage,
    /// The spec as somebody else changed it meanwhile.
    pub theirs: Option<(Revision, String)>,
    /// First line and column on the screen.
    pub scrolled: (usize, usize),
    /// Lines scrolled away of what is shown beside the text.
    pub beside: usize,
}

impl Editor {
    /// Begins with a text.
    pub fn new(target: Target, text: &str, now: Timestamp) -> Self {
        let mut area = TextArea::from(safe(text).lines());
        area.set_tab_length(2);
        area.set_max_histories(500);
        let preview = match target {
            Target::Pod(..) => Preview::Hidden,
            Target::New(_) => Preview::Shown,
        };
        Self {
            target,
            area,
            base: safe(text),
            serial: 0,
            check_at: Some(now),
            report: None,
            plan: None,
            plan_serial: 0,
            preview,
            stage: Stage::Editing,
            theirs: None,
            scrolled: (0, 0),
            beside: 0,
        }
    }

    /// Returns the text.
    pub fn text(&self) -> String {
        let mut text = self.area.lines().join("\n");
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text
    }

    /// Returns whether it was changed.
    pub fn is_changed(&self) -> bool {
        self.text().trim_end() != self.base.trim_end()
    }

    /// Returns the name its draft is kept under.
    pub fn draft_name(&self) -> String {
        match &self.target {
            Target::Pod(id, _) => id.to_string(),
            Target::New(_) => "new".to_owned(),
        }
    }

    /// Takes a key of the text.
    pub fn key(&mut self, key: Key, now: Timestamp) {
        match key.to_string().as_str() {
            "ctrl-home" => return self.area.move_cursor(CursorMove::Top),
            "ctrl-end" => {
                self.area.move_cursor(CursorMove::Bottom);
                return self.area.move_cursor(CursorMove::End);
            }
            _ => {}
        }
        let before = self.area.lines().to_vec();
        self.area.input(input_of(key));
        if self.area.lines() != before {
            self.touched(now);
        }
    }

    /// Inserts pasted text.
    pub fn paste(&mut self, text: &str, now: Timestamp) {
        self.area.insert_str(safe(text));
        self.touched(now);
    }

    /// Takes another text in place of this one, which can be had again by undo.
    pub fn replace(&mut self, text: &str, now: Timestamp) {
        self.area.select_all();
        self.area.insert_str(safe(text.trim_end_matches('\n')));
        self.area.move_cursor(CursorMove::Jump(0, 0));
        self.touched(now);
    }

    fn touched(&mut self, now: Timestamp) {
        self.check_at = Some(now.plus_ms(CHECK_AFTER_MS));
        if self.stage == Stage::Planning {
            self.stage = Stage::Editing;
        }
    }

    /// Returns the findings about the text as it was checked last.
    pub fn findings(&self) -> &[Diagnostic] {
        self.report.as_ref().map_or(&[], |r| &r.diagnostics)
    }

    /// Returns how many errors and warnings there are.
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.findings().iter().filter(|d| d.severity == Severity::Error).count();
        (errors, self.findings().len() - errors)
    }

    /// Puts the cursor on the next finding.
    pub fn next_finding(&mut self) {
        let at = self.area.cursor();
        let here = (at.0, at.1);
        let mut places: Vec<(usize, usize)> = self.findings().iter().map(place).collect();
        places.sort_unstable();
        let next = places.iter().find(|p| **p > here).or_else(|| places.first()).copied();
        if let Some((row, column)) = next {
            let (row, column) = (u16::try_from(row), u16::try_from(column));
            if let (Ok(row), Ok(column)) = (row, column) {
                self.area.move_cursor(CursorMove::Jump(row, column));
            }
        }
    }

    /// Moves the cursor by lines.
    pub fn scroll(&mut self, by: isize) {
        let to = if by < 0 { CursorMove::Up } else { CursorMove::Down };
        (0..by.unsigned_abs()).for_each(|_| self.area.move_cursor(to));
    }

    /// Scrolls what is beside the text, drawn in this area with it, by lines.
    pub fn scroll_beside(&mut self, area: Rect, by: isize) {
        let shown = view::preview_area(self, area);
        if !shown.is_empty() {
            let most = beside::hidden(self, shown);
            self.beside = self.beside.saturating_add_signed(by).min(most);
        }
    }

    /// Returns the rows of what is beside the text.
    pub fn beside_rows(&self, area: Rect) -> usize {
        usize::from(view::preview_area(self, area).height).saturating_sub(1)
    }

    /// Returns whether the mouse points at what is beside the text.
    pub fn points_beside(&self, area: Rect, column: u16, row: u16) -> bool {
        view::preview_area(self, area).contains((column, row).into())
    }

    /// Puts the cursor where the mouse points.
    pub fn click(&mut self, area: Rect, column: u16, row: u16) {
        if let Some((row, column)) = view::place_at(self, area, column, row)
            && let (Ok(row), Ok(column)) = (u16::try_from(row), u16::try_from(column))
        {
            self.area.cancel_selection();
            self.area.move_cursor(CursorMove::Jump(row, column));
        }
    }

    /// Scrolls so that the cursor is seen in this area, and what is beside the text as far
    /// as there is any.
    pub fn settle(&mut self, area: Rect) {
        self.scroll_beside(area, 0);
        let (columns, rows) = text_extent(self, area);
        let at = self.area.cursor();
        let (row, column) = (at.0, at.1);
        let (top, left) = self.scrolled;
        let (rows, columns) = (rows.max(1), columns.max(1));
        let top = top.min(row).max((row + 1).saturating_sub(rows));
        let left = left.min(column).max((column + 2).saturating_sub(columns));
        self.scrolled = (top, left);
    }
}

/// Returns a finding's line and column from 0.
pub fn place(diagnostic: &Diagnostic) -> (usize, usize) {
    let from_0 = |n: u32| usize::try_from(n).unwrap_or(1).saturating_sub(1);
    (from_0(diagnostic.span.line), from_0(diagnostic.span.column))
}

/// Returns a text without characters that have no place in a spec.
fn safe(text: &str) -> String {
    // Pasted lines end as Enter does, with a carriage return.
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\t', "  ")
        .chars()
        .filter(|c| *c == '\n' || !c.is_control())
        .collect()
}

fn input_of(key: Key) -> Input {
    use tui_textarea::Key as To;
    let to = match key.code {
        Code::Char(c) => To::Char(c),
        Code::F(number) => To::F(number),
        Code::Named(name) => match name {
            "enter" => To::Enter,
            "tab" => To::Tab,
            "backspace" => To::Backspace,
            "delete" => To::Delete,
            "home" => To::Home,
            "end" => To::End,
            "pageup" => To::PageUp,
            "pagedown" => To::PageDown,
            "up" => To::Up,
            "down" => To::Down,
            "left" => To::Left,
            "right" => To::Right,
            "space" => To::Char(' '),
            _ => To::Null,
        },
    };
    Input { key: to, ctrl: key.ctrl, alt: key.alt, shift: key.shift }
}
