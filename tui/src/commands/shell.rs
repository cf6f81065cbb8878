//! `shell`: opens a shell in a pod.

use crate::args::ShellArgs;
use crate::attach::{self, Detach, Stdin};
use crate::failure::Failure;
use crate::locate;
use crate::session::Session;
use pinacle_protocol::PtyRequest;

/// Opens it; with a terminal when there is one here, else as a filter for
/// commands on standard input.
///
/// # Errors
///
/// [`Failure::Exit`] with the shell's own code when that is not zero; the daemon's.
pub async fn run(session: &mut Session, args: ShellArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let pod = locate::pod(session, &client, args.pod.as_deref()).await?;
    let terminals = session.console.terminals;
    let tty = terminals.stdin && terminals.stdout;
    let request = PtyRequest {
        pod: locate::reference(&pod),
        command: Vec::new(),
        tty,
        size: attach::terminal_size(session).filter(|_| tty),
        env: attach::with_terminal_kind(session, Vec::new(), tty),
        working_dir: args.workdir,
        user: args.user,
    };
    attach::run(session, &client, request, Stdin::Passed, Detach::ByKeys).await
}
