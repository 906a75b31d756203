//! Quantities that carry their unit in their text: "622 Mbit/s", "4 MiB", "100 segments".

use std::fmt;
use std::ops::{Add, Mul, Sub};
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use thiserror::Error;

/// A text that is not the quantity it should be.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{text}\" is not {quantity}: expected {expected}")]
pub struct ParseQuantityError {
    text: String,
    quantity: &'static str,
    expected: &'static str,
}

impl ParseQuantityError {
    pub(crate) fn new(text: &str, quantity: &'static str, expected: &'static str) -> Self {
        Self { text: text.to_owned(), quantity, expected }
    }
}

/// A rate of data, in bits a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u64);

impl Rate {
    /// The rate of `bps` bits a second.
    #[must_use]
    pub const fn from_bps(bps: u64) -> Self {
        Self(bps)
    }

    /// Bits a second.
    #[must_use]
    pub const fn as_bps(self) -> u64 {
        self.0
    }

    /// How long `size` takes at this rate, to the nanosecond (rounded up); for ever at rate zero.
    #[must_use]
    pub fn time_to_send(self, size: Bytes) -> Duration {
        if self.0 == 0 {
            return Duration::MAX;
        }
        let nanos = (u128::from(size.0) * 8 * 1_000_000_000).div_ceil(u128::from(self.0));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// The bandwidth-delay product: what this rate carries in `duration`, rounded down.
    #[must_use]
    pub fn bytes_in(self, duration: Duration) -> Bytes {
        let bytes = u128::from(self.0) * duration.as_nanos() / 8_000_000_000;
        Bytes(u64::try_from(bytes).unwrap_or(u64::MAX))
    }
}

impl FromStr for Rate {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        const EXPECTED: &str = "bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s";
        let (number, unit) = split_unit(text, "a rate", "a rate such as \"622 Mbit/s\"")?;
        let factor = match unit {
            "bit/s" => 1.0,
            "kbit/s" => 1e3,
            "Mbit/s" => 1e6,
            "Gbit/s" => 1e9,
            "Tbit/s" => 1e12,
            _ => return Err(ParseQuantityError::new(text, "a rate", EXPECTED)),
        };
        whole(number * factor)
            .map(Self)
            .ok_or_else(|| ParseQuantityError::new(text, "a rate", "a rate that is not negative"))
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(
            f,
            self.0,
            &[(1_000_000_000, "Gbit/s"), (1_000_000, "Mbit/s"), (1_000, "kbit/s")],
            "bit/s",
        )
    }
}

/// An amount of data, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// No data.
    pub const ZERO: Self = Self(0);

    /// `bytes` bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The difference, zero if `other` is larger.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Add for Bytes {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Bytes {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self.saturating_sub(other)
    }
}

impl Mul<u64> for Bytes {
    type Output = Self;

    fn mul(self, factor: u64) -> Self {
        Self(self.0.saturating_mul(factor))
    }
}

impl FromStr for Bytes {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        const EXPECTED: &str = "B, kB, MB, GB, KiB, MiB or GiB";
        let (number, unit) = split_unit(text, "a size", "a size such as \"4 MiB\"")?;
        let factor = match unit {
            "B" => 1.0,
            "kB" => 1e3,
            "MB" => 1e6,
            "GB" => 1e9,
            "KiB" => 1024.0,
            "MiB" => 1_048_576.0,
            "GiB" => 1_073_741_824.0,
            _ => return Err(ParseQuantityError::new(text, "a size", EXPECTED)),
        };
        whole(number * factor)
            .map(Self)
            .ok_or_else(|| ParseQuantityError::new(text, "a size", "a size that is not negative"))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scaled(f, self.0, &[(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")], "B")
    }
}

/// A number of TCP segments of the flow's maximum segment size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Segments(u32);

impl Segments {
    /// `segments` segments.
    #[must_use]
    pub const fn new(segments: u32) -> Self {
        Self(segments)
    }

    /// The number of segments.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Segments {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        let wrong = || {
            ParseQuantityError::new(text, "a number of segments", "a whole number such as \"100 segments\"")
        };
        let number =
            text.strip_suffix("segments").or_else(|| text.strip_suffix("segment")).ok_or_else(wrong)?;
        number.trim().parse().map(Self).map_err(|_| wrong())
    }
}

impl fmt::Display for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = if self.0 == 1 { "segment" } else { "segments" };
        write!(f, "{} {unit}", self.0)
    }
}

