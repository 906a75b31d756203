//! Marks of an axis of points in time: round times of day and dates, in UTC.

const DAY: f64 = 86_400.0;

/// Steps that divide a minute, an hour or a day.
const STEPS: [f64; 16] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 10_800.0, 21_600.0,
    43_200.0,
];

/// The first and last second whose date has a year of four digits.
const KNOWN: std::ops::Range<f64> = -62_135_596_800.0..253_402_300_800.0;

/// Whether dates can be written for this range, and seconds tell its marks apart.
pub(crate) fn can_label(from: f64, to: f64, count: f64) -> bool {
    KNOWN.contains(&from) && KNOWN.contains(&to) && to - from >= count
}

/// The step that divides `span` seconds into at most `count` parts.
pub(crate) fn step(span: f64, count: f64) -> f64 {
    let raw = span / count.max(1.0);
    let in_days = || crate::ticks::nice_step(span / DAY, count).ceil() * DAY;
    STEPS.iter().copied().find(|s| *s >= raw).unwrap_or_else(in_days)
}

/// The mark at `seconds` since 1970 among marks `step` apart; midnight shows its date.
pub(crate) fn label(seconds: f64, step: f64) -> String {
    let day = days(seconds);
    let of_day = seconds.rem_euclid(DAY);
    let (hour, minute, second) = (of_day / 3600.0, of_day % 3600.0 / 60.0, of_day % 60.0);
    if step >= 30.0 * DAY {
        iso_date(seconds)
    } else if of_day < 1.0 {
        let (_, month, day) = civil(day);
        format!("{day} {}", month_name(month))
    } else if step < 60.0 {
        format!("{:02}:{:02}:{:02}", hour.floor(), minute.floor(), second.floor())
    } else {
        format!("{:02}:{:02}", hour.floor(), minute.floor())
    }
}

/// "2026-11-21".
pub(crate) fn iso_date(seconds: f64) -> String {
    let (year, month, day) = civil(days(seconds));
    format!("{year:04}-{month:02}-{day:02}")
}

#[expect(clippy::cast_possible_truncation, reason = "the callers keep to years of four digits")]
fn days(seconds: f64) -> i64 {
    (seconds / DAY).floor() as i64
}

fn month_name(month: i64) -> &'static str {
    const NAMES: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    usize::try_from(month - 1).ok().and_then(|index| NAMES.get(index)).unwrap_or(&"")
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar:
/// `civil_from_days` of Howard Hinnant, "chrono-compatible low-level date algorithms".
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_dates() {
        assert_eq!(iso_date(0.0), "1970-01-01");
        assert_eq!(iso_date(-1.0), "1969-12-31");
        assert_eq!(iso_date(951_782_400.0), "2000-02-29");
        assert_eq!(iso_date(1_037_836_800.0), "2002-11-21");
    }

    #[test]
    fn midnight_shows_its_date_and_the_rest_its_time() {
        let midnight = 1_037_836_800.0;
        assert_eq!(label(midnight, 3600.0), "21 Nov");
        assert_eq!(label(midnight + 5400.0, 1800.0), "01:30");
        assert_eq!(label(midnight + 5415.0, 15.0), "01:30:15");
        assert_eq!(label(midnight, 90.0 * DAY), "2002-11-21");
    }

    #[test]
    fn steps_divide_hours_and_days() {
        assert_eq!(step(DAY, 8.0), 10_800.0);
        assert_eq!(step(7.0 * DAY, 8.0), DAY);
        assert_eq!(step(300.0, 8.0), 60.0);
    }
}
