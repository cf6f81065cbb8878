//! Specs to choose from, and requests made of them.

use pinacle_core::event::{CreateRequest, LossConsent, ReconfigureRequest, Request, SlugChoice};
use pinacle_core::spec::{PodSpec, parse, slugify};
use pinacle_protocol::{HostId, PodId, RequestId, Revision, Slug};

/// Name and text.
pub(crate) const SPECS: [(&str, &str); 8] = [
    ("plain", "services: []\n"),
    ("web", "services: [web-terminal]\n"),
    ("install", "services: []\ninstall: make deps\n"),
    (
        "hooks",
        "services: []\ninstall: make deps\nhooks: {preStart: ./before, postStart: ./after}\n\
         healthChecks: [{command: test -f /tmp/ready}]\n",
    ),
    (
        "process",
        "services: []\nprocesses: [{name: app, startCommand: ./app}]\nenv: {TOKEN: hush}\n",
    ),
    ("larger", "services: []\ntier: dev.large\n"),
    ("image", "services: []\nbaseImage: debian:12\n"),
    (
        "image-install",
        "services: []\nbaseImage: debian:12\ninstall: make all\nhooks: {postStart: ./go}\n",
    ),
];

pub(crate) fn text(name: &str) -> &'static str {
    SPECS.iter().find(|(n, _)| *n == name).unwrap_or_else(|| panic!("no spec {name}")).1
}

pub(crate) fn spec(text: &str) -> PodSpec {
    let parsed = parse(text.as_bytes());
    parsed.spec.unwrap_or_else(|| panic!("{text}: {:?}", parsed.diagnostics))
}

pub(crate) fn create(
    id: RequestId,
    host: &HostId,
    name: &str,
    text: &str,
    source: bool,
) -> Request {
    let spec = spec(text);
    Request::Create(Box::new(CreateRequest {
        request_id: id,
        host: host.clone(),
        spec_text: text.to_owned(),
        isolation: spec.isolation,
        spec,
        name: name.to_owned(),
        slug: Slug::new(slugify(name).expect("a name")).expect("a slug"),
        slug_choice: SlugChoice::Derived,
        source_dir: source.then(|| "/src/blog".to_owned()),
    }))
}

pub(crate) fn reconfigure(
    id: RequestId,
    pod: &PodId,
    expected: Revision,
    text: &str,
    loss: LossConsent,
) -> Request {
    Request::Reconfigure(Box::new(ReconfigureRequest {
        request_id: id,
        pod: pod.clone(),
        expected,
        spec_text: text.to_owned(),
        spec: spec(text),
        loss,
    }))
}
