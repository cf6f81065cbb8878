//! Ends what a client left behind. The engine has no call for that: a command goes
//! on when nobody is attached any more, and its process id is the host's.

use super::client::look;
use bollard::Docker;
use bollard::exec::StartExecOptions;
use bollard::models::ExecConfig;
use pinacle_core::engine::EngineFailure;

/// Names a command's run, in its environment.
pub(super) const VARIABLE: &str = "PINACLE_SESSION";

/// Finds the process that the engine started with the mark `$1`, the one without a
/// parent in here, and hangs up its session as a closed terminal would. What is
/// deaf to that is ended with its process group, `nohup` and `setsid` as everywhere.
const SCRIPT: &str = r#"
leader=
for file in /proc/[0-9]*/environ; do
    tr '\0' '\n' <"$file" 2>/dev/null | grep -qxF "$1" || continue
    process=${file#/proc/}
    process=${process%/environ}
    parent=$(sed 's/.*) . //; s/ .*//' "/proc/$process/stat" 2>/dev/null)
    [ "$parent" = 0 ] && leader=$process && break
done
[ -n "$leader" ] || exit 0
members() {
    cat /proc/[0-9]*/stat 2>/dev/null |
        sed -n "s/^\([0-9]*\) (.*) [A-Z] [-0-9]* [-0-9]* $leader .*/\1/p"
}
ended() {
    for _ in $(seq "$1"); do
        kill -0 "$leader" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}
kill -HUP $(members) 2>/dev/null
kill -CONT $(members) 2>/dev/null
ended 20 && exit 0
kill -s TERM -- "-$leader" 2>/dev/null
ended 30 && exit 0
kill -s KILL -- "-$leader" 2>/dev/null
"#;

/// Hangs up the command that was started with this mark by this user: another one
/// could not look into its environment.
pub(super) async fn hang_up(
    docker: &Docker,
    container: &str,
    user: Option<String>,
    session: &str,
) -> Result<(), EngineFailure> {
    let doing = format!("failed to end a command in {container}");
    let mark = format!("{VARIABLE}={session}");
    let words = ["sh", "-c", SCRIPT, "sh", &mark];
    let config = ExecConfig {
        cmd: Some(words.map(ToOwned::to_owned).to_vec()),
        user,
        working_dir: Some("/".to_owned()),
        ..Default::default()
    };
    let id = look(&doing, docker.create_exec(container, config)).await?.id;
    let options = StartExecOptions { detach: true, tty: false, output_capacity: None };
    look(&doing, docker.start_exec(&id, Some(options))).await.map(drop)
}
