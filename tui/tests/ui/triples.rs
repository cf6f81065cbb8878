//! What keys lead to, through the loop that people use, against a daemon.

use crate::support::{World, eventually};
use pinacle_protocol::PodPhase;
use pinacle_tui::app::effects::{Effects, Facts};
use pinacle_tui::app::{Drive, FRAME, Front, Input, PENDING, drive};
use pinacle_tui::client::Client;
use pinacle_tui::model::{Model, Setting};
use pinacle_tui::output::time;
use pinacle_tui::recorder::Recorder;
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Shows each frame to the test.
struct Shown {
    inner: TestBackend,
    frame: Arc<Mutex<String>>,
}

macro_rules! pass {
    ($($name:ident($($arg:ident: $type:ty),*) -> $out:ty;)*) => {
        $(fn $name(&mut self, $($arg: $type),*) -> io::Result<$out> {
            let Ok(out) = self.inner.$name($($arg),*);
            Ok(out)
        })*
    };
}

impl Backend for Shown {
    type Error = io::Error;

    fn draw<'a, I: Iterator<Item = (u16, u16, &'a Cell)>>(&mut self, content: I) -> io::Result<()> {
        let Ok(()) = self.inner.draw(content);
        *self.frame.lock().expect("not poisoned") = self.inner.to_string();
        Ok(())
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, at: P) -> io::Result<()> {
        let Ok(()) = self.inner.set_cursor_position(at);
        Ok(())
    }

    fn size(&self) -> io::Result<Size> {
        let Ok(size) = self.inner.size();
        Ok(size)
    }

    pass! {
        hide_cursor() -> ();
        show_cursor() -> ();
        get_cursor_position() -> Position;
        clear() -> ();
        clear_region(kind: ratatui::backend::ClearType) -> ();
        window_size() -> ratatui::backend::WindowSize;
        flush() -> ();
    }
}

/// A terminal whose keys the test presses.
struct Pressed {
    terminal: Terminal<Shown>,
    keys: mpsc::Receiver<Input>,
    lent: Arc<Mutex<Vec<String>>>,
}

impl Front for Pressed {
    type Backend = Shown;

    fn terminal(&mut self) -> &mut Terminal<Shown> {
        &mut self.terminal
    }

    async fn next(&mut self) -> Option<Input> {
        self.keys.recv().await
    }

    fn suspend(&mut self) -> io::Result<()> {
        self.lent.lock().expect("not poisoned").push("suspend".to_owned());
        Ok(())
    }

    async fn shell(&mut self, pod: &pinacle_protocol::PodId) -> Result<String, String> {
        self.lent.lock().expect("not poisoned").push(format!("shell {pod}"));
        Ok("back from the shell".to_owned())
    }

    async fn edit(&mut self, text: &str) -> Result<Option<String>, String> {
        Ok(Some(format!("{text}# edited elsewhere\n")))
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.lent.lock().expect("not poisoned").push(format!("copy {text}"));
        Ok(())
    }
}

/// Runs the loop; presses keys step by step, waiting for a text after each step.
async fn check(world: &World, steps: &[(&str, &str)]) -> Vec<String> {
    let frame = Arc::new(Mutex::new(String::new()));
    let lent = Arc::new(Mutex::new(Vec::new()));
    let backend = Shown { inner: TestBackend::new(100, 30), frame: frame.clone() };
    let (keys, receiver) = mpsc::channel(64);
    let terminal = Terminal::new(backend).expect("a terminal");
    let mut front = Pressed { terminal, keys: receiver, lent: lent.clone() };
    let client = Arc::new(Client::connect(&world.socket()).await.expect("a daemon"));
    let (sender, messages) = mpsc::channel(PENDING);
    let facts = Facts {
        socket: world.socket(),
        state_dir: world.dir.path().join("state"),
        cwd: world.cwd.clone(),
        env: world.env.iter().cloned().collect(),
    };
    let effects = Effects::new(facts, client, sender, None);
    let setting = Setting { cwd: world.cwd.display().to_string(), ..Setting::default() };
    let model = Model::new(setting, (100, 30), time::now());
    let recorder = Arc::new(Mutex::new(Recorder::new()));
    let parts = Drive { front: &mut front, model, effects, messages, recorder, frame: FRAME };
    let pressing = async {
        for (pressed, expected) in steps {
            for key in pressed.split_whitespace() {
                keys.send(Input::Key(key.parse().expect("a key"))).await.expect("the loop runs");
            }
            let what = format!(
                "{pressed:?} shows {expected:?}; last:\n{}",
                frame.lock().expect("not poisoned")
            );
            eventually(&what, || frame.lock().expect("not poisoned").contains(expected)).await;
        }
        drop(keys);
    };
    let (ended, ()) = tokio::join!(drive(parts), pressing);
    ended.expect("the loop ends well");
    lent.lock().expect("not poisoned").clone()
}

