//! Letting a browser in to a pod: the address with its ticket, and handing it to the desktop.
//!
//! Behind some ports of a pod a shell waits. An address that opens one must not stand on a
//! command line, which every user of the machine can read: the desktop is given an address of
//! this process instead, and whoever asks there is sent on if it is the same user.

use crate::client::Client;
use crate::session::{Environment, request_id};
use pinacle_protocol::{ApiError, PodRef};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// How long a browser may take to come up and ask.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long one that asks may take to say what for.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// More than any browser's request for a short address.
const HEAD_BYTES: usize = 16 * 1024;

/// An address of a pod that lets in whoever opens it.
#[derive(Clone, PartialEq, Eq)]
pub struct Entrance {
    /// For people: without a ticket.
    pub clean: String,
    /// To open.
    pub url: String,
    /// How long it can be used, once, in seconds; `None` when it needs no ticket.
    pub seconds: Option<u64>,
}

/// Asks the daemon for what a port's address needs.
///
/// # Errors
///
/// The daemon's.
pub async fn entrance(client: &Client, pod: PodRef, clean: &str) -> Result<Entrance, ApiError> {
    let plain = Entrance { clean: clean.to_owned(), url: clean.to_owned(), seconds: None };
    let Some(port) = port_of(clean) else { return Ok(plain) };
    let ticket = match client.ticket(pod, port).await {
        Ok(ticket) => ticket,
        // The address is right all the same, for when it runs.
        Err(error) if error.kind == pinacle_protocol::ErrorKind::WrongPhase => return Ok(plain),
        Err(error) => return Err(error),
    };
    let Some(path) = ticket.path else { return Ok(plain) };
    Ok(Entrance { url: format!("{clean}{path}"), seconds: ticket.seconds, ..plain })
}

/// Returns the port in the pod that an address leads to.
fn port_of(url: &str) -> Option<u16> {
    let rest = url.strip_prefix("http://localhost-")?;
    rest.split(['.', '-']).next()?.parse().ok()
}

/// Hands an address to the desktop. Returns whether there is one that took it.
pub async fn open(env: &Environment, entrance: &Entrance) -> bool {
    // Nothing but an address may reach a program that also opens files.
    if !["http://", "https://"].iter().any(|s| entrance.url.starts_with(s)) {
        return false;
    }
    if cfg!(target_os = "macos") {
        return mac(env, &entrance.url).await;
    }
    let desktop = ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].iter().any(|v| env.get(v).is_some());
    let Some(program) = env.find_program("xdg-open").filter(|_| desktop) else {
        return false;
    };
    let door = if entrance.seconds.is_some() { Door::new(&entrance.url).await } else { None };
    let shown = door.as_ref().map_or(entrance.url.as_str(), |door| door.url.as_str());
    let mut command = tokio::process::Command::new(program);
    command.env_clear().envs(env.all()).arg(shown);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let ran = async { command.status().await.is_ok_and(|status| status.success()) };
    let Some(door) = door else { return ran.await };
    // A browser of the terminal stays until it is left, one of the desktop comes later.
    tokio::pin!(ran);
    let passed = door.let_one_in();
    tokio::pin!(passed);
    tokio::select! {
        () = &mut passed => true,
        taken = &mut ran => taken && tokio::time::timeout(PATIENCE, passed).await.is_ok(),
    }
}

/// The scripting program of macOS reads what to open from its standard input, which nobody
/// else sees.
async fn mac(env: &Environment, url: &str) -> bool {
    let Some(program) = env.find_program("osascript") else { return false };
    let mut command = tokio::process::Command::new(program);
    command.env_clear().envs(env.all()).arg("-");
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    if let Some(mut script) = child.stdin.take() {
        let url = url.replace(['"', '\\'], "");
        let line = format!("open location \"{url}\"\n");
        if script.write_all(line.as_bytes()).await.is_err() {
            return false;
        }
    }
    child.wait().await.is_ok_and(|status| status.success())
}

/// An address of this process that sends one browser of the same user on.
struct Door {
    listener: TcpListener,
    secret: String,
    url: String,
    target: String,
}

