//! What is asked and answered about a pod's details.

use crate::cmd::Cmd;
use crate::model::{Link, Model, Screen};
use crate::msg::Focus;
use crate::screens::details::Details;
use crate::screens::printed::{LINES, Printed};
use crate::theme::Role;
use pinacle_protocol::{ApiError, Event, PodDetail, PodId, PodPhase, ProcessView, Timestamp};

/// How often a pod's supervisor is asked while somebody looks, in milliseconds. It
/// cannot tell by itself, and an answer costs a process in the pod.
const ASK_MS: u64 = 3_000;

/// The same while no answer has come.
const LOST_MS: u64 = 30_000;

/// Shows all about a pod.
pub(super) fn open(model: &mut Model, id: PodId) -> Vec<Cmd> {
    model.screens.retain(|s| !matches!(s, Screen::Details(_) | Screen::Printed(_)));
    model.screens.push(Screen::Details(Box::new(Details::new(id.clone()))));
    vec![Cmd::Look(id)]
}

/// Shows what the process under the cursor printed.
pub(super) fn output(model: &mut Model) -> Vec<Cmd> {
    let Some(Screen::Details(details)) = model.screens.last() else { return Vec::new() };
    let Some(process) = details.row().and(details.selected.clone()) else {
        model.say(Role::Faint, "there is no process to look at");
        return Vec::new();
    };
    let pod = details.id.clone();
    model.screens.retain(|s| !matches!(s, Screen::Printed(_)));
    model.screens.push(Screen::Printed(Printed::new(pod.clone(), process.clone())));
    vec![Cmd::Printed { pod, process, lines: LINES }]
}

/// Reads what a process printed once more.
pub(super) fn output_again(model: &mut Model) -> Vec<Cmd> {
    let Some(Screen::Printed(printed)) = model.screens.last() else { return Vec::new() };
    let (pod, process) = (printed.id.clone(), printed.process.clone());
    vec![Cmd::Printed { pod, process, lines: LINES }]
}

/// Returns when the supervisor of the pod that is looked at is to be asked; `None` while
/// nobody would see it.
pub(super) fn due(model: &Model) -> Option<Timestamp> {
    let Some(Screen::Details(details)) = model.screens.last() else { return None };
    let running = model.world.pod(&details.id).is_some_and(|p| p.phase == PodPhase::Running);
    if !running || model.focus == Focus::Lost || model.world.link != Link::Live {
        return None;
    }
    let pause = if details.waiting { LOST_MS } else { ASK_MS };
    Some(details.asked.map_or(model.world.now, |at| at.plus_ms(pause)))
}

/// Asks it when it is time.
pub(super) fn tick(model: &mut Model) -> Option<Cmd> {
    let now = model.world.now;
    due(model).filter(|at| *at <= now)?;
    let Some(Screen::Details(details)) = model.screens.last_mut() else { return None };
    (details.asked, details.waiting) = (Some(now), true);
    Some(Cmd::Processes(details.id.clone()))
}

fn details<'a>(model: &'a mut Model, id: &PodId) -> Option<&'a mut Details> {
    model.screens.iter_mut().find_map(|screen| match screen {
        Screen::Details(details) if details.id == *id => Some(details.as_mut()),
        _ => None,
    })
}

/// Something changed: what is shown of it is read anew.
pub(super) fn changed(model: &mut Model, event: &Event) -> Vec<Cmd> {
    let id = match event {
        Event::PodChanged { pod } => &pod.id,
        Event::OperationChanged { operation } => &operation.pod,
        Event::PodRemoved { .. } | Event::HostChanged { .. } => return Vec::new(),
    };
    let id = id.clone();
    details(model, &id).map(|d| Cmd::Look(d.id.clone())).into_iter().collect()
}

pub(super) fn on_looked(model: &mut Model, id: &PodId, answer: Result<Box<PodDetail>, ApiError>) {
    if let Some(details) = details(model, id) {
        details.detail = Some(answer);
    }
}

pub(super) fn on_processes(
    model: &mut Model,
    id: &PodId,
    answer: Result<Vec<ProcessView>, ApiError>,
) {
    if let Some(details) = details(model, id) {
        details.take(answer);
    }
}

pub(super) fn on_printed(
    model: &mut Model,
    id: &PodId,
    process: &str,
    answer: Result<String, ApiError>,
) {
    for screen in &mut model.screens {
        if let Screen::Printed(printed) = screen
            && printed.id == *id
            && printed.process == process
        {
            printed.take(answer);
            return;
        }
    }
}
