//! Finding the id in a line that is not quite JSON, so that a caller whose line was
//! cut short is not left waiting.

use super::call::Caller;
use serde_json::Value;

/// Returns who to tell about a line that cannot be read: the first `id` that stands
/// where one belongs and is a number.
pub(super) fn caller(line: &[u8]) -> Caller {
    let library = line.trim_ascii_start().starts_with(b"{\"Request\"");
    let level = if library { 2 } else { 1 };
    match id_at(line, level).and_then(leading_number) {
        Some(id) if library => Caller::Library(id),
        Some(id) => Caller::Plain(Value::from(id).into()),
        None => Caller::unknown(),
    }
}

/// Returns the text of the number after the first `id` of a line that is JSON.
pub(super) fn number_text(line: &[u8]) -> Option<&str> {
    let text = id_at(line, 1)?;
    let is_of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let end = text.iter().position(|byte| !is_of_number(byte)).unwrap_or(text.len());
    std::str::from_utf8(&text[..end]).ok()
}

/// Returns what follows the first key `id` at this depth of braces.
fn id_at(line: &[u8], level: usize) -> Option<&[u8]> {
    let mut depth = 0_usize;
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let end = closing_quote(rest)?;
                let (text, after) = rest.split_at(end);
                rest = after.get(1..)?;
                let colon = rest.trim_ascii_start().strip_prefix(b":");
                if let (b"id", true, Some(value)) = (text, depth == level, colon) {
                    return Some(value.trim_ascii_start());
                }
            }
            _ => {}
        }
    }
    None
}

fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|byte| {
        let closes = *byte == b'"' && !escaped;
        escaped = *byte == b'\\' && !escaped;
        closes
    })
}

/// A number that may have been cut is no number: something must follow it.
fn leading_number(text: &[u8]) -> Option<u64> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit())?;
    let ends_it = matches!(text[end], b',' | b'}' | b' ');
    std::str::from_utf8(&text[..end]).ok().filter(|_| ends_it)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_id_in_its_place_counts() {
        let plain = |id: u64| Caller::Plain(Value::from(id).into());
        let cases: [(&[u8], Caller); 10] = [
            (br#"{"id":12,"call":"#, plain(12)),
            (br#" { "call" : "pod", "id" : 3 , "args"#, plain(3)),
            (br#"{"call":"x","args":{"id":4},"#, Caller::unknown()),
            (br#"{"call":"\"id\":5","id":6,"#, plain(6)),
            (br#"{"call":"id","args":{"#, Caller::unknown()),
            (br#"{"id":12"#, Caller::unknown()),
            (br#"{"id":"a","#, Caller::unknown()),
            (br#"{"Request":{"context":{"id":1},"id":2,"#, Caller::Library(2)),
            (br#"{"id":99999999999999999999999,"#, Caller::unknown()),
            (b"\"\\", Caller::unknown()),
        ];
        for (line, expected) in cases {
            assert_eq!(caller(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }
}
