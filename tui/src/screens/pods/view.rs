//! Draws the list.

use super::{Column, Grouping, Order, Row};
use crate::keymap::Action;
use crate::model::{Link, Model, World};
use crate::output::{Style as Meaning, table, time};
use crate::sanitize::plain_line;
use crate::theme::{Role, Theme};
use crate::widgets::text::{cut, fit, width, wrap};
use pinacle_protocol::{CheckStatus, HostId, HostStatus, PodPhase, PodView};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

/// Width from which the address has a column of its own: names have a quarter of what
/// both share, and from here on an address of the usual length is not cut.
const WIDE: u16 = 126;

/// Columns of the address at the most,
const ADDRESS: usize = 80;

/// and of a name: the eye finds what belongs to one that is not far from it.
const NAME: usize = 40;

/// Columns of a name at the least: others go before it is cut to fewer.
const LEAST_NAME: usize = 12;

/// Columns of one layout: heading, what it sorts by, width.
fn columns(width: u16) -> Vec<(&'static str, Option<Column>, usize)> {
    let mut columns = vec![
        ("NAME", Some(Column::Name), 0),
        ("STATE", Some(Column::State), 19),
        ("TIER", Some(Column::Tier), 10),
        ("CPU", Some(Column::Cpu), 5),
        ("MEMORY", Some(Column::Memory), 8),
        ("PORT", Some(Column::Port), 6),
        ("AGE", Some(Column::Age), 5),
    ];
    let shared = |columns: &[(&str, Option<Column>, usize)]| {
        let taken: usize = columns.iter().map(|c| c.2 + 1).sum::<usize>() + 2;
        usize::from(width).saturating_sub(taken)
    };
    // Rather without a column than with half a number.
    for spare in [Column::Tier, Column::Age, Column::Memory, Column::Cpu] {
        if shared(&columns) < LEAST_NAME {
            columns.retain(|(_, column, _)| *column != Some(spare));
        }
    }
    let shared = shared(&columns);
    if width >= WIDE {
        let address = (shared * 3 / 4).min(ADDRESS);
        columns[0].2 = (shared - address - 1).min(NAME);
        columns.push(("URL", None, address));
    } else {
        columns[0].2 = shared.clamp(8, NAME);
    }
    columns
}

/// Returns what the heading at a column of the screen sorts by.
pub fn column_at(width: u16, at: u16) -> Option<Column> {
    let mut from = 2;
    for (_, column, width) in columns(width) {
        if (from..=from + width).contains(&usize::from(at)) {
            return column;
        }
        from += width + 1;
    }
    None
}

/// Draws the list into an area: headings, rows.
pub fn view(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let world = &model.world;
    let theme = model.setting.theme;
    if world.pods.is_empty() {
        frame.render_widget(Paragraph::new(empty(model, area.width)), area);
        return;
    }
    let columns = columns(area.width);
    let rows = model.pods.rows(world);
    let mut lines = vec![heading(model, &columns)];
    let height = usize::from(area.height).saturating_sub(1);
    for row in rows.iter().skip(model.pods.top).take(height) {
        lines.push(match row {
            Row::Host(host) => host_line(host, world, theme),
            Row::Pod(pod) => pod_line(pod, model, &columns),
        });
    }
    if rows.is_empty() {
        let all = model.setting.keymap.told(Action::Back, |key| format!("; {key} shows all"));
        let text = format!("  nothing contains \"{}\"{all}", plain_line(&model.pods.filter));
        lines.push(Line::styled(text, theme.style(Role::Faint)));
    }
    frame.render_widget(Paragraph::new(lines), area);
}

