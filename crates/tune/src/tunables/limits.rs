//! Which values a setting can have.

use std::fmt;
use std::time::Duration;

use wad_model::{Bytes, Rate, Segments, format_duration};

/// Which values a setting can have; both ends of a range included unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Limits {
    /// `true` or `false`.
    Switch,
    /// One of some words, or what these words describe.
    Words(&'static str),
    /// A number of segments.
    Segments(u32, u32),
    /// A size.
    Size(Bytes, Bytes),
    /// A time.
    Time(Duration, Duration),
    /// A rate.
    Rate(Rate, Rate),
    /// A whole number.
    Whole(u32, u32),
    /// A number from the first to the second.
    Number(f64, f64),
    /// A number above the first, up to the second.
    Above(f64, f64),
    /// A number between both, neither included.
    Between(f64, f64),
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Switch => f.write_str("true or false"),
            Self::Words(words) => f.write_str(words),
            Self::Segments(low, high) => {
                write!(f, "{} to {}", Segments::new(low), Segments::new(high))
            }
            Self::Size(low, high) => write!(f, "{low} to {high}"),
            Self::Time(low, high) => write!(f, "{} to {}", format_duration(low), format_duration(high)),
            Self::Rate(low, high) => write!(f, "{low} to {high}"),
            Self::Whole(low, high) => write!(f, "{low} to {high}"),
            Self::Number(low, high) => write!(f, "{low} to {high}"),
            Self::Above(low, high) => write!(f, "above {low}, up to {high}"),
            Self::Between(low, high) => write!(f, "above {low}, below {high}"),
        }
    }
}

/// A quantity that limits of its kind can hold.
pub trait Within {
    /// Whether the limits are of this kind and hold the value.
    fn is_within(&self, limits: &Limits) -> bool;

    /// The value as the number that the danger marks are about.
    fn as_number(&self) -> f64;

    /// The value, for people.
    fn text(&self) -> String;
}

impl Within for bool {
    fn is_within(&self, limits: &Limits) -> bool {
        *limits == Limits::Switch
    }

    fn as_number(&self) -> f64 {
        f64::from(u8::from(*self))
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Within for Segments {
    fn is_within(&self, limits: &Limits) -> bool {
        matches!(limits, Limits::Segments(low, high) if (*low..=*high).contains(&self.get()))
    }

    fn as_number(&self) -> f64 {
        self.get().into()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Within for Bytes {
    fn is_within(&self, limits: &Limits) -> bool {
        matches!(limits, Limits::Size(low, high) if (low..=high).contains(&self))
    }

    #[expect(clippy::cast_precision_loss, reason = "no mark depends on the last bytes of a size")]
    fn as_number(&self) -> f64 {
        self.get() as f64
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Within for Duration {
    fn is_within(&self, limits: &Limits) -> bool {
        matches!(limits, Limits::Time(low, high) if (low..=high).contains(&self))
    }

    fn as_number(&self) -> f64 {
        self.as_secs_f64()
    }

    fn text(&self) -> String {
        format_duration(*self)
    }
}

impl Within for Rate {
    fn is_within(&self, limits: &Limits) -> bool {
        matches!(limits, Limits::Rate(low, high) if (low..=high).contains(&self))
    }

    #[expect(clippy::cast_precision_loss, reason = "no mark depends on the last bits of a rate")]
    fn as_number(&self) -> f64 {
        self.as_bps() as f64
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Within for u32 {
    fn is_within(&self, limits: &Limits) -> bool {
        matches!(limits, Limits::Whole(low, high) if (low..=high).contains(&self))
    }

    fn as_number(&self) -> f64 {
        (*self).into()
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Within for f64 {
    fn is_within(&self, limits: &Limits) -> bool {
        match *limits {
            Limits::Number(low, high) => (low..=high).contains(self),
            Limits::Above(low, high) => *self > low && *self <= high,
            Limits::Between(low, high) => *self > low && *self < high,
            _ => false,
        }
    }

    fn as_number(&self) -> f64 {
        *self
    }

    fn text(&self) -> String {
        self.to_string()
    }
}
