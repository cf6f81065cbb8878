//! The list of pods, and the hints below it: nothing half shown, nothing stale, nothing that
//! leads nowhere.

use super::looks::{mixed, used};
use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::model::Model;
use pinacle_tui::msg::Msg;
use pinacle_tui::update::update;

fn hints(model: &Model) -> String {
    screen(model).lines().last().unwrap_or_default().to_owned()
}

fn row<'a>(shown: &'a str, word: &str) -> &'a str {
    shown.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("no {word}: {shown}"))
}

#[test]
fn a_number_is_shown_whole_or_not_at_all() {
    let mut model = used();
    for columns in 60..140 {
        resize(&mut model, (columns, 24));
        let shown = screen(&model);
        let heading = row(&shown, "NAME");
        assert!(heading.contains("STATE") && heading.contains("PORT"), "{columns}: {heading}");
        let api = row(&shown, "api");
        assert!(api.contains("30001"), "{columns}: {api}");
        for (word, value) in [("CPU", "12%"), ("MEMORY", "300M"), ("TIER", "dev.small")] {
            assert_eq!(heading.contains(word), api.contains(value), "{columns}: {heading}\n{api}");
        }
        assert!(columns < 75 || heading.contains("TIER"), "{columns}: {heading}");
    }
}

#[test]
fn a_state_too_long_for_its_age_is_shown_whole() {
    let mut inventory = inventory(vec![views::pod(1, "api", PodPhase::Provisioning)]);
    inventory.pods[0].operation = Some(OperationSummary {
        id: views::operation_id(1),
        kind: OperationKind::Create,
        step: "making the network".to_owned(),
        done: 4,
        total: 11,
        started_at: NOW,
    });
    let shown = screen(&with(inventory));
    assert!(row(&shown, "api").contains("provisioning 4/11   "), "{shown}");
}

#[test]
fn nothing_of_a_lost_daemon_looks_as_if_it_were_of_now() {
    let mut model = used();
    assert!(row(&screen(&model), "api").contains("12%"), "{}", screen(&model));
    update(&mut model, Msg::Lost("connection refused".to_owned()));
    let shown = screen(&model);
    let api = row(&shown, "api");
    assert!(!api.contains("12%") && !api.contains("300M"), "{shown}");
    press(&mut model, "d");
    let shown = screen(&model);
    assert!(shown.contains("not known before the daemon is there again"), "{shown}");
    assert!(!shown.contains("reading") && !shown.contains("asking"), "{shown}");
}

#[test]
fn a_remedy_is_shown_whole_or_where_it_is() {
    let mut inventory = inventory(vec![views::pod(1, "api", PodPhase::Failed)]);
    inventory.pods[0].reason =
        Some("create failed: \"Installing\" failed (exit code 7)".to_owned());
    inventory.pods[0].hint =
        Some("what was run is shown by `pinacle-tui logs api --infra`".to_owned());
    let mut model = with(inventory);
    let why = "create failed: \"Installing\" failed (exit code 7)";
    assert!(
        screen(&model).contains(&format!("{why} - d shows what to do\n")),
        "{}",
        screen(&model)
    );
    press(&mut model, "enter");
    assert!(
        screen(&model).contains(&format!("{why} - d shows what to do\n")),
        "{}",
        screen(&model)
    );
    resize(&mut model, (120, 40));
    let whole = format!("{why} - what was run is shown by `pinacle-tui logs api --infra`\n");
    assert!(screen(&model).contains(&whole), "{}", screen(&model));
}

