//! Points in time of whichever clock a caller lives under, and the text form of durations.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use crate::quantity::{ParseQuantityError, split_unit};

/// A point in time: nanoseconds since an origin that the owner of the clock chose.
///
/// The simulator counts from zero, the emulator takes the monotonic clock. Pure code receives
/// a `Time` as an argument and never asks for one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The origin of the clock.
    pub const ZERO: Self = Self(0);

    /// The point `nanos` nanoseconds after the origin.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the origin.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Seconds since the origin.
    #[must_use]
    pub const fn as_secs_f64(self) -> f64 {
        Duration::from_nanos(self.0).as_secs_f64()
    }

    /// The time from `earlier` to this point, zero if `earlier` is later.
    #[must_use]
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(nanos))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.saturating_since(earlier)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6} s", self.as_secs_f64())
    }
}

/// Reads a duration such as "70 ms", "1.5s", "200 us" or "2 min".
///
/// # Errors
/// Names the text and what was expected when the number or its unit cannot be read.
pub fn parse_duration(text: &str) -> Result<Duration, ParseQuantityError> {
    let (number, unit) = split_unit(text, "a duration", "\"70 ms\"")?;
    let seconds = match unit {
        "ns" => 1e-9,
        "us" | "µs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        _ => {
            return Err(ParseQuantityError::new(text, "a duration", "ns, us, ms, s, min or h"));
        }
    };
    Duration::try_from_secs_f64(number * seconds)
        .map_err(|_| ParseQuantityError::new(text, "a duration", "a duration that is not negative"))
}

/// Writes a duration in the largest unit that keeps it at one or more: "70 ms", "1.5 s".
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let (value, unit) = match seconds {
        s if s >= 1.0 || s == 0.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "us"),
        s => (s * 1e9, "ns"),
    };
    format!("{} {unit}", (value * 1000.0).round() / 1000.0)
}

/// Durations as text ("70 ms") in configuration files: use with `#[serde(with = ...)]`.
pub mod serde_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    /// Reads the text form.
    ///
    /// # Errors
    /// As [`super::parse_duration`].
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse_duration(&text).map_err(de::Error::custom)
    }

    /// Writes the text for people where it is exact, else nanoseconds.
    ///
    /// # Errors
    /// Only those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        let text = super::format_duration(*duration);
        if super::parse_duration(&text) == Ok(*duration) {
            serializer.serialize_str(&text)
        } else {
            serializer.collect_str(&format_args!("{} ns", duration.as_nanos()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_and_without_a_space() {
        assert_eq!(parse_duration("70 ms").unwrap(), Duration::from_millis(70));
        assert_eq!(parse_duration("1.5s").unwrap(), Duration::from_millis(1500));
        assert_eq!(parse_duration("2 min").unwrap(), Duration::from_secs(120));
    }

    #[test]
    fn a_duration_without_unit_or_below_zero_is_refused() {
        assert!(parse_duration("70").is_err());
        assert!(parse_duration("-1 s").is_err());
        assert!(parse_duration("7 parsecs").is_err());
    }

    #[test]
    fn a_duration_survives_its_text_form() {
        for text in ["70 ms", "1.5 s", "200 us", "15 ns", "0 s"] {
            assert_eq!(format_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn a_duration_that_is_written_out_loses_nothing() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Delay(#[serde(with = "serde_duration")] Duration);
        for (nanos, text) in
            [(70_000_000, "70 ms"), (16_666_650, "16666650 ns"), (3_600_000_000_001, "3600000000001 ns")]
        {
            let delay = Delay(Duration::from_nanos(nanos));
            let written = toml::Value::try_from(&delay).unwrap();
            assert_eq!(written.as_str(), Some(text));
            assert_eq!(written.try_into::<Delay>().unwrap(), delay);
        }
    }

    #[test]
    fn time_never_wraps() {
        let early = Time::from_nanos(5);
        let late = early + Duration::from_nanos(7);
        assert_eq!(late - early, Duration::from_nanos(7));
        assert_eq!(early - late, Duration::ZERO);
        assert_eq!(late + Duration::MAX, Time::from_nanos(u64::MAX));
    }
}
