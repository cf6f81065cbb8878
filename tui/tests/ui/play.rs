//! What the tests of the full screen stand on.

use crate::support::views;
use pinacle_protocol::*;
use pinacle_tui::cmd::Cmd;
use pinacle_tui::model::{Model, Setting};
use pinacle_tui::msg::{Feed, Msg};
use pinacle_tui::recorder::frame;
use pinacle_tui::update::update;

pub(super) const NOW: Timestamp = Timestamp(views::T0 + 3_600_000);

pub(super) const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (200, 60)];

pub(super) fn host(status: HostStatus) -> HostView {
    let error = (status == HostStatus::Down)
        .then(|| ApiError::new(ErrorKind::HostUnreachable, "the engine does not answer"));
    HostView { id: HostId::local(), status, since: Timestamp(views::T0), error, engine: None }
}

pub(super) fn inventory(pods: Vec<PodView>) -> Inventory {
    let hosts = vec![host(HostStatus::Up)];
    Inventory { revision: Revision(1), cursor: Cursor::default(), pods, hosts }
}

pub(super) fn empty() -> Model {
    let keymap = super::rebound::keymap();
    let setting = Setting { cwd: "/home/me/blog".to_owned(), keymap, ..Setting::default() };
    Model::new(setting, (80, 24), NOW)
}

pub(super) fn model(slugs: &[&str]) -> Model {
    let pods = (1..).zip(slugs).map(|(n, s)| views::pod(n, s, PodPhase::Running)).collect();
    with(inventory(pods))
}

pub(super) fn with(inventory: Inventory) -> Model {
    let mut model = empty();
    update(&mut model, Msg::Inventory(Box::new(inventory)));
    model
}

/// Presses keys, written with blanks between them and as they are bound unless they are bound
/// anew; returns what is asked for.
pub(super) fn press(model: &mut Model, keys: &str) -> Vec<Cmd> {
    let press = |key: &str| {
        let key = super::rebound::translated(model, key.parse().expect("a key"));
        update(model, Msg::Key(key))
    };
    keys.split_whitespace().flat_map(press).collect()
}

pub(super) fn resize(model: &mut Model, (columns, rows): (u16, u16)) {
    update(model, Msg::Resized(columns, rows));
}

pub(super) fn screen(model: &Model) -> String {
    frame(model)
}

pub(super) fn records(model: &mut Model, records: Vec<JournalRecord>) {
    let seq = records.last().map_or(0, |r| r.seq);
    let feed = Feed::Records(records, Cursor { epoch: 1, seq });
    update(model, Msg::Journal(model.number, feed));
}

pub(super) fn story() -> Vec<JournalRecord> {
    vec![
        views::begin(1, "Install", "npm install"),
        views::output(
            2,
            1,
            "\x1b[32madded\x1b[0m 12 packages\n10%\r55%\r100%\nbad \x1b]0;title\x07\x1b[2Jbytes\twide 你好\n",
        ),
        views::end(3, 1, Some(0)),
        views::begin(4, "Build", "make"),
        views::output(5, 4, "cc -o app\nerror: no rule\n"),
        views::end(6, 4, Some(2)),
    ]
}
