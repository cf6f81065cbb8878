//! The engine without anything between: its HTTP, on its socket.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// On all that is made here, so that the runner finds what a killed run leaves.
pub(crate) const LABEL: &str = "dev.pinacle.bench";
/// One call of the engine.
const LIMIT: Duration = Duration::from_secs(60);

/// Returns the engine's socket.
pub(crate) fn socket() -> PathBuf {
    let given = std::env::var("DOCKER_HOST").ok();
    let path = given.as_deref().and_then(|host| host.strip_prefix("unix://"));
    PathBuf::from(path.unwrap_or("/var/run/docker.sock"))
}

/// Makes a call and returns the answer's JSON.
///
/// # Errors
///
/// What the engine says.
pub(crate) fn call(
    socket: &Path,
    method: &str,
    path: &str,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(LIMIT))?;
    let body = body.map(Value::to_string).unwrap_or_default();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: docker\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body.as_bytes()].concat())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    anyhow::ensure!(status.starts_with('2'), "{method} {path}: {status} {body}");
    // Short answers of this engine come whole, or in one chunk.
    let text = body.find(['{', '[']).map_or("null", |at| &body[at..]);
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    Ok(values.next().transpose().unwrap_or_default().unwrap_or_default())
}

/// A network and a container on it, as the engine's own user would make them.
pub(crate) struct Raw<'a> {
    pub(crate) socket: &'a Path,
    pub(crate) name: String,
    pub(crate) image: &'a str,
    pub(crate) port: u16,
    /// `10.x.y`, a /24.
    pub(crate) range: String,
}

impl Raw<'_> {
    /// Makes both, starts the container and waits for its first good answer.
    pub(crate) fn up(&self) -> anyhow::Result<()> {
        let labels = json!({ LABEL: "1" });
        let network = json!({
            "Name": self.name, "Driver": "bridge", "Labels": labels,
            "IPAM": { "Config": [{
                "Subnet": format!("{}.0/24", self.range), "Gateway": format!("{}.1", self.range),
            }] },
        });
        call(self.socket, "POST", "/networks/create", Some(&network))?;
        let binding = json!([{ "HostIp": "127.0.0.1", "HostPort": self.port.to_string() }]);
        let container = json!({
            "Image": self.image, "Labels": labels, "ExposedPorts": { "80/tcp": {} },
            "HostConfig": {
                "NetworkMode": self.name, "Runtime": "runc", "PortBindings": { "80/tcp": binding },
                "Memory": 1_u64 << 30, "NanoCpus": 500_000_000,
            },
        });
        let path = format!("/containers/create?name={}", self.name);
        call(self.socket, "POST", &path, Some(&container))?;
        call(self.socket, "POST", &format!("/containers/{}/start", self.name), None)?;
        first_answer(self.port)
    }

    /// Removes both.
    pub(crate) fn down(&self) {
        let path = format!("/containers/{}?force=true&v=true", self.name);
        for (what, path) in [("container", path), ("network", format!("/networks/{}", self.name))] {
            if let Err(error) = call(self.socket, "DELETE", &path, None) {
                crate::common::say(&format!("cleaning up the {what}: {error}"));
            }
        }
    }
}

/// Waits until a pod's front answers 200.
pub(crate) fn first_answer(port: u16) -> anyhow::Result<()> {
    let end = crate::measure::now() + LIMIT;
    // The engine's proxy takes connections before there is a pod behind it, and those stay
    // silent for good: patience grows only with the load of the machine.
    let mut patience = Duration::from_millis(10);
    while crate::measure::now() < end {
        if ask(port, patience).unwrap_or(false) {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(1));
        patience = (patience + Duration::from_micros(200)).min(Duration::from_secs(1));
    }
    anyhow::bail!("nothing answers on port {port}")
}

fn ask(port: u16, patience: Duration) -> std::io::Result<bool> {
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET /.pinacle/ready HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n")?;
    let mut head = [0; 12];
    stream.read_exact(&mut head)?;
    Ok(head.ends_with(b" 200"))
}