macro_rules! serde_as_text {
    ($($quantity:ty: $unit:literal),*) => {$(
        impl<'de> Deserialize<'de> for $quantity {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }

        impl Serialize for $quantity {
            /// The text for people where it is exact, else the number of the smallest unit.
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let text = self.to_string();
                if text.parse() == Ok(*self) {
                    serializer.serialize_str(&text)
                } else {
                    serializer.collect_str(&format_args!("{} {}", self.0, $unit))
                }
            }
        }
    )*};
}

serde_as_text!(Rate: "bit/s", Bytes: "B", Segments: "segments");

/// Splits "622 Mbit/s" into its number and its unit.
pub(crate) fn split_unit<'a>(
    text: &'a str,
    quantity: &'static str,
    expected: &'static str,
) -> Result<(f64, &'a str), ParseQuantityError> {
    let text = text.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'))
        .ok_or_else(|| ParseQuantityError::new(text, quantity, expected))?;
    let number = text[..end].parse().map_err(|_| ParseQuantityError::new(text, quantity, expected))?;
    Ok((number, text[end..].trim_start()))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the range is checked first; above 2^53 a quantity written as a decimal is rounded"
)]
fn whole(number: f64) -> Option<u64> {
    let rounded = number.round();
    (rounded >= 0.0 && rounded < u64::MAX as f64).then_some(rounded as u64)
}

/// Writes `value` in the largest unit that keeps it at one or more, to three decimals.
#[expect(clippy::cast_precision_loss, reason = "the text has three decimals")]
fn write_scaled(f: &mut fmt::Formatter<'_>, value: u64, units: &[(u64, &str)], base: &str) -> fmt::Result {
    for (factor, unit) in units {
        if value >= *factor {
            let scaled = value as f64 / *factor as f64;
            return write!(f, "{} {unit}", (scaled * 1000.0).round() / 1000.0);
        }
    }
    write!(f, "{value} {base}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rates_are_read_and_written() {
        let rate: Rate = "622 Mbit/s".parse().unwrap();
        assert_eq!(rate.as_bps(), 622_000_000);
        assert_eq!(rate.to_string(), "622 Mbit/s");
        assert_eq!("1.5Gbit/s".parse::<Rate>().unwrap().as_bps(), 1_500_000_000);
    }

    #[test]
    fn a_wrong_unit_says_which_units_there_are() {
        let error = "622 Mbps".parse::<Rate>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"622 Mbps\" is not a rate: expected bit/s, kbit/s, Mbit/s, Gbit/s or Tbit/s"
        );
    }

    #[test]
    fn sizes_know_binary_and_decimal_prefixes() {
        assert_eq!("4 MiB".parse::<Bytes>().unwrap().get(), 4 << 20);
        assert_eq!("4 MB".parse::<Bytes>().unwrap().get(), 4_000_000);
        assert!("4".parse::<Bytes>().is_err());
        assert!("-4 MB".parse::<Bytes>().is_err());
    }

    #[test]
    fn segments_are_whole() {
        assert_eq!("100 segments".parse::<Segments>().unwrap().get(), 100);
        assert_eq!("1 segment".parse::<Segments>().unwrap().to_string(), "1 segment");
        assert!("1.5 segments".parse::<Segments>().is_err());
    }

    #[test]
    fn the_bandwidth_delay_product_of_the_demo_path() {
        let rate = Rate::from_bps(622_000_000);
        assert_eq!(rate.bytes_in(Duration::from_millis(70)).get(), 5_442_500);
        assert_eq!(rate.time_to_send(Bytes::new(1500)), Duration::from_nanos(19_293));
        assert_eq!(Rate::default().time_to_send(Bytes::new(1)), Duration::MAX);
    }

    #[test]
    fn a_configuration_that_is_written_out_loses_nothing() {
        let sizes = [Bytes::new(5_442_500), Bytes::new(4 << 20)];
        let text = toml::to_string(&std::collections::BTreeMap::from([("sizes", sizes)])).unwrap();
        assert_eq!(text, "sizes = [\"5442500 B\", \"4 MiB\"]\n");
    }

    proptest! {
        #[test]
        fn small_quantities_survive_their_text_form(value in 0u64..1000) {
            prop_assert_eq!(Bytes::new(value).to_string().parse::<Bytes>().unwrap().get(), value);
            prop_assert_eq!(Rate::from_bps(value).to_string().parse::<Rate>().unwrap().as_bps(), value);
        }
    }
}
