//! `url`: the address of a pod, of a port in it or of one of its tabs. With
//! `--json` `{"pod", "name", "port", "url", "seconds"?}`.

use crate::args::UrlArgs;
use crate::browser::{self, Entrance};
use crate::client::Client;
use crate::failure::Failure;
use crate::locate;
use crate::session::Session;
use pinacle_protocol::{ApiError, ErrorKind, PodDetail, PodRef};
use serde::Serialize;

/// An address, and what it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Address {
    /// The pod's slug.
    pub pod: String,
    /// The tab's name, when it is one's.
    pub name: Option<String>,
    /// The port in the pod, when known.
    pub port: Option<u16>,
    /// The address; where a shell waits behind it, with a ticket that lets one browser in.
    pub url: String,
    /// How long it can be opened, once, in seconds; absent when that is always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<u64>,
}

/// Prints it.
///
/// # Errors
///
/// As [`address`].
pub async fn run(session: &mut Session, args: UrlArgs) -> Result<(), Failure> {
    let client = session.client().await?;
    let (address, _) = entrance(session, &client, args).await?;
    if session.console.is_json() {
        return session.console.json(&address);
    }
    print(session, &address)
}

/// Prints an address, and what there is to know about it.
///
/// # Errors
///
/// When it cannot be printed.
pub fn print(session: &mut Session, address: &Address) -> Result<(), Failure> {
    if let Some(seconds) = address.seconds {
        let minutes = seconds.div_ceil(60);
        session.console.remark(&format!("lets one browser in, within {minutes} minutes"));
    }
    session.console.line(&crate::sanitize::plain_line(&address.url))
}

/// Finds the address that is meant, and what lets a browser in there.
///
/// # Errors
///
/// As [`address`].
pub async fn entrance(
    session: &Session,
    client: &Client,
    args: UrlArgs,
) -> Result<(Address, Entrance), Failure> {
    let mut address = address(session, client, args).await?;
    let pod = PodRef(address.pod.clone());
    let entrance = browser::entrance(client, pod, &address.url).await?;
    address.url.clone_from(&entrance.url);
    address.seconds = entrance.seconds;
    Ok((address, entrance))
}

/// Finds the address that is meant. A single word that is no pod is taken as
/// a port or tab of the directory's pod.
///
/// # Errors
///
/// `not_found` for an unknown pod or tab, `wrong_phase` while the pod has no port.
pub async fn address(
    session: &Session,
    client: &Client,
    args: UrlArgs,
) -> Result<Address, Failure> {
    let (pod, target) = match (args.pod, args.target) {
        (Some(word), None) => match locate::pod(session, client, Some(&word)).await {
            Ok(pod) => (pod, None),
            Err(not_found) => match locate::pod(session, client, None).await {
                Ok(pod) => {
                    let detail = client.pod(locate::reference(&pod)).await?;
                    // The word may be a misspelt pod as well: that error says more.
                    return find(&detail, Some(&word)).map_err(|e| match e.kind {
                        ErrorKind::NotFound => not_found,
                        _ => e.into(),
                    });
                }
                Err(Failure::Api(error)) if error.kind == ErrorKind::Conflict => {
                    return Err(error.into());
                }
                Err(_) => return Err(not_found),
            },
        },
        (pod, target) => (locate::pod(session, client, pod.as_deref()).await?, target),
    };
    let detail = client.pod(locate::reference(&pod)).await?;
    Ok(find(&detail, target.as_deref())?)
}

/// Finds the address of a port or tab of a pod.
///
/// # Errors
///
/// As [`address`].
pub fn find(detail: &PodDetail, target: Option<&str>) -> Result<Address, ApiError> {
    let pod = &detail.pod;
    let slug = pod.slug.to_string();
    let of_tab = |tab: &pinacle_protocol::TabView| Address {
        pod: slug.clone(),
        name: Some(tab.name.clone()),
        port: Some(tab.port),
        url: tab.url.clone(),
        seconds: None,
    };
    let Some(published) = pod.port else {
        let text = format!("{slug} has no address: it is {}", pod.phase.as_str());
        return Err(ApiError::new(ErrorKind::WrongPhase, text)
            .hint(format!("start it with `pinacle-tui start {slug}`")));
    };
    let Some(target) = target else {
        let first = detail.tabs.first().map(of_tab);
        let own = pod.url.clone().map(|url| Address {
            pod: slug.clone(),
            name: None,
            port: None,
            url,
            seconds: None,
        });
        let text = format!("{slug} has neither tabs nor a default port");
        return first.or(own).ok_or_else(|| {
            ApiError::new(ErrorKind::NotFound, text).hint("name a port in the pod")
        });
    };
    if let Some(tab) = detail.tabs.iter().find(|t| t.name.eq_ignore_ascii_case(target)) {
        return Ok(of_tab(tab));
    }
    match target.parse::<u16>() {
        Ok(port) if port > 0 => {
            let tab = detail.tabs.iter().find(|t| t.port == port);
            Ok(tab.map_or_else(
                || Address {
                    pod: slug.clone(),
                    name: None,
                    port: Some(port),
                    url: format!("http://localhost-{port}.pod-{slug}.localhost:{published}"),
                    seconds: None,
                },
                of_tab,
            ))
        }
        _ => {
            let names: Vec<&str> = detail.tabs.iter().map(|t| t.name.as_str()).collect();
            let text = format!("{slug} has no tab {target:?}, and that is no port from 1 to 65535");
            let error = ApiError::new(ErrorKind::NotFound, text);
            Err(if names.is_empty() {
                error
            } else {
                error.hint(format!("tabs: {}", names.join(", ")))
            })
        }
    }
}
