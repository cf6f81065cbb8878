//! `config check`: checks a spec file. With `--json` a `ConfigReport`.

use crate::failure::Failure;
use crate::output::diagnostics;
use crate::session::Session;
use crate::spec_file;
use pinacle_protocol::ErrorKind;
use std::path::Path;

/// Prints the findings.
///
/// # Errors
///
/// [`Failure::Exit`] with the code of `invalid_spec` when the spec is refused.
pub async fn run(session: &mut Session, source: &Path) -> Result<(), Failure> {
    let spec = spec_file::read(session, source).await?;
    let client = session.client().await?;
    let report = client.config_check(spec.text.clone()).await?;
    if session.console.is_json() {
        session.console.json(&report)?;
    } else {
        let paint = session.console.paint();
        let text = diagnostics::render(&spec.shown, &spec.text, &report.diagnostics, paint);
        session.console.write(text.as_bytes())?;
    }
    if !report.valid {
        return Err(Failure::Exit(ErrorKind::InvalidSpec.exit_code()));
    }
    session.console.remark(&format!("{} is fine", spec.shown));
    Ok(())
}
