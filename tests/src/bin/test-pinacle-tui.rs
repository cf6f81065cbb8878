//! The client, as its own package builds it. Tests can have a thread of it panic,
//! when the file named in `PINACLE_TEST_PANIC` appears.

use std::path::PathBuf;
use std::time::Duration;

fn main() -> anyhow::Result<std::process::ExitCode> {
    if let Some(path) = std::env::var_os("PINACLE_TEST_PANIC").map(PathBuf::from) {
        std::thread::spawn(move || {
            while !path.exists() {
                std::thread::sleep(Duration::from_millis(20));
            }
            panic!("a panic that was asked for");
        });
    }
    pinacle_tui::cli::main()
}
