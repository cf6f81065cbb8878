//! The list of pods: order, filter, marks and the cursor.

mod view;

pub use view::{column_at, state_role, view};

use crate::model::World;
use pinacle_protocol::{HostId, PodId, PodPhase, PodView};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// What the list is sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Column {
    /// Slug.
    #[default]
    Name,
    /// Phase, what needs a look first.
    State,
    /// Tier.
    Tier,
    /// Processor.
    Cpu,
    /// Memory.
    Memory,
    /// Published port.
    Port,
    /// Age, the youngest first.
    Age,
}

impl Column {
    const ALL: [Self; 7] =
        [Self::Name, Self::State, Self::Tier, Self::Cpu, Self::Memory, Self::Port, Self::Age];

    fn next(self) -> Self {
        let at = Self::ALL.iter().position(|c| *c == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }
}

/// Which way the list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Order {
    /// As the column says.
    #[default]
    Natural,
    /// The other way round.
    Reversed,
}

/// Whether pods stand under their host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Grouping {
    /// All in one list.
    #[default]
    Flat,
    /// Under their host.
    ByHost,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub enum Row<'a> {
    /// A host's heading.
    Host(&'a HostId),
    /// A pod.
    Pod(&'a PodView),
}

/// The list's own state.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Pods {
    /// The pod the cursor is on; it stays there when others come and go.
    pub selected: Option<PodId>,
    /// Where it was, for when that pod goes.
    place: usize,
    /// First row on the screen.
    pub top: usize,
    /// Only pods that contain this are shown.
    pub filter: String,
    /// What it is sorted by.
    pub column: Column,
    /// Which way.
    pub order: Order,
    /// Whether pods stand under their host.
    pub grouping: Grouping,
    /// Pods that an action is about.
    pub marks: BTreeSet<PodId>,
}

