//! What values are counted in, and the prefix that makes them readable.

/// The unit of an axis. Values are given in its base: bit/s, bytes, seconds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Unit {
    /// A pure number.
    #[default]
    None,
    /// Bits a second, shown as kbit/s, Mbit/s, Gbit/s.
    BitsPerSecond,
    /// Bytes, shown as kB, MB, GB (powers of ten).
    Bytes,
    /// Seconds, shown as µs to days.
    Seconds,
    /// TCP segments.
    Segments,
    /// A share of one, shown in per cent: 0.25 is 25 %.
    Share,
    /// Seconds since 1970, shown as dates and times of day in UTC.
    Timestamp,
    /// Any other unit, without prefixes.
    Other(String),
}

/// A multiple of a unit: `factor` base units are one `name`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Multiple {
    pub(crate) factor: f64,
    pub(crate) name: String,
}

/// From this magnitude on, the multiple of this factor and name.
type Rung = (f64, f64, &'static str);

const RATES: &[Rung] = &[
    (1e15, 1e15, "Pbit/s"),
    (1e12, 1e12, "Tbit/s"),
    (1e9, 1e9, "Gbit/s"),
    (1e6, 1e6, "Mbit/s"),
    (1e3, 1e3, "kbit/s"),
    (0.0, 1.0, "bit/s"),
];
const SIZES: &[Rung] = &[
    (1e15, 1e15, "PB"),
    (1e12, 1e12, "TB"),
    (1e9, 1e9, "GB"),
    (1e6, 1e6, "MB"),
    (1e3, 1e3, "kB"),
    (0.0, 1.0, "B"),
];
/// Seconds stay seconds up to ten minutes, minutes up to three hours, hours up to three days.
const LONG_TIMES: &[Rung] = &[(259_200.0, 86_400.0, "days"), (10_800.0, 3_600.0, "h"), (600.0, 60.0, "min")];
const TIMES: &[Rung] = &[(1.0, 1.0, "s"), (1e-3, 1e-3, "ms"), (1e-6, 1e-6, "µs"), (0.0, 1e-9, "ns")];
const COUNTS: &[Rung] = &[(1e12, 1.0, ""), (1e9, 1e9, "billion"), (1e6, 1e6, "million"), (0.0, 1.0, "")];

impl Unit {
    /// The multiple for an axis whose largest magnitude is `largest`.
    pub(crate) fn multiple(&self, largest: f64) -> Multiple {
        match self {
            Self::None => rung(&[COUNTS], largest),
            Self::BitsPerSecond => rung(&[RATES], largest),
            Self::Bytes => rung(&[SIZES], largest),
            // An empty time axis is in seconds.
            Self::Seconds if largest == 0.0 => rung(&[TIMES], 1.0),
            Self::Seconds => rung(&[LONG_TIMES, TIMES], largest),
            Self::Segments => segments(largest),
            Self::Share => Multiple { factor: 0.01, name: "%".to_owned() },
            Self::Timestamp => Multiple { factor: 1.0, name: "s since 1970".to_owned() },
            Self::Other(name) => Multiple { factor: 1.0, name: name.clone() },
        }
    }

    /// The multiple for one tick of a logarithmic axis, if each tick there names its own.
    pub(crate) fn multiple_of_tick(&self, value: f64) -> Option<Multiple> {
        match self {
            Self::BitsPerSecond | Self::Bytes => Some(self.multiple(value)),
            Self::Seconds => Some(rung(&[TIMES], value)),
            _ => None,
        }
    }

    /// The unit without a prefix.
    pub(crate) fn base(&self) -> Multiple {
        match self {
            Self::None | Self::Segments => self.multiple(0.0),
            _ => self.multiple(1.0),
        }
    }
}

fn segments(largest: f64) -> Multiple {
    let count = rung(&[COUNTS], largest);
    Multiple { factor: count.factor, name: format!("{} segments", count.name).trim_start().to_owned() }
}

fn rung(ladder: &[&[Rung]], largest: f64) -> Multiple {
    let found = ladder.iter().copied().flatten().find(|(from, ..)| largest >= *from);
    let (_, factor, name) = found.copied().unwrap_or((0.0, 1.0, ""));
    Multiple { factor, name: name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_keeps_the_largest_value_at_one_or_more() {
        assert_eq!(Unit::BitsPerSecond.multiple(622e6).name, "Mbit/s");
        assert_eq!(Unit::BitsPerSecond.multiple(1e9).name, "Gbit/s");
        assert_eq!(Unit::Bytes.multiple(999.0).name, "B");
        assert_eq!(Unit::Segments.multiple(2e6).name, "million segments");
        assert_eq!(Unit::Segments.multiple(2e5).name, "segments");
    }

    #[test]
    fn durations_use_the_units_people_use() {
        let names: Vec<_> = [0.07, 5.0, 600.0, 86_400.0, 1e6].map(|s| Unit::Seconds.multiple(s).name).into();
        assert_eq!(names, ["ms", "s", "min", "h", "days"]);
    }
}