/// The word of the sorted column has an arrow at its free side: each stays above what it is about.
fn heading(model: &Model, columns: &[(&str, Option<Column>, usize)]) -> Line<'static> {
    let (pods, setting) = (&model.pods, &model.setting);
    let (down, up) = setting.glyphs.arrows();
    let arrow = if pods.order == Order::Reversed { up } else { down };
    let mut text = String::from("  ");
    for (name, column, width) in columns {
        let name = match column.filter(|column| *column == pods.column) {
            None => (*name).to_owned(),
            Some(column) if is_at_the_right(column) => format!("{arrow} {name}"),
            Some(_) => format!("{name} {arrow}"),
        };
        text.push_str(&placed(&name, *column, *width));
        text.push(' ');
    }
    Line::styled(text, setting.theme.style(Role::Strong))
}

fn host_line(host: &HostId, world: &World, theme: Theme) -> Line<'static> {
    let view = world.hosts.iter().find(|h| h.id == *host);
    let (word, role) = match view.map(|h| h.status) {
        Some(HostStatus::Up) => ("up", Role::Good),
        Some(HostStatus::Connecting) => ("connecting", Role::Warning),
        Some(HostStatus::Down) => ("out of reach", Role::Bad),
        None => ("", Role::Faint),
    };
    let error =
        view.and_then(|h| h.error.as_ref()).map(|e| format!(": {}", plain_line(&e.chain())));
    Line::from(vec![
        Span::styled(host.to_string(), theme.style(Role::Accent)),
        Span::raw(" "),
        Span::styled(word, theme.style(role)),
        Span::styled(error.unwrap_or_default(), theme.style(Role::Faint)),
    ])
}

/// Returns the role that goes with a pod's state.
pub fn state_role(pod: &PodView) -> Role {
    match table::state_style(pod) {
        Some(Meaning::Good) => Role::Good,
        Some(Meaning::Warning) => Role::Warning,
        Some(Meaning::Bad) => Role::Bad,
        Some(Meaning::Faint) => Role::Faint,
        Some(Meaning::Strong) | None => Role::Plain,
    }
}

fn pod_line(
    pod: &PodView,
    model: &Model,
    columns: &[(&str, Option<Column>, usize)],
) -> Line<'static> {
    let (world, theme) = (&model.world, model.setting.theme);
    let selected = model.pods.selected.as_ref() == Some(&pod.id);
    let marked = model.pods.marks.contains(&pod.id);
    let dash = || "-".to_owned();
    let runs = pod.phase == PodPhase::Running && pod.unknown_since.is_none();
    let lost = matches!(world.link, Link::Lost(..));
    let usage = world.usage.get(&pod.id).filter(|_| runs && !lost);
    let mark = if marked { ("* ", Role::Warning) } else { ("  ", Role::Plain) };
    let mut spans = vec![Span::styled(mark.0, theme.style(mark.1))];
    for (name, column, width) in columns {
        let (text, role) = match *name {
            "NAME" => (indented(pod, model), if marked { Role::Strong } else { Role::Plain }),
            "STATE" => (state(pod, world, *width), state_role(pod)),
            "TIER" => (plain_line(&pod.tier), Role::Faint),
            "CPU" => (usage.and_then(|u| u.cpu_milli).map_or_else(dash, percent), Role::Plain),
            "MEMORY" => (usage.map_or_else(dash, |u| bytes(u.memory_bytes)), Role::Plain),
            "PORT" => (pod.port.map_or_else(dash, |p| p.to_string()), Role::Plain),
            "AGE" => (time::age(world.now.since_ms(pod.created_at)), Role::Faint),
            _ => (pod.url.as_deref().map_or_else(dash, plain_line), Role::Faint),
        };
        let text = placed(&text, *column, *width);
        // What nobody vouches for stands back.
        let role = if lost { Role::Faint } else { role };
        spans.push(Span::styled(format!("{text} "), theme.style(role)));
    }
    let line = Line::from(spans);
    if selected { line.patch_style(theme.style(Role::Selected)) } else { line }
}

/// Puts a text into its column: numbers stand at the right.
fn placed(text: &str, column: Option<Column>, columns: usize) -> String {
    let text = cut(text, columns);
    match column {
        Some(column) if is_at_the_right(column) => {
            format!("{}{text}", " ".repeat(columns.saturating_sub(width(&text))))
        }
        _ => fit(&text, columns),
    }
}

