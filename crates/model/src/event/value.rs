//! What an event says: numbers and texts.

use std::fmt;

/// A value or a field of an event.
///
/// The text forms have no types. What reads as a number and is written again as it was is a number; all else is a
/// text, so that nothing changes on its way: "007", "1e3" and "94.5Mbps" are texts ([`number`](Self::number) and
/// [`quantity`](Self::quantity) understand them).
#[derive(Clone, Debug, PartialEq)]
pub enum EventValue {
    /// A whole number.
    Integer(i64),
    /// Any other finite number.
    Real(f64),
    /// A text.
    Text(String),
}

impl EventValue {
    /// The value that a text stands for.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        if let Some(number) = text.parse().ok().filter(|number: &i64| number.to_string() == text) {
            return Self::Integer(number);
        }
        if let Some(number) = text.parse().ok().filter(|number: &f64| number.is_finite()) {
            let real = Self::from(number);
            if real.to_string() == text {
                return real;
            }
        }
        Self::Text(text.to_owned())
    }

    /// The number, without the unit that may stand behind it.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        self.quantity().map(|(number, _)| number)
    }

    /// The number and the unit behind it, as pathload and pathrate write them: "94.5Mbps" is 94.5 and "Mbps".
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "above 2^53 a number is rounded to the nearest one")]
    pub fn quantity(&self) -> Option<(f64, &str)> {
        let text = match self {
            Self::Integer(number) => return Some((*number as f64, "")),
            Self::Real(number) => return Some((*number, "")),
            Self::Text(text) => text.trim(),
        };
        // The longest beginning that is a number: the letters of a unit may look like an exponent.
        let ends = (1..=text.len()).rev().filter(|end| text.is_char_boundary(*end));
        let starts_as_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c));
        let found = ends
            .filter(|_| starts_as_number)
            .find_map(|end| Some((text[..end].parse::<f64>().ok()?, text[end..].trim_start())));
        found.filter(|(number, _)| number.is_finite())
    }

    /// A rate in bits a second, if the value is one: "94.5Mbps".
    #[must_use]
    pub fn bits_per_second(&self) -> Option<f64> {
        let (number, unit) = self.quantity()?;
        let factor = match unit.to_ascii_lowercase().as_str() {
            "bps" | "b/s" | "bit/s" => 1.0,
            "kbps" | "kb/s" | "kbit/s" => 1e3,
            "mbps" | "mb/s" | "mbit/s" => 1e6,
            "gbps" | "gb/s" | "gbit/s" => 1e9,
            _ => return None,
        };
        Some(number * factor)
    }
}

/// As the text forms write it: a real number always has a point, so that it comes back as one.
impl fmt::Display for EventValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(number) => write!(f, "{number:?}"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl From<&str> for EventValue {
    fn from(text: &str) -> Self {
        Self::from_text(text)
    }
}

impl From<String> for EventValue {
    fn from(text: String) -> Self {
        Self::from_text(&text)
    }
}

impl From<i64> for EventValue {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<u64> for EventValue {
    /// A number above the largest that is stored as such becomes its text.
    fn from(number: u64) -> Self {
        i64::try_from(number).map_or_else(|_| Self::Text(number.to_string()), Self::Integer)
    }
}

impl From<f64> for EventValue {
    /// A number that is not finite becomes a text: JSON has none.
    fn from(number: f64) -> Self {
        if number.is_finite() { Self::Real(number) } else { Self::Text(number.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_number_with_a_unit_is_understood() {
        let value = EventValue::from("94.5Mbps");
        assert_eq!(value, EventValue::Text("94.5Mbps".to_owned()));
        assert_eq!(value.quantity(), Some((94.5, "Mbps")));
        assert_eq!(value.bits_per_second(), Some(94.5e6));
        assert_eq!(EventValue::from("12 ms").quantity(), Some((12.0, "ms")));
        assert_eq!(EventValue::from("5e").quantity(), Some((5.0, "e")));
        assert_eq!(EventValue::from("up").number(), None);
        assert_eq!(EventValue::from("inf").number(), None);
        assert_eq!(EventValue::from("").number(), None);
    }

    #[test]
    fn what_would_change_on_its_way_stays_a_text() {
        for text in ["007", "+1", "1e3", "1.50", "-0", "NaN", "18446744073709551615", ""] {
            assert_eq!(EventValue::from(text), EventValue::Text(text.to_owned()));
        }
        assert_eq!(EventValue::from("-12"), EventValue::Integer(-12));
        assert_eq!(EventValue::from("2.5"), EventValue::Real(2.5));
        assert_eq!(EventValue::from(2.0).to_string(), "2.0");
    }

    proptest! {
        #[test]
        fn values_survive_their_text(number: i64, real: f64, text: String) {
            for value in [EventValue::from(number), EventValue::from(real), EventValue::from(text)] {
                prop_assert_eq!(EventValue::from_text(&value.to_string()), value);
            }
        }
    }
}
