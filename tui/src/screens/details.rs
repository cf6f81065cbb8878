//! All about a pod: where it can be reached, what its supervisor keeps, what was
//! done with it, what it is called on the host.

mod view;

pub use view::{hidden, process_at, view};

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
    /// Lines scrolled away.
    pub scroll: usize,
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
            scroll: 0,
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

    /// Scrolls by lines.
    pub fn scroll_by(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by).min(1_000);
    }

    /// Puts the cursor on another process, and scrolls where there is none.
    pub fn step(&mut self, by: isize) {
        let last = self.known().len().saturating_sub(1);
        match self.row() {
            Some(row)
                if by.unsigned_abs() == 1
                    && row.checked_add_signed(by).is_some_and(|r| r <= last) =>
            {
                let row = row.saturating_add_signed(by);
                self.selected = self.known().get(row).map(|p| p.name.clone());
            }
            _ => self.scroll_by(by),
        }
    }
}
