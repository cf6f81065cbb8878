//! What the full screen knows, and how it changes.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use pinacle_protocol::{Event, Inventory, PodId, PodView, Timestamp};
use std::time::Duration;

/// Whether what is shown is of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Events come in.
    Live,
    /// They do not, because of this.
    Lost(String),
}

/// Everything that can happen.
#[derive(Debug)]
pub enum Msg {
    /// A key was pressed.
    Key(KeyEvent),
    /// The terminal has another size.
    Resized,
    /// Time has passed.
    Tick(Timestamp),
    /// The whole list, read anew.
    Inventory(Box<Inventory>),
    /// Something changed.
    Changed(Box<Event>),
    /// The link to the daemon is lost.
    Lost(String),
}

/// Everything that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cmd {
    /// Leave.
    Quit,
}

/// All there is to see.
#[derive(Debug)]
pub struct Model {
    /// The pods by slug.
    pub pods: Vec<PodView>,
    /// The one the cursor is on; it stays there when others come and go.
    pub selected: Option<PodId>,
    /// Now.
    pub now: Timestamp,
    /// Whether `pods` are of now.
    pub link: Link,
}

impl Model {
    /// Makes the model of a first inventory.
    pub fn new(inventory: Inventory, now: Timestamp) -> Self {
        let selected = inventory.pods.first().map(|p| p.id.clone());
        Self { pods: inventory.pods, selected, now, link: Link::Live }
    }

    /// Returns the row the cursor is on.
    pub fn row(&self) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        self.pods.iter().position(|p| p.id == *selected)
    }

    /// Returns how long what is shown stays true when nothing happens.
    pub fn tick(&self) -> Duration {
        let moving = self.pods.iter().any(|p| p.operation.is_some());
        Duration::from_secs(if moving { 1 } else { 30 })
    }

    fn step(&mut self, by: isize) {
        let last = self.pods.len().saturating_sub(1);
        let row = self.row().unwrap_or(0).saturating_add_signed(by).min(last);
        self.selected = self.pods.get(row).map(|p| p.id.clone());
    }

    fn apply(&mut self, event: Event) {
        let row = self.row();
        match event {
            Event::PodChanged { pod } => {
                match self.pods.iter_mut().find(|p| p.id == pod.id) {
                    Some(old) => *old = *pod,
                    None => self.pods.push(*pod),
                }
                self.pods.sort_by(|a, b| a.slug.cmp(&b.slug));
            }
            Event::PodRemoved { id } => self.pods.retain(|p| p.id != id),
            Event::HostChanged { .. } | Event::OperationChanged { .. } => {}
        }
        self.keep_selection(row);
    }

    /// Puts the cursor on the row a vanished pod was on.
    fn keep_selection(&mut self, row: Option<usize>) {
        if self.row().is_none() {
            let row = row.unwrap_or(0).min(self.pods.len().saturating_sub(1));
            self.selected = self.pods.get(row).map(|p| p.id.clone());
        }
    }
}

/// Takes a message in and says what is to be done.
pub fn update(model: &mut Model, msg: Msg) -> Vec<Cmd> {
    match msg {
        Msg::Key(key) => return on_key(model, key),
        Msg::Resized => {}
        Msg::Tick(now) => model.now = now,
        Msg::Inventory(inventory) => {
            let row = model.row();
            model.pods = inventory.pods;
            model.link = Link::Live;
            model.keep_selection(row);
        }
        Msg::Changed(event) => model.apply(*event),
        Msg::Lost(reason) => model.link = Link::Lost(reason),
    }
    Vec::new()
}

fn on_key(model: &mut Model, key: KeyEvent) -> Vec<Cmd> {
    if key.kind == KeyEventKind::Release {
        return Vec::new();
    }
    match (key.code, key.modifiers) {
        (KeyCode::Char('c'), KeyModifiers::CONTROL) | (KeyCode::Char('q'), _) => {
            return vec![Cmd::Quit];
        }
        (KeyCode::Down | KeyCode::Char('j'), _) => model.step(1),
        (KeyCode::Up | KeyCode::Char('k'), _) => model.step(-1),
        _ => {}
    }
    Vec::new()
}
