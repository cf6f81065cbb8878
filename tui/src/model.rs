//! All there is to see. [`crate::update`] alone changes it.

use crate::keymap::{Context, Keymap};
use crate::msg::{Focus, Pointer};
use crate::screens::details::Details;
use crate::screens::doctor::Doctor;
use crate::screens::editor::Editor;
use crate::screens::pod::Pod;
use crate::screens::pods::Pods;
use crate::screens::printed::Printed;
use crate::theme::{Glyphs, Role, Theme};
use crate::widgets::layers::Layer;
use pinacle_protocol::{
    ApiError, Event, HostId, HostReport, HostView, Inventory, OperationId, OperationView, PodId,
    PodPhase, PodUsage, PodView, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How long a word about what was done stays, in milliseconds.
const TOAST_MS: u64 = 5_000;

/// The same for each letter of it: nobody reads a long one as quickly.
const TOAST_LETTER_MS: u64 = 40;

/// Pods that went whose names are remembered.
const REMEMBERED: usize = 64;

/// Whether what is shown is of now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Nothing has come yet.
    Loading,
    /// Events come in.
    Live,
    /// They do not, since then and because of this.
    Lost(Timestamp, String),
}

/// What the daemon said.
#[derive(Debug)]
pub struct World {
    /// The pods by slug.
    pub pods: Vec<PodView>,
    /// The hosts by name.
    pub hosts: Vec<HostView>,
    /// What pods used when last asked.
    pub usage: BTreeMap<PodId, PodUsage>,
    /// The newest operation of each pod, as far as it was seen.
    pub operations: BTreeMap<PodId, OperationView>,
    /// The last findings about a host.
    pub report: Option<Result<HostReport, ApiError>>,
    /// Slugs of pods that went lately, the last one at the end: their screens may be open.
    gone: Vec<(PodId, String)>,
    /// Now.
    pub now: Timestamp,
    /// Whether all this is of now.
    pub link: Link,
}

impl World {
    /// Returns a pod.
    pub fn pod(&self, id: &PodId) -> Option<&PodView> {
        self.pods.iter().find(|p| p.id == *id)
    }

    /// Returns a pod's slug, also of one that went lately; else its id.
    pub fn slug(&self, id: &PodId) -> String {
        let gone = || self.gone.iter().rev().find(|(gone, _)| gone == id);
        match self.pod(id) {
            Some(pod) => pod.slug.to_string(),
            None => gone().map_or_else(|| id.to_string(), |(_, slug)| slug.clone()),
        }
    }

    /// Remembers what pods were called that are about to go.
    fn part_with(&mut self, goes: impl Fn(&PodView) -> bool) {
        let gone = self.pods.iter().filter(|p| goes(p));
        self.gone.extend(gone.map(|p| (p.id.clone(), p.slug.to_string())));
        let many = self.gone.len().saturating_sub(REMEMBERED);
        self.gone.drain(..many);
    }

    /// Takes the whole list.
    pub fn replace(&mut self, inventory: Inventory) {
        let stay: BTreeSet<&PodId> = inventory.pods.iter().map(|p| &p.id).collect();
        self.part_with(|pod| !stay.contains(&pod.id));
        self.pods = inventory.pods;
        self.hosts = inventory.hosts;
        self.link = Link::Live;
        self.forget_gone();
    }

    /// Takes a change.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::PodChanged { pod } => {
                match self.pods.binary_search_by(|p| p.slug.cmp(&pod.slug)) {
                    Ok(at) => self.pods[at] = *pod,
                    Err(_) => {
                        self.pods.retain(|p| p.id != pod.id);
                        let at = self.pods.partition_point(|p| p.slug < pod.slug);
                        self.pods.insert(at, *pod);
                    }
                }
            }
            Event::PodRemoved { id } => {
                self.part_with(|pod| pod.id == id);
                self.pods.retain(|p| p.id != id);
            }
            Event::HostChanged { host } => match self.hosts.iter_mut().find(|h| h.id == host.id) {
                Some(old) => *old = *host,
                None => self.hosts.push(*host),
            },
            Event::OperationChanged { operation } => {
                self.operations.insert(operation.pod.clone(), *operation);
            }
        }
        self.forget_gone();
    }

    fn forget_gone(&mut self) {
        let pods = &self.pods;
        let is_here = |id: &PodId| pods.iter().any(|p| p.id == *id);
        if self.usage.len() + self.operations.len() > 2 * pods.len() {
            self.usage.retain(|id, _| is_here(id));
            self.operations.retain(|id, _| is_here(id));
        }
    }

    /// Returns how many pods are in a phase.
    pub fn count(&self, phase: PodPhase) -> usize {
        self.pods.iter().filter(|p| p.phase == phase && p.unknown_since.is_none()).count()
    }
}

/// A word about what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Toast {
    /// The word.
    pub text: String,
    /// How it went.
    pub role: Role,
    /// When it goes.
    pub until: Timestamp,
}

/// A screen above the list.
#[derive(Debug)]
pub enum Screen {
    /// A pod and its journal.
    Pod(Box<Pod>),
    /// All about a pod.
    Details(Box<Details>),
    /// What a process of a pod printed.
    Printed(Printed),
    /// A spec being edited.
    Editor(Box<Editor>),
    /// Findings about a host.
    Doctor(Doctor),
}

/// What the user's surroundings are.
#[derive(Debug, Clone, Default)]
pub struct Setting {
    /// Keys in force.
    pub keymap: Keymap,
    /// Colours.
    pub theme: Theme,
    /// Signs.
    pub glyphs: Glyphs,
    /// The directory we were started in, for people.
    pub cwd: String,
}

