//! `pinacle.yaml`: from bytes to a [`PodSpec`], with every finding at its
//! place, and from one spec to the next.
//!
//! The file is read in three passes that never stop at the first mistake:
//! bytes to text (`text`), text to a tree with positions (`tree`), tree to
//! spec (`top` and the readers beside it). Unknown keys are an error when they
//! are within two edits of a known key, because a misspelt key loses a
//! setting; any other unknown key is a warning, because upstream drops such
//! keys silently. Keys starting with `x-` are the author's own.
//!
//! No finding ever quotes a value of `env`.

mod catalogue;
mod derive;
mod diff;
mod env;
mod fields;
mod health;
mod hosts;
mod model;
mod names;
mod ports;
mod process;
mod render;
mod report;
mod resources;
mod scalar;
mod syntax;
mod text;
mod top;
mod tree;

pub use catalogue::{ServiceId, TemplateId, Tier, UnknownId};
pub use diff::{Change, Impact, SpecDiff, diff};
pub use model::{
    HealthCheck, Hooks, Limits, PodSpec, PortSpec, Probe, Process, PublishAddress, Resources, Tab,
};
pub use names::slugify;
pub use pinacle_protocol::Isolation;

use pinacle_protocol::diagnostic::{Diagnostic, Severity};

/// The longest file that is looked at, in bytes. A hundred times what a long
/// hand-written file takes, and short enough to be parsed at every keystroke.
pub const MAX_SPEC_BYTES: usize = pinacle_protocol::MAX_SPEC_BYTES;

/// What [`parse`] made of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// The spec; `None` exactly when a diagnostic is an error.
    pub spec: Option<PodSpec>,
    /// The findings in the order of their positions, at most about a hundred.
    pub diagnostics: Vec<Diagnostic>,
}

/// Reads a `pinacle.yaml`.
///
/// Takes any bytes: what is wrong with them is in the diagnostics. Positions
/// count characters of the text without a leading byte-order mark. Time and
/// memory are bounded by [`MAX_SPEC_BYTES`]: nesting and the expansion of
/// aliases have limits of their own.
pub fn parse(bytes: &[u8]) -> Parsed {
    let (spec, diagnostics) = match text::decode(bytes) {
        Ok(text) => {
            let mut report = report::Report::new(text);
            let spec = tree::load(text, &mut report).map(|root| top::read(&root, &mut report));
            (spec, report.finish())
        }
        Err(finding) => (None, vec![*finding]),
    };
    let refused = diagnostics.iter().any(|d| d.severity == Severity::Error);
    Parsed { spec: spec.filter(|_| !refused), diagnostics }
}
