use crate::proto::json::number;

use super::after::{http_date, since_1970};

/// When a header says that something resets, milliseconds since 1970. Known by its shape, because hosts use the same names
/// for different forms: seconds, `1m30s`, a Unix time in seconds or milliseconds, an HTTP date, RFC 3339.
///
/// ```
/// use opencode_session::proto::retry::moment;
/// assert_eq!(moment("6m0s", 1_000), Some(361_000));
/// assert_eq!(moment("soon", 1_000), None);
/// ```
pub fn moment(value: &str, now: u64) -> Option<u64> {
    let value = value.trim_ascii().trim_matches('"');
    if let Some(number) = decimal(value) {
        return Some(match number {
            _ if number > EPOCH_MILLISECONDS => number as u64,
            _ if number > EPOCH_SECONDS => (number * 1_000.0) as u64,
            _ => now.saturating_add((number * 1_000.0).ceil() as u64),
        });
    }
    if let Some(wait) = duration(value) {
        return Some(now.saturating_add(wait));
    }
    http_date(value).or_else(|| rfc_3339(value))
}

/// Digits with at most one point. Signs, exponents, `inf` and `nan` are no header values.
pub(super) fn decimal(text: &str) -> Option<f64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    number(text).filter(|_| plain)
}

/// Numbers from here on are Unix times: in seconds it is 2001, and as a wait more than 31 years.
const EPOCH_SECONDS: f64 = 1e9;
const EPOCH_MILLISECONDS: f64 = 1e12;

/// `2m59.56s`, `20ms`, `1d2h`, as milliseconds, rounded up.
fn duration(text: &str) -> Option<u64> {
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?);
        let unit = tail.find(|letter: char| letter.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit);
        sum += decimal(number)?
            * match unit.trim_ascii() {
                "ns" => 1e-6,
                "us" | "µs" | "μs" => 1e-3,
                "ms" => 1.0,
                "s" => 1e3,
                "m" => 6e4,
                "h" => 3.6e6,
                "d" => 8.64e7,
                _ => return None,
            };
        rest = tail;
    }
    // Sums of fractions are a hair off: no wait becomes a millisecond longer by that.
    (!text.is_empty()).then_some((sum - 1e-6).ceil() as u64)
}

/// `2026-11-27T20:00:00.5+01:00`.
fn rfc_3339(text: &str) -> Option<u64> {
    let number = |from: usize, to: usize| {
        let digits = text.get(from..to)?;
        digits.parse::<u64>().ok().filter(|_| !digits.starts_with('+'))
    };
    let separator = |at: usize| text.as_bytes().get(at).copied();
    if separator(4) != Some(b'-') || separator(13) != Some(b':') || !matches!(separator(10)?, b'T' | b't' | b' ') {
        return None;
    }
    let date = [number(0, 4)?, number(5, 7)?.checked_sub(1)?, number(8, 10)?];
    let whole = since_1970(date, [number(11, 13)?, number(14, 16)?, number(17, 19)?])?;
    let rest = text.get(19..)?;
    let zone = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
    let (fraction, zone) = rest.split_at(zone);
    let fraction = if fraction.is_empty() { 0.0 } else { decimal(fraction)? };
    let time = whole + (fraction * 1_000.0).ceil() as u64;
    let (Some(sign), Some(hours)) = (zone.chars().next(), zone.get(1..3)) else {
        return Some(time);
    };
    let minutes = zone.get(zone.len().saturating_sub(2).max(3)..).unwrap_or("0");
    let offset = (hours.parse::<u64>().ok()? * 60 + minutes.parse::<u64>().unwrap_or(0)) * 60_000;
    if sign == '-' {
        time.checked_add(offset)
    } else {
        time.checked_sub(offset)
    }
}
