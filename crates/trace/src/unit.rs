//! Units as texts ("B", "us", "segments", "B/s"), and what may be done with them.
//!
//! A unit is a product of powers of bases, and a scale: "us" is 10⁻⁶ of the base "s", "kbit/s" 10³ of "bit" / "s". Two
//! quantities can be added or compared if their bases agree. Bytes and bits are different bases, so that nobody adds
//! them by mistake. A word that is no known unit is a base of its own: a schema may count "acks" or "frames".

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A unit: its bases, and how many of these it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    dimension: Dimension,
    scale: Scale,
}

/// A number as a ratio, so that a millionth is a division by a million, which is exact where it can be.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Scale {
    times: f64,
    per: f64,
}

/// Powers of bases, such as `bit` · `s`⁻¹; a plain number has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Dimension(BTreeMap<String, i32>);

/// Known units: text, base, how many bases (as a ratio).
const UNITS: &[(&str, &str, f64, f64)] = &[
    ("B", "B", 1.0, 1.0),
    ("bytes", "B", 1.0, 1.0),
    ("byte", "B", 1.0, 1.0),
    ("kB", "B", 1e3, 1.0),
    ("MB", "B", 1e6, 1.0),
    ("GB", "B", 1e9, 1.0),
    ("KiB", "B", 1024.0, 1.0),
    ("MiB", "B", 1_048_576.0, 1.0),
    ("GiB", "B", 1_073_741_824.0, 1.0),
    ("bit", "bit", 1.0, 1.0),
    ("bits", "bit", 1.0, 1.0),
    ("kbit", "bit", 1e3, 1.0),
    ("Mbit", "bit", 1e6, 1.0),
    ("Gbit", "bit", 1e9, 1.0),
    ("s", "s", 1.0, 1.0),
    ("ms", "s", 1.0, 1e3),
    ("us", "s", 1.0, 1e6),
    ("ns", "s", 1.0, 1e9),
    ("min", "s", 60.0, 1.0),
    ("h", "s", 3600.0, 1.0),
    ("segments", "segments", 1.0, 1.0),
    ("segment", "segments", 1.0, 1.0),
    // Plain numbers: how often, a share, a switch.
    ("events", "", 1.0, 1.0),
    ("event", "", 1.0, 1.0),
    ("", "", 1.0, 1.0),
    ("1", "", 1.0, 1.0),
    ("%", "", 1.0, 100.0),
    ("0/1", "", 1.0, 1.0),
];

impl Unit {
    /// What of it may be added to what.
    #[must_use]
    pub const fn dimension(&self) -> &Dimension {
        &self.dimension
    }

    /// A number of this unit as a number of its bases.
    #[must_use]
    pub fn to_base(&self, number: f64) -> f64 {
        number * self.scale.times / self.scale.per
    }

    /// The known units that a text may name, for advice.
    pub(crate) fn known() -> impl Iterator<Item = &'static str> {
        UNITS
            .iter()
            .map(|(text, ..)| *text)
            .filter(|text| text.len() > 1 || text.chars().all(char::is_alphabetic))
    }

    /// Whether a word is a unit that this crate knows.
    pub(crate) fn is_known(word: &str) -> bool {
        UNITS.iter().any(|(text, ..)| *text == word)
    }

    fn factor(word: &str) -> Self {
        let known = UNITS.iter().find(|(text, ..)| *text == word);
        let (base, times, per) =
            known.map_or((word, 1.0, 1.0), |(_, base, times, per)| (*base, *times, *per));
        let dimension = if base.is_empty() { Dimension::default() } else { Dimension::base(base) };
        Self { dimension, scale: Scale { times, per } }
    }
}

/// A text that is no unit.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a unit: expected one such as \"us\", \"B/s\" or \"segments\"")]
pub struct ParseUnitError(String);

