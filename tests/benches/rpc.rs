//! A call and its answer, against a bare echo over the same kind of socket.

use crate::common::Scale;
use crate::fake::{self, Apart};
use crate::measure::{Samples, ms, now};
use crate::table::{Aim, Row, Unit};
use anyhow::Context as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};

const GROUP: &str = "Daemon";
/// What is sent to and fro, in bytes.
const MESSAGE: usize = 64;

pub(crate) fn run(scale: Scale) -> anyhow::Result<Vec<Row>> {
    measure(scale.pick(10_000, 2_000))
}

/// Measures so many calls and echoes, by turns.
pub(crate) fn measure(calls: usize) -> anyhow::Result<Vec<Row>> {
    crate::common::say("one call against a bare echo");
    let daemon = Apart::start(10, false)?;
    let dir = tempfile::tempdir()?;
    let path = dir.path().join("echo.sock");
    let echo = Command::new(std::env::current_exe()?)
        .arg("--echo")
        .arg(&path)
        .stdin(Stdio::null())
        .spawn()?;
    let _echo = Ended(echo);
    let state = daemon.dir.path().to_owned();
    // On a worker, as whatever a program does between its calls.
    let (ours, bare) = crate::common::runtime()?.block_on(async move {
        let mut task = tokio::task::JoinSet::new();
        task.spawn(async move { by_turns(&state, &path, calls).await });
        task.join_next().await.context("its task")??
    })?;
    let row = |what: &str, share| {
        Row::new(GROUP, format!("a call and its answer, {what}"), Unit::Ms)
            .ours(ours.at(share))
            .peer("echo", bare.at(share))
    };
    Ok(vec![row("p50", 0.5).aim(Aim::Times(1.6)), row("p99", 0.99).aim(Aim::Times(1.6))])
}

pub(crate) async fn by_turns(
    state: &Path,
    echo: &Path,
    calls: usize,
) -> anyhow::Result<(Samples, Samples)> {
    let client = fake::connect(&state.join("pinacled.sock")).await?;
    let mut stream = loop {
        match UnixStream::connect(echo).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    };
    let (mut ours, mut bare) = (Samples::default(), Samples::default());
    let mut message = [b'x'; MESSAGE];
    for _ in 0..calls {
        let began = now();
        client.server_info().await.map_err(|e| anyhow::anyhow!(e.chain()))?;
        ours.push(ms(began.elapsed()));
        let began = now();
        stream.write_all(&message).await?;
        stream.read_exact(&mut message).await?;
        bare.push(ms(began.elapsed()));
    }
    Ok((ours, bare))
}

/// The other side of the echo, in a process of its own.
pub(crate) fn echo(path: &Path) -> anyhow::Result<()> {
    crate::common::runtime()?.block_on(async {
        let listener = UnixListener::bind(path)?;
        let (mut stream, _) = listener.accept().await?;
        let mut message = [0; MESSAGE];
        while stream.read_exact(&mut message).await.is_ok() {
            stream.write_all(&message).await?;
        }
        Ok(())
    })
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It ends by itself when the connection is closed.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
