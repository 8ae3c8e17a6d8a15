/// A day and a month, of UTC or of another place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Period {
    /// Days since 1970.
    pub day: u64,
    /// Months since the year 0.
    pub month: u64,
    /// When the next day begins, milliseconds since 1970.
    pub day_ends: u64,
    /// When the next month begins, milliseconds since 1970.
    pub month_ends: u64,
}

const DAY: u64 = 86_400_000;

/// The day and month of a time since 1970. `offset`: minutes that local time is ahead of UTC.
pub fn period_of(wall: u64, offset: i32) -> Period {
    let shift = i64::from(offset) * 60_000;
    let local = wall.saturating_add_signed(shift);
    let day = local / DAY;
    let (year, month) = month_of(day);
    let mut next = day + 1;
    // At most 31 steps; months have no formula that is shorter.
    while month_of(next) == (year, month) {
        next += 1;
    }
    let utc = |day: u64| day.saturating_mul(DAY).saturating_add_signed(-shift);
    Period {
        day,
        month: year * 12 + month,
        day_ends: utc(day + 1),
        month_ends: utc(next),
    }
}

/// Year, and month from 0, of a day since 1970.
fn month_of(day: u64) -> (u64, u64) {
    // Years begin in March here, so that the leap day is their last.
    let days = day + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let (late, month) = if month < 10 { (0, month + 2) } else { (1, month - 10) };
    (era * 400 + year_of_era + late, month)
}
