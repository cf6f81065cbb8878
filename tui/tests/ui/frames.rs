//! What is written to the terminal.

use pinacle_tui::app::frames::Frames;
use ratatui::backend::Backend;
use ratatui::buffer::Cell;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

/// Each write apart.
#[derive(Clone, Default)]
struct Writes(Arc<Mutex<Vec<Vec<u8>>>>);

impl Write for Writes {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("not poisoned").push(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_frame_is_one_write_and_an_unchanged_one_is_none() {
    let writes = Writes::default();
    let mut frames = Frames::new(writes.clone());
    let mut frame = |cells: &[(u16, u16, &Cell)]| {
        frames.hide_cursor().expect("written");
        frames.draw(cells.iter().copied()).expect("written");
        frames.flush().expect("written");
        writes.0.lock().expect("not poisoned").len()
    };
    let cell = Cell::new("x");
    assert_eq!(frame(&[(0, 0, &cell), (5, 3, &cell)]), 1);
    assert_eq!(frame(&[]), 1);
    assert_eq!(frame(&[]), 1);
    assert_eq!(frame(&[(1, 1, &cell)]), 2);
    let all = writes.0.lock().expect("not poisoned").clone();
    assert!(all.iter().all(|w| w.starts_with(b"\x1b[?2026h") && w.ends_with(b"\x1b[?2026l")));
}
