/// Reads a decimal number. `None`: it is none. The standard library's way knows every digit of every number, and brings
/// tables for it that are larger than a whole protocol; this one is exact up to 15 digits, and a hair off beyond.
///
/// ```
/// use opencode_session::proto::json::number;
/// assert_eq!(number("0.000003"), Some(0.000003));
/// assert_eq!(number("1e3"), Some(1000.0));
/// assert_eq!(number("soon"), None);
/// ```
pub fn number(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (digits, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], exponent(&text[at + 1..])?),
        None => (text, 0),
    };
    let (mut mantissa, mut scale, mut point, mut any) = (0_u64, exponent, false, false);
    for byte in digits.bytes() {
        match byte {
            b'.' if !point => point = true,
            b'0'..=b'9' => {
                any = true;
                // Digits that do not fit only move the point.
                if mantissa < u64::MAX / 10 - 1 {
                    mantissa = mantissa * 10 + u64::from(byte - b'0');
                    scale -= i32::from(point);
                } else {
                    scale += i32::from(!point);
                }
            }
            _ => return None,
        }
    }
    if !any {
        return None;
    }
    let mut value = mantissa as f64;
    // Up to 22 a power of ten is exact, and so is one step with it.
    while scale != 0 && value != 0.0 && value.is_finite() {
        let step = scale.clamp(-22, 22);
        let power = (0..step.abs()).fold(1.0, |power, _| power * 10.0);
        value = if step < 0 { value / power } else { value * power };
        scale -= step;
    }
    Some(sign * value)
}

/// More than any number has.
const MAX_EXPONENT: i32 = 1_000;

fn exponent(text: &str) -> Option<i32> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.bytes().fold(0_i32, |number, byte| {
        (number * 10 + i32::from(byte.wrapping_sub(b'0'))).min(MAX_EXPONENT)
    });
    plain.then_some(if negative { -number } else { number })
}
