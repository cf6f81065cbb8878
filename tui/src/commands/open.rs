//! `open`: opens an address of a pod in the browser, or prints it where there is none.

use crate::args::UrlArgs;
use crate::commands::url;
use crate::failure::Failure;
use crate::sanitize::plain_line;
use crate::session::Session;
use std::process::Stdio;

/// Opens it.
///
/// # Errors
///
/// As `url`.
pub async fn run(session: &mut Session, args: UrlArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let address = url::address(session, &client, args).await?;
    let opened = browser(session, &address.url).await;
    if session.console.is_json() {
        return session.console.json(&address);
    }
    let shown = plain_line(&address.url);
    if opened {
        session.console.remark(&format!("opened {shown}"));
        return Ok(());
    }
    session.console.remark("no browser can be opened from here; the address is");
    session.console.line(&shown)
}

/// Hands an address to the desktop. Returns whether there is one that took it.
async fn browser(session: &Session, url: &str) -> bool {
    let desktop = cfg!(target_os = "macos")
        || session.env.get("DISPLAY").is_some()
        || session.env.get("WAYLAND_DISPLAY").is_some()
        || session.env.get("BROWSER").is_some();
    let name = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    // Nothing but an address may reach a program that also opens files.
    let is_address = url.starts_with("http://") || url.starts_with("https://");
    let Some(program) = session.env.find_program(name).filter(|_| desktop && is_address) else {
        return false;
    };
    let status = session
        .child(&program)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.await.is_ok_and(|s| s.success())
}
