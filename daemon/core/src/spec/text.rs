//! From bytes to text: size, encoding, and characters YAML does not allow.

use pinacle_protocol::diagnostic::{Diagnostic, Severity, Span};

use super::MAX_SPEC_BYTES;
use super::report::{WHOLE_FILE, point, position_after};

/// Returns the text without a byte-order mark, or the one finding that ends the reading.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, Box<Diagnostic>> {
    if bytes.len() > MAX_SPEC_BYTES {
        return Err(finding(
            WHOLE_FILE,
            format!(
                "the file is {} KiB long, more than {} KiB",
                bytes.len() / 1024,
                MAX_SPEC_BYTES / 1024
            ),
            "check that this is the right file, and move long scripts into the repository",
        ));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(finding(WHOLE_FILE, "the file is UTF-16".to_owned(), "save it as UTF-8"));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let (valid, whole) = match std::str::from_utf8(bytes) {
        Ok(text) => (text, true),
        Err(error) => {
            let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
            (std::str::from_utf8(valid).unwrap_or_default(), false)
        }
    };
    if let Some((at, c)) = valid.char_indices().find(|(_, c)| !is_allowed(*c)) {
        let (message, hint) = match c {
            '\0' => (
                "the file has a NUL character here, as binary files do".to_owned(),
                "check that this is the right file, saved as UTF-8 text",
            ),
            c => (
                format!("the character U+{:04X} is not allowed in YAML", u32::from(c)),
                "remove it, or write it as an escape in double quotes, such as \\x1b",
            ),
        };
        return Err(finding(after(&valid[..at]), message, hint));
    }
    if whole {
        return Ok(valid);
    }
    let byte = bytes.get(valid.len()).copied().unwrap_or_default();
    Err(finding(
        after(valid),
        format!("the byte 0x{byte:02x} at offset {} is not UTF-8", valid.len()),
        "save the file as UTF-8",
    ))
}

/// YAML's printable characters.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{85}')
        || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn after(text: &str) -> Span {
    let (line, column) = position_after(text);
    // The bad character has no width of its own that an editor would agree on.
    Span { end_column: column, ..point(line, column) }
}

fn finding(span: Span, message: String, hint: &str) -> Box<Diagnostic> {
    Box::new(Diagnostic {
        severity: Severity::Error,
        span,
        path: String::new(),
        message,
        hint: Some(hint.to_owned()),
    })
}