fn world() -> World {
    let world = World::new();
    world.fake.add("api", PodPhase::Stopped);
    world.fake.add("web", PodPhase::Running);
    world
}

#[tokio::test]
async fn the_list_is_moved_in_filtered_and_marked() {
    check(
        &world(),
        &[
            ("", "2 pods"),
            ("/ w e", "only \"we\""),
            ("enter", "web"),
            ("esc", "2 pods"),
            ("a", "2 marked"),
            ("esc ?", "List of pods"),
            ("esc : d o c", "check that pods can run"),
            ("enter", "Can pods run on local?"),
        ],
    )
    .await;
}

#[tokio::test]
async fn actions_are_asked_about_and_asked_for() {
    let world = world();
    let steps = [
        ("", "2 pods"),
        ("u", "start of api is under way"),
        ("down D", "type web and enter"),
        ("w e enter", "not the word"),
        ("x", "stop web?"),
        ("y", "stop of web is under way"),
    ];
    check(&world, &steps).await;
    let calls = world.fake.calls();
    assert!(calls.iter().any(|c| c.starts_with("stop")), "{calls:?}");
    assert!(!calls.iter().any(|c| c.starts_with("delete")), "{calls:?}");
}

#[tokio::test]
async fn a_spec_is_edited_planned_and_applied() {
    let world = world();
    let steps = [
        ("", "2 pods"),
        ("e", "Spec of api, revision 1"),
        ("ctrl-end t e i r : space x", "there is no key teir"),
        ("ctrl-s", "there are errors"),
        ("ctrl-a ctrl-k", "good"),
        ("t i e r : space d e v . l a r g e", "changed"),
        ("ctrl-s", "Apply these changes?"),
        ("y", "accepted"),
    ];
    // The text area has no key for the last line but this.
    let steps: Vec<_> =
        steps.iter().map(|(k, e)| (k.replace("ctrl-end", "down end enter"), *e)).collect();
    let steps: Vec<(&str, &str)> = steps.iter().map(|(k, e)| (k.as_str(), *e)).collect();
    check(&world, &steps).await;
    let text = world.fake.state().pods[0].spec_text.clone();
    assert!(text.contains("tier: dev.large") && !text.contains("teir"), "{text}");
}

#[tokio::test]
async fn a_pod_is_made_from_a_directory_and_a_draft_is_offered_again() {
    let world = world();
    world.write("pinacle.yaml", "version: \"1.0\"\nname: blog\n");
    check(
        &world,
        &[
            ("", "2 pods"),
            ("n enter", "New pod from"),
            ("# f i r s t esc", "kept as a draft"),
            ("n enter", "Take up your draft?"),
            ("y", "the draft is here again"),
            ("ctrl-s", "accepted"),
        ],
    )
    .await;
    let created = world.fake.state().created[0].clone();
    assert!(created.spec_text.contains("first"), "{}", created.spec_text);
    assert!(created.source_dir.is_some());
}

#[tokio::test]
async fn the_terminal_is_lent_and_taken_back() {
    let world = world();
    let steps = [
        ("", "2 pods"),
        ("down s", "back from the shell"),
        ("c", "clipboard"),
        ("ctrl-z enter", "journal"),
    ];
    let lent = check(&world, &steps).await;
    assert!(
        lent[0].starts_with("shell ") && lent[1].starts_with("copy http") && lent[2] == "suspend",
        "{lent:?}"
    );
}

#[tokio::test]
async fn a_long_journal_is_read_from_both_ends_and_searched_between() {
    use crate::support::views;
    let world = world();
    let mut journal = vec![views::begin(1, "Flood", "seq")];
    journal.extend((2..=9_000).map(|n| views::output(n, 1, &format!("number {n}\n"))));
    world.fake.state().journal = journal;
    let steps = [
        ("", "2 pods"),
        ("down enter", "number 9000"),
        ("g", "$ seq"),
        ("", "number 2 "),
        ("pagedown", "number 40"),
        ("G", "number 9000"),
        ("/ n u m b e r space 4 3 2 1 enter", "number 4323"),
        ("N", "no further match"),
        ("n", "no further match"),
    ];
    check(&world, &steps).await;
}
