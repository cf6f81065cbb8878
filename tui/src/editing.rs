//! The user's own editor on a file.

use crate::failure::Failure;
use crate::session::Session;
use pinacle_protocol::{ApiError, ErrorKind};
use std::path::Path;

/// Has a file edited and waits until that is over. Ctrl-C is the editor's meanwhile.
///
/// # Errors
///
/// `invalid_request` when there is no editor, `cancelled` when it says that it failed.
pub async fn open(session: &Session, file: &Path) -> Result<(), Failure> {
    let command = session.env.get("VISUAL").or_else(|| session.env.get("EDITOR"));
    let words = match command {
        Some(command) => split_words(&command.to_string_lossy()),
        None => ["nano", "vi"]
            .iter()
            .find(|name| session.env.find_program(name).is_some())
            .map(|name| vec![(*name).to_owned()])
            .unwrap_or_default(),
    };
    let program = words.first().and_then(|name| session.env.find_program(name));
    let Some(program) = program else {
        let text = "there is no editor".to_owned();
        let text = words.first().map_or(text, |name| format!("the editor {name:?} is not found"));
        return Err(ApiError::new(ErrorKind::InvalidRequest, text)
            .hint("set EDITOR to one that is installed")
            .into());
    };
    let mut child = session.child(&program);
    child.args(&words[1..]).arg(file);
    let lent = session.interrupt.lend();
    let status = child
        .status()
        .await
        .map_err(|e| Failure::local(format!("{} cannot be started", program.display()), &e))?;
    drop(lent);
    if status.success() {
        return Ok(());
    }
    let text = format!("the editor {} ended with {status}", program.display());
    Err(ApiError::new(ErrorKind::Cancelled, text).into())
}

/// Splits an editor's command line: words between blanks, quotes around words
/// that hold blanks, a backslash before a character meant as it is.
pub fn split_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (None, ' ' | '\t') => words.extend(word.take()),
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if open == c => quote = None,
            (None | Some('"'), '\\') => {
                word.get_or_insert_default().extend(chars.next());
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
