/// Milliseconds since 1970 of a time as JSON: a number, or `"2026-11-22T00:12:46.924Z"` (the v1 streams write it so).
pub(super) fn millis(raw: &[u8]) -> Option<i64> {
    if raw.first() != Some(&b'"') {
        let digits = raw.iter().take_while(|byte| byte.is_ascii_digit());
        let value = digits.fold(0_i64, |sum, byte| {
            sum.saturating_mul(10).saturating_add(i64::from(byte - b'0'))
        });
        return raw.first().is_some_and(u8::is_ascii_digit).then_some(value);
    }
    let number = |from: usize, to: usize| -> Option<i64> {
        raw.get(from..to)?.iter().try_fold(0_i64, |sum, byte| {
            byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0'))
        })
    };
    let (year, month, day) = (number(1, 5)?, number(6, 8)?, number(9, 11)?);
    let (hour, minute, second) = (number(12, 14)?, number(15, 17)?, number(18, 20)?);
    let fraction = if raw.get(20) == Some(&b'.') { number(21, 24)? } else { 0 };
    Some(((days(year, month, day) * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + fraction)
}

/// Days from 1970 to a day of the Gregorian calendar: years begin in March, so that leap days are their last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}
