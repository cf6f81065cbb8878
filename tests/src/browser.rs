//! As much of a browser as matters for who may ask for what: it keeps cookies by host, sends
//! strict ones only to what a page of the same site asked for, and follows redirects and
//! refreshing pages. Every name leads to 127.0.0.1, as in DNS rebinding.

use crate::http::{Request, Response};
use std::collections::BTreeMap;

/// More hops than any answer here needs.
const MOST_HOPS: usize = 5;

/// A browser with its cookies, all of them strict.
#[derive(Debug)]
pub struct Browser {
    port: u16,
    /// By host without its port, as browsers keep them.
    cookies: BTreeMap<String, String>,
    address: String,
}

impl Browser {
    /// Makes one whose every name leads to this port of 127.0.0.1.
    pub fn new(port: u16) -> Self {
        Self { port, cookies: BTreeMap::new(), address: String::new() }
    }

    /// Returns the address shown.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Opens an address as if it were typed, and goes where the answers lead.
    ///
    /// # Panics
    ///
    /// When nobody answers, or they lead on for ever.
    pub fn visit(&mut self, url: &str) -> Response {
        let mut url = url.to_owned();
        for _ in 0..MOST_HOPS {
            let (host, path) = split(&url);
            let answer = self.send(&Request::new("GET", self.port, &host, &path));
            self.address.clone_from(&url);
            let next = match answer.status {
                301 | 302 | 303 | 307 => answer.header("location"),
                200 => refresh(&answer.body),
                _ => None,
            };
            match next {
                Some(next) if next.starts_with('/') => url = format!("http://{host}{next}"),
                Some(next) => url = next,
                None => return answer,
            }
        }
        panic!("{url} leads on and on");
    }

    /// Sends a request with the cookies of its host, and keeps those of the answer.
    ///
    /// # Panics
    ///
    /// When nobody answers.
    pub fn send(&mut self, request: &Request) -> Response {
        let mut request = request.clone();
        let name = bare(&request.host);
        if let Some(cookie) = self.cookies.get(&name) {
            request = request.header("Cookie", cookie);
        }
        let answer = request.send().expect("an answer");
        if let Some(cookie) = answer.header("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default().to_owned();
            self.cookies.insert(name, pair);
        }
        answer
    }

    /// Has a page of an origin open a WebSocket, and returns the status. Cookies come along
    /// even when the origin is another: the server must not rely on the browser alone.
    pub fn socket(&mut self, origin: &str, host: &str, path: &str) -> u16 {
        let mut request = Request::upgrade(self.port, host, path)
            .header("Origin", origin)
            .header("Sec-WebSocket-Protocol", "tty");
        if let Some(cookie) = self.cookies.get(&bare(host)) {
            request = request.header("Cookie", cookie);
        }
        request.status()
    }

    /// Returns the cookie kept for a host.
    pub fn cookie_of(&self, host: &str) -> String {
        self.cookies.get(&bare(host)).cloned().unwrap_or_default()
    }
}

/// Cookies know no ports.
fn bare(host: &str) -> String {
    host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned()
}

fn split(url: &str) -> (String, String) {
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    (host.to_owned(), format!("/{path}"))
}

/// Returns where a page leads on to by itself.
fn refresh(body: &str) -> Option<String> {
    let tag = body.split_once("http-equiv=\"refresh\"")?.1;
    let target = tag.split_once("url=")?.1;
    Some(target.split('"').next().unwrap_or_default().to_owned())
}
