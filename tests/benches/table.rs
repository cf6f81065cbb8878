//! What was measured, beside what it is measured against.

use std::fmt::Write as _;

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    Ms,
    Mib,
    /// Of one core.
    Percent,
    BytesPerSecond,
    Count,
}

impl Unit {
    fn show(self, value: f64) -> String {
        let digits = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 100.0) };
        match self {
            Self::Ms => format!("{value:.digits$} ms"),
            Self::Mib => format!("{value:.1} MiB"),
            Self::Percent => format!("{value:.2} %"),
            Self::BytesPerSecond => format!("{value:.0} B/s"),
            Self::Count => format!("{value:.0}"),
        }
    }
}

/// What the figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Aim {
    /// Told without a limit.
    None,
    /// Not above.
    AtMost(f64),
    /// Below.
    Below(f64),
    /// Not above this many times the best of the others.
    Times(f64),
    /// Below the best of the others.
    Ahead,
    /// Not above the limit, and below the best of the others.
    AheadAndAtMost(f64),
}

/// A line of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    group: &'static str,
    what: String,
    unit: Unit,
    ours: Option<f64>,
    peers: Vec<(String, Option<f64>)>,
    aim: Aim,
}

impl Row {
    pub(crate) fn new(group: &'static str, what: impl Into<String>, unit: Unit) -> Self {
        Self { group, what: what.into(), unit, ours: None, peers: Vec::new(), aim: Aim::None }
    }

    /// Sets our own figure; `None` when it could not be measured, which misses every aim.
    pub(crate) fn ours(mut self, value: Option<f64>) -> Self {
        self.ours = value;
        self
    }

    /// Adds what it is measured against; `None` when that did not get there in time.
    pub(crate) fn peer(mut self, name: impl Into<String>, value: Option<f64>) -> Self {
        self.peers.push((name.into(), value));
        self
    }

    pub(crate) fn aim(mut self, aim: Aim) -> Self {
        self.aim = aim;
        self
    }

    fn best_peer(&self) -> Option<f64> {
        self.peers.iter().filter_map(|(_, value)| *value).min_by(f64::total_cmp)
    }

    fn ratio(&self) -> Option<f64> {
        let best = self.best_peer().filter(|best| *best > 0.0)?;
        Some(self.ours? / best)
    }

    /// Returns whether the aim is met; `None` without an aim.
    pub(crate) fn met(&self) -> Option<bool> {
        let Some(ours) = self.ours else { return (self.aim != Aim::None).then_some(false) };
        // Where no other got there at all, being there is being ahead.
        let times = |factor: f64| self.best_peer().is_none_or(|best| ours <= factor * best);
        let ahead =
            || self.best_peer().is_none_or(|best| ours < best || best == 0.0 && ours == 0.0);
        match self.aim {
            Aim::None => None,
            Aim::AtMost(limit) => Some(ours <= limit),
            Aim::Below(limit) => Some(ours < limit),
            Aim::Times(factor) => Some(times(factor)),
            Aim::Ahead => Some(ahead()),
            Aim::AheadAndAtMost(limit) => Some(ours <= limit && ahead()),
        }
    }

    fn aim_text(&self) -> String {
        let limit = |value| self.unit.show(value);
        match self.aim {
            Aim::None => String::new(),
            Aim::AtMost(value) => format!("<= {}", limit(value)),
            Aim::Below(value) => format!("< {}", limit(value)),
            Aim::Times(factor) => format!("<= {factor} x"),
            Aim::Ahead => "< best".to_owned(),
            Aim::AheadAndAtMost(value) => format!("< best, <= {}", limit(value)),
        }
    }

    fn render(&self) -> String {
        let shown = |value: Option<f64>| value.map_or("-".to_owned(), |v| self.unit.show(v));
        let peers: Vec<String> =
            self.peers.iter().map(|(name, value)| format!("{name} {}", shown(*value))).collect();
        let ratio = self.ratio().map_or(String::new(), |ratio| format!("{ratio:.2}"));
        let met = match self.met() {
            None => "",
            Some(true) => "yes",
            Some(false) => "**no**",
        };
        format!(
            "| {} | {} | {} | {ratio} | {} | {met} |",
            self.what,
            shown(self.ours),
            peers.join(", "),
            self.aim_text()
        )
    }
}

/// How a figure grows with the number of pods.
#[derive(Debug, Clone)]
pub(crate) struct Growth {
    pub(crate) what: &'static str,
    pub(crate) unit: Unit,
    /// By number of pods, ascending.
    pub(crate) values: Vec<(usize, Option<f64>)>,
}

impl Growth {
    /// Returns the exponent between the first and the last size of at least a hundred pods:
    /// 0 is constant, 1 linear.
    fn exponent(&self) -> Option<f64> {
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        let known = |(n, value): &(usize, Option<f64>)| Some((*n as f64, (*value)?.max(1e-6)));
        let mut large = self.values.iter().filter(|(n, _)| *n >= 100).map(known);
        let first = large.next()??;
        let last = large.next_back()??;
        Some((last.1 / first.1).ln() / (last.0 / first.0).ln())
    }

    /// Returns whether it grows with the number of pods at the most.
    pub(crate) fn met(&self) -> bool {
        self.exponent().is_some_and(|exponent| exponent <= 1.15)
    }

    pub(crate) fn render(&self) -> String {
        let shown = |(_, value): &(usize, Option<f64>)| {
            value.map_or("-".to_owned(), |value| self.unit.show(value))
        };
        let cells: Vec<String> = self.values.iter().map(shown).collect();
        let said = match self.exponent() {
            None => "not measured",
            Some(e) if e <= 0.3 => "constant",
            Some(e) if e <= 0.8 => "less than linear",
            Some(e) if e <= 1.15 => "linear",
            Some(_) => "**more than linear**",
        };
        format!("| {} | {} | {said} |", self.what, cells.join(" | "))
    }
}

fn render_growth(growth: &[Growth]) -> String {
    let Some(first) = growth.first() else { return String::new() };
    let sizes: Vec<String> = first.values.iter().map(|(n, _)| format!("{n} pods")).collect();
    let mut text = format!("\n## Growth\n\n| what | {} | grows |\n", sizes.join(" | "));
    text.push_str(&"|---".repeat(sizes.len() + 2));
    text.push_str("|\n");
    for row in growth {
        text.push_str(&row.render());
        text.push('\n');
    }
    text
}

/// Returns the whole table as Markdown.
pub(crate) fn render(rows: &[Row], growth: &[Growth], about: &str) -> String {
    let mut text = format!("# Figures\n\n{about}\n");
    let mut group = "";
    for row in rows {
        if row.group != group {
            group = row.group;
            let head = "| what | ours | against | ratio | aim | met |\n|---|---|---|---|---|---|";
            // Writing to a string cannot fail.
            let _ = writeln!(text, "\n## {group}\n\n{head}");
        }
        let _ = writeln!(text, "{}", row.render());
    }
    text.push_str(&render_growth(growth));
    let grown = growth.iter().map(Growth::met);
    let aims: Vec<bool> = rows.iter().filter_map(Row::met).chain(grown).collect();
    let met = aims.iter().filter(|met| **met).count();
    let _ = writeln!(text, "\n{met} of {} aims met.", aims.len());
    text
}
