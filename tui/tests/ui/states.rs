//! The states that are not the usual one, each on three sizes.

use super::colours::plan;
use super::looks::{mixed, on_every_size};
use super::play::*;
use super::rebound;
use crate::support::views;
use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};
use pinacle_protocol::*;
use pinacle_tui::model::{Model, Screen};
use pinacle_tui::msg::{Feed, Mouse, MouseKind, Msg, Source};
use pinacle_tui::update::update;

/// Compares a model's screens with those that were looked at.
fn check(name: &str, model: &mut Model) {
    let shown = on_every_size(model);
    if rebound::is_on() {
        return rebound::names_no_old_key(name, &shown);
    }
    insta::assert_snapshot!(name, shown);
}

fn said(model: &mut Model, feed: Feed) {
    let number = model.number;
    update(model, Msg::Journal(number, feed));
}

fn journal() -> Model {
    let mut model = with(mixed());
    press(&mut model, "enter");
    model
}

fn long() -> Model {
    let mut model = journal();
    let text: String = (1..=80).map(|n| format!("step {n} of 80\n")).collect();
    records(&mut model, vec![views::begin(1, "Install", "npm ci"), views::output(2, 1, &text)]);
    said(&mut model, Feed::CaughtUp);
    model
}

#[test]
pub(super) fn the_list_could_not_be_read_to_begin_with() {
    let mut model = empty();
    update(&mut model, Msg::Lost("the connection to the daemon was lost".to_owned()));
    check("list_error", &mut model);
}

#[test]
pub(super) fn filtered_to_some_and_to_none() {
    let mut model = with(mixed());
    press(&mut model, "/ s h");
    check("filter_typed", &mut model);
    press(&mut model, "enter");
    check("filter", &mut model);
    press(&mut model, "/ z z enter");
    check("filter_none", &mut model);
}

#[test]
pub(super) fn several_are_marked_and_stopped() {
    let mut model = with(mixed());
    press(&mut model, "a");
    check("marked", &mut model);
    press(&mut model, "x");
    check("stop_several", &mut model);
    press(&mut model, "esc esc r");
    check("restart", &mut model);
    press(&mut model, "esc x");
    check("stop", &mut model);
    press(&mut model, "y");
    check("toast", &mut model);
    let error = ApiError::new(ErrorKind::Busy, "the pod is being changed")
        .cause("an operation is under way")
        .hint("wait for it, or delete the pod");
    update(&mut model, Msg::Acted(pinacle_tui::msg::Verb::Stop, views::pod_id(1), Err(error)));
    check("toast_error", &mut model);
}

#[test]
pub(super) fn a_journal_is_read_is_empty_and_is_cut_off() {
    let mut model = journal();
    check("journal_reading", &mut model);
    said(&mut model, Feed::CaughtUp);
    check("journal_empty", &mut model);
    records(&mut model, story());
    said(&mut model, Feed::Lost("the connection to the daemon was lost".to_owned()));
    check("journal_lost", &mut model);
}

#[test]
pub(super) fn a_journal_with_infrastructure_and_gaps() {
    let mut model = journal();
    press(&mut model, "i");
    said(&mut model, Feed::Gap(Some(120), Cursor { epoch: 1, seq: 120 }));
    let infra = JournalEntry::Begin {
        command: 121,
        line: "docker network create --subnet 10.249.0.0/24 pinacle-pod-1pod000000000000"
            .to_owned(),
        container_line: None,
        label: Some("Network".to_owned()),
    };
    let records = vec![
        views::record(121, infra),
        views::end(122, 121, Some(0)),
        views::record(123, JournalEntry::Note { text: "the pod is running".to_owned() }),
    ];
    said(&mut model, Feed::Records(records, Cursor { epoch: 1, seq: 123 }));
    said(&mut model, Feed::CaughtUp);
    check("journal_infra", &mut model);
}

#[test]
pub(super) fn a_journal_is_searched_and_scrolled() {
    let mut model = long();
    press(&mut model, "/ s t e p space 4");
    check("search_typed", &mut model);
    press(&mut model, "enter");
    check("search_hit", &mut model);
    press(&mut model, "/ n o n e enter");
    check("search_none", &mut model);
    let mut model = long();
    press(&mut model, "pageup");
    records(&mut model, vec![views::output(3, 1, "one more\n")]);
    check("journal_scrolled", &mut model);
}

#[test]
pub(super) fn a_creation_is_followed() {
    let mut inventory = mixed();
    let pod = &mut inventory.pods[0];
    pod.phase = PodPhase::Provisioning;
    pod.url = None;
    pod.operation = Some(OperationSummary {
        id: views::operation_id(2),
        kind: OperationKind::Create,
        step: "install: npm ci".to_owned(),
        done: 6,
        total: 12,
        started_at: Timestamp(NOW.0 - 12_300),
    });
    let mut model = with(inventory);
    press(&mut model, "enter");
    let text = "\x1b[1mnpm\x1b[0m ci\nadded 12 packages\n";
    records(&mut model, vec![views::begin(1, "Install", "npm ci"), views::output(2, 1, text)]);
    said(&mut model, Feed::CaughtUp);
    check("creation", &mut model);
}

