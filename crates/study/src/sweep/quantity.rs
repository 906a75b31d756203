//! Values of parameters as numbers: what they count, and how they are written.

use std::time::Duration;

use wad_model::{Bytes, Rate, Segments, format_duration, parse_duration};
use wad_plot::Unit;

/// What a number of a parameter counts, in its base unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Plain.
    Number,
    /// Bits a second.
    Rate,
    /// Bytes.
    Size,
    /// Seconds.
    Time,
    /// TCP segments.
    Segments,
    /// Bandwidth-delay products.
    Products,
}

impl Kind {
    /// What the name of a column ends with.
    pub(super) const fn suffix(self) -> &'static str {
        match self {
            Self::Number => "",
            Self::Rate => "_bps",
            Self::Size => "_bytes",
            Self::Time => "_s",
            Self::Segments => "_segments",
            Self::Products => "_bdp",
        }
    }

    /// The unit of an axis.
    pub(super) fn unit(self) -> Unit {
        match self {
            Self::Number => Unit::None,
            Self::Rate => Unit::BitsPerSecond,
            Self::Size => Unit::Bytes,
            Self::Time => Unit::Seconds,
            Self::Segments => Unit::Segments,
            Self::Products => Unit::Other("BDP".to_owned()),
        }
    }
}

/// Reads a value; none if it is a name.
#[expect(clippy::cast_precision_loss, reason = "rates and sizes of this world are far below 2^53")]
pub(super) fn read(text: &str) -> Option<(Kind, f64)> {
    let text = text.trim();
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
    if let Some(value) = number(text) {
        return Some((Kind::Number, value));
    }
    if let Some(value) = text.strip_suffix('%').and_then(number) {
        return Some((Kind::Number, value / 100.0));
    }
    if let Some(value) = text.strip_suffix("bdp") {
        let value = if value.trim().is_empty() { Some(1.0) } else { number(value) };
        return value.map(|value| (Kind::Products, value));
    }
    if let Ok(segments) = text.parse::<Segments>() {
        return Some((Kind::Segments, segments.get().into()));
    }
    if let Ok(rate) = text.parse::<Rate>() {
        return Some((Kind::Rate, rate.as_bps() as f64));
    }
    if let Ok(bytes) = text.parse::<Bytes>() {
        return Some((Kind::Size, bytes.get() as f64));
    }
    parse_duration(text).ok().map(|time| (Kind::Time, time.as_secs_f64()))
}

/// Writes a value so that it is read as the same: with the unit that people use where that is exact.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "values are positive and of this world; `as` saturates"
)]
pub(super) fn write(kind: Kind, value: f64) -> String {
    let whole = value.round() as u64;
    let exact = |nice: String, plain: String| if read(&nice) == read(&plain) { nice } else { plain };
    match kind {
        Kind::Number => format!("{value}"),
        Kind::Products => format!("{value}bdp"),
        Kind::Segments => format!("{whole} segments"),
        Kind::Rate => exact(Rate::from_bps(whole).to_string(), format!("{whole} bit/s")),
        Kind::Size => exact(Bytes::new(whole).to_string(), format!("{whole} B")),
        Kind::Time => {
            let nanos = (value * 1e9).round() as u64;
            exact(format_duration(Duration::from_nanos(nanos)), format!("{nanos} ns"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_and_written() {
        for text in ["64 KiB", "622 Mbit/s", "80 ms", "500 segments", "0.5bdp", "0.0001", "4"] {
            let (kind, value) = read(text).unwrap();
            assert_eq!(write(kind, value), text);
        }
        assert_eq!(read("1%"), Some((Kind::Number, 0.01)));
        assert_eq!(read("cubic"), None);
        assert_eq!(write(Kind::Size, 5_442_500.0), "5442500 B");
    }
}