/// All there is to see.
#[derive(Debug)]
pub struct Model {
    /// What the user's surroundings are.
    pub setting: Setting,
    /// Columns and rows.
    pub size: (u16, u16),
    /// What the daemon said.
    pub world: World,
    /// The list.
    pub pods: Pods,
    /// Screens above it, the last on top.
    pub screens: Vec<Screen>,
    /// Dialogs above those, the last on top.
    pub layers: Vec<Layer>,
    /// A word about what was done.
    pub toast: Option<Toast>,
    /// Whether clicks are taken from the terminal.
    pub pointer: Pointer,
    /// The last click: column, row, time.
    pub clicked: Option<(u16, u16, Timestamp)>,
    /// Whether the terminal is looked at.
    pub focus: Focus,
    /// When a key was last pressed.
    pub touched: Timestamp,
    /// Tells answers to one question from those to an earlier one.
    pub number: u64,
    /// Whether the host was checked because there was nothing else to show.
    pub asked_host: bool,
    /// When what pods use was last asked.
    pub usage_asked: Option<Timestamp>,
    /// Whether that is still to be answered.
    pub usage_waiting: bool,
    /// The pod whose spec is awaited, to be edited.
    pub wants_editor: Option<PodId>,
    /// What was asked of pods and has not ended, with the pod's slug. Forgotten
    /// with the link: how these end may not be told.
    pub asked: BTreeMap<OperationId, String>,
}

impl Model {
    /// Makes one before anything is known.
    pub fn new(setting: Setting, size: (u16, u16), now: Timestamp) -> Self {
        let world = World {
            pods: Vec::new(),
            hosts: Vec::new(),
            usage: BTreeMap::new(),
            operations: BTreeMap::new(),
            report: None,
            gone: Vec::new(),
            now,
            link: Link::Loading,
        };
        let pointer = setting.keymap.pointer;
        Self {
            setting,
            size,
            world,
            pods: Pods::default(),
            screens: Vec::new(),
            layers: Vec::new(),
            toast: None,
            pointer,
            clicked: None,
            focus: Focus::Gained,
            touched: now,
            number: 0,
            asked_host: false,
            usage_asked: None,
            usage_waiting: false,
            wants_editor: None,
            asked: BTreeMap::new(),
        }
    }

    /// Returns where keys are looked up, first what is nearest.
    pub fn contexts(&self) -> &'static [Context] {
        use Context::{Details, Doctor, Editor, Global, Journal, Move, OnPod, Output, Pods};
        match self.screens.last() {
            None => &[Pods, OnPod, Move, Global],
            Some(Screen::Pod(_)) => &[Journal, OnPod, Move, Global],
            Some(Screen::Details(_)) => &[Details, OnPod, Move, Global],
            Some(Screen::Printed(_)) => &[Output, Move, Global],
            Some(Screen::Editor(_)) => &[Editor, Global],
            Some(Screen::Doctor(_)) => &[Doctor, Move, Global],
        }
    }

    /// Returns a number no question had before.
    pub fn next_number(&mut self) -> u64 {
        self.number += 1;
        self.number
    }

    /// Says something for a while.
    pub fn say(&mut self, role: Role, text: impl Into<String>) {
        let text = crate::sanitize::plain_line(&text.into());
        let letters = u64::try_from(text.len()).unwrap_or(0);
        let stays = TOAST_MS + letters * TOAST_LETTER_MS;
        self.toast = Some(Toast { text, role, until: self.world.now.plus_ms(stays) });
    }

    /// Says why something did not work.
    pub fn complain(&mut self, error: &ApiError) {
        let hint = error.hint.as_ref().map(|h| format!(" - {h}")).unwrap_or_default();
        self.say(Role::Bad, format!("{}{hint}", error.chain()));
    }

    /// Returns whether a pod is there; says so when it is not.
    pub fn is_here(&mut self, id: &PodId) -> bool {
        let here = self.world.pod(id).is_some();
        if !here {
            self.say(Role::Warning, format!("{} is gone", self.world.slug(id)));
        }
        here
    }

    /// Returns the journal's screen, when it is on the stack.
    pub fn journal_mut(&mut self, number: u64) -> Option<&mut Pod> {
        self.screens.iter_mut().find_map(|screen| match screen {
            Screen::Pod(pod) if pod.number == number => Some(pod.as_mut()),
            _ => None,
        })
    }

    /// Returns the editor, when it is on the stack.
    pub fn editor_mut(&mut self) -> Option<&mut Editor> {
        self.screens.iter_mut().find_map(|screen| match screen {
            Screen::Editor(editor) => Some(editor.as_mut()),
            _ => None,
        })
    }

    /// Returns the pods an action is about: those marked, as they are listed, else the one the
    /// cursor is on.
    pub fn targets(&self) -> Vec<PodId> {
        match self.screens.last() {
            Some(Screen::Pod(pod)) => vec![pod.id.clone()],
            Some(Screen::Details(details)) => vec![details.id.clone()],
            Some(_) => Vec::new(),
            None if !self.pods.marks.is_empty() => self.pods.marked(&self.world),
            None => self.pods.selected.iter().cloned().collect(),
        }
    }

    /// Returns the host to check when none is named.
    pub fn first_host(&self) -> HostId {
        self.world.hosts.first().map_or_else(HostId::local, |h| h.id.clone())
    }
}
