//! What a scalar's text means: its YAML type, sizes, durations, decimals.

use std::time::Duration;

/// The type YAML 1.2's core schema gives an unquoted scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarKind {
    Null,
    Bool,
    Number,
    Text,
}

/// Returns the type of an unquoted scalar. `yes`, `no`, `on` and `off` are text.
pub(super) fn kind_of(text: &str) -> ScalarKind {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
        "true" | "True" | "TRUE" | "false" | "False" | "FALSE" => ScalarKind::Bool,
        text if is_number(text) => ScalarKind::Number,
        _ => ScalarKind::Text,
    }
}

fn is_number(text: &str) -> bool {
    let body = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(body, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit());
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    }
    let (mantissa, exponent) = match body.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (body, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| {
            let e = e.strip_prefix(['-', '+']).unwrap_or(e);
            !e.is_empty() && digits(e)
        })
}

/// Reads a whole decimal number without sign, leading zeros or separators.
pub(super) fn whole(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

/// Reads a plain decimal such as `1.5` as thousandths, rounded down.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let (units, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let units = if units.is_empty() { 0 } else { whole(units)? };
    let milli = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(3)
        .fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    units.checked_mul(1000)?.checked_add(milli)
}

/// Splits `1.5g` into thousandths and unit.
fn with_unit(text: &str) -> Option<(u64, String)> {
    let at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(at);
    Some((thousandths(number)?, unit.trim_start().to_ascii_lowercase()))
}

/// Reads `512m`, `1.5g`, `2GiB` as MiB. A unit is required; all are powers of 1024.
pub(super) fn mebibytes(text: &str) -> Option<u64> {
    let (milli, unit) = with_unit(text)?;
    let factor = match unit.as_str() {
        "m" | "mb" | "mi" | "mib" => 1,
        "g" | "gb" | "gi" | "gib" => 1024,
        "t" | "tb" | "ti" | "tib" => 1024 * 1024,
        _ => return None,
    };
    milli.checked_mul(factor).map(|milli| milli / 1000)
}

/// Reads `500ms`, `30s`, `1.5m`, `2h`, or seconds without a unit.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (milli, unit) = with_unit(text)?;
    let factor = match unit.as_str() {
        "ms" => return Some(Duration::from_millis(milli / 1000)),
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        _ => return None,
    };
    milli.checked_mul(factor).map(Duration::from_millis)
}

/// Writes a duration so that [`duration`] reads it back, to the millisecond.
pub(super) fn duration_text(duration: Duration) -> String {
    let milli = duration.as_millis();
    if milli.is_multiple_of(1000) { format!("{}s", milli / 1000) } else { format!("{milli}ms") }
}

/// Writes thousandths as a decimal: 500 as `0.5`.
pub(super) fn decimal(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1000, milli % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn core_schema_types() {
        for (text, kind) in [
            ("~", ScalarKind::Null),
            ("True", ScalarKind::Bool),
            ("no", ScalarKind::Text),
            ("1.0", ScalarKind::Number),
            ("-1e3", ScalarKind::Number),
            (".5", ScalarKind::Number),
            (".", ScalarKind::Text),
            ("-", ScalarKind::Text),
            ("e3", ScalarKind::Text),
            ("0x1F", ScalarKind::Number),
            ("0o17", ScalarKind::Number),
            ("22:22", ScalarKind::Text),
            ("1_000", ScalarKind::Text),
        ] {
            assert_eq!(kind_of(text), kind, "{text}");
        }
    }

    #[test]
    fn quantities_with_units() {
        assert_eq!(mebibytes("512m"), Some(512));
        assert_eq!(mebibytes("1.5 GiB"), Some(1536));
        assert_eq!(mebibytes("512"), None);
        assert_eq!(mebibytes("99999999999999999999t"), None);
        assert_eq!(duration("30"), Some(Duration::from_secs(30)));
        assert_eq!(duration("1.5m"), Some(Duration::from_secs(90)));
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("-1s"), None);
        assert_eq!(whole("007"), None);
        assert_eq!(whole(""), None);
        assert_eq!(thousandths("0.5"), Some(500));
        assert_eq!(thousandths("1."), None);
        assert_eq!(decimal(500), "0.5");
        assert_eq!(decimal(16000), "16");
        assert_eq!(decimal(50), "0.05");
    }
}