#[test]
fn hints_are_of_what_can_be_done() {
    let pods = vec![
        views::pod(1, "api", PodPhase::Running),
        views::pod(2, "blog", PodPhase::Stopped),
        views::pod(3, "shop", PodPhase::Provisioning),
    ];
    let mut model = with(inventory(pods));
    resize(&mut model, (160, 50));
    let shown = hints(&model);
    assert!(shown.contains("x stop") && shown.contains("s shell"), "{shown}");
    assert!(!shown.contains("u start"), "{shown}");
    press(&mut model, "down");
    let shown = hints(&model);
    assert!(shown.contains("u start"), "{shown}");
    assert!(!shown.contains("x stop") && !shown.contains("s shell"), "{shown}");
    press(&mut model, "down");
    assert!(!hints(&model).contains("u start"), "{}", hints(&model));
    // Of several, whatever is for one of them.
    press(&mut model, "a");
    let shown = hints(&model);
    assert!(shown.contains("u start") && shown.contains("x stop"), "{shown}");
    press(&mut model, "esc / z z enter");
    let shown = hints(&model);
    assert!(!shown.contains("delete") && !shown.contains("journal"), "{shown}");
    assert!(shown.contains("n new") && shown.contains("/ filter"), "{shown}");
}

#[test]
fn hints_of_details_are_of_what_is_there() {
    let mut model = with(mixed());
    press(&mut model, "d");
    let shown = hints(&model);
    assert!(!shown.contains("output") && !shown.contains("details"), "{shown}");
    press(&mut model, "enter");
    assert!(screen(&model).contains("there is no process to look at"), "{}", screen(&model));
}

#[test]
fn a_dialog_has_the_keys_to_itself() {
    for keys in ["?", ":", "x", "D"] {
        let mut model = with(mixed());
        press(&mut model, keys);
        assert_eq!(hints(&model), "", "{keys}");
    }
    let mut model = with(mixed());
    press(&mut model, "/");
    assert!(screen(&model).contains("enter keeps it, esc shows all"), "{}", screen(&model));
}

#[test]
fn a_question_names_pods_in_the_order_of_the_list() {
    let slugs = ["c", "a", "d", "b"];
    let mut pods: Vec<PodView> =
        (1..).zip(slugs).map(|(n, slug)| views::pod(n, slug, PodPhase::Running)).collect();
    pods.sort_by(|x, y| x.slug.cmp(&y.slug));
    let mut model = with(inventory(pods));
    press(&mut model, "a x");
    assert!(screen(&model).contains("a, b, c, d"), "{}", screen(&model));
    press(&mut model, "n backtab x");
    assert!(screen(&model).contains("d, c, b, a"), "{}", screen(&model));
    // What the filter hides is marked still, and named last.
    press(&mut model, "n / b enter x");
    assert!(screen(&model).contains("b, d, c, a"), "{}", screen(&model));
}

#[test]
fn a_pod_that_is_gone_keeps_its_name_and_nothing_is_asked_of_it() {
    let mut model = with(mixed());
    press(&mut model, "enter");
    let id = views::pod_id(1);
    update(&mut model, Msg::Changed(Box::new(Event::PodRemoved { id: id.clone() })));
    assert!(screen(&model).contains("api is gone"), "{}", screen(&model));
    for key in ["s", "e", "u", "x", "r", "o", "c", "d", "D"] {
        model.toast = None;
        let cmds = press(&mut model, key);
        assert_eq!(cmds, [], "{key}");
        assert!(model.layers.is_empty(), "{key}");
        assert_eq!(model.toast.as_ref().map(|t| t.text.as_str()), Some("api is gone"), "{key}");
    }
    // So do pods that went while nobody told.
    let mut model = with(mixed());
    press(&mut model, "enter");
    update(&mut model, Msg::Lost("connection refused".to_owned()));
    update(&mut model, Msg::Inventory(Box::new(inventory(Vec::new()))));
    assert!(screen(&model).contains("api is gone"), "{}", screen(&model));
}

#[test]
fn all_that_are_shown_are_marked_beside_the_others() {
    let marked = |model: &Model| -> Vec<String> {
        model.targets().iter().map(|id| model.world.slug(id)).collect()
    };
    let mut model = model(&["ape", "bee", "cat"]);
    press(&mut model, "/ p enter a");
    assert_eq!(marked(&model), ["ape"]);
    press(&mut model, "/ ctrl-u b enter a");
    assert_eq!(marked(&model), ["bee", "ape"], "the one on the screen first");
    press(&mut model, "a");
    assert_eq!(marked(&model), ["ape"], "those that are shown are taken off");
}
