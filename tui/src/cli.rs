//! The process around [`crate::run`]: the runtime, the real streams, Ctrl-C.

use crate::output::Console;
use crate::session::{Environment, Interrupt, Surroundings};
use std::process::ExitCode;

/// Runs `pinacle-tui` with this process's arguments, streams and environment.
///
/// # Errors
///
/// The runtime cannot be started.
#[expect(clippy::disallowed_methods, reason = "signals are listened for until the process ends")]
pub fn main() -> anyhow::Result<ExitCode> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let code = runtime.block_on(async {
        let interrupt = Interrupt::default();
        tokio::spawn(listen(interrupt.clone()));
        let surroundings = Surroundings {
            console: Console::of_process(),
            env: Environment::of_process(),
            cwd: std::env::current_dir().ok(),
            interrupt,
        };
        crate::run(std::env::args_os(), surroundings).await
    });
    // Not waited for: a thread may still hang in a read of standard input.
    runtime.shutdown_background();
    Ok(ExitCode::from(code))
}

/// Turns Ctrl-C into the run's own interrupt for as long as the process lives.
async fn listen(interrupt: Interrupt) {
    while tokio::signal::ctrl_c().await.is_ok() {
        interrupt.raise();
    }
}
