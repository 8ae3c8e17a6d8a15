/// Reads `Retry-After` (RFC 9110, 10.2.3), seconds or a date, as milliseconds from `now`. A date that is past is 0.
pub fn retry_after(header: &str, now: u64) -> Option<u64> {
    let header = header.trim_ascii();
    if let Ok(seconds) = header.parse::<u32>() {
        return Some(u64::from(seconds) * 1_000);
    }
    Some(http_date(header)?.saturating_sub(now))
}

/// The one date form that senders may use: `Sun, 06 Nov 1994 08:49:37 GMT`, as milliseconds since 1970.
pub(super) fn http_date(text: &str) -> Option<u64> {
    let text = text.as_bytes().get(5..).filter(|text| text.len() == 24)?;
    let number = |from: usize, length: usize| {
        text[from..from + length].iter().try_fold(0, |number, digit| {
            let digit = digit.wrapping_sub(b'0');
            (digit < 10).then(|| number * 10 + u64::from(digit))
        })
    };
    let month = MONTHS.iter().position(|month| month[..] == text[3..6])? as u64;
    since_1970(
        [number(7, 4)?, month, number(0, 2)?],
        [number(12, 2)?, number(15, 2)?, number(18, 2)?],
    )
}

/// Milliseconds since 1970 of a year, a month from 0 and a day from 1, and of hours, minutes and seconds.
pub(super) fn since_1970([year, month, day]: [u64; 3], [hours, minutes, seconds]: [u64; 3]) -> Option<u64> {
    if month > 11 || !(1..=31).contains(&day) || hours > 23 || minutes > 59 || seconds > 60 || year < 1970 {
        return None;
    }
    // Years begin in March here, so that the leap day is their last.
    let (year, month) = if month < 2 {
        (year - 1, month + 10)
    } else {
        (year, month - 2)
    };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    Some((((days.checked_sub(DAYS_TO_1970)? * 24 + hours) * 60 + minutes) * 60 + seconds) * 1_000)
}

const MONTHS: [&[u8; 3]; 12] = [
    b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec",
];
/// From 1 March of the year 0.
const DAYS_TO_1970: u64 = 719_468;
