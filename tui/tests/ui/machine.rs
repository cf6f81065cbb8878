//! What is said about the machine is of the machine as it is now.

use super::play::*;
use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::cmd::Cmd;
use pinacle_tui::model::Model;
use pinacle_tui::msg::Msg;
use pinacle_tui::update::update;

fn turns(model: &mut Model, status: HostStatus) -> Vec<Cmd> {
    update(model, Msg::Changed(Box::new(Event::HostChanged { host: Box::new(host(status)) })))
}

fn asked(cmds: &[Cmd]) -> usize {
    cmds.iter().filter(|cmd| matches!(cmd, Cmd::CheckHost { fresh: false, .. })).count()
}

fn found(model: &mut Model, engine: CheckStatus) {
    update(model, Msg::HostChecked(Ok(views::report(engine, Some("runsc")))));
}

#[test]
fn the_first_screen_looks_again_when_the_engine_comes_and_goes() {
    let mut model = with(Inventory { hosts: vec![host(HostStatus::Down)], ..inventory(vec![]) });
    found(&mut model, CheckStatus::Failed);
    assert!(screen(&model).contains("start Docker"), "{}", screen(&model));
    assert_eq!(asked(&turns(&mut model, HostStatus::Connecting)), 0, "nothing is known yet");
    assert_eq!(asked(&turns(&mut model, HostStatus::Up)), 1);
    assert!(!screen(&model).contains("start Docker"), "{}", screen(&model));
    assert_eq!(asked(&turns(&mut model, HostStatus::Up)), 0, "it was up before");
    found(&mut model, CheckStatus::Ok);
    assert!(screen(&model).contains("This machine is ready for pods."), "{}", screen(&model));
    assert_eq!(asked(&turns(&mut model, HostStatus::Down)), 1);
    assert!(!screen(&model).contains("ready"), "{}", screen(&model));
}

#[test]
fn a_new_daemon_may_find_another_machine() {
    let mut model = model(&[]);
    found(&mut model, CheckStatus::Ok);
    update(&mut model, Msg::Lost("connection refused".to_owned()));
    let same = Msg::Inventory(Box::new(inventory(vec![])));
    assert_eq!(asked(&update(&mut model, same)), 0, "all is as it was");
    let down = Inventory { hosts: vec![host(HostStatus::Down)], ..inventory(vec![]) };
    assert_eq!(asked(&update(&mut model, Msg::Inventory(Box::new(down)))), 1);
}

#[test]
fn the_doctor_looks_again_as_well() {
    let mut model = model(&["web"]);
    assert_eq!(asked(&press(&mut model, "f2")), 1);
    assert_eq!(asked(&turns(&mut model, HostStatus::Down)), 0, "an answer is awaited");
    found(&mut model, CheckStatus::Failed);
    assert!(screen(&model).contains("not yet: a check failed"), "{}", screen(&model));
    assert_eq!(asked(&turns(&mut model, HostStatus::Up)), 1);
    assert!(screen(&model).contains("looking ..."), "{}", screen(&model));
    found(&mut model, CheckStatus::Ok);
    assert!(screen(&model).contains("Can pods run on local?  yes\n"), "{}", screen(&model));
    update(&mut model, Msg::Lost("connection refused".to_owned()));
    press(&mut model, "r");
    assert!(screen(&model).contains("when the daemon is there again"), "{}", screen(&model));
}

#[test]
fn what_needs_a_look_comes_first_and_scrolling_ends_where_the_text_does() {
    let mut model = model(&["web"]);
    press(&mut model, "f2");
    let mut report = views::report(CheckStatus::Ok, Some("runsc"));
    for n in 0..20 {
        let check = CheckResult { check: format!("check {n}"), ..report.checks[0].clone() };
        report.checks.push(check);
    }
    let last = report.checks.last_mut().expect("some");
    last.status = CheckStatus::Warning;
    update(&mut model, Msg::HostChecked(Ok(report)));
    let shown = screen(&model);
    assert!(shown.contains("yes, with a warning  lines 1-20 of "), "{shown}");
    let at = |word| shown.find(word).unwrap_or_else(|| panic!("no {word}: {shown}"));
    assert!(at("check 19") < at("engine"), "{shown}");
    press(&mut model, "G");
    let end = screen(&model);
    assert!(end.contains("gVisor pods run under runsc"), "{end}");
    press(&mut model, "down down down up");
    assert!(screen(&model) != end, "the way back begins at once");
    press(&mut model, "down");
    assert_eq!(screen(&model), end);
}
