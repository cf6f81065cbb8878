//! `daemon uninstall`: takes back what `daemon install` did.

use super::install;
use crate::failure::Failure;
use crate::session::Session;
use std::path::Path;

/// Disables the service and removes its file; pods and state stay.
///
/// # Errors
///
/// When the file cannot be removed.
pub async fn run(session: &mut Session) -> Result<(), Failure> {
    // The program's name does not matter for where the file is.
    let service = install::service(session, Path::new("pinacled"))?;
    if !service.file.exists() {
        session.console.remark(&format!("{} is not there", service.file.display()));
        return Ok(());
    }
    if let Err(failure) = install::switch(session, &service, false).await {
        // The file goes all the same: a service that is broken is why people do this.
        session.console.warn(&failure.to_string());
    }
    std::fs::remove_file(&service.file)
        .map_err(|e| Failure::local(format!("{} cannot be removed", service.file.display()), &e))?;
    session.console.remark(&format!("removed {}", service.file.display()));
    Ok(())
}