impl Door {
    /// Opens it; `None` where nobody could tell who asks.
    async fn new(target: &str) -> Option<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.ok()?;
        let port = listener.local_addr().ok()?.port();
        sockets()?;
        // 128 random bits, like every request's name.
        let secret = request_id().ok()?.to_string();
        let url = format!("http://127.0.0.1:{port}/{secret}");
        Some(Self { listener, secret, url, target: target.to_owned() })
    }

    /// Waits until a browser was sent on.
    async fn let_one_in(&self) {
        loop {
            let Ok((mut stream, peer)) = self.listener.accept().await else {
                // Out of descriptors, for example; the caller has a deadline.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let served = tokio::time::timeout(HEAD_LIMIT, self.serve(&mut stream, peer)).await;
            if matches!(served, Ok(Ok(true))) {
                return;
            }
        }
    }

    /// Answers one connection. Returns whether it was sent on.
    async fn serve(&self, stream: &mut TcpStream, peer: SocketAddr) -> std::io::Result<bool> {
        let asked = format!("GET /{} ", self.secret);
        let mut head = Vec::new();
        while !head.windows(4).any(|w| w == b"\r\n\r\n") && head.len() < HEAD_BYTES {
            if stream.read_buf(&mut head).await? == 0 {
                return Ok(false);
            }
        }
        let right = head.starts_with(asked.as_bytes()) && is_own(peer, stream.local_addr()?);
        let (status, body) = if right {
            // Asked for by this page, the next one is a visit like any other: a redirect
            // would make it part of this one.
            let page = format!(
                "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\">\
                 <meta http-equiv=\"refresh\" content=\"0;url={0}\"><a href=\"{0}\">Go on</a>\n",
                self.target
            );
            ("200 OK", page)
        } else {
            ("403 Forbidden", "Not for you.\n".to_owned())
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\n\
             Cache-Control: no-store\r\nConnection: close\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await?;
        stream.shutdown().await?;
        Ok(right)
    }
}

/// Returns the kernel's table of sockets, with their users.
fn sockets() -> Option<String> {
    std::fs::read_to_string("/proc/self/net/tcp").ok()
}

/// Returns whether the other end of a connection is a socket of this process's user.
fn is_own(peer: SocketAddr, own: SocketAddr) -> bool {
    let text = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => {
            let bits = u32::from_ne_bytes(v4.ip().octets());
            format!("{bits:08X}:{:04X}", v4.port())
        }
        SocketAddr::V6(_) => String::new(),
    };
    let user = rustix::process::geteuid().as_raw();
    let (peer, own) = (text(peer), text(own));
    sockets().unwrap_or_default().lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1) == Some(&peer.as_str())
            && fields.get(2) == Some(&own.as_str())
            && fields.get(7).and_then(|uid| uid.parse().ok()) == Some(user)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ask(address: SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.expect("connected");
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("an answer");
        answer
    }

    #[test]
    fn the_port_is_the_one_in_the_name() {
        assert_eq!(port_of("http://localhost-7681.pod-x.localhost:30000"), Some(7681));
        assert_eq!(port_of("http://pod-x.localhost:30000"), None);
    }

    #[tokio::test]
    async fn only_who_knows_the_way_is_sent_on_and_the_address_shows_no_ticket() {
        let target = "http://localhost-7681.pod-x.localhost:30000/.pinacle/enter?ticket=secret";
        let door = Door::new(target).await.expect("a door");
        assert!(!door.url.contains("secret"));
        let address = door.listener.local_addr().expect("an address");
        let path = format!("/{}", door.secret);
        let visits = async {
            let (guess, right) = (ask(address, "/").await, ask(address, &path).await);
            (guess, right)
        };
        let ((), (guess, right)) = tokio::join!(door.let_one_in(), visits);
        assert!(guess.starts_with("HTTP/1.1 403") && !guess.contains("secret"), "{guess}");
        assert!(right.starts_with("HTTP/1.1 200") && right.contains(target), "{right}");
    }

    #[tokio::test]
    async fn a_socket_is_known_by_its_user() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
        let own = listener.local_addr().expect("an address");
        let client = TcpStream::connect(own).await.expect("connected");
        let peer = client.local_addr().expect("an address");
        assert!(is_own(peer, own));
        let nobody = SocketAddr::from(([127, 0, 0, 1], 1));
        assert!(!is_own(nobody, own), "there is no such connection");
    }
}
