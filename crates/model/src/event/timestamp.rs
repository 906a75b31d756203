//! Points of the wall clock, and the forms in which events write them.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A point of the wall clock: nanoseconds since 1970 began in UTC, leap seconds not counted.
///
/// The years 1678 to 2261 fit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

const NANOS: i64 = 1_000_000_000;
const DAY: i64 = 86_400;

impl Timestamp {
    /// The point `nanos` nanoseconds after 1970 began.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970 began.
    #[must_use]
    pub const fn as_nanos(self) -> i64 {
        self.0
    }

    /// Reads ISO 8601 with a `Z` or an offset, such as "2007-12-19T21:51:26.030823Z".
    ///
    /// # Errors
    /// Says what was expected.
    pub fn from_iso(text: &str) -> Result<Self, ParseTimestampError> {
        let wrong = || ParseTimestampError { text: text.to_owned(), expected: "2007-12-19T21:51:26.030823Z" };
        let mut reader = Digits { rest: text };
        let mut clock = || {
            let year = reader.number(4)?;
            reader.skip(&['-'])?;
            let month = reader.number(2)?;
            reader.skip(&['-'])?;
            let day = reader.number(2)?;
            reader.skip(&['T', 't', ' '])?;
            let hour = reader.number(2)?;
            reader.skip(&[':'])?;
            let minute = reader.number(2)?;
            reader.skip(&[':'])?;
            let second = reader.number(2)?;
            let nanos = reader.fraction()?;
            let offset = reader.offset()?;
            seconds([year, month, day, hour, minute, second])?
                .checked_sub(offset)?
                .checked_mul(NANOS)?
                .checked_add(nanos)
        };
        clock().map(Self).ok_or_else(wrong)
    }

    /// Reads the form of ULM, such as "20020329210355.443568".
    ///
    /// Some writers print the fraction without its leading zeros, so one of fewer than six digits is a number of
    /// microseconds.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn from_ulm(text: &str) -> Result<Self, ParseTimestampError> {
        let wrong = || ParseTimestampError { text: text.to_owned(), expected: "20020329210355.443568" };
        let mut reader = Digits { rest: text };
        let mut clock = || {
            let whole = seconds([
                reader.number(4)?,
                reader.number(2)?,
                reader.number(2)?,
                reader.number(2)?,
                reader.number(2)?,
                reader.number(2)?,
            ])?;
            let fraction = match reader.rest.strip_prefix('.') {
                Some(digits) => {
                    reader.rest = "";
                    fraction_of_ulm(digits)?
                }
                None => 0,
            };
            reader.rest.is_empty().then_some(())?;
            whole.checked_mul(NANOS)?.checked_add(fraction)
        };
        clock().map(Self).ok_or_else(wrong)
    }

    /// Reads seconds since 1970, with or without a fraction.
    ///
    /// # Errors
    /// Says what was expected.
    pub fn from_epoch(text: &str) -> Result<Self, ParseTimestampError> {
        let wrong = || ParseTimestampError { text: text.to_owned(), expected: "1198101086.030823" };
        let clock = || {
            let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
            let (whole, _) = digits.split_once('.').unwrap_or((digits, ""));
            let all_digits = !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
            let whole: i64 = all_digits.then(|| whole.parse().ok())??;
            let mut reader = Digits { rest: &digits[digits.find('.').unwrap_or(digits.len())..] };
            let nanos = reader.fraction()?;
            reader.rest.is_empty().then_some(())?;
            let total = whole.checked_mul(NANOS)?.checked_add(nanos)?;
            Some(if negative { -total } else { total })
        };
        clock().map(Self).ok_or_else(wrong)
    }

    /// Writes the form of ULM: six digits of a second, or nine where six would lose something.
    #[must_use]
    pub const fn ulm(self) -> impl fmt::Display {
        UlmForm(self)
    }

    /// Seconds since 1970, for axes and averages: exact to some hundred nanoseconds.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "the documentation says how exact it is")]
    pub const fn as_secs_f64(self) -> f64 {
        self.0.div_euclid(NANOS) as f64 + self.0.rem_euclid(NANOS) as f64 / 1e9
    }

    fn parts(self) -> Parts {
        let seconds = self.0.div_euclid(NANOS);
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let of_day = seconds.rem_euclid(DAY);
        Parts {
            year,
            month,
            day,
            hour: of_day / 3600,
            minute: of_day / 60 % 60,
            second: of_day % 60,
            nanos: self.0.rem_euclid(NANOS),
        }
    }
}

/// ISO 8601 in UTC: six digits of a second, or nine where six would lose something.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { year, month, day, hour, minute, second, nanos } = self.parts();
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.")?;
        write_fraction(f, nanos)?;
        f.write_str("Z")
    }
}

/// ISO 8601, or seconds since 1970.
impl FromStr for Timestamp {
    type Err = ParseTimestampError;

    fn from_str(text: &str) -> Result<Self, ParseTimestampError> {
        if text.contains(':') { Self::from_iso(text) } else { Self::from_epoch(text) }
    }
}

struct UlmForm(Timestamp);