/// Words joined by `*` and `/`, from left to right: "B/s", "B*s", "1/s".
impl FromStr for Unit {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Self, ParseUnitError> {
        let text = text.trim();
        if UNITS.iter().any(|(known, ..)| *known == text) {
            return Ok(Self::factor(text));
        }
        let is_word = |word: &str| {
            word == "1"
                || word == "%"
                || (!word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ' '))
        };
        let mut unit = Self::factor("");
        for (place, product) in text.split('/').enumerate() {
            for word in product.split('*').map(str::trim) {
                if !is_word(word) {
                    return Err(ParseUnitError(text.to_owned()));
                }
                let factor = Self::factor(word);
                let sign = if place == 0 { 1 } else { -1 };
                unit.dimension = unit.dimension.times(&factor.dimension, sign);
                let Scale { times, per } = factor.scale;
                let (times, per) = if sign > 0 { (times, per) } else { (per, times) };
                unit.scale = Scale { times: unit.scale.times * times, per: unit.scale.per * per };
            }
        }
        Ok(unit)
    }
}

impl Dimension {
    /// Time.
    #[must_use]
    pub fn seconds() -> Self {
        Self::base("s")
    }

    pub(crate) fn base(name: &str) -> Self {
        Self(BTreeMap::from([(name.to_owned(), 1)]))
    }

    /// Whether it is that of plain numbers.
    #[must_use]
    pub fn is_number(&self) -> bool {
        self.0.is_empty()
    }

    /// The dimension of a product with `other` to the power of `power`.
    #[must_use]
    pub(crate) fn times(&self, other: &Self, power: i32) -> Self {
        let mut product = self.0.clone();
        for (base, exponent) in &other.0 {
            let sum = product.entry(base.clone()).or_default();
            *sum = sum.saturating_add(exponent.saturating_mul(power));
        }
        product.retain(|_, exponent| *exponent != 0);
        Self(product)
    }

    /// The same with `from` replaced by `to`, if it has it to the power of one.
    pub(crate) fn with_base(&self, from: &str, to: &str) -> Option<Self> {
        (self.0.get(from) == Some(&1)).then(|| self.times(&Self::base(from), -1).times(&Self::base(to), 1))
    }
}

/// "bit/s", "B*s", "1/s"; a plain number is "".
impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let above: Vec<_> = powers(&self.0, 1);
        let below: Vec<_> = powers(&self.0, -1);
        match (above.as_slice(), below.as_slice()) {
            ([], []) => Ok(()),
            ([], below) => write!(f, "1/{}", below.join("/")),
            (above, []) => f.write_str(&above.join("*")),
            (above, below) => write!(f, "{}/{}", above.join("*"), below.join("/")),
        }
    }
}

/// Each base as often as its exponent of that sign says.
fn powers(bases: &BTreeMap<String, i32>, sign: i32) -> Vec<&str> {
    let of_sign = bases.iter().filter(|(_, exponent)| exponent.signum() == sign);
    of_sign
        .flat_map(|(base, exponent)| {
            std::iter::repeat_n(base.as_str(), exponent.unsigned_abs().min(9) as usize)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(text: &str) -> Unit {
        text.parse().unwrap()
    }

    #[test]
    fn scales_are_exact_where_they_can_be() {
        assert_eq!(unit("us").to_base(70_123.0), 0.070_123);
        assert_eq!(unit("kbit/s").to_base(622.0), 622_000.0);
        assert_eq!(unit("B/ms").to_base(5.0), 5000.0);
        assert_eq!(unit("%").to_base(5.0), 0.05);
    }

    #[test]
    fn dimensions_are_written_as_they_are_read() {
        for text in ["", "B", "bit/s", "B*s", "1/s", "acks", "B/s/s"] {
            assert_eq!(unit(text).dimension().to_string(), text);
        }
        assert_eq!(unit("ms/us").dimension().to_string(), "");
        assert_eq!(unit("0/1").dimension().to_string(), "");
        assert_ne!(unit("B").dimension(), unit("bit").dimension());
    }

    #[test]
    fn what_is_no_unit_is_refused() {
        for text in ["/", "B//s", "B-s", "s/"] {
            assert!(text.parse::<Unit>().is_err(), "{text}");
        }
    }
}
