//! `replay`: shows a recording of the full screen, frame after frame.

use crate::args::ReplayArgs;
use crate::bounded;
use crate::failure::Failure;
use crate::recorder;
use crate::session::Session;
use pinacle_protocol::{ApiError, ErrorKind};
use std::io;

/// Most bytes of a recording: both parts of the ring, each with a last message of some length.
const LIMIT: usize = 64 * 1024 * 1024;

/// Prints the frame after each key, or only the last.
///
/// # Errors
///
/// `invalid_request` for a file that is no recording.
pub fn run(session: &mut Session, args: &ReplayArgs) -> Result<(), Failure> {
    let path = session.absolute(&args.file)?;
    let unfit = |error: &dyn std::error::Error| {
        let text = format!("{} cannot be replayed", path.display());
        let why = ApiError::from_error(ErrorKind::InvalidRequest, error);
        let mut refusal = ApiError::new(ErrorKind::InvalidRequest, text).cause(why.message);
        refusal.causes.extend(why.causes);
        refusal
    };
    let read = bounded::read(&path, LIMIT).map_err(|e| unfit(&e))?;
    if read.bytes.len() > LIMIT {
        let text = format!("it has {} bytes, and a recording at most {LIMIT}", read.length);
        return Err(unfit(&io::Error::other(text)).into());
    }
    let text = String::from_utf8(read.bytes).map_err(|e| unfit(&e))?;
    if text.is_empty() {
        return Err(unfit(&io::Error::other("it is empty")).into());
    }
    let mut frames = Vec::new();
    let last = recorder::replay(&text, |key, model| {
        if args.every && key.is_some() {
            frames.push(recorder::frame(model));
        }
    });
    frames.push(last.map_err(|e| unfit(&e))?);
    for frame in frames {
        session.console.line(&frame)?;
    }
    Ok(())
}
