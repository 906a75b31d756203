//! One side of a comparison.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Experiment;
use crate::quantity::Quantity;

/// A variant: hosts, an application, and perhaps the daemon.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name; `today-...` for what today's defaults do.
    pub name: String,
    /// The set of sysctls of both hosts.
    pub hosts: String,
    /// Sysctls beyond the set, or instead of it.
    #[serde(default)]
    pub sysctl: BTreeMap<String, String>,
    /// Arguments of the iperf3 client whose transfer is measured.
    #[serde(default)]
    pub iperf3: Vec<String>,
    /// Arguments of a second client beside it.
    pub beside: Option<Vec<String>>,
    /// The daemon's configuration; without it no daemon runs.
    pub wad: Option<String>,
    /// The threshold of limited slow start that it has, for what is measured against RFC 3742.
    pub max_ssthresh: Option<u32>,
    /// How long it lasts or is expected to last, if other than the experiment says.
    seconds: Option<u32>,
    /// How often it is run at most.
    at_most_runs: Option<u32>,
    /// What the source reports.
    #[serde(default)]
    pub reported: BTreeMap<Quantity, f64>,
}

impl Variant {
    /// How long it lasts.
    #[must_use]
    pub fn seconds(&self, experiment: &Experiment) -> u32 {
        self.seconds.unwrap_or(experiment.seconds)
    }

    /// How often it is run if `repetitions` are asked for.
    #[must_use]
    pub fn runs(&self, repetitions: u32) -> u32 {
        self.at_most_runs.map_or(repetitions, |most| most.min(repetitions))
    }

    /// Whether it is what today's defaults do.
    #[must_use]
    pub fn is_today(&self) -> bool {
        self.name.starts_with("today-")
    }
}
