//! All about a pod: where it can be reached, what its supervisor keeps, what was
//! done with it, what it is called on the host.

mod view;

pub use view::{place, process_at, view};

use pinacle_protocol::{ApiError, PodDetail, PodId, ProcessView, Timestamp};

/// The screen's state.
#[derive(Debug)]
pub struct Details {
    /// The pod.
    pub id: PodId,
    /// What the daemon knows; `None` while it is awaited.
    pub detail: Option<Result<Box<PodDetail>, ApiError>>,
    /// What the pod's supervisor says; `None` while it is awaited.
    pub processes: Option<Result<Vec<ProcessView>, ApiError>>,
    /// When the supervisor was last asked.
    pub asked: Option<Timestamp>,
    /// Whether it is still to answer.
    pub waiting: bool,
    /// Name of the process the cursor is on.
    pub selected: Option<String>,
    /// Lines scrolled away; `None` until somebody scrolls, as far as the cursor needs.
    pub scroll: Option<usize>,
    /// Where it stood on the screen after the last message.
    pub place: Place,
}

/// Which of the lines are on the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// Lines above the screen.
    pub above: usize,
    /// Lines the screen has.
    pub rows: usize,
    /// The line of the first process.
    pub first: usize,
}

impl Place {
    fn shows(&self, line: usize) -> bool {
        (self.above..self.above + self.rows).contains(&line)
    }
}

impl Details {
    /// Begins with nothing known.
    pub fn new(id: PodId) -> Self {
        Self {
            id,
            detail: None,
            processes: None,
            asked: None,
            waiting: false,
            selected: None,
            scroll: None,
            place: Place::default(),
        }
    }

    /// Returns the processes that are known.
    pub fn known(&self) -> &[ProcessView] {
        self.processes.as_ref().and_then(|p| p.as_ref().ok()).map_or(&[], Vec::as_slice)
    }

    /// Takes in what the supervisor said. A failure leaves what was known: a pod that is
    /// being restarted is asked again soon.
    pub fn take(&mut self, answer: Result<Vec<ProcessView>, ApiError>) {
        self.waiting = false;
        if answer.is_ok() || self.known().is_empty() {
            self.processes = Some(answer);
        }
        if self.row().is_none() {
            self.selected = self.known().first().map(|p| p.name.clone());
        }
    }

    /// Returns which process the cursor is on.
    pub fn row(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.known().iter().position(|p| p.name == *selected)
    }

    /// Scrolls by lines, from what is shown.
    pub fn scroll_by(&mut self, by: isize) {
        self.scroll = Some(self.place.above.saturating_add_signed(by));
    }

    /// Takes in where it stands on the screen now: not beyond its end.
    pub fn settle(&mut self, place: Place) {
        self.scroll = self.scroll.map(|_| place.above);
        self.place = place;
    }

    /// Puts the cursor on another process, and scrolls where there is none, or where the
    /// cursor is not seen.
    pub fn step(&mut self, by: isize) {
        let Place { above, rows, first } = self.place;
        let last = self.known().len().saturating_sub(1);
        let next = self
            .row()
            .filter(|row| by.unsigned_abs() == 1 && self.place.shows(first + row))
            .and_then(|row| row.checked_add_signed(by))
            .filter(|row| *row <= last);
        let Some(row) = next else { return self.scroll_by(by) };
        self.selected = self.known().get(row).map(|p| p.name.clone());
        let line = first + row;
        self.scroll = Some(above.min(line).max((line + 1).saturating_sub(rows)));
    }
}