fn detailed() -> PodDetail {
    let pod = views::pod(1, "api", PodPhase::Running);
    let mut detail = views::detail(&pod, "version: \"1.0\"\n");
    let failed = OperationView {
        error: Some(ApiError::new(ErrorKind::CommandFailed, "npm ci ended with code 1")),
        ..views::operation(2, &pod.id, OperationKind::Reconfigure, OperationStatus::Failed)
    };
    let made = views::operation(1, &pod.id, OperationKind::Create, OperationStatus::Succeeded);
    detail.operations = vec![failed, made];
    detail
}

fn process(name: &str, state: ProcessState, restarts: u64, ago: u64) -> ProcessView {
    let pid = (state == ProcessState::Running).then_some(412);
    let since = Timestamp(NOW.0 - ago * 1_000);
    ProcessView { name: name.to_owned(), state, pid, restarts, since }
}

#[test]
pub(super) fn details_are_awaited_shown_and_refused() {
    let mut model = with(mixed());
    press(&mut model, "d");
    check("details_reading", &mut model);
    let id = views::pod_id(1);
    update(&mut model, Msg::Looked(id.clone(), Ok(Box::new(detailed()))));
    let processes = vec![
        process("app", ProcessState::Failed, 7, 3),
        process("code-server", ProcessState::Running, 0, 3_600),
        process("worker", ProcessState::Restarting, 2, 1),
    ];
    update(&mut model, Msg::Processes(id.clone(), Ok(processes)));
    check("details", &mut model);
    press(&mut model, "enter");
    check("output_reading", &mut model);
    let text = "Error: Cannot find module 'vite'\n\x1b[31m    at node:internal\x1b[0m\n".repeat(3);
    update(&mut model, Msg::Printed(id.clone(), "app".to_owned(), Ok(text)));
    check("output", &mut model);
    let error = ApiError::new(ErrorKind::CommandFailed, "the pod's supervisor did not answer");
    update(&mut model, Msg::Printed(id.clone(), "app".to_owned(), Err(error.clone())));
    check("output_error", &mut model);
    let mut model = with(mixed());
    press(&mut model, "d");
    let gone = ApiError::new(ErrorKind::NotFound, "there is no pod `api`").hint("see `ls`");
    update(&mut model, Msg::Looked(id.clone(), Err(gone)));
    update(&mut model, Msg::Processes(id, Err(error)));
    check("details_error", &mut model);
    press(&mut model, "esc down d");
    check("details_stopped", &mut model);
}

#[test]
pub(super) fn a_host_could_not_be_checked() {
    let mut model = with(mixed());
    press(&mut model, "f2");
    let error = ApiError::new(ErrorKind::DaemonUnreachable, "the daemon did not answer in time")
        .hint("`pinacle-tui daemon status` shows whether it runs");
    update(&mut model, Msg::HostChecked(Err(error)));
    check("doctor_error", &mut model);
    let mut report = views::report(CheckStatus::Ok, Some("runsc"));
    report.foreign = vec![ForeignPod {
        id: views::pod_id(9),
        slug: Some(Slug::new("theirs").expect("a slug")),
        owner: views::owner().to_string(),
    }];
    update(&mut model, Msg::HostChecked(Ok(report)));
    check("doctor_good", &mut model);
}

#[test]
fn a_directory_that_is_gone_is_not_called_the_root() {
    let mut model = model(&[]);
    model.setting.cwd = String::new();
    let shown = screen(&model);
    assert!(shown.contains("make a pod from a directory; the one this was started in is gone"));
}

#[test]
fn nothing_is_scrolled_past_its_end() {
    let mut model = with(mixed());
    press(&mut model, "f2");
    let mut report = views::report(CheckStatus::Warning, None);
    let check = report.checks[0].clone();
    report.checks = (0..20).map(|_| check.clone()).collect();
    update(&mut model, Msg::HostChecked(Ok(report)));
    returns(&mut model);
    let mut model = with(mixed());
    press(&mut model, "d");
    let id = views::pod_id(1);
    update(&mut model, Msg::Looked(id.clone(), Ok(Box::new(detailed()))));
    let processes = |count: u64| -> Vec<_> {
        (0..count).map(|n| process(&format!("p{n}"), ProcessState::Running, n, n)).collect()
    };
    for count in [0, 3, 40] {
        update(&mut model, Msg::Processes(id.clone(), Ok(processes(count))));
        returns(&mut model);
    }
}

/// What is shown, and the process the cursor is on.
fn seen(model: &Model) -> (String, Option<String>) {
    let selected = match model.screens.last() {
        Some(Screen::Details(details)) => details.selected.clone(),
        _ => None,
    };
    (screen(model), selected)
}