impl fmt::Display for UlmForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { year, month, day, hour, minute, second, nanos } = self.0.parts();
        write!(f, "{year:04}{month:02}{day:02}{hour:02}{minute:02}{second:02}.")?;
        write_fraction(f, nanos)
    }
}

fn write_fraction(f: &mut fmt::Formatter<'_>, nanos: i64) -> fmt::Result {
    if nanos % 1000 == 0 { write!(f, "{:06}", nanos / 1000) } else { write!(f, "{nanos:09}") }
}

struct Parts {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
}

/// A text that is no point in time.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is not a time: expected one such as {expected}")]
pub struct ParseTimestampError {
    text: String,
    expected: &'static str,
}

struct Digits<'a> {
    rest: &'a str,
}

impl Digits<'_> {
    /// Exactly `count` digits.
    fn number(&mut self, count: usize) -> Option<i64> {
        let digits = self.rest.get(..count).filter(|d| d.bytes().all(|byte| byte.is_ascii_digit()))?;
        self.rest = &self.rest[count..];
        digits.parse().ok()
    }

    fn skip(&mut self, one_of: &[char]) -> Option<()> {
        self.rest = self.rest.strip_prefix(one_of)?;
        Some(())
    }

    /// Nanoseconds of a fraction after a point, if there is one; digits beyond the ninth are dropped.
    fn fraction(&mut self) -> Option<i64> {
        let Some(after) = self.rest.strip_prefix(['.', ',']) else { return Some(0) };
        let end = after.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(after.len());
        if end == 0 {
            return None;
        }
        self.rest = &after[end..];
        format!("{:0<9}", &after[..end.min(9)]).parse().ok()
    }

    /// Seconds that the clock is ahead of UTC; ends the text.
    fn offset(&mut self) -> Option<i64> {
        if matches!(self.rest, "Z" | "z") {
            return Some(0);
        }
        let sign = if self.rest.starts_with('-') { -1 } else { 1 };
        self.skip(&['+', '-'])?;
        let hours = self.number(2)?;
        let _ = self.skip(&[':']);
        let minutes = self.number(2)?;
        self.rest.is_empty().then_some(sign * (hours * 3600 + minutes * 60))
    }
}

fn fraction_of_ulm(digits: &str) -> Option<i64> {
    let valid = (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    if !valid {
        return None;
    }
    if digits.len() <= 6 {
        return digits.parse::<i64>().ok().map(|micros| micros * 1000);
    }
    format!("{:0<9}", &digits[..digits.len().min(9)]).parse().ok()
}

/// Seconds since 1970 of a date and a time of day; a leap second is the first of the next minute.
fn seconds([year, month, day, hour, minute, second]: [i64; 6]) -> Option<i64> {
    let in_range = (1..=12).contains(&month)
        && (1..=days_of_month(year, month)).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0..=60).contains(&second);
    in_range.then(|| days(year, month, day) * DAY + hour * 3600 + minute * 60 + second)
}

const fn days_of_month(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970 of a date. Years are taken to begin in March, so that the leap day is their last one.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    // From 0000-03-01 to 1970-01-01 there are 719,468 days.
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// The inverse of [`days`].
const fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + (month <= 2) as i64, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_published_examples_are_read() {
        let ulm = Timestamp::from_ulm("20020329210355.443568").unwrap();
        assert_eq!(ulm.to_string(), "2002-03-29T21:03:55.443568Z");
        let bp = Timestamp::from_iso("2007-12-19T21:51:26.030823Z").unwrap();
        assert_eq!(bp.as_nanos(), 1_198_101_086_030_823_000);
        assert_eq!("1198101086.030823".parse(), Ok(bp));
        assert_eq!("2007-12-19T22:51:26.030823+01:00".parse(), Ok(bp));
    }

    #[test]
    fn a_fraction_that_lost_its_zeros_gets_them_back() {
        let micros = |text| Timestamp::from_ulm(text).unwrap().as_nanos() % NANOS / 1000;
        assert_eq!(micros("20020329210355.443"), 443);
        assert_eq!(micros("20020329210355.000443"), 443);
        assert_eq!(micros("20020329210355"), 0);
        assert_eq!(micros("20020329210355.000443000"), 443, "nine digits are nanoseconds");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2007-12",
            "2007-13-19T21:51:26Z",
            "2007-02-29T00:00:00Z",
            "2007-12-19T21:51:26",
            "1.",
            "1.2.3",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
        assert!(Timestamp::from_ulm("2002032921035").is_err());
        assert!(Timestamp::from_ulm("20020329210355.").is_err());
        assert!(Timestamp::from_ulm("20020329210355é").is_err());
    }

    proptest! {
        #[test]
        fn times_survive_their_text_forms(nanos in -9_000_000_000_000_000_000i64..9_000_000_000_000_000_000) {
            let time = Timestamp::from_nanos(nanos);
            prop_assert_eq!(Timestamp::from_iso(&time.to_string()), Ok(time));
            prop_assert_eq!(Timestamp::from_ulm(&time.ulm().to_string()), Ok(time));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = Timestamp::from_ulm(&text);
            let _ = text.parse::<Timestamp>();
        }
    }
}
