//! What must hold.

use serde::Deserialize;

use crate::quantity::Quantity;

/// A ratio that must hold: a quantity of a variant over the same of another, or over an expected value.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// What it means.
    pub says: String,
    /// The quantity.
    pub quantity: Quantity,
    /// The variant.
    pub variant: String,
    /// The variant that it is compared with.
    pub over: Option<String>,
    /// The value that it is compared with.
    pub expected: Option<f64>,
    /// The ratio that the source reports.
    pub reported: Option<f64>,
    /// The least ratio that holds.
    pub at_least: Option<f64>,
    /// The largest ratio that holds.
    pub at_most: Option<f64>,
    /// How far the ratio may be from 1.
    pub within: Option<f64>,
}

impl Check {
    /// The variants that it names.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        [Some(&self.variant), self.over.as_ref()].into_iter().flatten().map(String::as_str)
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        if self.over.is_some() == self.expected.is_some() {
            return Err(format!("check \"{}\": give either `over` or `expected`", self.says));
        }
        if self.at_least.is_none() && self.at_most.is_none() && self.within.is_none() {
            return Err(format!("check \"{}\": give `at_least`, `at_most` or `within`", self.says));
        }
        Ok(())
    }

    /// Whether a ratio holds.
    #[must_use]
    pub fn holds(&self, ratio: f64) -> bool {
        self.at_least.is_none_or(|least| ratio >= least)
            && self.at_most.is_none_or(|most| ratio <= most)
            && self.within.is_none_or(|within| (ratio - 1.0).abs() <= within)
    }

    /// What is asked for, in words.
    #[must_use]
    pub fn wanted(&self) -> String {
        let parts = [
            self.at_least.map(|least| format!("at least {least}")),
            self.at_most.map(|most| format!("at most {most}")),
            self.within.map(|within| format!("1 within {} %", within * 100.0)),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}
