//! Each view and state on three sizes, and colours apart.

use super::play::*;
use super::rebound;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::model::Model;
use pinacle_tui::msg::{Feed, Msg, Source};
use pinacle_tui::update::update;

/// Returns a model's screens on every size.
pub(super) fn on_every_size(model: &mut Model) -> String {
    let (mut shown, before) = (String::new(), model.size);
    for size in SIZES {
        resize(model, size);
        shown.push_str(&format!("== {}x{}\n{}", size.0, size.1, screen(model)));
    }
    resize(model, before);
    shown
}

/// Compares a model's screens with those that were looked at.
fn check(name: &str, model: &mut Model) {
    let shown = on_every_size(model);
    if rebound::is_on() {
        return rebound::names_no_old_key(name, &shown);
    }
    insta::assert_snapshot!(name, shown);
}

pub(super) fn mixed() -> Inventory {
    let phases = [
        ("api", PodPhase::Running),
        ("blog", PodPhase::Stopped),
        ("shop", PodPhase::Failed),
        ("web", PodPhase::Starting),
    ];
    let mut pods: Vec<PodView> =
        (1..).zip(phases).map(|(n, (slug, phase))| views::pod(n, slug, phase)).collect();
    pods[2].reason = Some("npm install ended with code 1".to_owned());
    pods[3].operation = Some(OperationSummary {
        id: views::operation_id(1),
        kind: OperationKind::Start,
        step: "start the container".to_owned(),
        done: 3,
        total: 7,
        started_at: Timestamp(NOW.0 - 4_200),
    });
    inventory(pods)
}

#[test]
pub(super) fn loading() {
    check("loading", &mut empty());
}

#[test]
pub(super) fn nothing_there() {
    let mut model = model(&[]);
    let report = views::report(CheckStatus::Ok, None);
    update(&mut model, Msg::HostChecked(Ok(report)));
    check("empty", &mut model);
}

/// All states, and what the first pod uses.
pub(super) fn used() -> Model {
    let mut model = with(mixed());
    let usage = PodUsage {
        pod: views::pod_id(1),
        cpu_milli: Some(123),
        memory_bytes: 300 << 20,
        memory_limit_bytes: 1 << 30,
    };
    update(&mut model, Msg::Usage(Ok(vec![usage])));
    model
}

#[test]
pub(super) fn list() {
    let mut model = used();
    check("list", &mut model);
    press(&mut model, "h down space");
    check("list_by_host", &mut model);
}

#[test]
pub(super) fn lost_link() {
    let mut model = with(mixed());
    update(&mut model, Msg::Lost("connection refused".to_owned()));
    check("lost", &mut model);
}

#[test]
pub(super) fn host_out_of_reach() {
    let mut inventory = mixed();
    inventory.hosts = vec![host(HostStatus::Down)];
    for pod in &mut inventory.pods {
        pod.unknown_since = Some(Timestamp(NOW.0 - 90_000));
    }
    check("host_down", &mut with(inventory));
}

#[test]
pub(super) fn a_thousand_pods() {
    let mut pods: Vec<PodView> =
        (0..1_000).map(|n| views::pod(n, &format!("pod-{n:04}"), PodPhase::Running)).collect();
    pods.sort_by(|a, b| a.slug.cmp(&b.slug));
    let mut model = with(inventory(pods));
    press(&mut model, "G");
    check("thousand", &mut model);
}

#[test]
pub(super) fn journal() {
    let mut model = with(mixed());
    press(&mut model, "enter");
    records(&mut model, story());
    let number = model.number;
    update(&mut model, Msg::Journal(number, Feed::CaughtUp));
    check("journal", &mut model);
    press(&mut model, "Z");
    check("journal_folded", &mut model);
}

#[test]
pub(super) fn editor() {
    let mut model = with(mixed());
    press(&mut model, "e");
    let text = "version: \"1.0\" # ours\nteir: dev.large\nenv:\n  A: 1\n";
    let detail = views::detail(&model.world.pods[0], text);
    update(&mut model, Msg::Detail(views::pod_id(1), Ok(Box::new(detail))));
    press(&mut model, "ctrl-t");
    update(&mut model, Msg::Tick(NOW.plus_ms(1_000)));
    let finding = diagnostic::Diagnostic {
        severity: diagnostic::Severity::Error,
        span: diagnostic::Span { line: 2, column: 1, end_line: 2, end_column: 5 },
        path: "teir".to_owned(),
        message: "there is no key teir".to_owned(),
        hint: Some("write tier".to_owned()),
    };
    let report = ConfigReport { valid: false, diagnostics: vec![finding], effective: None };
    update(&mut model, Msg::Checked(1, Ok(report)));
    check("editor", &mut model);
}

#[test]
pub(super) fn new_pod() {
    let mut model = model(&[]);
    let source = Source {
        text: "version: \"1.0\"\nservices: []\n".to_owned(),
        shown: "/home/me/blog/pinacle.yaml".to_owned(),
        default_name: Some("blog".to_owned()),
        source_dir: Some("/home/me/blog".to_owned()),
        dir: Some("/home/me/blog".to_owned()),
        found: false,
    };
    update(&mut model, Msg::Source(Ok(source)));
    check("new_pod", &mut model);
}

#[test]
pub(super) fn doctor_help_palette_and_question() {
    let mut model = with(mixed());
    press(&mut model, "f2");
    check("doctor_waiting", &mut model);
    update(&mut model, Msg::HostChecked(Ok(views::report(CheckStatus::Failed, None))));
    check("doctor", &mut model);
    press(&mut model, "esc ?");
    check("help", &mut model);
    press(&mut model, "esc : s t");
    check("palette", &mut model);
    press(&mut model, "esc D");
    check("delete", &mut model);
}

#[test]
pub(super) fn too_small() {
    let mut model = with(mixed());
    for size in [(1, 1), (20, 5), (59, 40)] {
        resize(&mut model, size);
        screen(&model);
    }
    insta::assert_snapshot!(screen(&model).lines().next().unwrap_or_default(), @"59x40 is too small; 60x12 is needed");
}