fn is_at_the_right(column: Column) -> bool {
    matches!(column, Column::Cpu | Column::Memory | Column::Port | Column::Age)
}

fn indented(pod: &PodView, model: &Model) -> String {
    match model.pods.grouping {
        Grouping::Flat => pod.slug.to_string(),
        Grouping::ByHost => format!("  {}", pod.slug),
    }
}

/// Returns a pod's state, with its age where both fit.
fn state(pod: &PodView, world: &World, columns: usize) -> String {
    if let Some(since) = pod.unknown_since {
        return format!("unknown {}", time::age(world.now.since_ms(since)));
    }
    let word = table::state(pod, world.now);
    let mark = if pod.reason.is_some() { "!" } else { "" };
    let aged = format!("{word}{mark} {}", time::age(world.now.since_ms(pod.phase_since)));
    if width(&aged) <= columns { aged } else { format!("{word}{mark}") }
}

/// Returns thousandths of one processor as a percentage of one processor.
pub(super) fn percent(milli: u64) -> String {
    if milli < 100 { format!("{}.{}%", milli / 10, milli % 10) } else { format!("{}%", milli / 10) }
}

/// Returns bytes as a short word.
pub(super) fn bytes(count: u64) -> String {
    const MIB: u64 = 1024 * 1024;
    match count / MIB {
        mib @ 0..=1023 => format!("{mib}M"),
        mib => format!("{}.{}G", mib / 1024, mib % 1024 * 10 / 1024),
    }
}

/// What is shown where there are no pods.
fn empty(model: &Model, width: u16) -> Vec<Line<'static>> {
    let theme = model.setting.theme;
    let columns = usize::from(width.saturating_sub(4));
    let mut lines = vec![Line::raw("")];
    let mut say = |role: Role, text: &str| {
        for line in wrap(text, columns) {
            lines.push(Line::styled(format!("  {line}"), theme.style(role)));
        }
    };
    match &model.world.link {
        Link::Loading => {
            say(Role::Faint, "reading the list of pods ...");
            return lines;
        }
        Link::Lost(..) => {
            say(Role::Warning, "The daemon is not there; the list comes as soon as it is.");
            return lines;
        }
        Link::Live => {}
    }
    let key = |action| fit(&model.setting.keymap.shown(action), 3);
    say(Role::Accent, "No pods yet");
    say(Role::Plain, "");
    let new = key(Action::New);
    let cwd = plain_line(&model.setting.cwd);
    let from = if cwd.is_empty() {
        "the one this was started in is gone".to_owned()
    } else {
        format!("it begins with {cwd}")
    };
    say(Role::Plain, &format!("{new}  make a pod from a directory; {from}"));
    say(Role::Plain, &format!("{}  check that pods can run here", key(Action::Doctor)));
    say(Role::Plain, &format!("{}  every key", key(Action::Help)));
    say(Role::Plain, "");
    findings(model, &mut say);
    lines
}

fn findings(model: &Model, say: &mut impl FnMut(Role, &str)) {
    match &model.world.report {
        None => say(Role::Faint, "looking whether pods can run on this machine ..."),
        Some(Err(error)) => {
            say(
                Role::Bad,
                &format!("this machine could not be checked: {}", plain_line(&error.chain())),
            );
        }
        Some(Ok(report)) => {
            let amiss = report.checks.iter().filter(|c| c.status >= CheckStatus::Warning);
            let mut any = false;
            for check in amiss {
                any = true;
                let role =
                    if check.status == CheckStatus::Failed { Role::Bad } else { Role::Warning };
                say(role, &format!("{}: {}", plain_line(&check.check), plain_line(&check.message)));
                if let Some(remedy) = &check.remedy {
                    say(Role::Plain, &format!("  to mend it: {}", plain_line(remedy)));
                }
            }
            if !any {
                say(Role::Good, "This machine is ready for pods.");
            }
        }
    }
}
