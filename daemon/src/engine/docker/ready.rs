//! Waiting until Nginx in a pod answers on the published port.

use super::client::Shared;
use super::container::{inspect, status};
use super::error::permanent;
use super::lifecycle::{last_log_lines, missing};
use bollard::Docker;
use bollard::models::ContainerStateStatusEnum as Status;
use pinacle_core::engine::{EngineFailure, EngineOutcome};
use pinacle_protocol::{ErrorKind, HostPort};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATH: &str = "/.pinacle/ready";
/// Nginx is up about 5 ms after the container: the first pauses are short.
const FIRST_PAUSE: Duration = Duration::from_millis(2);
const LONGEST_PAUSE: Duration = Duration::from_millis(50);
/// One try; the engine's proxy takes connections before Nginx does and then stays silent.
const TRY_LIMIT: Duration = Duration::from_millis(1000);
/// How often the container itself is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Lines of the container's log shown when it ended.
const LOG_LINES: usize = 5;

/// Returns an address and port as they stand in a URL.
pub(super) fn authority(address: IpAddr, port: HostPort) -> String {
    SocketAddr::new(address, port.0).to_string()
}

/// Waits until it answers 200, the container ends, or the time is over.
pub(super) async fn wait(
    shared: &Shared,
    name: &str,
    publish: IpAddr,
    port: HostPort,
    limit: Duration,
) -> Result<EngineOutcome, EngineFailure> {
    let docker = shared.docker()?;
    let address = SocketAddr::new(reachable(publish), port.0);
    let answered = tokio::select! {
        () = poll(address) => Ok(EngineOutcome::Done),
        failure = watch_container(&docker, name) => Err(failure),
        () = tokio::time::sleep(limit) => Err(too_late(name, address, limit)),
    };
    match answered {
        Err(mut failure) => {
            failure.error.causes.extend(last_log_lines(&docker, name, LOG_LINES).await);
            Err(failure)
        }
        ok => ok,
    }
}

/// A port published on every address is reached on the loopback one.
fn reachable(publish: IpAddr) -> IpAddr {
    match publish {
        IpAddr::V4(a) if a.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(a) if a.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        other => other,
    }
}

async fn poll(address: SocketAddr) {
    let mut pause = FIRST_PAUSE;
    while !matches!(timeout(TRY_LIMIT, ask(address)).await, Ok(Ok(true))) {
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Returns whether one request was answered with 200.
async fn ask(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let request = format!("GET {PATH} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await?;
    Ok(head.starts_with(b"HTTP/1.") && head.ends_with(b" 200"))
}

/// Ends when the container has ended.
async fn watch_container(docker: &Docker, name: &str) -> EngineFailure {
    // The engine's own policy starts an ended container again; only the count tells.
    let mut restarts_before = None;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match inspect(docker, name).await {
            Ok(None) => return missing(name),
            Ok(Some(found)) => {
                let restarts = found.restart_count.unwrap_or(0);
                let code = found.state.as_ref().and_then(|s| s.exit_code).unwrap_or(0);
                let before = *restarts_before.get_or_insert(restarts);
                if status(&found) != Status::RUNNING || restarts > before {
                    return permanent(
                        ErrorKind::Engine,
                        format!("the container {name} ended by itself with exit code {code}"),
                    );
                }
            }
            // An engine that is out of reach for a moment says nothing about the pod.
            Err(failure) => tracing::debug!(%failure.error, "look at {name} failed"),
        }
    }
}

fn too_late(name: &str, address: SocketAddr, limit: Duration) -> EngineFailure {
    let mut failure = permanent(
        ErrorKind::Engine,
        format!(
            "the container {name} runs but did not answer on http://{address}{PATH} within {} s",
            limit.as_secs()
        ),
    );
    failure.error.hint = Some(
        "the image must be made from Pinacle's base image; otherwise the host may be short of \
         memory or processor time"
            .to_owned(),
    );
    failure
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn answer_with(reply: &'static [u8]) -> std::io::Result<bool> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = async {
            let (mut stream, _) = listener.accept().await?;
            let mut request = [0; 512];
            let _ = stream.read(&mut request).await?;
            stream.write_all(reply).await
        };
        let (asked, served) = tokio::join!(ask(address), server);
        served?;
        asked
    }

    #[tokio::test]
    async fn only_200_is_ready() {
        let answer = |r| async move { answer_with(r).await.ok() };
        assert_eq!(answer(b"HTTP/1.1 200 OK\r\n\r\n").await, Some(true));
        assert_eq!(answer(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await, Some(false));
        assert_eq!(answer(b"SSH-2.0-x").await, None);
    }

    #[test]
    fn every_address_is_asked_where_it_can_be() {
        let v4 = |t: &str| t.parse::<IpAddr>().expect("an address");
        assert_eq!(reachable(v4("0.0.0.0")), v4("127.0.0.1"));
        assert_eq!(reachable(v4("::")), v4("::1"));
        assert_eq!(reachable(v4("192.0.2.1")), v4("192.0.2.1"));
    }
}