/// Goes far past the end of what is shown, by keys and the wheel, and one step back; then the
/// same towards the beginning.
fn returns(model: &mut Model) {
    resize(model, (80, 14));
    let wheel = |model: &mut Model, kind| {
        update(model, Msg::Mouse(Mouse { kind, column: 5, row: 5 }));
    };
    for (far, back) in [("down", "up"), ("end", "up"), ("pagedown", "up"), ("up", "down")] {
        press(model, &format!("{far} ").repeat(200));
        let end = seen(model);
        press(model, far);
        assert_eq!(seen(model), end, "200 times {far} is not the end");
        press(model, back);
        assert_ne!(seen(model), end, "{back} does nothing after {far}");
    }
    for (far, back) in
        [(MouseKind::WheelDown, MouseKind::WheelUp), (MouseKind::WheelUp, MouseKind::WheelDown)]
    {
        (0..200).for_each(|_| wheel(model, far));
        let end = seen(model);
        wheel(model, back);
        assert_ne!(seen(model), end, "the wheel does nothing after {far:?}");
    }
}

const SPEC: &str = "version: \"1.0\" # ours\nname: api\ntier: dev.small\nservices: [code-server]\n\
processes:\n  - name: app\n    startCommand: pnpm dev\n    url: http://localhost:3000\nenv:\n  DEBUG: \"1\"\n";

fn editing() -> Model {
    let mut model = with(mixed());
    press(&mut model, "e");
    let detail = views::detail(&model.world.pods[0], SPEC);
    update(&mut model, Msg::Detail(views::pod_id(1), Ok(Box::new(detail))));
    model
}

fn checked(model: &mut Model, diagnostics: Vec<Diagnostic>) {
    let now = model.world.now.plus_ms(1_000);
    update(model, Msg::Tick(now));
    let valid = diagnostics.iter().all(|d| d.severity != Severity::Error);
    let report = ConfigReport { valid, diagnostics, effective: valid.then(|| SPEC.to_owned()) };
    for serial in 1..5 {
        update(model, Msg::Checked(serial, Ok(report.clone())));
    }
}

#[test]
pub(super) fn the_editor_without_findings_with_a_warning_and_without_a_daemon() {
    let mut model = editing();
    check("editor_checking", &mut model);
    checked(&mut model, Vec::new());
    check("editor_good", &mut model);
    let warning = Diagnostic {
        severity: Severity::Warning,
        span: Span { line: 8, column: 10, end_line: 8, end_column: 31 },
        path: "processes[0].url".to_owned(),
        message: "nothing in the spec listens on port 3000".to_owned(),
        hint: None,
    };
    press(&mut model, "down x");
    checked(&mut model, vec![warning]);
    check("editor_warning", &mut model);
    update(&mut model, Msg::Lost("the connection to the daemon was lost".to_owned()));
    press(&mut model, "ctrl-s");
    check("editor_daemon_lost", &mut model);
}

#[test]
pub(super) fn a_plan_is_shown_and_asked_about() {
    let mut model = editing();
    press(&mut model, "down x");
    checked(&mut model, Vec::new());
    press(&mut model, "ctrl-s");
    for serial in 1..6 {
        update(&mut model, Msg::Planned(serial, Ok(plan())));
    }
    check("plan_asked", &mut model);
    press(&mut model, "n ctrl-t");
    check("plan_beside", &mut model);
    press(&mut model, "f5");
    check("reload", &mut model);
}

#[test]
pub(super) fn somebody_else_changed_the_spec() {
    let mut model = editing();
    press(&mut model, "down x");
    checked(&mut model, Vec::new());
    let mut theirs = views::detail(&model.world.pods[0], &SPEC.replace("dev.small", "dev.large"));
    theirs.pod.spec_revision = Revision(2);
    let error = ApiError::new(ErrorKind::Conflict, "the spec was changed meanwhile");
    update(&mut model, Msg::Applied(Err(error)));
    update(&mut model, Msg::Detail(views::pod_id(1), Ok(Box::new(theirs))));
    check("conflict", &mut model);
    press(&mut model, "n");
    check("conflict_left", &mut model);
}

#[test]
pub(super) fn a_draft_is_offered_and_a_path_asked_for() {
    let mut model = editing();
    let draft = SPEC.replace("pnpm dev", "pnpm start");
    let name = views::pod_id(1).to_string();
    update(&mut model, Msg::Draft(name, Some(draft)));
    check("draft", &mut model);
    let mut model = with(mixed());
    press(&mut model, "n");
    check("path_asked", &mut model);
    let source = Source {
        text: SPEC.to_owned(),
        shown: "/home/me/api/pinacle.yaml".to_owned(),
        default_name: Some("api".to_owned()),
        source_dir: Some("/home/me/api".to_owned()),
        dir: Some("/home/me/api".to_owned()),
        found: true,
    };
    press(&mut model, "esc");
    update(&mut model, Msg::Source(Ok(source)));
    checked(&mut model, Vec::new());
    check("new_pod_effective", &mut model);
    press(&mut model, "ctrl-s");
    check("new_pod_sending", &mut model);
}

#[test]
pub(super) fn a_running_pod_is_deleted_by_its_name_and_a_journal_saved() {
    let mut model = with(mixed());
    press(&mut model, "D a p");
    check("delete_typed", &mut model);
    press(&mut model, "esc a D");
    check("delete_several", &mut model);
    let mut model = journal();
    press(&mut model, "ctrl-s");
    check("save_asked", &mut model);
}
