//! `open`: opens an address of a pod in the browser, or prints it where there is none.

use crate::args::UrlArgs;
use crate::browser;
use crate::commands::url;
use crate::failure::Failure;
use crate::sanitize::plain_line;
use crate::session::Session;

/// Opens it.
///
/// # Errors
///
/// As `url`.
pub async fn run(session: &mut Session, args: UrlArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let (mut address, entrance) = url::entrance(session, &client, args).await?;
    let opened = browser::open(&session.env, &entrance).await;
    if opened {
        // Its ticket is used up.
        address.url = entrance.clean.clone();
        address.seconds = None;
    }
    if session.console.is_json() {
        return session.console.json(&address);
    }
    if opened {
        session.console.remark(&format!("opened {}", plain_line(&entrance.clean)));
        return Ok(());
    }
    session.console.remark("no browser can be opened from here; the address is");
    url::print(session, &address)
}
