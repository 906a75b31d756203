//! The two constants of additive increase and multiplicative decrease.

use toml::de::DeValue;

use super::value::{FromToml, Problem, number};
use crate::tunables::{Limits, Within};

/// By how many segments the window grows in each round trip without loss. Reno has 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct AdditiveIncrease(f64);

/// The fastest growth that a path can ask for, in segments per round trip.
pub const MAX_ADDITIVE_INCREASE: f64 = 1000.0;

impl AdditiveIncrease {
    /// As Reno.
    pub const RENO: Self = Self(1.0);

    /// `segments` per round trip; `None` unless above 0 and up to [`MAX_ADDITIVE_INCREASE`].
    #[must_use]
    pub fn new(segments: f64) -> Option<Self> {
        (segments > 0.0 && segments <= MAX_ADDITIVE_INCREASE).then_some(Self(segments))
    }

    /// Segments per round trip.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromToml for AdditiveIncrease {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        number(value).map(Self)
    }
}

impl Within for AdditiveIncrease {
    fn is_within(&self, limits: &Limits) -> bool {
        self.0.is_within(limits)
    }

    fn as_number(&self) -> f64 {
        self.0
    }

    fn text(&self) -> String {
        self.0.text()
    }
}

/// The share of the window that is taken away at a loss. Reno has 0.5.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct MultiplicativeDecrease(f64);

impl MultiplicativeDecrease {
    /// As Reno.
    pub const RENO: Self = Self(0.5);

    /// The share taken away; `None` unless above 0 and below 1.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (share > 0.0 && share < 1.0).then_some(Self(share))
    }

    /// The share taken away.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

impl FromToml for MultiplicativeDecrease {
    fn from_toml(value: &DeValue<'_>) -> Result<Self, Problem> {
        number(value).map(Self)
    }
}

impl Within for MultiplicativeDecrease {
    fn is_within(&self, limits: &Limits) -> bool {
        self.0.is_within(limits)
    }

    fn as_number(&self) -> f64 {
        self.0
    }

    fn text(&self) -> String {
        self.0.text()
    }
}
