//! Plain HTTP to a pod's published port. `*.localhost` does not resolve in
//! every program, so the address is 127.0.0.1 and the name goes into `Host`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// The body.
    pub body: String,
}

impl Response {
    /// Returns a header's value; `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<String> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            (key.to_lowercase() == name).then(|| value.trim().to_owned())
        })
    }
}

/// A request without a body.
#[derive(Debug, Clone)]
pub struct Request {
    port: u16,
    pub(crate) host: String,
    head: String,
}

impl Request {
    /// Begins one, on a connection of its own.
    pub fn new(method: &str, port: u16, host: &str, path: &str) -> Self {
        let length = if method == "POST" { "Content-Length: 0\r\n" } else { "" };
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{length}Connection: close\r\n");
        Self { port, host: host.to_owned(), head }
    }

    /// Begins one that asks for a WebSocket.
    pub fn upgrade(port: u16, host: &str, path: &str) -> Self {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
        );
        Self { port, host: host.to_owned(), head }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.head.push_str(&format!("{name}: {value}\r\n"));
        self
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    ///
    /// What went wrong with the connection.
    pub fn send(&self) -> Result<Response, String> {
        let mut bytes = Vec::new();
        self.start()?.read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").ok_or("no head in the answer")?;
        Ok(Response {
            status: status(head).ok_or("no status in the answer")?,
            head: head.to_owned(),
            body: body.to_owned(),
        })
    }

    /// Sends it and returns the status of the answer, whatever goes on after that.
    ///
    /// # Panics
    ///
    /// When nobody answers.
    pub fn status(&self) -> u16 {
        let mut line = String::new();
        let stream = self.start().expect("a connection");
        BufReader::new(stream).read_line(&mut line).expect("an answer");
        status(&line).unwrap_or_else(|| panic!("no status in {line:?}"))
    }

    fn start(&self) -> Result<TcpStream, String> {
        let text = |error: std::io::Error| error.to_string();
        let address = SocketAddr::from(([127, 0, 0, 1], self.port));
        let mut stream =
            TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(text)?;
        stream.set_read_timeout(Some(Duration::from_secs(30))).map_err(text)?;
        // In one piece: who answers half a request may have closed before the rest.
        stream.write_all(format!("{}\r\n", self.head).as_bytes()).map_err(text)?;
        Ok(stream)
    }
}

fn status(head: &str) -> Option<u16> {
    head.split(' ').nth(1).and_then(|code| code.parse().ok())
}

/// Asks for a path with a `Host` header.
///
/// # Errors
///
/// What went wrong with the connection.
pub fn get(port: u16, host: &str, path: &str) -> Result<Response, String> {
    Request::new("GET", port, host, path).send()
}