impl Pods {
    /// Returns the rows in their order.
    pub fn rows<'a>(&self, world: &'a World) -> Vec<Row<'a>> {
        let wanted = self.filter.to_lowercase();
        let mut pods: Vec<&PodView> = world.pods.iter().filter(|p| fits(p, &wanted)).collect();
        pods.sort_by(|a, b| self.compare(world, a, b));
        if self.grouping == Grouping::Flat {
            return pods.into_iter().map(Row::Pod).collect();
        }
        // Stable: within a host the order stays.
        pods.sort_by(|a, b| a.host.cmp(&b.host));
        let mut hosts: BTreeSet<&HostId> = pods.iter().map(|p| &p.host).collect();
        if wanted.is_empty() {
            hosts.extend(world.hosts.iter().map(|h| &h.id));
        }
        let mut rows = Vec::with_capacity(pods.len() + hosts.len());
        for host in hosts {
            rows.push(Row::Host(host));
            rows.extend(pods.iter().filter(|p| p.host == *host).map(|p| Row::Pod(p)));
        }
        rows
    }

    fn compare(&self, world: &World, a: &PodView, b: &PodView) -> Ordering {
        let cpu = |p: &PodView| world.usage.get(&p.id).and_then(|u| u.cpu_milli);
        let memory = |p: &PodView| world.usage.get(&p.id).map(|u| u.memory_bytes);
        let order = match self.column {
            Column::Name => Ordering::Equal,
            Column::State => urgency(a).cmp(&urgency(b)),
            Column::Tier => a.tier.cmp(&b.tier),
            Column::Cpu => cpu(b).cmp(&cpu(a)),
            Column::Memory => memory(b).cmp(&memory(a)),
            Column::Port => a.port.cmp(&b.port),
            Column::Age => b.created_at.cmp(&a.created_at),
        };
        let order = order.then_with(|| a.slug.cmp(&b.slug));
        if self.order == Order::Reversed { order.reverse() } else { order }
    }

    /// Returns the row the cursor is on.
    pub fn row(&self, rows: &[Row<'_>]) -> Option<usize> {
        let selected = self.selected.as_ref()?;
        rows.iter().position(|row| matches!(row, Row::Pod(p) if p.id == *selected))
    }

    /// Puts the cursor and the scrolled part where they can be, for `height` rows.
    pub fn settle(&mut self, world: &World, height: usize) {
        self.marks.retain(|id| world.pods.iter().any(|p| p.id == *id));
        let rows = self.rows(world);
        let at = match self.row(&rows) {
            Some(at) => Some(at),
            None => nearest(&rows, self.place),
        };
        let Some(at) = at else {
            (self.selected, self.place, self.top) = (None, 0, 0);
            return;
        };
        if let Row::Pod(pod) = rows[at] {
            self.selected = Some(pod.id.clone());
        }
        self.place = at;
        // A heading just above the cursor is shown with it.
        let first = if at > 0 && matches!(rows[at - 1], Row::Host(_)) { at - 1 } else { at };
        let height = height.max(1);
        let last = rows.len().saturating_sub(height);
        self.top = self.top.min(first).max((at + 1).saturating_sub(height)).min(last);
    }

    /// Moves the cursor by rows.
    pub fn step(&mut self, world: &World, by: isize) {
        let rows = self.rows(world);
        let last = rows.len().saturating_sub(1);
        let mut at = self.row(&rows).unwrap_or(0).saturating_add_signed(by).min(last);
        if matches!(rows.get(at), Some(Row::Host(_))) {
            at = if by < 0 && at > 0 { at - 1 } else { at + 1 };
        }
        if let Some(Row::Pod(pod)) = rows.get(at).or_else(|| rows.last()) {
            self.selected = Some(pod.id.clone());
        }
    }

    /// Marks the pod of the cursor, or takes its mark off, and moves on.
    pub fn mark(&mut self, world: &World) {
        self.toggle_mark();
        self.step(world, 1);
    }

    /// Marks all that are shown beside those that are marked; takes their marks off when they
    /// all are.
    pub fn mark_all(&mut self, world: &World) {
        let rows = self.rows(world);
        let shown = rows.iter().filter_map(|row| match row {
            Row::Pod(pod) => Some(pod.id.clone()),
            Row::Host(_) => None,
        });
        let shown: BTreeSet<PodId> = shown.collect();
        if shown.is_subset(&self.marks) {
            self.marks.retain(|id| !shown.contains(id));
        } else {
            self.marks.extend(shown);
        }
    }

    /// Marks the pod of the cursor, or takes its mark off.
    pub fn toggle_mark(&mut self) {
        let Some(id) = self.selected.clone() else { return };
        if !self.marks.remove(&id) {
            self.marks.insert(id);
        }
    }

    /// Returns the pods that are marked, in the order of the list, then those the filter hides.
    pub fn marked(&self, world: &World) -> Vec<PodId> {
        let mut pods: Vec<&PodView> =
            world.pods.iter().filter(|p| self.marks.contains(&p.id)).collect();
        pods.sort_by(|a, b| self.compare(world, a, b));
        let wanted = self.filter.to_lowercase();
        let (shown, hidden): (Vec<_>, Vec<_>) = pods.into_iter().partition(|p| fits(p, &wanted));
        shown.into_iter().chain(hidden).map(|p| p.id.clone()).collect()
    }

    /// Sorts by a column; the other way round when it is sorted by that already.
    pub fn sort_by(&mut self, column: Column) {
        if self.column == column {
            self.reverse();
        } else {
            (self.column, self.order) = (column, Order::Natural);
        }
    }

    /// Sorts by the next column.
    pub fn sort_next(&mut self) {
        self.column = self.column.next();
        self.order = Order::Natural;
    }

    /// Sorts the other way round.
    pub fn reverse(&mut self) {
        self.order = match self.order {
            Order::Natural => Order::Reversed,
            Order::Reversed => Order::Natural,
        };
    }

    /// Groups by host, or not.
    pub fn group(&mut self) {
        self.grouping = match self.grouping {
            Grouping::Flat => Grouping::ByHost,
            Grouping::ByHost => Grouping::Flat,
        };
    }

    /// Returns the running pods on the screen.
    pub fn visible_running(&self, world: &World, height: usize) -> Vec<PodId> {
        let rows = self.rows(world);
        let shown = rows.iter().skip(self.top).take(height);
        let running = shown.filter_map(|row| match row {
            Row::Pod(p) if p.phase == PodPhase::Running && p.unknown_since.is_none() => {
                Some(p.id.clone())
            }
            _ => None,
        });
        running.collect()
    }
}

fn fits(pod: &PodView, wanted: &str) -> bool {
    wanted.is_empty()
        || [pod.slug.as_str(), &pod.name, pod.host.as_str(), pod.phase.as_str(), &pod.tier]
            .iter()
            .any(|text| text.to_lowercase().contains(wanted))
}

fn nearest(rows: &[Row<'_>], place: usize) -> Option<usize> {
    let pods = rows.iter().enumerate().filter(|(_, row)| matches!(row, Row::Pod(_)));
    pods.min_by_key(|(at, _)| at.abs_diff(place)).map(|(at, _)| at)
}

fn urgency(pod: &PodView) -> u8 {
    match pod.phase {
        PodPhase::Failed => 0,
        _ if pod.unknown_since.is_some() => 1,
        PodPhase::Running if pod.reason.is_some() => 2,
        PodPhase::Pending | PodPhase::Provisioning | PodPhase::Starting => 3,
        PodPhase::Stopping | PodPhase::Terminating => 4,
        PodPhase::Running => 5,
        PodPhase::Stopped => 6,
    }
}
