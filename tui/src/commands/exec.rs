//! `exec`: runs a command in a pod and passes on its exit code.

use crate::args::ExecArgs;
use crate::attach::{self, Detach, Stdin};
use crate::failure::Failure;
use crate::locate;
use crate::session::Session;
use pinacle_protocol::PtyRequest;

/// Runs it.
///
/// # Errors
///
/// [`Failure::Exit`] with the command's own code when that is not zero; the daemon's.
pub async fn run(session: &mut Session, args: ExecArgs) -> Result<(), Failure> {
    let env = variables(session, &args.env)?;
    let client = session.client().await?;
    let pod = locate::pod(session, &client, args.pod.as_deref()).await?;
    let terminals = session.console.terminals;
    let tty = args.tty || (terminals.stdin && terminals.stdout && !args.no_tty && !args.no_stdin);
    let request = PtyRequest {
        pod: locate::reference(&pod),
        command: args.command,
        tty,
        size: attach::terminal_size(session).filter(|_| tty),
        env: attach::with_terminal_kind(session, env, tty),
        working_dir: args.workdir,
        user: args.user,
    };
    let stdin = if args.no_stdin { Stdin::Closed } else { Stdin::Passed };
    attach::run(session, &client, request, stdin, Detach::Never).await
}

/// Returns the variables given as `KEY=VALUE`, or `KEY` for the value here.
fn variables(session: &Session, given: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut variables = Vec::new();
    for item in given {
        match item.split_once('=') {
            Some(("", _)) => {
                return Err(Failure::Usage("--env needs a name before the =".to_owned()));
            }
            Some((key, value)) => variables.push((key.to_owned(), value.to_owned())),
            // As with other tools, a variable that is not set here is not set there.
            None => variables.extend(
                session
                    .env
                    .get(item)
                    .and_then(|v| v.to_str())
                    .map(|v| (item.clone(), v.to_owned())),
            ),
        }
    }
    Ok(variables)
}
