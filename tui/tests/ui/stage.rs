//! The loop that people use, on a terminal that the test holds, against a daemon.

use crate::support::World;
use pinacle_tui::app::effects::{Effects, Facts};
use pinacle_tui::app::{Drive, FRAME, Front, Input, PENDING, drive};
use pinacle_tui::client::Client;
use pinacle_tui::model::{Model, Setting};
use pinacle_tui::msg::Pointer;
use pinacle_tui::output::time;
use pinacle_tui::recorder::Recorder;
use ratatui::Terminal;
use ratatui::backend::{Backend, TestBackend};
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::{Position, Size};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::mpsc;

/// Shows each frame to the test.
pub(super) struct Shown {
    inner: TestBackend,
    frame: Arc<Mutex<String>>,
    cells: Arc<Mutex<Buffer>>,
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
        self.cells.lock().expect("not poisoned").clone_from(self.inner.buffer());
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
pub(super) struct Pressed {
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
        let input = self.keys.recv().await;
        if let Some(Input::Resized(columns, rows)) = input {
            self.terminal.backend_mut().inner.resize(columns, rows);
        }
        input
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

    fn point(&mut self, pointer: Pointer) -> io::Result<()> {
        self.lent.lock().expect("not poisoned").push(format!("{pointer:?}"));
        Ok(())
    }

    fn copy(&mut self, text: &str) -> io::Result<()> {
        self.lent.lock().expect("not poisoned").push(format!("copy {text}"));
        Ok(())
    }
}

/// What a test has of a loop that runs.
pub(super) struct Hands {
    /// What is on the terminal.
    pub(super) frame: Arc<Mutex<String>>,
    /// The same, cell by cell.
    pub(super) cells: Arc<Mutex<Buffer>>,
    /// What the terminal was lent for.
    pub(super) lent: Arc<Mutex<Vec<String>>>,
    /// What comes from the terminal; without it the loop ends.
    pub(super) keys: mpsc::Sender<Input>,
    /// Whether the loop has ended.
    pub(super) ended: Arc<Mutex<bool>>,
}

impl Hands {
    /// Returns whether the loop has ended, as it may when it is told to.
    pub(super) fn is_over(&self) -> bool {
        *self.ended.lock().expect("not poisoned")
    }

    pub(super) fn shown(&self) -> String {
        self.frame.lock().expect("not poisoned").clone()
    }
}

/// Runs the loop beside what a test does with it; returns the model as it was at the end.
pub(super) async fn play<T>(
    world: &World,
    size: (u16, u16),
    test: impl AsyncFnOnce(Hands) -> T,
) -> (Model, T) {
    let frame = Arc::new(Mutex::new(String::new()));
    let lent = Arc::new(Mutex::new(Vec::new()));
    let inner = TestBackend::new(size.0, size.1);
    let cells = Arc::new(Mutex::new(inner.buffer().clone()));
    let backend = Shown { inner, frame: frame.clone(), cells: cells.clone() };
    let (keys, receiver) = mpsc::channel(64);
    let terminal = Terminal::new(backend).expect("a terminal");
    let mut front = Pressed { terminal, keys: receiver, lent: lent.clone() };
    let client = Arc::new(Client::connect(&world.socket()).await.expect("a daemon"));
    let (sender, messages) = mpsc::channel(PENDING);
    let facts = Facts {
        socket: world.socket(),
        state_dir: world.dir.path().join("state"),
        cwd: Some(world.cwd.clone()),
        env: world.env.iter().cloned().collect(),
    };
    let effects = Effects::new(facts, client, sender, None);
    let setting = Setting { cwd: world.cwd.display().to_string(), ..Setting::default() };
    let model = Model::new(setting, size, time::now());
    let recorder = Arc::new(Mutex::new(Recorder::new()));
    let parts = Drive { front: &mut front, model, effects, messages, recorder, frame: FRAME };
    let over = Arc::new(Mutex::new(false));
    let told = over.clone();
    let driven = async {
        let ended = drive(parts).await;
        *told.lock().expect("not poisoned") = true;
        ended
    };
    let (ended, outcome) =
        tokio::join!(driven, test(Hands { frame, cells, lent, keys, ended: over }));
    (ended.expect("the loop ends well"), outcome)
}
