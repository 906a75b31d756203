//! What an experiment came to, as data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::quantity::Quantity;
use crate::statistics::Spread;

/// An experiment with what was reported, what was measured, and whether it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The experiment.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Where it was published.
    pub source: String,
    /// The path that it was measured on, in the source's words.
    pub reported_path: String,
    /// What the source leaves open and was chosen.
    pub choices: Vec<String>,
    /// The variants, in the order of the comparison.
    pub variants: Vec<String>,
    /// What was reported, by variant.
    pub reported: BTreeMap<String, BTreeMap<Quantity, f64>>,
    /// What was measured, by variant.
    pub measured: BTreeMap<String, BTreeMap<Quantity, Spread>>,
    /// The ratio of the first check, as reported.
    pub reported_ratio: Option<f64>,
    /// The same as measured, of medians.
    pub measured_ratio: Option<f64>,
    /// Goodput over that of today's defaults, by the defaults' name: of the daemon on a host with today's defaults
    /// where that was run, of the first check's variant elsewhere.
    pub gain_over_today: BTreeMap<String, f64>,
    /// What had to hold.
    pub checks: Vec<CheckResult>,
    /// How often the comparison was made: the most runs that a variant had; each value has its own count.
    pub repetitions: usize,
    /// The release of the kernel that it ran on.
    pub kernel: String,
    /// Whether all of it holds.
    pub holds: bool,
}

/// A ratio that had to hold.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CheckResult {
    /// What it means.
    pub says: String,
    /// Of which quantity.
    pub quantity: Quantity,
    /// The variant.
    pub variant: String,
    /// The variant that it is compared with, if not with a value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub over: Option<String>,
    /// The value that it is compared with.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expected: Option<f64>,
    /// The ratio that was reported.
    pub reported_ratio: Option<f64>,
    /// The ratio that was measured; absent if there is none, as with a zero below the line.
    pub measured_ratio: Option<f64>,
    /// What was asked for.
    pub wanted: String,
    /// Whether it holds.
    pub holds: bool,
}

/// `earlier` rows with those of `now` in their place, the rest behind.
#[must_use]
pub fn merge(earlier: Vec<Row>, now: &[Row], order: &[String]) -> Vec<Row> {
    let kept = earlier.into_iter().filter(|old| now.iter().all(|new| new.id != old.id));
    let mut all: Vec<Row> = kept.chain(now.iter().cloned()).collect();
    let place = |row: &Row| order.iter().position(|id| *id == row.id).unwrap_or(usize::MAX);
    all.sort_by_key(place);
    all
}
